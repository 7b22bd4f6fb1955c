"""Sizing: the table of part C3 of the plan of analysis, from rows of a pilot."""

from __future__ import annotations

import pytest

from aegis.core.errors import PairingError
from aegis.study.analysis.sizing import size_contrasts
from aegis.study.plan.study_plan import PlannedContrast
from tests.study.rows import plan, rows


def test_a_pilot_of_known_cells_needs_what_the_table_says() -> None:
    """Recovered .10, disrupted .05: 400 units at .05, 560 at .05 / 3, exact one-sided McNemar."""
    pilot = rows("ours", "1" * 10 + "0" * 5 + "1" * 85) + rows("blind", "0" * 10 + "1" * 90)
    pilot += rows("random", "1" * 100)
    contrasts = tuple(PlannedContrast("ours", other) for other in ("blind", "random", "absent"))
    found = size_contrasts(plan(contrasts=contrasts), pilot, 700)
    assert [size.against for size in found] == ["blind", "random"], "as far as it was played"
    blind, random = found
    assert (blind.recovered, blind.disrupted, blind.pilot) == (0.10, 0.05, 100)
    assert (blind.units_80, blind.units_80_holm) == (400, 560)
    assert blind.units_90 > blind.units_80
    assert 0.9 < blind.power < 1
    assert blind.power > blind.power_holm > blind.sequential
    assert (random.units_80, random.units_90) == (None, None), "it is worse there"


def test_noninferiority_has_no_sequential_reading() -> None:
    pilot = rows("ours", "1" * 95 + "0" * 5) + rows("strong", "1" * 93 + "0" * 2 + "1" * 5)
    contrast = PlannedContrast("ours", "strong", "noninferior")
    (size,) = size_contrasts(plan(contrasts=(contrast,), margin=0.1), pilot, 700)
    assert size.sequential is None
    assert size.power > 0.9
    (worse,) = size_contrasts(plan(contrasts=(contrast,), margin=0.0), pilot, 700)
    assert worse.units_80 is None, "it solves three in a hundred fewer"


def test_a_pilot_must_be_paired() -> None:
    contrasts = (PlannedContrast("ours", "blind"),)
    with pytest.raises(PairingError, match="same units"):
        size_contrasts(plan(contrasts=contrasts), rows("ours", "11") + rows("blind", "1"), 10)
