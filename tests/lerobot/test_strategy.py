"""AEGIS in the loop of lerobot-rollout: its own command, a simulated arm, tiny checkpoints."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]

from aegis.core.errors import (
    AegisError,
    ConfigError,
    MachineError,
    ShapeError,
    UnknownNameError,
)
from aegis.detectors.head import RiskHead
from aegis.detectors.probe import Probe
from tests.lerobot.commands import type_lerobot
from tests.lerobot.conftest import MakePolicy

pytestmark = pytest.mark.lerobot
NO_PROBE = ("detector=null", "switch=stay")
NEVER = ("gate=never", *NO_PROBE)
SCHEDULED = ("gate=blind", "gate.start_tick=8", "gate.holds=[1]", *NO_PROBE)
WIDE = json.dumps({f"joint{i}.pos": [-100, 100] for i in range(7)})
HORIZON = "--strategy.horizon=24"


def roll_out(place: Path, policy: Path, *flags: str, strategy: str = "aegis") -> None:
    """Runs lerobot-rollout on the simulated arm."""
    place.mkdir(exist_ok=True)
    type_lerobot(
        place,
        "lerobot-rollout",
        "--robot.discover_packages_path=tests.lerobot.toyarm",
        f"--strategy.type={strategy}",
        f"--policy.path={policy}",
        "--policy.device=cpu",
        "--robot.type=toyarm",
        f"--robot.calibration_dir={place}",
        f"--robot.log={place / 'sent.jsonl'}",
        "--task=stack the cubes",
        "--fps=200",
        "--return_to_initial_position=false",
        "--play_sounds=false",
        *flags,
    )


def set_up(*settings: str) -> str:
    return f"--strategy.settings={json.dumps(settings)}"


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_probe(path: Path, layer: str, width: int, digest: str, risk: float) -> Path:
    """Writes a probe that says the same risk, whatever it sees."""
    bias = np.log(risk / (1 - risk))
    head = RiskHead(np.zeros(width), np.ones(width), (np.zeros((width, 1)),), (np.full(1, bias),))
    facts = {"alpha": 0.1, "window": 0.3, "guard": 0.2, "horizon": 24, "policy_digest": digest}
    probe = Probe(layer, "logistic", head, 0.5, 0.4, n_train=9, n_calibration=9, **facts)  # type: ignore[arg-type]
    probe.write_file(path)
    return path


def test_weak_and_strong_take_turns(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    strong = f"--strategy.strong={checkpoints['smolvla']}"
    flags = (strong, set_up(*SCHEDULED), HORIZON, f"--strategy.journal={journal}")
    roll_out(tmp_path, checkpoints["act"], *flags)
    rows = read_lines(journal)
    assert [row["tick"] for row in rows] == list(range(24))
    assert [row["mode"] for row in rows] == ["weak"] * 16 + ["strong"] * 8
    assert {row["command"] for row in rows} == {"act"}
    assert [row["action"] for row in rows] == read_lines(tmp_path / "sent.jsonl")


@pytest.mark.parametrize(("risk", "fires"), [(0.9, 1), (0.1, 0)])
def test_the_probe_decides(
    checkpoints: dict[str, Path],
    make_policy: MakePolicy,
    tmp_path: Path,
    risk: float,
    fires: int,
) -> None:
    """Activations of the policy that drives the arm are scored, and the gate reads the score."""
    act, journal = checkpoints["act"], tmp_path / "journal.jsonl"
    views = {key: {"camera": key, "mirror": False} for key in ("image", "image2")}
    weak = make_policy("act", batch=1, taps=["decoder:mean"], views=views)
    width = weak.spec.taps["decoder:mean"]
    probe = write_probe(tmp_path / "probe", "decoder:mean", width, weak.spec.digest, risk)
    settings = set_up(
        'weak.taps=["decoder:mean"]', f"detector.path={probe}", "gate.guard_fraction=0"
    )
    roll_out(
        tmp_path,
        act,
        f"--strategy.strong={act}",
        settings,
        HORIZON,
        f"--strategy.journal={journal}",
    )
    rows = read_lines(journal)
    assert rows[0]["scores"] == {"probe": pytest.approx(risk)}
    assert (rows[-1]["fires"] > 0) == (fires > 0)
    assert (rows[-1]["mode"] == "strong") == (fires > 0)


@pytest.mark.parametrize("side", [64, 96])
def test_without_a_hand_over_the_robot_gets_what_lerobot_sends(
    checkpoints: dict[str, Path], tmp_path: Path, side: int
) -> None:
    """ACT draws no noise, so both loops must agree, command by command, whatever cameras give."""
    act, ours, theirs = checkpoints["act"], tmp_path / "ours", tmp_path / "theirs"
    flags = (f"--strategy.strong={act}", set_up(*NEVER), HORIZON, f"--strategy.limits={WIDE}")
    seen = f"--robot.side={side}"
    roll_out(ours, act, *flags, seen)
    roll_out(theirs, act, "--duration=3", seen, strategy="base")
    got, want = (np.array(read_lines(place / "sent.jsonl")) for place in (ours, theirs))
    assert len(got) == 24
    assert len(want) >= 9
    n = min(len(got), len(want))
    np.testing.assert_array_equal(got[:n], want[:n])


def test_commands_stay_within_what_was_demonstrated(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    act = checkpoints["act"]
    narrow = json.dumps({"joint0.pos": [0.5, 0.6]})
    flags = (f"--strategy.strong={act}", set_up(*NEVER), HORIZON, f"--strategy.limits={narrow}")
    roll_out(tmp_path, act, *flags)
    sent = np.array(read_lines(tmp_path / "sent.jsonl"))
    assert sent[:, 0].min() >= 0.5
    assert sent[:, 0].max() <= np.float32(0.6)


def test_episodes_are_recorded_as_lerobot_records_them(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    from lerobot.datasets import LeRobotDataset

    act, root = checkpoints["act"], tmp_path / "data"
    flags = (
        f"--strategy.strong={act}",
        set_up(*SCHEDULED),
        HORIZON,
        "--strategy.episodes=2",
        "--strategy.reset_time_s=0",
        "--dataset.repo_id=me/rollout_arm",
        "--dataset.single_task=stack the cubes",
        "--dataset.no_stamp=true",
        "--dataset.video=false",
        "--dataset.push_to_hub=false",
        f"--dataset.root={root}",
    )
    roll_out(tmp_path, act, *flags)
    (stored,) = root.parent.glob("data*")
    dataset = LeRobotDataset("me/rollout_arm", root=stored)
    assert (dataset.num_episodes, len(dataset)) == (2, 48)
    sent = np.array(read_lines(tmp_path / "sent.jsonl"), np.float32)
    first = np.stack([np.asarray(dataset[i]["action"]) for i in range(24)])
    np.testing.assert_array_equal(first, sent[:24])


def test_a_policy_between_may_drive(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    act, journal, own = checkpoints["act"], tmp_path / "journal.jsonl", tmp_path / "own"
    view = {name: {"camera": name, "mirror": False} for name in ("image", "image2")}
    middle = {
        "_target_": "policies.lerobot.policy.LeRobotPolicy", "name": "middle", "folder": str(act),
        "views": view, "batch": 1, "proprio": "", "actions": "", "gripper": "",
    }  # fmt: skip
    text = Path(str(find_spec("lerobot_strategy_aegis").origin)).parent / "configs"  # type: ignore[union-attr]
    tree = yaml.safe_load((text / "lerobot_rollout.yaml").read_text(encoding="utf-8"))
    own.mkdir()
    (own / "lerobot_rollout.yaml").write_text(
        yaml.safe_dump({**tree, "between": {"middle": middle}})
    )
    flags = (f"--strategy.config_dir={own}", HORIZON, f"--strategy.journal={journal}")
    roll_out(tmp_path, act, f"--strategy.strong={act}", set_up(*SCHEDULED), *flags)
    assert {row["mode"] for row in read_lines(journal)} == {"weak", "middle"}


REFUSED: list[tuple[type[AegisError], str, tuple[str, ...]]] = [
    (ConfigError, "--inference.type=rtc", ("--inference.type=rtc", HORIZON)),
    (ConfigError, "--interpolation_multiplier", ("--interpolation_multiplier=2", HORIZON)),
    (ConfigError, "how long an episode", ()),
    (UnknownNameError, "joint 'elbow'", ('--strategy.limits={"elbow": [0, 1]}', HORIZON)),
    (
        UnknownNameError,
        "camera 'image2'",
        ('--robot.names=["image"]', HORIZON),
    ),
    (MachineError, "takes 'grip.pos' and does not sense it", ("--robot.last=grip.pos", HORIZON)),
]


@pytest.mark.parametrize(("kind", "said", "flags"), REFUSED)
def test_what_cannot_work_is_refused_before_anything_moves(
    checkpoints: dict[str, Path],
    tmp_path: Path,
    kind: type[AegisError],
    said: str,
    flags: tuple[str, ...],
) -> None:
    act = checkpoints["smolvla" if "rtc" in said else "act"]
    with pytest.raises(kind, match=said):
        roll_out(tmp_path, act, f"--strategy.strong={act}", set_up(*NEVER), *flags)
    assert not (tmp_path / "sent.jsonl").exists()


def test_a_checkpoint_of_another_robot_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    flags = (f"--strategy.strong={checkpoints['act']}", set_up(*NEVER), HORIZON)
    with pytest.raises(ShapeError, match="proprio"):
        roll_out(tmp_path, checkpoints["act"], *flags, "--robot.joints=5")


def test_who_drives_is_told(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    act = checkpoints["act"]
    roll_out(tmp_path, act, f"--strategy.strong={act}", set_up(*SCHEDULED), HORIZON)
    said = capsys.readouterr().err
    assert "tick 0: weak drives from tick 0 on" in said
    assert "tick 8: strong drives from tick 16 on" in said
    assert "24 ticks, 8 of them by a stronger policy, 1 hand-overs" in said
