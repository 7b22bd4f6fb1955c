"""Real time: the controller of the studies on a clock, with watchdogs, bounds and people."""
