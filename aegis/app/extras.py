"""Extras: the command that installs a missing package."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from aegis.core.errors import MachineError

DISTRIBUTION = "aegis-escalation"
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "sim": (
        "gymnasium", "mujoco", "numba", "scipy", "easydict", "cloudpickle", "future", "matplotlib",
        "cv2", "PIL", "termcolor", "OpenGL",
    ),
    "learn": ("torch", "safetensors", "sklearn", "numba"),
    "report": (
        "pyarrow", "scipy", "sklearn", "matplotlib", "jinja2", "markupsafe", "PIL", "av",
        "threadpoolctl",
    ),
    "stamp": ("rfc3161_client", "cryptography"),
    "ros": ("rosbags", "cv2"),
    "dds": ("cyclonedds",),
    "wire": ("msgpack", "websockets", "PIL"),
    "export": ("mcap", "pyarrow", "av", "PIL"),
    "rerun": ("rerun",),
}  # fmt: skip
"""Extra to the modules that it installs, under their import names."""

APART = "rerun"
"""Extra that `all` leaves out: 170 MB that few need."""
_ALL_ROOMS = f', or all rooms: pip install "{DISTRIBUTION}[all]"; or, in a clone: make setup.'

BARE = ("hf-libero==0.1.4", "robosuite==1.4.0", "bddl==1.0.1")
"""Installed without their dependencies (wandb, transformers, jupytext), which AEGIS never uses."""

_BARE_MODULES = ("libero", "robosuite", "bddl")
_ROOMS = {
    "envs": "sim",
    "policies": "learn",
    "aegis.fitting": "learn",
    "aegis.detectors": "learn",
    "aegis.ros": "ros",
    "aegis.serve": "wire",
    "policies.openpi": "wire",
    "aegis.export": "export",
}


def find_install_command(module: str, room: str = "") -> str:
    """Returns the command that installs a missing module; empty if no extra has it.

    Args:
        module: Name of the module that could not be imported, for example ``"torch.nn"``.
        room: Importing module, for example ``"policies.nano_vla.policy"``: where several extras
            bring the module, it decides between them.
    """
    top = module.partition(".")[0]
    if top in _BARE_MODULES:
        return f'pip install "{DISTRIBUTION}[sim]" && pip install --no-deps {" ".join(BARE)}'
    extras = [extra for extra, modules in EXTRAS.items() if top in modules]
    if not extras:
        return ""
    room_extra = _find_extra(room)
    return f'pip install "{DISTRIBUTION}[{room_extra if room_extra in extras else extras[-1]}]"'


def list_missing_modules(*extras: str) -> tuple[str, ...]:
    """Returns the modules of some extras, and of what is installed beside them, that are missing.

    Args:
        extras: Names of extras.
    """
    names = [name for extra in extras for name in EXTRAS[extra]]
    if "sim" in extras:
        names += _BARE_MODULES
    return tuple(name for name in dict.fromkeys(names) if find_spec(name) is None)


def build_missing_error(
    error: ModuleNotFoundError, where: str, room: str = ""
) -> MachineError | None:
    """Returns the error that names the extra; None if no extra brings the module.

    Args:
        error: Python's error.
        where: Part that needs the module, for the message.
        room: See ``find_install_command``.
    """
    module = error.name or ""
    command = find_install_command(module, room)
    if not command:
        return None
    package = module.partition(".")[0]
    return MachineError(
        f"{where} needs the Python package '{package}', which is missing. Install it: {command}"
        f"{'' if package in EXTRAS[APART] else _ALL_ROOMS}"
    )


def _find_extra(room: str) -> str:
    for name, extra in _ROOMS.items():
        if f"{room}.".startswith(f"{name}."):
            return extra
    return "report"
