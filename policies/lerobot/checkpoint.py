"""Checkpoint: a folder that LeRobot's ``save_pretrained`` made, checked before it is loaded.

Nothing here imports LeRobot: a folder that cannot be used is refused in a moment.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aegis.core.errors import CheckpointError, UnknownNameError

KINDS = ("smolvla", "act", "diffusion", "pi0", "pi05")
"""Types of policy that can be loaded, as ``config.json`` names them."""

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_CHUNK = 1 << 20  # [bytes]
_OFFLINE = "HF_HUB_OFFLINE"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that holds all that a policy needs.

    Attributes:
        folder: Where.
        kind: Type of policy, one of ``KINDS``.
        digest: Of every file in the folder: settings, weights and statistics all move the actions.
    """

    folder: Path
    kind: str
    digest: str


def read_checkpoint(place: str) -> Checkpoint:
    """Finds a checkpoint and checks that it is complete.

    Args:
        place: The folder, or the name of a model of the hub that lies in this machine's cache.

    Raises:
        CheckpointError: If there is none, or a file is missing or damaged.
        UnknownNameError: If policies of its type cannot be loaded.
    """
    folder = find_folder(place)
    kind = read_json(folder / CONFIG).get("type")
    if kind not in KINDS:
        raise UnknownNameError("type of policy", kind, KINDS, str(folder / CONFIG))
    if not (folder / WEIGHTS).is_file():
        raise _build_incomplete_error(folder, WEIGHTS)
    for name in (PREPROCESSOR, POSTPROCESSOR):
        _check_processor(folder, name)
    return Checkpoint(folder, str(kind), compute_digest(folder))


def find_folder(place: str) -> Path:
    """Returns the folder of a checkpoint or of a model of the hub; nothing is ever downloaded.

    Raises:
        CheckpointError: If there is none.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        return path.resolve()
    if not _HUB_NAME.fullmatch(place):
        raise CheckpointError(
            f"There is no folder '{place}'. Give the folder that LeRobot's save_pretrained made "
            "(after lerobot-train: .../checkpoints/last/pretrained_model)."
        )
    close_hub()
    hub = importlib.import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(place, local_files_only=True))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"'{place}' is no folder here, and no model of that name lies in this machine's hub "
            f"cache. AEGIS downloads nothing: run `hf download {place}` first, or give a folder."
        ) from error


def close_hub() -> None:
    """Lets nothing in this process load anything from the hub but what lies in its cache."""
    os.environ[_OFFLINE] = "1"
    # Who imported it before has read the variable already.
    importlib.import_module("huggingface_hub.constants").__dict__[_OFFLINE] = True


def read_json(path: Path) -> Mapping[str, Any]:
    """Reads an object from a JSON file.

    Raises:
        CheckpointError: If it is missing or holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _build_incomplete_error(path.parent, path.name) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Copy the checkpoint again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} must hold an object. Got: {type(content).__name__}.")
    return content


def compute_digest(*folders: Path) -> str:
    """Returns a digest of every file in some folders: names and contents.

    Hidden folders are left out: the hub's client keeps time stamps in them.
    """
    whole = hashlib.sha256()
    for folder in folders:
        for path in _list_files(folder):
            name = path.relative_to(folder).as_posix()
            whole.update(f"{name}\0{path.stat().st_size}\0".encode())
            with path.open("rb") as file:
                while block := file.read(_CHUNK):
                    whole.update(block)
    return whole.hexdigest()


def _list_files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder in one order, which does not depend on the file system."""
    for path in sorted(folder.rglob("*")):
        parents = path.relative_to(folder).parts[:-1]
        if path.is_file() and not any(part.startswith(".") for part in parents):
            yield path


def _check_processor(folder: Path, name: str) -> None:
    """Refuses a processor that is incomplete, or would import code of its own choice.

    Raises:
        CheckpointError: If it is.
    """
    path = folder / name
    if not path.is_file():
        raise CheckpointError(
            f"{folder} has no {name}: without it nobody knows how inputs and actions are "
            "normalised. Save it beside the policy (preprocessor.save_pretrained, "
            "postprocessor.save_pretrained); for a checkpoint from before LeRobot 0.4: "
            f"python -m lerobot.processor.migrate_policy_normalization --pretrained-path {folder}"
        )
    steps = read_json(path).get("steps")
    if not isinstance(steps, Sequence) or not all(isinstance(step, dict) for step in steps):
        raise CheckpointError(f"{path} must hold a list 'steps'. Copy the checkpoint again.")
    for step in steps:
        if "registry_name" not in step:
            raise CheckpointError(
                f"{path} names a class of its own ({step.get('class')}), which loading would "
                "import and run. Allowed: LeRobot's registered steps (registry_name)."
            )
        state = step.get("state_file")
        if state is not None and (
            Path(str(state)).name != state or not (folder / str(state)).is_file()
        ):
            raise _build_incomplete_error(folder, str(state))


def _build_incomplete_error(folder: Path, name: str) -> CheckpointError:
    present = ", ".join(sorted(path.name for path in folder.glob("*"))) or "nothing"
    return CheckpointError(
        f"{folder} has no {name}. Found: {present}. A checkpoint is the folder that LeRobot's "
        "save_pretrained made (after lerobot-train: .../checkpoints/last/pretrained_model)."
    )
