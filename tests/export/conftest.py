"""One toy run for all tests of exports."""

from __future__ import annotations

import pytest

from aegis.records.store import RunTables
from tests.export.exported import play_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunTables:
    """Two units, each by the weak policy alone and with a gate; not to be written to."""
    return play_run(tmp_path_factory.mktemp("exported") / "toy", units=2)
