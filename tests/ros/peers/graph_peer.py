"""A plain rclpy node that says what it sees of another: when it comes, its topics, when it goes.

<python of ROS 2> graph_peer.py NAMESPACE NAME TOPIC
"""

import json
import os
import sys
import time
from typing import Any

import rclpy


def main() -> None:
    namespace, name, topic = sys.argv[1:]
    rclpy.init()
    node = rclpy.create_node("graph_peer")

    def sees() -> bool:
        return (name, namespace) in node.get_node_names_and_namespaces()

    def list_publishers() -> list[Any]:
        found = node.get_publishers_info_by_topic(topic)
        return [end for end in found if (end.node_name, end.node_namespace) == (name, namespace)]

    while not (sees() and list_publishers()):
        time.sleep(0.05)
    end = list_publishers()[0]
    seen = {
        "node": f"{end.node_namespace}/{end.node_name}",
        "type": end.topic_type,
        "hash": str(end.topic_type_hash),
        "durability": end.qos_profile.durability.name,
        "reliability": end.qos_profile.reliability.name,
    }
    print(json.dumps(seen), flush=True)
    while sees():
        time.sleep(0.05)
    print(json.dumps({"gone": True}), flush=True)
    os._exit(0)


main()
