"""Robots: messages, the contract between topics and the controller, recordings, the ROS 2 node."""
