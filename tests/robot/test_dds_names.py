"""What a process over Cyclone DDS reads from its command line and from the environment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError
from aegis.ros.dds.arguments import read_arguments
from aegis.ros.dds.discovery import build_configuration, read_domain
from aegis.ros.dds.idl_types import build_type, name_dds_type, pad_message, strip_padding

_HEAD = b"\0\1\0\0"


@given(st.binary(max_size=40))
def test_padding_fits_and_goes_again(body: bytes) -> None:
    padded = pad_message(_HEAD + body)
    assert len(padded) % 4 == 0
    assert padded[4 : 4 + len(body)] == body
    assert strip_padding(padded) == _HEAD + body


def test_types_are_named_as_ros_names_them() -> None:
    assert name_dds_type("std_msgs/msg/Bool") == "std_msgs::msg::dds_::Bool_"


@pytest.mark.parametrize("kind", ["hand_msgs/msg/Grip", "nothing"])
def test_types_that_nobody_knows_are_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match=f"'{kind}' cannot be carried.*ros.transport=rclpy"):
        build_type(kind)


@pytest.mark.parametrize(
    ("given_name", "full"),
    [
        ("camera/image", "/lab/camera/image"),
        ("/camera/image", "/camera/image"),
        ("~/status", "/lab/arm/status"),
        ("note", "/world/note"),
        ("~/task", "/task"),
    ],
)
def test_topics_are_resolved_and_remapped(given_name: str, full: str) -> None:
    words = "--ros-args -r __ns:=/lab -r note:=/world/note --remap __node:=arm -r ~/task:=/task"
    found = read_arguments(words.split(), "aegis", "/")
    assert (found.name, found.namespace) == ("arm", "/lab")
    assert found.resolve_topic(given_name) == full


def test_without_arguments_the_names_are_those_of_the_configuration() -> None:
    for namespace in ("", "/"):
        found = read_arguments([], "aegis", namespace)
        assert (found.name, found.namespace) == ("aegis", "/")
        assert found.resolve_topic("~/status") == "/aegis/status"
    assert read_arguments([], "aegis", "/arm1").resolve_topic("~/status") == "/arm1/aegis/status"


def test_parameters_are_read_as_yaml() -> None:
    words = ["--ros-args", "-p", "use_sim_time:=false", "-p", "gate.levels:=[0.1, 2]"]
    words += ["--param", "task:=lift the cup", "-p", "configure:=false"]
    found = read_arguments(words, "aegis", "/")
    assert found.parameters == {
        "gate.levels": [0.1, 2],
        "task": "lift the cup",
        "configure": False,
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--params-file", "a.yaml"], "'--params-file' is not understood.*transport=rclpy"),
        (["-r", "other:note:=/x"], "'-r other:note:=/x' is not understood"),
        (["-r"], "allowed: -r old:=new"),
        (["-p", "rate=3"], "allowed: -p name:=value"),
        (["-p", "rate:={a: 1}"], "parameter 'rate'.*one value, or a list"),
        (["-p", "rate:=[1"], "parameter 'rate'.*no YAML"),
        (["-p", "qos_overrides./a.publisher.depth:=3"], "qos_overrides.*transport=rclpy"),
        (["-r", "__node:=no name"], "name of the node is 'no name'"),
        (["-r", "__ns:=/3"], "namespace is '/3'"),
        (["-r", "note:=/a b"], "'/a b' is no name of a topic"),
    ],
)
def test_what_cannot_be_followed_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_arguments(["--ros-args", *words], "aegis", "/")


def test_domain_is_that_of_ros() -> None:
    assert read_domain({}) == read_domain({"ROS_DOMAIN_ID": ""}) == 0
    assert read_domain({"ROS_DOMAIN_ID": "42"}) == 42
    for wrong in ("x", "-1", "233"):
        with pytest.raises(ConfigError, match=f"ROS_DOMAIN_ID is '{wrong}'; allowed: 0 to 232"):
            read_domain({"ROS_DOMAIN_ID": wrong})


def test_others_are_found_as_ros_is_told() -> None:
    for here in ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, {"ROS_LOCALHOST_ONLY": "1"}):
        found = build_configuration(here)
        assert "<AllowMulticast>false<" in found
        assert "name='lo'" in found
        assert '<Peer address="127.0.0.1"/>' in found
    subnet = build_configuration({"ROS_STATIC_PEERS": "10.0.0.2;arm&co"})
    assert '<Peer address="10.0.0.2"/><Peer address="arm&amp;co"/>' in subnet
    assert "AllowMulticast" not in subnet
    own = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT", "CYCLONEDDS_URI": "file:///a.xml"}
    assert build_configuration(own) == "file:///a.xml"
    assert build_configuration({"CYCLONEDDS_URI": "<a/>"}).endswith("</CycloneDDS>,<a/>")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, "is 'OFF'; over cyclonedds allowed: SUBNET"),
        ({"ROS_LOCALHOST_ONLY": "1", "ROS_STATIC_PEERS": "a"}, "ROS_STATIC_PEERS is set.*SUBNET"),
    ],
)
def test_ways_of_finding_that_are_not_there_are_refused(
    environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        build_configuration(environment)
