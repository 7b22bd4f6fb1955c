"""The guide to comparing policies: its commands run as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.tutorials import GUIDES, read_tutorial, run_block


@pytest.mark.slow
def test_the_guide_to_comparing_policies_runs_as_it_stands(tmp_path: Path) -> None:
    blocks = [one for one in read_tutorial("compare-policies", GUIDES).blocks if not one.title]
    assert len(blocks) == 5
    for block in blocks:
        done = run_block(block, tmp_path)
        assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
    assert "NOT AS IT WAS PLAYED" not in done.stdout
