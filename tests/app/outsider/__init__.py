"""Files of somebody outside: policy, detector and world in a file each, and their configuration."""
