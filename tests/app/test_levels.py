"""Levels of verification: the rule that chooses one, and what each finds on a toy study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aegis.app.study.levels import (
    AUTOMATIC,
    BIT,
    OUTCOME,
    PHYSICS,
    Machine,
    choose_level,
)
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.host.dispatch import NATIVE_LEVEL, PORTABLE_LEVEL
from aegis.study.plan.lockfile import read_lock
from aegis.study.play.action_table import ACTIONS_FILE
from aegis.study.play.seal import write_seal
from tests.app.studied import failed
from tests.app.typed import type_in

MESA, OTHER_MESA = "llvmpipe 15", "llvmpipe 19"
INTEL, AMD = "x86_64, GenuineIntel, X86_V4", "x86_64, AuthenticAMD, X86_V3"
PARTLY = f"{PORTABLE_LEVEL} except strong"


def _record(level: str, **machine: str) -> dict[str, object]:
    return {"identity": {"level": level}, "machine": machine, "notes": {}}


def _here(cpu: str = INTEL, renderer: str = MESA, portable: bool = True) -> Machine:
    return Machine(cpu, renderer, portable, lambda: pytest.fail("the record says enough"))


@pytest.mark.parametrize(
    ("manifest", "here", "actions", "expected"),
    [
        (_record(PORTABLE_LEVEL, renderer=MESA), _here(AMD), True, BIT),
        (_record(PORTABLE_LEVEL), _here(AMD, renderer=""), True, BIT),
        (_record(PORTABLE_LEVEL, renderer=MESA), _here(AMD, OTHER_MESA), True, PHYSICS),
        (_record(PORTABLE_LEVEL, renderer=MESA), _here(AMD, OTHER_MESA), False, OUTCOME),
        (_record(PORTABLE_LEVEL, renderer=MESA), _here(portable=False), True, OUTCOME),
        (_record(PARTLY, cpu=INTEL, renderer=MESA), _here(), True, BIT),
        (_record(PARTLY, cpu=INTEL, renderer=MESA), _here(AMD), True, PHYSICS),
        (_record(NATIVE_LEVEL, cpu=INTEL, renderer=MESA), _here(), False, BIT),
        (_record(NATIVE_LEVEL, cpu=INTEL, renderer=MESA), _here(AMD), True, OUTCOME),
        (_record(NATIVE_LEVEL, cpu=INTEL, renderer=MESA), _here(INTEL, OTHER_MESA), True, OUTCOME),
    ],
)
def test_the_record_and_this_machine_decide(
    manifest: Mapping[str, object], here: Machine, actions: bool, expected: str
) -> None:
    found = choose_level(AUTOMATIC, "", manifest, actions, here)
    assert found.name == expected
    assert found.reason


@pytest.mark.parametrize(("repeats", "expected"), [(True, BIT), (False, OUTCOME)])
def test_a_run_of_before_is_of_the_class_that_repeats_the_course(
    repeats: bool, expected: str
) -> None:
    old = {"identity": {"format": "1"}, "notes": {}}
    here = Machine(INTEL, MESA, True, lambda: repeats)
    assert choose_level(AUTOMATIC, "", old, False, here).name == expected


@pytest.mark.parametrize(
    "manifest",
    [{"identity": {}, "notes": {}}, {}, _record(NATIVE_LEVEL), _record(PARTLY, cpu=AMD)],
)
def test_a_manifest_cannot_lower_what_the_lock_says(manifest: Mapping[str, object]) -> None:
    cut = {name: part for name, part in manifest.items() if name != "machine"}
    assert choose_level(AUTOMATIC, PORTABLE_LEVEL, cut, False, _here(AMD)).name == BIT


def test_a_level_may_be_asked_for_and_must_exist() -> None:
    manifest = _record(PORTABLE_LEVEL, renderer=MESA)
    assert choose_level(OUTCOME, "", manifest, True, _here()).name == OUTCOME
    assert choose_level(PHYSICS, "", manifest, True, _here()).same_renderer
    assert not choose_level(PHYSICS, "", manifest, True, _here(renderer="")).same_renderer
    with pytest.raises(UnknownNameError, match="Did you mean 'physics'"):
        choose_level("phsics", "", manifest, True, _here())
    with pytest.raises(ConfigError, match=r"actions\.parquet"):
        choose_level(PHYSICS, "", manifest, False, _here())


def _count(answer: Mapping[str, object]) -> dict[str, int]:
    checks = answer["checks"]
    assert isinstance(checks, list)
    return {check["name"]: check["count"] for check in checks}


def _edit_actions(root: Path, column: str) -> None:
    """Changes the last row of a column of the kept actions, and seals again."""
    table = pq.read_table(root / ACTIONS_FILE)
    at = table.num_rows - 1
    values = table.column(column).to_pylist()
    values[at] = [1 - abs(v) / 2 for v in values[at]] if column == "action" else "0" * 16
    number = table.schema.get_field_index(column)
    edited = table.set_column(number, column, pa.array(values, table.schema.field(column).type))
    pq.write_table(edited, root / ACTIONS_FILE, write_page_checksum=True)
    write_seal(root, read_lock(root).digest)


def test_recorded_actions_lead_to_the_recorded_states_and_pictures(made: Path) -> None:
    answer = type_in(made, "study", "verify", "study", "level=physics")
    assert answer["verified"]
    assert answer["level"] == PHYSICS
    table = pq.read_table(made / "runs/study" / ACTIONS_FILE)
    assert _count(answer)["physics"] == table.num_rows
    assert "played again" not in _count(answer)


def test_actions_that_were_edited_are_found(place: Path) -> None:
    _edit_actions(place / "runs/study", "action")
    answer = type_in(place, "study", "verify", "study", "level=physics", "sample=99", code=4)
    assert set(failed(answer)) == {"physics"}


def test_steps_that_were_cut_off_are_found(place: Path) -> None:
    root = place / "runs/study"
    table = pq.read_table(root / ACTIONS_FILE)
    pq.write_table(table.slice(0, table.num_rows - 1), root / ACTIONS_FILE)
    write_seal(root, read_lock(root).digest)
    answer = type_in(place, "study", "verify", "study", "level=physics", code=4)
    assert set(failed(answer)) == {"physics"}


def test_outcomes_agree_where_nothing_was_edited(made: Path) -> None:
    answer = type_in(made, "study", "verify", "study", "level=outcome")
    assert answer["verified"]
    assert _count(answer)["outcomes"] == 12 * 10
    assert "played again" not in _count(answer)


def test_the_level_is_said_first(made: Path) -> None:
    answer = type_in(made, "study", "verify", "study", "sample=0")
    assert answer["level"] == "tables"
    assert answer["said"].startswith("level: tables (")


@pytest.mark.parametrize("sample", ["sample=0", "sample=1"])
def test_a_level_that_does_not_exist_is_refused_at_once(made: Path, sample: str) -> None:
    answer = type_in(made, "study", "verify", "study", "level=bits", sample, code=2)
    assert "Did you mean 'bit'" in answer["error"]["message"]
