"""A world of a few lines: bring a point home."""

import numpy as np

from aegis.core.protocols import Outcome
from aegis.core.seeds import episode_stream
from aegis.core.types import ActionKind, Embodiment, Observation


class Reach:
    horizon = 40
    embodiment = Embodiment(
        tuple("xyzabcg"),
        -np.ones(7, "f4"),
        np.ones(7, "f4"),
        ActionKind.DELTA,
        dt=0.05,
        hold=np.zeros(7, "f4"),
        sticky=(False,) * 7,
    )

    def begin(self, key):
        self.k, self.x = 0, episode_stream(key, "start").uniform(-1, 1, 3)

    def observe(self, cameras):
        return Observation(self.k, self.x.astype("f4"), {}, "go home")

    def apply(self, command):
        self.k, self.x = self.k + 1, self.x + 0.05 * command.action[:3]
        near = bool(np.abs(self.x).max() < 0.1)
        return Outcome(success=near, done=near or self.k >= self.horizon)

    def digest(self):
        return self.x.tobytes().hex()

    def close(self): ...
