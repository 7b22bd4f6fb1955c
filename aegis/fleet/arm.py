"""Arm: a named controller and its logging; every arm drives the same units."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aegis.core.capabilities import ThresholdGate
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.protocols import Query
from aegis.core.types import EpisodeKey, Observation, PolicyId


class Source(NamedTuple):
    """What a proposal comes from, besides the observation; arms that ask the same share an answer.

    Attributes:
        policy: Policy that answers.
        salt: Salt of its noise.
        due: Tick at which the chunk is to start; None for that of the observation.
        committed: Bytes of the actions that are executed until then; empty for none.
    """

    policy: PolicyId
    salt: int
    due: int | None = None
    committed: bytes = b""

    def build_query(
        self, key: EpisodeKey, k: int, obs: Observation, past: tuple[Observation, ...] = ()
    ) -> Query:
        """Returns the query that is asked.

        Args:
            key: The unit.
            k: Tick of the observation.
            obs: What the policy looks at.
            past: Earlier observations that it looks at, farthest first.
        """
        if self.due is None:
            return Query(key, k, obs, self.salt, past=past)
        committed = np.frombuffer(self.committed, np.float32).reshape(self.due - k, -1)
        return Query(key, k, obs, self.salt, self.due, committed, past)


Driver = tuple[PolicyId, int, int, int, int, int, int]
"""Policy, salt, rows executed, lead, fewest rows, rows to coast on, delay."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of driving.

    Attributes:
        name: Goes into file names and tables: letters, digits, ``_`` and ``.``.
        controller: Who decides.
        log_features: Whether activations are written down.
        delay: Ticks after which a proposal arrives [control steps]; 0 for policies that answer at
            once.
    """

    name: str
    controller: Controller
    log_features: bool = False
    delay: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.]+", self.name):
            raise ConfigError(
                f"An arm's name is made of letters, digits, '_' and '.'. Got: '{self.name}'."
            )
        if self.delay < 0:
            raise ConfigError(
                f"delay of arm '{self.name}' must not be negative. Got: {self.delay}."
            )

    @property
    def quantity(self) -> str:
        """Name of the quantity that the gate compares with its bar; empty if there is none."""
        gate = self.controller.gate
        return gate.quantity if isinstance(gate, ThresholdGate) else ""

    def resolve_driver(self, rung: PolicyId) -> Driver:
        """Returns what a rung's actions depend on; equal drivers must act alike in all arms."""
        one = self.controller.ladder.find_rung(rung)
        pace = (one.execute, one.lead, one.least_rows, self.controller.coast, self.delay)
        return *one.source, *pace
