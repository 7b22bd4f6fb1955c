"""LeRobot datasets (v3), written without LeRobot: tables, films, statistics and descriptions."""
