"""`aegis check` of a policy without a probe, and of a world without snapshots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.main import main
from aegis.core.errors import CheckpointError
from aegis.core.protocols import ForkableWorld, PolicySpec
from tests.app.test_check_command import CONFIG
from tests.fakes import ToyWorld
from tests.fleet.toyrun import TrunkDetector


class FittedDetector(TrunkDetector):
    """A detector that was fitted to one policy and is calibrated."""

    def __init__(self, policy: str) -> None:
        super().__init__()
        object.__setattr__(self, "policy", policy)

    @property
    def calibration(self) -> dict[str, float]:
        return {"threshold": 1.0}

    def check(self, spec: PolicySpec) -> None:
        if spec.digest != vars(self)["policy"]:
            raise CheckpointError(f"The probe was not fitted to {spec.digest}. Use `aegis fit`.")


class PlainWorld:
    """The toy world without snapshots."""

    def __init__(self, horizon: int) -> None:
        self._world = ToyWorld(horizon)
        for name in ("begin", "observe", "apply", "digest", "close"):
            setattr(self, name, getattr(self._world, name))

    @property
    def embodiment(self) -> object:
        return self._world.embodiment

    @property
    def horizon(self) -> int:
        return self._world.horizon


def check_parts(
    folder: Path, capsys: pytest.CaptureFixture[str], **replacements: str
) -> tuple[int, dict[str, dict[str, str]], str]:
    """Returns exit code, result and text of `aegis check` on a configuration."""
    text = CONFIG
    for old, new in replacements.items():
        assert f"{old}: " in text
        text = "\n".join(
            f"{old}: {new}" if line.startswith(f"{old}: ") else line for line in text.splitlines()
        )
    (folder / "run.yaml").write_text(text)
    code = main(["check", "--config-dir", str(folder), "--json"])
    output = capsys.readouterr()
    return code, json.loads(output.out), output.err


DETECTOR = "{{_target_: tests.app.test_check_skipped.FittedDetector, policy: {}}}"
GATE = "{_target_: aegis.gates.conformal.ConformalGate, threshold: calibrated}"


def test_a_policy_is_checked_before_a_probe_fits_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result, text = check_parts(
        tmp_path, capsys, detector=DETECTOR.format("toy-strong"), gate=GATE
    )
    assert code == 0
    assert set(result["checked"]) == {"gate", "switch", "world", "weak", "strong"}
    assert "not fitted to toy-weak" in result["skipped"]["detector"]
    assert " skip  detector  FittedDetector: not checked. The probe was not fitted" in text
    assert "fit a probe to this weak policy: aegis collect" in text
    assert "\nall parts conform" not in text


def test_a_detector_that_fits_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result, text = check_parts(
        tmp_path, capsys, detector=DETECTOR.format("toy-weak"), gate=GATE
    )
    assert code == 0
    assert result["checked"]["detector"] == "FittedDetector"
    assert result["skipped"] == {}
    assert "all parts conform" in text


def test_a_run_still_refuses_a_detector_that_does_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = CONFIG.replace("{_target_: tests.fleet.toyrun.TrunkDetector}", DETECTOR.format("x"))
    (tmp_path / "run.yaml").write_text(f"{config}name: unfit\n")
    assert main(["run", "--config-dir", str(tmp_path)]) == CheckpointError.exit_code
    assert "not fitted to toy-weak" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("world", "forkable", "says"),
    [
        ("tests.fakes.ToyWorld", True, "ends at the horizon; continues from its snapshots"),
        (
            "tests.app.test_check_skipped.PlainWorld",
            False,
            "ends at the horizon; no snapshots, so each arm is simulated from the start",
        ),
    ],
)
def test_the_line_of_a_world_is_true_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], world: str, forkable: bool, says: str
) -> None:
    assert isinstance(PlainWorld(60), ForkableWorld) is False
    env = f"{{_target_: {world}, horizon: 60}}"
    code, result, text = check_parts(tmp_path, capsys, env=env)
    assert code == 0
    assert result["checked"]["world"] == world.rpartition(".")[2]
    assert f"{says}\n" in text
    assert ("continues from its snapshots" in text) is forkable
