"""`aegis ros`: the controller as a ROS 2 node; a simulated robot and a console beside it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command, Verb, add_no_options
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError


def _run_node(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if compose_or_show("ros_node", options, screen) is None:
        return {}
    from aegis.app.robot.over_ros import run_node  # Needs rosbags, which --help does not.

    return run_node(options, screen)


def _run_robot(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if compose_or_show("ros_robot", options, screen) is None:
        return {}
    from aegis.app.robot.over_ros import run_robot

    return run_robot(options, screen)


def _run_console(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    if compose_or_show("ros_console", options, screen) is None:
        return {}
    from aegis.app.robot.console import run_console

    return run_console(options, screen)


def _ask_for_verb(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    del options, screen
    raise ConfigError("Which part? aegis ros node, aegis ros robot or aegis ros console.")


COMMAND = Command(
    name="ros",
    details="""
        Runs the controller as a ROS 2 lifecycle node (Jazzy, Kilted). rclpy comes from the ROS 2 of
        the machine, in a process of its own: source its setup.bash, or name an interpreter that has
        it in ros.python. What follows --ros-args goes to ROS 2; parameters override the
        configuration. A software stop is not a safety-rated e-stop.
    """,
    examples=(
        (
            "aegis ros node contract=my_arm",
            "drives the robot that configs/contract/my_arm.yaml describes",
        ),
        ("aegis ros robot", "a LIBERO world as a ROS 2 robot, in wall time"),
        ("aegis ros console", "an operator: stop, enable, reset, take over"),
    ),
    configured=False,
    folder_option=True,
    options=add_no_options,
    run=_ask_for_verb,
    foreign_mark="--ros-args",
    verbs=(
        Verb(
            "node",
            "run the controller as a ROS 2 lifecycle node",
            (
                ("aegis ros node", "drives what `aegis ros robot` simulates"),
                ("aegis ros node record=/data/bags/1 --ros-args -r __ns:=/arm1", "records; remaps"),
            ),
            _run_node,
            root="ros_node",
        ),
        Verb(
            "robot",
            "make a simulated world a ROS 2 robot in wall time",
            (
                ("aegis ros robot tasks=[4]", "another task"),
                ("aegis ros robot partner=/arm1/aegis", "driven by a node in a namespace"),
            ),
            _run_robot,
            root="ros_robot",
        ),
        Verb(
            "console",
            "be the operator of a node in this terminal",
            (
                ("aegis ros console", "a panel and keys"),
                ("aegis ros console partner=/arm1/aegis", "of a node in a namespace"),
            ),
            _run_console,
            root="ros_console",
        ),
    ),
)
