"""A small study on the toy world: how much is played, by which code, what its check finds."""

from __future__ import annotations

from collections.abc import Mapping

FEW = ("units=12", "calibration.units=4", "calibration.tries=1", "forks.units=2")
CODE = {name: name.ljust(64, "0") for name in ("code.aegis.core", "code.aegis.gates")}


def failed(answer: Mapping[str, object]) -> dict[str, str]:
    checks = answer["checks"]
    assert isinstance(checks, list)
    return {check["name"]: check["detail"] for check in checks if not check["passed"]}
