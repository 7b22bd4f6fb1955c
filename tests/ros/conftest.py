"""Interpreters of genuine ROS 2, each test in a domain of its own, on this machine alone."""

from __future__ import annotations

import itertools
import os

import pytest

from tests.ros.rig import ROOT

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_DOMAINS = itertools.count(os.getppid() + _WORKER, _WORKERS)


def take_domain() -> str:
    """Returns the number of a domain that no other test uses now."""
    return str(next(_DOMAINS) % 100 + 1)


@pytest.fixture(params=["jazzy", "kilted"])
def python(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    found = ROOT / f".venv-ros-{request.param}/bin/python"
    if not found.exists():
        pytest.fail(f"{found} is missing. Run: make test-ros")
    monkeypatch.setenv("ROS_DOMAIN_ID", take_domain())
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    # Another environment's sign that its libraries are loaded must not reach the wire.
    monkeypatch.setenv("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "1")
    return str(found)
