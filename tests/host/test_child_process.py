"""Child process: it starts with the variables, and its errors arrive whole."""

from __future__ import annotations

import os
import pickle
import signal
import tempfile
from functools import partial
from pathlib import Path

import pytest

from aegis.core import errors
from aegis.core.errors import AegisError, MachineError, PluginError, UnknownNameError
from aegis.host.child_process import call_in_child, open_child_pool, set_environment


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse() -> None:
    raise UnknownNameError("layer", "trnk", ["trunk", "head"], "policy 'weak'")


def _write_environment(pipe: str) -> None:
    Path(pipe).write_text(os.environ["AEGIS_TRY"])


def _read_text(pipe: str) -> str:
    return Path(pipe).read_text()


def test_a_child_has_the_variables_and_the_parent_keeps_its_own() -> None:
    assert call_in_child(partial(os.getenv, "AEGIS_TRY"), {"AEGIS_TRY": "1"}) == "1"
    assert "AEGIS_TRY" not in os.environ


def test_all_processes_of_a_pool_have_the_variables() -> None:
    with open_child_pool(2, {"AEGIS_TRY": "1"}) as pool:
        assert "AEGIS_TRY" not in os.environ, "they came back before the first job"
        assert set(pool.map(os.getenv, ["AEGIS_TRY"] * 20)) == {"1"}
        # Two jobs that wait for each other need two processes.
        with tempfile.TemporaryDirectory() as place:
            pipe = str(Path(place) / "pipe")
            os.mkfifo(pipe)
            ends = pool.submit(_write_environment, pipe), pool.submit(_read_text, pipe)
            assert ends[1].result() == "1"


def test_variables_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AEGIS_TRY", "before")
    with set_environment({"AEGIS_TRY": "inside"}):
        assert os.environ["AEGIS_TRY"] == "inside"
    assert os.environ["AEGIS_TRY"] == "before"


def test_an_error_arrives_with_its_whole_message() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'trunk'"):
        call_in_child(_refuse, {})


def test_the_death_of_a_child_is_named() -> None:
    with pytest.raises(MachineError, match="aegis doctor"):
        call_in_child(_die, {})


KINDS = [one for one in vars(errors).values() if isinstance(one, type)]


@pytest.mark.parametrize("kind", [one for one in KINDS if issubclass(one, AegisError)])
def test_every_error_survives_a_change_of_process(kind: type[AegisError]) -> None:
    error = pickle.loads(pickle.dumps(errors.rebuild_error(kind, "said (in full).")))  # noqa: S301  our own bytes
    assert (type(error), str(error)) == (kind, "said (in full).")


def test_errors_that_take_parts_say_the_same_after_it() -> None:
    given = PluginError("World.observe of Mine", "is calm", 3, "0", "Calm down")
    assert str(pickle.loads(pickle.dumps(given))) == str(given)  # noqa: S301  our own bytes
