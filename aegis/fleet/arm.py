"""Arm: a named controller and its logging; every arm drives the same units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from aegis.core.capabilities import ThresholdGate
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError
from aegis.core.types import PolicyId

Source: TypeAlias = tuple[PolicyId, int]
"""What a proposal comes from: a policy and the salt of its noise."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way of driving.

    Attributes:
        name: Goes into file names and tables: letters, digits, ``_`` and ``.``.
        controller: Who decides.
        salt: Policy to noise salt; policies that are missing use 0, the noise that arms share.
        log_features: Whether activations are written down.
    """

    name: str
    controller: Controller
    salt: Mapping[PolicyId, int] = field(default_factory=dict)
    log_features: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_.]+", self.name):
            raise ConfigError(
                f"An arm's name is made of letters, digits, '_' and '.'. Got: '{self.name}'."
            )

    @property
    def helper(self) -> PolicyId:
        """Second driver, to which the gate hands over.

        The strong policy; in a placebo arm the weak one with fresh noise, under another name.
        """
        return self.controller.strong

    @property
    def quantity(self) -> str:
        """Name of the quantity that the gate compares with its bar; empty if there is none."""
        gate = self.controller.gate
        return gate.quantity if isinstance(gate, ThresholdGate) else ""

    def resolve_source(self, policy: PolicyId) -> Source:
        """Returns what answers this arm's queries of a policy."""
        return policy, self.salt.get(policy, 0)

    def resolve_driver(self, policy: PolicyId) -> tuple[PolicyId, int, int]:
        """Returns what a policy's actions depend on; equal drivers must act alike in all arms."""
        execute = self.controller.execute.get(policy, 0)
        return *self.resolve_source(policy), execute
