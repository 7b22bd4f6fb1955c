"""Contract: what AEGIS knows of a robot, as parts, checked and read from YAML."""
