"""Recorded episodes are decided bit for bit as they were when they were recorded.

The traces in ``tests/golden`` hold inputs and decisions, so that replaying them involves no
simulator, no policy and no random draw of the platform's: they hold on every machine. The recipe is
``tests/golden/record.py``. When decisions are meant to change, record them again with ::

    python -m tests.golden.record

and bring ``TALES`` up to date with what it prints.
"""

from __future__ import annotations

import pytest

from tests.golden.record import FOLDER, SCENES, record, story
from tests.golden.trace import Trace, replay_trace

TALES = {
    "weak_alone": ["0 weak Act: never"],
    "aegis": [
        "0 weak Act: guard",
        "12 weak Act: risk low",
        "16 weak Act: risk 1.500 > 1.000",
        "20 strong Act: strong drives",
        "28 weak Act: risk low",
        "32 weak Act: risk 1.500 > 1.000",
        "36 strong Act: strong drives",
    ],
    "nan_scores": [
        "0 weak Act: guard",
        "12 weak Act: risk low",
        "16 weak Act: risk unknown",
        "20 strong Act: strong drives",
    ],
    "missing": [
        "0 weak Act: guard",
        "8 weak Hold: weak: non-finite action",
        "9 weak Act: risk low",
        "13 weak Hold: weak: no proposal",
        "14 strong Act: strong drives",
        "22 weak Act: risk low",
        "26 weak Hold: weak: no proposal",
        "27 strong Hold: strong: no proposal",
        "34 strong Stop: strong: no proposal, 9 ticks in a row",
    ],
    "blind": [
        "0 weak Act: not scheduled",
        "12 weak Act: scheduled at 12",
        "16 strong Act: strong drives",
        "24 weak Act: not scheduled",
        "32 weak Act: scheduled at 32",
        "36 strong Act: strong drives",
    ],
    "random": [
        "0 weak Act: guard",
        "12 weak Act: drawn",
        "16 strong Act: strong drives",
        "20 weak Act: not drawn",
        "40 weak Act: drawn",
    ],
}


@pytest.mark.parametrize("name", SCENES)
def test_a_golden_trace_is_decided_again_bit_for_bit(name: str) -> None:
    build, _ = SCENES[name]
    trace = Trace.read_npz(FOLDER / f"{name}.npz")
    assert story(trace) == TALES[name]
    replay_trace(build(), trace)


@pytest.mark.parametrize("name", SCENES)
def test_the_recipe_still_tells_the_same_tale(name: str) -> None:
    assert story(record(name)) == TALES[name]


def test_every_trace_has_a_recipe() -> None:
    assert {path.stem for path in FOLDER.glob("*.npz")} == set(SCENES)
