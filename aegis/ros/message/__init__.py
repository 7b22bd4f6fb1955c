"""Messages: bytes of ROS 2, what they mean by a contract, and what an action becomes."""
