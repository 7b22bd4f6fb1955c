"""Ladder: who may drive, from the weakest policy to the strongest, and how each is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.types import OPERATOR, PolicyId

RESEED: PolicyId = "reseed"
"""Rung of a placebo: the watched policy again, with fresh noise."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A driver: a policy, and how its chunks are asked for and executed.

    Attributes:
        name: Name in decisions and rows; that of the policy, unless one policy is on two rungs.
        execute: Rows executed per chunk [control steps].
        lead: Ticks between the question and the start of the chunk [control steps]. 0 is for worlds
            that wait while policies think.
        min_rows: Fewest rows of a late chunk that are still executed [control steps]; None for
            ``execute``.
        policy: Policy that answers; empty for the one of that name.
        salt: Salt of the policy's noise: 0 is the noise that all arms share, another number draws
            fresh noise at the same address.
        from_due: Whether its own rows begin where the chunk starts, after the committed ones.
        person: Whether it is a person: who is called proposes nothing, but takes over when ready.

    Raises:
        ConfigError: If a number is out of range, or a person is given a lead.
    """

    name: PolicyId
    execute: int
    lead: int = 0
    min_rows: int | None = None
    policy: PolicyId = ""
    salt: int = 0
    from_due: bool = False
    person: bool = False

    def __post_init__(self) -> None:
        if self.name in ("", OPERATOR):
            raise ConfigError(f"A rung cannot be named '{self.name}'. Name it after its policy.")
        if self.execute < 1:
            raise ConfigError(
                f"execute.{self.name} must be at least 1 control step. Got: {self.execute}."
            )
        if self.lead < 0:
            raise ConfigError(f"lead.{self.name} must not be negative. Got: {self.lead}.")
        if self.person and self.lead:
            raise ConfigError(
                f"lead.{self.name} must be 0: a person is called when the chunk at hand is over. "
                f"Got: {self.lead}."
            )
        if not 1 <= self.least_rows <= self.execute:
            raise ConfigError(
                f"min_rows.{self.name} must lie between 1 and execute, {self.execute} control "
                f"steps. Got: {self.min_rows}."
            )

    @property
    def least_rows(self) -> int:
        """Fewest rows that make a chunk [control steps]."""
        return self.execute if self.min_rows is None else self.min_rows

    @property
    def source(self) -> tuple[PolicyId, int]:
        """Policy that answers, and the salt of its noise."""
        return self.policy or self.name, self.salt


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs from the weakest driver to the strongest. The first one is watched.

    Attributes:
        rungs: The drivers.
        fallback: Driver while the one in charge is silent; None to hold, and then to stop.
        names: Names of the rungs, from the weakest to the strongest.
        longest_lead: Longest lead [control steps]; 0 if all answers come at once.

    Raises:
        ConfigError: If there is no rung, two have one name, or a person is watched or the fallback.
        UnknownNameError: If the fallback is no rung.
    """

    rungs: tuple[Rung, ...]
    fallback: PolicyId | None
    names: tuple[PolicyId, ...] = field(init=False, repr=False)
    longest_lead: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Kept, since each tick asks for them.
        object.__setattr__(self, "names", tuple(rung.name for rung in self.rungs))
        leads = [rung.lead for rung in self.rungs]
        object.__setattr__(self, "longest_lead", max(leads, default=0))
        if not self.rungs or len(set(self.names)) != len(self.rungs):
            raise ConfigError(
                f"A ladder needs rungs of different names. Got: {', '.join(self.names) or 'none'}."
            )
        if self.fallback is not None and self.fallback not in self.names:
            raise UnknownNameError("policy", self.fallback, self.names, "fallback")
        for part, name in (("weakest rung", self.names[0]), ("fallback", self.fallback)):
            if name is not None and self.find_rung(name).person:
                raise ConfigError(
                    f"The {part} is '{name}', a person, who proposes nothing. Name a policy."
                )

    @classmethod
    def pair(cls, weak: PolicyId, strong: PolicyId, execute: Mapping[PolicyId, int]) -> Ladder:
        """Returns a ladder of two policies that answer at once, without a fallback.

        Args:
            weak: The policy that is watched.
            strong: The policy that helps.
            execute: Policy to rows executed per chunk [control steps].

        Raises:
            ConfigError: If the names are equal or a number is missing.
        """
        return cls(tuple(Rung(name, execute.get(name, 0)) for name in (weak, strong)), None)

    @property
    def watched(self) -> PolicyId:
        """The first rung: detectors score its proposals, whoever drives."""
        return self.rungs[0].name

    @property
    def top(self) -> PolicyId:
        """The strongest rung."""
        return self.rungs[-1].name

    def check_first(self, name: PolicyId) -> None:
        """Refuses who cannot drive first.

        Raises:
            ConfigError: If it is a person.
            UnknownNameError: If it is no rung.
        """
        if name not in self.names:
            raise UnknownNameError("policy", name, self.names, "first")
        if self.find_rung(name).person:
            raise ConfigError(f"first is '{name}', a person. Let a policy drive first.")

    def check_leads(self, coast: int) -> None:
        """Refuses leads that no chunk lasts for: the next driver is known a chunk ahead.

        Args:
            coast: Rows behind the executed ones that may be used [control steps].

        Raises:
            ConfigError: If every chunk of a rung would have to be waited for.
        """
        lasts = min(rung.execute for rung in self.rungs if not rung.person) + coast
        for rung in self.rungs:
            if rung.lead and rung.lead >= lasts:
                raise ConfigError(
                    f"lead.{rung.name} must be less than the shortest chunk with what it coasts, "
                    f"{lasts} control steps, or every chunk is waited for. Got: {rung.lead}. "
                    "Execute more rows, coast longer, or ask at a lower rate."
                )

    def find_rung(self, name: PolicyId) -> Rung:
        """Returns a rung by its name.

        Raises:
            UnknownNameError: If there is none.
        """
        return self.rungs[self.rank(name)]

    def rank(self, name: PolicyId) -> int:
        """Returns how many rungs are weaker than this one.

        Raises:
            UnknownNameError: If there is no such rung.
        """
        for rank, rung in enumerate(self.rungs):
            if rung.name == name:
                return rank
        raise UnknownNameError("policy", name, self.names, "the ladder")
