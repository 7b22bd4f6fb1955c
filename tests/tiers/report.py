"""[report]: a published study is read, computed anew and drawn, without simulator and torch."""

from __future__ import annotations

import json
import math
from pathlib import Path

from tests.tiers.asking import check_installed, check_missing, check_refused, import_rooms, type_in

_MADE = ("notes", "lock")
"""Parts of a report that say how it was made."""


def check_equal(here: object, there: object, where: str = "") -> None:
    """Checks that two reports say the same: counts exactly, numbers to a relative 1e-9."""
    if isinstance(there, dict):
        assert isinstance(here, dict), where
        for name in there:
            if where or name not in _MADE:
                check_equal(here[name], there[name], f"{where}.{name}")
    elif isinstance(there, list):
        assert isinstance(here, list), where
        assert len(here) == len(there), where
        for i, (one, other) in enumerate(zip(here, there, strict=True)):
            check_equal(one, other, f"{where}[{i}]")
    elif isinstance(there, float):
        assert isinstance(here, float | int), where
        assert math.isclose(here, there, rel_tol=1e-9, abs_tol=1e-12), (where, here, there)
    else:
        assert here == there, (where, here, there)


if __name__ == "__main__":
    check_installed()
    check_missing(("torch", "mujoco", "gymnasium", "numba"))
    import_rooms("aegis.records", "aegis.stats", "aegis.study", "aegis.report", "aegis.monitor")
    import_rooms("aegis.export")
    study = Path("runs/reference")
    published = json.loads((study / "report.json").read_text())
    (study / "report.json").unlink()
    (study / "report.html").unlink()
    answer = type_in("study", "report", "reference")
    check_equal(json.loads((study / "report.json").read_text()), published)
    assert answer["out"] == str(study)
    assert (study / "report.html").stat().st_size > 100_000
    checked = type_in("study", "verify", "reference", "sample=0")
    assert checked["verified"], checked
    assert {"numbers", "documents", "units"} <= {one["name"] for one in checked["checks"]}
    check_refused("sim", "study", "run", "reference")
