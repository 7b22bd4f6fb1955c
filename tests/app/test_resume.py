"""A resume goes on with the same experiment, and with no other; files of the README's own form."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.app.outside import read_outsider
from tests.app.toy import write_configs

REPOSITORY = Path(__file__).resolve().parents[2]
NUMPY_PATCH = """
import importlib.metadata, sys
real = importlib.metadata.version
importlib.metadata.version = lambda name: "0.1" if name == "numpy" else real(name)
from aegis.app.main import main
sys.exit(main(sys.argv[1:]))
"""

BROKEN = """
def refuse(self, key):
    raise ValueError("unknown task")

Reach.begin = refuse
"""
SLOW = """
import time
begin = Reach.begin

def begin_late(self, key):
    time.sleep(0.5)
    begin(self, key)

Reach.begin = begin_late
"""

GAZE = """
from aegis.core.types import Score
from my_helper import SCALE

class Gaze:
    name = "gaze"

    def __init__(self):
        self.layers = {"trunk", "other"}

    def start(self, key):
        return None

    def update(self, state, proposal, obs):
        value = float("nan") if proposal is None else SCALE * float(proposal.features["trunk"][0])
        return None, Score(self.name, value)
"""
LAND = """
class Land(Base):
    pass

class Mover(ToyPolicy):
    pass
"""


def start(place: Path, *words: str, seed: str = "0", code: str = "") -> subprocess.Popen[str]:
    how = ["-c", code] if code else ["-m", "aegis.app.main"]
    path = os.pathsep.join([str(place), str(REPOSITORY)])
    return subprocess.Popen(
        [sys.executable, *how, *words, "--config-dir", "configs", "--json"],
        cwd=place,
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def aegis(
    place: Path, *words: str, rc: int = 0, seed: str = "0", code: str = ""
) -> dict[str, object]:
    child = start(place, *words, seed=seed, code=code)
    out, err = child.communicate()
    assert child.returncode == rc, err
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def refusal(place: Path, *words: str, code: str = "") -> str:
    answer = aegis(place, *words, rc=2, code=code)["error"]
    assert isinstance(answer, dict)
    return str(answer["message"])


def identity(place: Path) -> dict[str, str]:
    return dict(json.loads((place / "runs/mine/manifest.json").read_text())["identity"])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for path, text in read_outsider().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.slow
def set_key(place: Path, part: str, **values: object) -> None:
    path = place / "configs/run.yaml"
    tree = yaml.safe_load(path.read_text())
    tree[part] = {**tree[part], **values}
    path.write_text(yaml.safe_dump(tree))


def test_the_readmes_own_files_resume_and_an_edit_is_refused(place: Path) -> None:
    aegis(place, "run", "units=2", seed="1")
    before = identity(place)
    assert aegis(place, "run", "units=3", "slots=1", seed="2")["episodes"] == 3
    assert identity(place) == before

    said = refusal(place, "run", "gate.threshold=2.0", "patience=6")
    assert "  gate.threshold: 2.5 there, 2.0 here" in said
    assert "  patience: 5 there, 6 here" in said
    assert "and with that arm.aegis" in said
    assert "name=ANOTHER" in said
    assert "  version.numpy: " in refusal(place, "run", code=NUMPY_PATCH)

    for name in ("my_world.py", "my_detector.py", "my_policy.py"):
        text = (place / name).read_text()
        (place / name).write_text(text + "\n# another\n")
        assert f"  code.{name}: " in refusal(place, "run", "units=4"), name
        (place / name).write_text(text)
    assert aegis(place, "run", "units=4")["episodes"] == 4


def test_a_checkpoint_may_move_and_not_change(place: Path) -> None:
    world = (place / "my_world.py").read_text()
    assert "class Reach:" in world
    (place / "my_world.py").write_text(
        world
        + "\nclass Far(Reach):\n    def __init__(self, path: str = '') -> None:\n        pass\n"
    )
    for folder in ("here", "there"):
        (place / folder).mkdir()
        (place / folder / "course.bin").write_bytes(b"one")
    set_key(place, "env", _target_="my_world.Far", path="here/course.bin")
    aegis(place, "run", "units=1")
    aegis(place, "run", "units=2", f"env.path={place}/there/course.bin")
    (place / "here/course.bin").write_bytes(b"two")
    assert '  env.path: "file ' in refusal(place, "run", "units=3")


def test_a_folder_of_an_earlier_release_is_not_played_on(place: Path) -> None:
    aegis(place, "run", "units=1")
    path = place / "runs/mine/manifest.json"
    manifest = json.loads(path.read_text())
    kept = {k: v for k, v in manifest["identity"].items() if not k.startswith(("config", "code"))}
    path.write_text(json.dumps({**manifest, "identity": {**kept, "format": "1"}}))
    assert "made by another release: its manifest has format '1'" in refusal(
        place, "run", "units=2"
    )


def test_a_run_that_failed_at_once_leaves_its_name_free(place: Path) -> None:
    set_key(place, "gate", score="stuk")
    aegis(place, "run", rc=2)
    set_key(place, "gate", score=None)
    text = (place / "my_world.py").read_text()
    (place / "my_world.py").write_text(text + BROKEN)
    aegis(place, "run", rc=5)
    assert (place / "runs/mine/manifest.json").exists()
    (place / "my_world.py").write_text(text)
    assert aegis(place, "run", "patience=7")["episodes"] == 4
    assert "patience: 7" in (place / "runs/mine/config.yaml").read_text()


def test_the_second_of_two_at_once_is_told_and_a_killed_one_is_taken_over(place: Path) -> None:
    text = (place / "my_world.py").read_text()
    (place / "my_world.py").write_text(text + SLOW)
    first = start(place, "run", "units=2000", "slots=1")  # it never ends by itself
    parts = place / "runs/mine/parts"
    while not any(parts.glob("*.parquet")):
        assert first.poll() is None
        time.sleep(0.05)
    (parts / ".theirs.parquet.tmp").touch()
    said = refusal(place, "run", "units=2000")
    assert f"is in use by process {first.pid} on " in said
    assert (parts / ".theirs.parquet.tmp").exists()
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = len(list(parts.glob("*.parquet")))
    assert 0 < done < 2000
    answer = aegis(place, "run", f"units={done}")
    assert answer["episodes"] == done


@pytest.fixture
def file_study(place: Path) -> Path:
    """A folder in which a study of single-file plug-ins is locked."""
    (place / "configs/run.yaml").unlink()
    (place / "configs").rmdir()
    write_configs(place / "configs")
    path = place / "configs/study.yaml"
    tree = yaml.safe_load(path.read_text())
    (place / "my_gaze.py").write_text(GAZE)
    (place / "my_helper.py").write_text("SCALE = 1.0\n")
    tree["detector"] = {"_target_": "my_gaze.Gaze"}
    tree["trusted"] = ["toyland", "my_gaze"]
    (place / "toyland.py").write_text(
        "from tests.fakes import ToyPolicy, ToyWorld as Base\n" + LAND
    )
    tree["env"] = {"_target_": "toyland.Land", "horizon": 60}
    for part in ("weak", "strong"):
        tree[part] = {"_target_": "toyland.Mover", "name": part, "weak": part == "weak"}
    for arm in tree["arms"].values():
        for part in ("gate", "switch"):
            for key, value in arm.get(part, {}).items():
                if value == "calibrated":
                    arm[part][key] = 1.0
    path.write_text(yaml.safe_dump(tree))
    few = ("units=4", "calibration.units=4", "calibration.tries=1", "forks.units=1")
    aegis(place, "study", "lock", *few, seed="1")
    return place


def test_a_study_of_files_in_one_piece_is_locked_with_their_code(file_study: Path) -> None:
    text = (file_study / "runs/study/plan.yaml").read_text()
    for name in ("my_gaze.py", "my_helper.py", "toyland.py"):
        assert f"code.{name}: " in text
    (file_study / "my_helper.py").write_text("SCALE = 2.0\n")
    assert "code.my_helper.py: locked" in refusal(file_study, "study", "run", "study")


@pytest.mark.slow
def test_a_study_of_files_in_one_piece_is_played_and_verified(file_study: Path) -> None:
    aegis(file_study, "study", "run", "study", seed="2")
    aegis(file_study, "study", "report", "study", seed="3")
    assert aegis(file_study, "study", "verify", "study", "sample=1", seed="4")["verified"]


@pytest.mark.slow
def test_two_ways_of_stepping_are_not_mixed_on_libero(tmp_path: Path) -> None:
    pytest.importorskip("libero")
    (tmp_path / "configs").symlink_to(REPOSITORY / "configs")
    (tmp_path / "policies").symlink_to(REPOSITORY / "policies")
    words = ("run", "name=mix", "tasks=[0]", "workers=1", "env.horizon=30")
    assert aegis(tmp_path, *words, "units=1")["episodes"] == 1
    said = refusal(tmp_path, *words, "units=2", "env.stepping=fast")
    assert '  env.stepping: "exact" there, "fast" here' in said
    assert "arm.aegis" not in said
