"""Robot: configurations of real-time driving, in the terminal and over ROS 2."""
