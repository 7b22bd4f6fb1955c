"""Wire: the process that talks to ROS 2, and its parent's side of it."""
