"""A policy that hovers; a file that somebody outside of this repository could have written."""

import numpy as np

from aegis.core.protocols import PolicySpec
from aegis.core.types import Proposal


class Hover:
    def __init__(self, name: str) -> None:
        self.spec = PolicySpec(name, "hover-1", {}, horizon=8, execute=4, taps={"mood": 1})

    def propose(self, queries):
        actions = np.zeros((8, 7), np.float32)
        mood = {"mood": np.ones(1, np.float32)}
        return [Proposal(self.spec.name, q.k, actions.copy(), dict(mood)) for q in queries]

    def close(self) -> None: ...
