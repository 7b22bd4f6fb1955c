"""References to be timed against: robosuite's step, LIBERO's renderer, LeRobot's environment."""
