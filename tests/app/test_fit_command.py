"""What `aegis fit` says that comes next: the command that reads the probe."""

from __future__ import annotations

import pytest

from aegis.app.commands.fit import find_reader


@pytest.mark.parametrize(
    ("label", "given", "reader"),
    [
        ("failure", "all", "run detector"),
        ("advantage", "all", "study detectors.advantage"),
        ("rescue", "all", "study detectors.rescue"),
        ("rescue", "failure", "study detectors.rescue"),
        ("rescue", "success", "study detectors.keep"),
    ],
)
def test_each_probe_has_a_reader(label: str, given: str, reader: str) -> None:
    assert find_reader(label, given) == reader
