"""Grids: the settings that a dial may take, for the common kinds of arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aegis.core.capabilities import Dial, DialRange, DialValue
from aegis.gates.limits import select_scores

_SETTING_DIGITS = 6
_STAY_PARTS = 5
"""A stay of 3.4 chunks is one of 3 in three and of 4 in two episodes of five."""


def make_score_dial(score: str | None) -> Dial:
    """Returns the dial of a threshold; its settings are the scores of the reference arm.

    A threshold between two neighbouring scores acts like either, so no others need to be tried.

    Args:
        score: Name of the score that the threshold belongs to; None takes all.
    """

    def list_scores(known: DialRange) -> Sequence[DialValue]:
        values = (one.value for one in select_scores(known.scores, score))
        return sorted({round(value, _SETTING_DIGITS) for value in values if math.isfinite(value)})

    return Dial(("threshold",), rises=False, list_settings=list_scores)


def make_stay_dial(tick_argument: str = "") -> Dial:
    """Returns the dial of the mean length of a stay [chunks], in fifths, up to a whole episode.

    Args:
        tick_argument: Argument that is chosen first, if there is one; see ``Dial``.
    """
    return Dial(
        ("holds",),
        rises=True,
        list_settings=_list_stays,
        encode=split_stay,
        tick_argument=tick_argument,
    )


def make_tick_dial(*arguments: str) -> Dial:
    """Returns the dial of a tick or a wait [control steps], in whole chunks; duty falls with it."""
    return Dial(arguments, rises=False, list_settings=_list_chunk_ticks)


def list_chances(known: DialRange) -> Sequence[DialValue]:
    """Returns probabilities of a hand-over per chunk, from 0.002 to 1 in equal ratios."""
    del known  # The same in every experiment.
    return [round(10 ** (-2.7 + 0.02 * i), _SETTING_DIGITS) for i in range(136)]


def list_chance_differences(known: DialRange) -> Sequence[DialValue]:
    """Returns differences of two chances, from -1 to 1 in hundredths."""
    del known  # The same in every experiment.
    return [i / 100 for i in range(-100, 101)]


def split_stay(chunks: float) -> list[int]:
    """Returns lengths of stay to draw from: whole chunks whose mean is the length asked for.

    Args:
        chunks: Mean length [chunks]; at least 1.
    """
    whole = math.floor(chunks)
    longer = round((chunks - whole) * _STAY_PARTS)
    return [whole] * (_STAY_PARTS - longer) + [whole + 1] * longer if longer else [whole]


def _list_stays(known: DialRange) -> Sequence[DialValue]:
    steps = (_count_chunks(known) - 1) * _STAY_PARTS + 1
    return [round(1 + i / _STAY_PARTS, 1) for i in range(steps)]


def _list_chunk_ticks(known: DialRange) -> Sequence[DialValue]:
    return [known.chunk * i for i in range(_count_chunks(known))]


def _count_chunks(known: DialRange) -> int:
    """Returns the chunks of the longest episode."""
    return -(-known.horizon // known.chunk)
