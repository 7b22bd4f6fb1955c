"""Conventions: what vla-eval's LIBERO means by numbers and pictures, in its words and in ours.

Its pictures are robosuite's raw ones, turned by 180 degrees: ours, mirrored left to right. Its
state has the angle of the rotation folded into [0, pi] unless a server asks for the other form.
"""

from __future__ import annotations

from collections.abc import Mapping

from aegis.core.conventions import (
    CLOSE_POSITIVE,
    EEF_DELTA,
    EEF_PROPRIO,
    EEF_PROPRIO_FOLDED,
    MIRRORED,
    UPRIGHT,
    Conventions,
    check_conventions,
)
from aegis.core.errors import ConfigError, ConventionError
from aegis.host.array_messages import Value
from aegis.serve.metadata import Served

_PROPRIO = (EEF_PROPRIO, EEF_PROPRIO_FOLDED)
_ACTIONS = 7
_WRIST = "wrist"


def check_libero(served: Served) -> None:
    """Checks that what is served means what vla-eval's LIBERO means.

    Raises:
        ConventionError: If it means something else by its numbers, or by pictures that reach it.
        ConfigError: If its actions have not seven dimensions.
    """
    meant, name = served.conventions, served.spec.name
    if meant.proprio and meant.proprio not in _PROPRIO:
        raise ConventionError(
            f"Policy '{name}' means '{meant.proprio}' by proprio; vla-eval's LIBERO sends "
            f"{' or '.join(_PROPRIO)}. Choose another policy, or convert: "
            "policies.converted.ConvertedPolicy."
        )
    pictures = UPRIGHT if served.layout.mirror else MIRRORED
    robot = Conventions("", EEF_DELTA, CLOSE_POSITIVE, pictures)
    check_conventions(meant, robot, name)
    if len(served.embodiment.names) != _ACTIONS:
        raise ConfigError(
            f"vla-eval's LIBERO takes {_ACTIONS} numbers per action; this robot has "
            f"{len(served.embodiment.names)}: {', '.join(served.embodiment.names)}."
        )


def list_parameters(served: Served) -> dict[str, Value]:
    """Returns what the harness is asked to send, by names of its benchmark's parameters."""
    return {
        "send_state": True,
        "send_wrist_image": _WRIST in served.layout.pictures.values(),
        "quat_no_antipodal": served.conventions.proprio != EEF_PROPRIO_FOLDED,
    }


def describe_actions() -> Mapping[str, Value]:
    """Returns what actions mean, as vla-eval describes it."""
    return {
        "position": _describe("position", 3, "delta_xyz", (-1.0, 1.0)),
        "rotation": _describe("rotation", 3, "axis_angle", (-3.15, 3.15)),
        "gripper": _describe("gripper", 1, "binary_close_positive", (-1.0, 1.0)),
    }


def describe_observations(served: Served) -> Mapping[str, Value]:
    """Returns what is looked at, as vla-eval describes it."""
    pictures = {
        key: _describe("image", 0, "rgb_hwc_uint8") for key in served.layout.pictures.values()
    }
    return {
        **pictures,
        "state": _describe("state", 8, "eef_pos3_axisangle3_gripper2"),
        "language": _describe("language", 0, "language"),
    }


def _describe(
    name: str, dims: int, form: str, limits: tuple[float, float] | None = None
) -> dict[str, Value]:
    described: dict[str, Value] = {"name": name, "dims": dims, "format": form}
    return described if limits is None else {**described, "range": list(limits)}
