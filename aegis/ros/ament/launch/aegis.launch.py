"""Launches the node: `ros2 launch aegis_ros aegis.launch.py contract:=my_arm namespace:=arm1`."""

from __future__ import annotations

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode
from launch_ros.substitutions import FindPackageShare


def generate_launch_description() -> LaunchDescription:
    """Returns the node, with a contract, a namespace and a file of parameters."""
    params = PathJoinSubstitution([FindPackageShare("aegis_ros"), "config", "params.yaml"])
    return LaunchDescription(
        [
            DeclareLaunchArgument("contract", default_value="libero_sim"),
            DeclareLaunchArgument("namespace", default_value=""),
            DeclareLaunchArgument("params", default_value=params),
            LifecycleNode(
                package="aegis_ros",
                executable="node",
                name="aegis",
                namespace=LaunchConfiguration("namespace"),
                arguments=[["contract=", LaunchConfiguration("contract")]],
                parameters=[LaunchConfiguration("params")],
                output="screen",
                # It loads its policies at once, and waits to be enabled: ~/enable, or activate.
            ),
        ]
    )
