"""Package of ROS 2 for colcon; AEGIS itself is installed by pip, beside it."""

from setuptools import setup

setup(
    name="aegis_ros",
    version="0.1.0",
    packages=["aegis_ros"],
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/aegis_ros"]),
        ("share/aegis_ros", ["package.xml"]),
        ("share/aegis_ros/launch", ["launch/aegis.launch.py"]),
        ("share/aegis_ros/config", ["config/params.yaml"]),
    ],
    install_requires=["setuptools", "aegis-escalation[learn,ros]"],
    entry_points={
        "console_scripts": [
            "node = aegis_ros.programs:run_node",
            "robot = aegis_ros.programs:run_robot",
            "console = aegis_ros.programs:run_console",
        ]
    },
)
