"""Simulated weak-only episodes whose activations tell, as much as asked, how they will end."""

from __future__ import annotations

import numpy as np

from aegis.core.seeds import root_stream
from aegis.fitting.table import FittingTable

HORIZON = 100
CHUNK = 5


def make_rollouts(
    name: str = "train",
    episodes: int = 80,
    *,
    signal: float = 2.0,
    tasks: int = 4,
    p_fail: float = 0.5,
    digest: str = "d0",
) -> FittingTable:
    """Feature 0 leaks the outcome; successes end early, failures at the horizon."""
    rng = root_stream(5, "rollouts", name)
    columns: dict[str, list] = {
        c: [] for c in ("episode", "task", "start", "k", "features", "proprio", "positive")
    }
    for e in range(episodes):
        fails = rng.random() < p_fail
        end = HORIZON if fails else int(rng.integers(40, 90))
        for k in range(0, end, CHUNK):
            x = rng.standard_normal(6)
            x[0] += signal * fails
            columns["episode"].append(e)
            columns["task"].append(e % tasks)
            columns["start"].append(f"toy/{e % tasks}/{name}/{e // tasks}")
            columns["k"].append(k)
            columns["features"].append(x)
            columns["proprio"].append(rng.standard_normal(2))
            columns["positive"].append(fails)
    return FittingTable(
        episode=np.array(columns["episode"], np.int64),
        task=np.array(columns["task"], np.int64),
        start=np.array(columns["start"]),
        k=np.array(columns["k"], np.int64),
        features=np.array(columns["features"], np.float32),
        proprio=np.array(columns["proprio"], np.float32),
        positive=np.array(columns["positive"], bool),
        horizon=HORIZON,
        layer="trunk",
        policy_digest=digest,
    )
