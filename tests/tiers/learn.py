"""[learn]: policies and probes, without simulator and reports."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from aegis.app.config.paths import resolve_paths
from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, Observation
from aegis.detectors.activation import ActivationProbe
from policies.nano_vla.policy import NanoVLA
from tests.tiers.asking import check_installed, check_missing, check_refused, import_rooms

HOME = "policies/nano_vla/checkpoints"

if __name__ == "__main__":
    check_installed()
    check_missing(("mujoco", "gymnasium", "pyarrow", "matplotlib"))
    import_rooms("policies", "aegis.detectors")
    weak = resolve_paths(f"{HOME}/weak.safetensors")
    assert Path(weak).is_absolute()
    policy = NanoVLA(name="weak", checkpoint=weak, taps=["head.hidden"])
    probe = ActivationProbe.load(resolve_paths(f"{HOME}/probe.safetensors"), None)
    probe.check(policy.spec)
    key = EpisodeKey(0, "libero_spatial", 0, "wide", 0)
    pictures = {
        name: np.full((*size, 3), 90, np.uint8) for name, size in policy.spec.cameras.items()
    }
    sensed = Observation(0, np.zeros(8, np.float32), pictures, "pick up the black bowl")
    (answer,) = policy.propose([Query(key, 0, sensed)])
    assert np.isfinite(answer.actions).all()
    _, score = probe.update(probe.start(key), answer, sensed)
    assert math.isfinite(score.value)
    check_refused("sim", "check")
