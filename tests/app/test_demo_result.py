"""The result of a demo: its figures are right, hold as JSON, and are printed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.app.demo_result import (
    DemoResult,
    choose_episode,
    describe_outcome,
    print_demo,
    summarise_demo,
)
from aegis.app.screen import Screen
from aegis.core.errors import PairingError, UnknownNameError
from aegis.records.rows import EpisodeRow

ARMS = ("weak", "aegis", "rescue")


def row(arm: str, index: int, success: bool, strong: int = 0) -> EpisodeRow:
    return EpisodeRow(
        root=7, suite="toy", task=index % 2, start="wide", index=index, arm=arm, instruction="go",
        success=success, stop="success" if success else "horizon", steps=40, strong_steps=strong,
        weak_steps=40 - strong, fires=int(strong > 0), first_fire_k=None, handover_k=None,
        holds=(2,) if strong else (), asks=(("weak", 10),), digest="", final="",
    )  # fmt: skip


def rows(arm: str, outcomes: str, strong: int = 0) -> list[EpisodeRow]:
    return [row(arm, i, c == "1", strong) for i, c in enumerate(outcomes)]


def small() -> DemoResult:
    episodes = rows("weak", "1100000000") + rows("aegis", "1010000000", 20)
    return summarise_demo(episodes + rows("rescue", "1011111100", 10), ARMS, "weak", 40)


def test_figures() -> None:
    result = small()
    weak, _, rescue = result.arms
    assert (rescue.success.count, rescue.recovered.count, rescue.recovered.of) == (7, 6, 8)
    assert (rescue.disrupted.count, rescue.disrupted.of) == (1, 2)
    assert (weak.recovered.count, weak.disrupted.count) == (0, 0)
    assert rescue.duty.value == 0.25
    assert result.strong_steps == {"weak": 0.0, "aegis": 20.0, "rescue": 10.0}
    last = result.contrasts[-1]
    assert (last.arm, last.against, last.recovered, last.disrupted) == ("rescue", "weak", 6, 1)
    assert last.p == pytest.approx(sum((1, 7)) / 2**7), "6 or 7 of 7 discordant units"
    assert not any(contrast.is_primary for contrast in result.contrasts)


def test_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = small()
    print_demo(result, "rescue", Screen(machine=False))
    said = capsys.readouterr().out
    for words in ("7 of 10", "6 of 8", "1 of 2", "25.0", "10.0", "0.062", "6 units only 'rescue'"):
        assert words in said
    result.write_json(tmp_path / "demo.json")
    kept = json.loads((tmp_path / "demo.json").read_text())
    assert list(kept["arms"]) == list(ARMS)
    assert kept["arms"]["rescue"]["recovered"] == 6 / 8
    assert kept["contrasts"][1]["p"] == result.contrasts[1].p


def test_nothing_to_recover_is_no_number_and_no_error(tmp_path: Path) -> None:
    episodes = [*rows("weak", "11"), *rows("aegis", "11"), *rows("rescue", "11")]
    result = summarise_demo(episodes, ARMS, "weak", 40)
    assert {contrast.p for contrast in result.contrasts} == {1.0}
    result.write_json(tmp_path / "demo.json")
    kept = json.loads((tmp_path / "demo.json").read_text())
    assert kept["arms"]["rescue"]["recovered"] is None


def test_arms_must_share_units() -> None:
    episodes = rows("weak", "110") + rows("aegis", "11")
    with pytest.raises(PairingError, match="not run on the same units"):
        summarise_demo(episodes, ("weak", "aegis"), "weak", 40)
    with pytest.raises(UnknownNameError, match="Unknown arm 'rescue'"):
        summarise_demo(episodes, ("rescue", "weak"), "weak", 40)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 40)), min_size=1, max_size=12)
)
def test_the_episode_that_is_shown_is_the_best_there_is(
    units: list[tuple[bool, bool, int]],
) -> None:
    weak = [row("weak", i, alone) for i, (alone, _, _) in enumerate(units)]
    ours = [row("rescue", i, won, strong) for i, (_, won, strong) in enumerate(units)]
    chosen = choose_episode([*weak, *ours], "rescue", "weak")
    helped = [one for one in ours if one.fires]
    if chosen is None:
        assert not helped
        return
    recovered = [one for one in helped if one.success and not weak[one.index].success]
    assert chosen in (recovered or helped)
    assert all(chosen.strong_steps <= one.strong_steps for one in recovered)


def test_an_outcome_is_named_beside_the_references() -> None:
    episodes = rows("weak", "1100") + rows("rescue", "1010", 10)
    found = [describe_outcome(episodes, one, "weak") for one in episodes if one.arm == "rescue"]
    assert found == ["kept", "disrupted", "recovered", "still failed"]
