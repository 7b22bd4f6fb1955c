"""A checkpoint folder is judged before LeRobot is imported, and where it is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from aegis.core.errors import CheckpointError, ConfigError, MachineError, UnknownNameError
from policies.lerobot.checkpoint import compute_digest, find_folder, read_checkpoint
from policies.lerobot.policy import LeRobotPolicy

STEP = {"registry_name": "normalizer_processor", "state_file": "state.safetensors"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks complete."""
    place = tmp_path / "checkpoint"
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"type": "act"}))
    for name in ("model.safetensors", "state.safetensors"):
        (place / name).write_bytes(b"weights")
    for name in ("policy_preprocessor.json", "policy_postprocessor.json"):
        (place / name).write_text(json.dumps({"steps": [STEP]}))
    return place


def test_a_complete_folder(folder: Path) -> None:
    checkpoint = read_checkpoint(str(folder))
    assert (checkpoint.folder, checkpoint.kind) == (folder, "act")
    assert checkpoint.digest == compute_digest(folder)


def test_every_file_counts(folder: Path) -> None:
    seen = {compute_digest(folder)}
    for path in sorted(folder.iterdir()):
        path.write_bytes(path.read_bytes() + b" ")
        seen.add(compute_digest(folder))
    (folder / "vlm").mkdir()
    (folder / "vlm" / "tokenizer.json").write_text("{}")
    seen.add(compute_digest(folder))
    (folder / "vlm" / "tokenizer.json").rename(folder / "vlm" / "words.json")
    seen.add(compute_digest(folder))
    assert len(seen) == 8


def test_what_the_hub_client_keeps_does_not_count(folder: Path) -> None:
    before = compute_digest(folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "time").write_text("noon")
    assert compute_digest(folder) == before


def test_contents_do_not_run_into_one_another(tmp_path: Path) -> None:
    for name, text in (("a", "xb"), ("b", "y")):
        (tmp_path / name).write_text(text)
    first = compute_digest(tmp_path)
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("by")
    assert compute_digest(tmp_path) != first


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", None, r"has no config.json. Found: model.safetensors, .*save_pretrained"),
        ("config.json", "{", r"config.json is damaged"),
        ("config.json", "[]", r"must hold an object. Got: list"),
        ("model.safetensors", None, r"has no model.safetensors"),
        ("policy_preprocessor.json", None, r"has no policy_preprocessor.json.*normalised"),
        ("policy_postprocessor.json", '{"steps": 3}', r"must hold a list 'steps'"),
        (
            "policy_preprocessor.json",
            '{"steps": [{"class": "os.system"}]}',
            r"\(os.system\)",
        ),
        ("state.safetensors", None, r"has no state.safetensors"),
        (
            "policy_preprocessor.json",
            json.dumps({"steps": [{**STEP, "state_file": "../state.safetensors"}]}),
            r"has no ../state.safetensors",
        ),
    ],
)
def test_incomplete_folders(folder: Path, name: str, content: str | None, words: str) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=words):
        read_checkpoint(str(folder))


def test_types_that_cannot_be_loaded(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"type": "smolvlaa"}))
    with pytest.raises(UnknownNameError, match=r"Did you mean 'smolvla'\? Allowed: smolvla, act"):
        read_checkpoint(str(folder))


def test_no_folder() -> None:
    with pytest.raises(CheckpointError, match=r"no folder '/no/such'.*pretrained_model"):
        find_folder("/no/such")


def test_lerobot_is_named_where_it_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"'weak.folder' is not set.*weak.folder=FOLDER"):
        LeRobotPolicy("weak", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MachineError, match=r"make setup-lerobot.*aegis serve.*weak=openpi"):
        LeRobotPolicy("weak", str(folder))
    assert "lerobot.policies" not in sys.modules
