"""The small study of a demonstration: its figures are right, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aegis.app.paired_summary import Study, format_study, summarise
from aegis.core.errors import PairingError, UnknownNameError
from aegis.records.rows import EpisodeRow


def row(
    arm: str, index: int, success: bool, strong: int = 0, holds: tuple[int, ...] = ()
) -> EpisodeRow:
    return EpisodeRow(
        root=7, suite="toy", task=index % 2, start="wide", index=index, arm=arm, instruction="go",
        success=success, stop="success" if success else "horizon", steps=40, strong_steps=strong,
        weak_steps=40 - strong, fires=len(holds), first_fire_k=None, handover_k=None, holds=holds,
        asks=(("weak", 10),), digest="", final="",
    )  # fmt: skip


def rows(arm: str, outcomes: str, strong: int = 0) -> list[EpisodeRow]:
    return [row(arm, i, c == "1", strong) for i, c in enumerate(outcomes)]


def small() -> Study:
    episodes = rows("weak", "1100000000") + rows("blind", "1010000000", 10)
    episodes += rows("random", "0111000000", 10) + rows("aegis", "1011111100", 10)
    return summarise(episodes, ("weak", "blind", "random", "aegis"), {})


def test_figures() -> None:
    study = small()
    aegis = study.arms[-1]
    assert (aegis.success.count, aegis.recovered.count, aegis.recovered.of) == (7, 6, 8)
    assert (aegis.disrupted.count, aegis.disrupted.of) == (1, 2)
    assert aegis.duty == 0.25
    assert aegis.asks == {"weak": 10}
    by = {(c.units, c.against): c for c in study.contrasts}
    assert set(by) == {("all", "blind"), ("all", "random"), ("all", "weak")} | {
        ("weak failures", "blind"),
        ("weak failures", "random"),
    }
    blind = by["weak failures", "blind"]
    assert (blind.outcome.recovered, blind.outcome.disrupted) == (5, 0)
    assert blind.p == pytest.approx(1 / 32)
    assert blind.p_holm == pytest.approx(2 / 32)
    assert blind.difference == pytest.approx(5 / 8)


def test_no_failures_is_said_not_raised(tmp_path: Path) -> None:
    episodes = [*rows("weak", "11"), *rows("blind", "11"), *rows("random", "11")]
    study = summarise(episodes + rows("aegis", "11"), ("weak", "blind", "random", "aegis"), {})
    assert {c.p for c in study.contrasts} == {1.0}
    study.save(tmp_path / "study.json")
    assert json.loads((tmp_path / "study.json").read_text())["contrasts"][-1]["difference"] is None


def test_text_has_every_arm_and_contrast() -> None:
    text = format_study(small())
    assert "aegis against" in text
    assert all(word in text for word in ("weak", "blind", "random", "6/8", "weak failures"))
    assert max(map(len, text.splitlines())) <= 130


def test_arms_must_share_units() -> None:
    episodes = rows("weak", "110") + rows("aegis", "11")
    with pytest.raises(PairingError, match="not run on the same units"):
        summarise(episodes, ("weak", "aegis"), {}, against=("weak",))
    with pytest.raises(UnknownNameError, match="Unknown arm 'blind'"):
        summarise(episodes, ("weak", "aegis"), {})
