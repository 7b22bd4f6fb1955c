"""DDS: the wire for machines without any ROS 2; only this folder imports cyclonedds."""
