"""Programs of the package: `aegis ros node`, `robot` and `console` under the names of ROS 2."""

from __future__ import annotations

import sys

from aegis.app.main import main


def run_node() -> int:
    """Runs the node."""
    return main(["ros", "node", *sys.argv[1:]])


def run_robot() -> int:
    """Runs a simulated robot."""
    return main(["ros", "robot", *sys.argv[1:]])


def run_console() -> int:
    """Runs an operator's console."""
    return main(["ros", "console", *sys.argv[1:]])
