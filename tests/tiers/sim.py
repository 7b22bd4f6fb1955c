"""[sim]: worlds, without policies and reports."""

from __future__ import annotations

import numpy as np

from aegis.core.types import Act, EpisodeKey
from envs.libero.world import LiberoWorld
from tests.tiers.asking import check_installed, check_missing, check_refused, import_rooms

if __name__ == "__main__":
    check_installed()
    check_missing(("torch", "pyarrow", "sklearn"))
    import_rooms("envs")
    world = LiberoWorld(suite="libero_spatial", assets="builtin", horizon=20)
    world.begin(EpisodeKey(0, "libero_spatial", 3, "wide", 2_000_000))
    before = world.digest()
    seen = world.observe({"agentview": (64, 64)})
    assert seen.images["agentview"].shape == (64, 64, 3)
    assert seen.images["agentview"].max() > 100
    for _ in range(3):
        assert not world.apply(Act(np.zeros(7, np.float32))).done
    assert world.digest() != before
    world.close()
    check_refused("report", "run")
    check_refused("learn", "check")
