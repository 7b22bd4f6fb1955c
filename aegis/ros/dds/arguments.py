"""Arguments: names, remappings and parameters, as ROS 2 reads them after ``--ros-args``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]

from aegis.core.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")
_REMAP, _PARAMETER = ("-r", "--remap"), ("-p", "--param")
_OWN_PARAMETERS = ("use_sim_time", "start_type_description_service")
"""Parameters of ROS 2 itself, which mean nothing here."""
_ADVICE = "Use ros.transport=rclpy where it is needed"


@dataclass(frozen=True)
class RosArguments:
    """What a node is called, what its topics are called, and its parameters.

    Attributes:
        name: Name of the node.
        namespace: Its namespace, from ``/`` on.
        remaps: Full name of a topic to another.
        parameters: Name to value, without those of ROS 2 itself.
    """

    name: str
    namespace: str
    remaps: Mapping[str, str]
    parameters: Mapping[str, Any]

    def resolve_topic(self, topic: str) -> str:
        """Returns the full name of a topic, remapped.

        Args:
            topic: Its name; ``~`` is the node, and what does not begin with ``/`` lies beside it.

        Raises:
            ConfigError: If it is none.
        """
        full = _expand_name(topic, self.name, self.namespace)
        return self.remaps.get(full, full)


def read_arguments(given: Sequence[str], name: str, namespace: str) -> RosArguments:
    """Returns what a command line says.

    Args:
        given: Arguments of ROS 2.
        name: Name of the node, where the command line names none.
        namespace: Its namespace, likewise.

    Raises:
        ConfigError: If a name is none, or an argument cannot be followed without rclpy.
    """
    remaps, parameters = _split_rules(given)
    name = remaps.pop("__node", remaps.pop("__name", name))
    namespace = "/" + remaps.pop("__ns", namespace).strip("/")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"the name of the node is '{name}'; allowed: letters, digits and _")
    if namespace != "/" and not _FULL_NAME.fullmatch(namespace):
        raise ConfigError(f"the namespace is '{namespace}'; allowed: names with / between them")
    full = {
        _expand_name(old, name, namespace): _expand_name(new, name, namespace)
        for old, new in remaps.items()
    }
    kept = {key: value for key, value in parameters.items() if key not in _OWN_PARAMETERS}
    return RosArguments(name, namespace, full, kept)


def _split_rules(given: Sequence[str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Returns remappings and parameters as they stand."""
    remaps: dict[str, str] = {}
    parameters: dict[str, Any] = {}
    words = iter(given)
    for word in words:
        if word in ("--ros-args", "--"):
            continue
        if word not in (*_REMAP, *_PARAMETER):
            raise ConfigError(
                f"'{word}' is not understood over cyclonedds; allowed: -r old:=new, -p name:=value."
                f" {_ADVICE}"
            )
        rule = next(words, "")
        left, mark, right = rule.partition(":=")
        if not left or not mark or ":" in left:
            raise ConfigError(
                f"'{word} {rule}' is not understood over cyclonedds; allowed: {word} "
                f"{'old:=new' if word in _REMAP else 'name:=value'}. {_ADVICE}"
            )
        if word in _REMAP:
            remaps[left] = right
        else:
            parameters[left] = _read_value(left, right)
    return remaps, parameters


def _read_value(name: str, text: str) -> Any:
    """Returns the value of a parameter."""
    if name.startswith("qos_overrides."):
        raise ConfigError(f"parameter '{name}' cannot be followed over cyclonedds. {_ADVICE}")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"parameter '{name}' is '{text}', which is no YAML") from error
    parts = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | int | float) for one in parts):
        raise ConfigError(f"parameter '{name}' is '{text}'; allowed: one value, or a list of them")
    return value


def _expand_name(given: str, node: str, namespace: str) -> str:
    """Returns the full name of a topic."""
    base = namespace.rstrip("/")
    full = given if given.startswith("/") else f"{base}/{given}"
    if given == "~" or given.startswith("~/"):
        full = f"{base}/{node}{given[1:]}"
    if not _FULL_NAME.fullmatch(full):
        raise ConfigError(f"'{given}' is no name of a topic; allowed: names with / between them")
    return full
