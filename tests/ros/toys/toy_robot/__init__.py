"""Toy parts of a robot: policies and a detector that do as the robot's task tells them."""
