"""Capabilities: what a plug-in may offer beyond its protocol, as small protocols of their own.

A plug-in has a capability by having its members; nothing is registered. Whoever needs one asks with
``isinstance`` and does without where it is missing: a gate without ``bar`` is drawn without a line.
`aegis check` holds the members that are there to their promises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F32, U8, Score

ADDED_LATER: Mapping[str, bool] = {"added_later": True}
"""Field metadata of an option that a release adds to a part: ``field(default=1.0,
metadata=ADDED_LATER)``. At its default it is left out of the identity, so that runs of earlier
releases keep theirs; set to anything else it counts."""


DialValue: TypeAlias = int | float
"""Setting of a dial."""


@dataclass(frozen=True, slots=True)
class DialRange:
    """Facts of an experiment from which a dial lists its settings.

    Attributes:
        chunk: Rows of a proposal that are executed [control steps].
        horizon: Longest episode [control steps].
        scores: Scores of the reference arm at its chunk boundaries on calibration units, in any
            order.
    """

    chunk: int
    horizon: int
    scores: Sequence[Score]


def _keep_setting(setting: DialValue) -> object:
    return setting


@dataclass(frozen=True, slots=True)
class Dial:
    """Setting that calibration may turn; a gate or switch lists its own in ``dials()``.

    Attributes:
        arguments: Constructor arguments that are set, all to the same value; the first names the
            dial in a locked plan.
        rises: Whether duty rises with the setting.
        list_settings: Lists all settings that make sense, ascending.
        encode: Turns a setting into the value of the arguments, for example a mean length of stay
            into lengths to draw from.
        tick_argument: Argument that is chosen first, among ticks that the plan lists (its key
            ``starts``); empty for a dial without such a choice.
    """

    arguments: tuple[str, ...]
    rises: bool
    list_settings: Callable[[DialRange], Sequence[DialValue]]
    encode: Callable[[DialValue], object] = _keep_setting
    tick_argument: str = ""


@runtime_checkable
class ScoreReader(Protocol):
    """A gate or switch that reads scores by name. Each of them must be watched, or arms refuse."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the scores that it reads; empty where it reads whichever there are."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """A gate or switch with arguments that calibration may turn."""

    def dials(self) -> Mapping[str, Dial]:
        """Returns its dials by kind; an arm's ``dial: {kind: ...}`` names one of them."""
        ...


@runtime_checkable
class ThresholdGate(Protocol):
    """A gate that compares one quantity with a bar and hands over above it.

    A quantity is a score where one score decides, and else whatever the gate computes: an expected
    advantage, a sum over time. Monitor and report draw it against ``bar``, never against anything
    else.
    """

    @property
    def quantity(self) -> str:
        """Name of the quantity: that of the score, if it is one."""
        ...

    def measure(self, state: Any, scores: Sequence[Score], k: int) -> float:
        """Returns the quantity at a chunk boundary; NaN where it is unknown.

        Args:
            state: State of the gate after it judged the boundary.
            scores: What it judged.
            k: Tick of the boundary [control steps].
        """
        ...

    def bar(self, k: int, horizon: int) -> float:
        """Returns the quantity above which the weak policy hands over at a tick.

        NaN where no value leads to a hand-over, for example before a guard ends.

        Args:
            k: Tick [control steps].
            horizon: Longest episode [control steps].
        """
        ...


@runtime_checkable
class Calibrated(Protocol):
    """A detector that knows the numbers it was calibrated to."""

    @property
    def calibration(self) -> Mapping[str, float]:
        """Numbers by name: ``threshold``, ``release``, ``alpha``, ``guard``, as far as there are.

        A gate or switch takes ``threshold: calibrated`` and the like from here.
        """
        ...


@runtime_checkable
class SpecChecker(Protocol):
    """A detector that knows which policies it can watch."""

    def check(self, spec: PolicySpec) -> None:
        """Checks, before the first episode, that a policy gives what the detector reads.

        Raises:
            AegisError: If it does not.
        """
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """A detector that can say, in one text, everything that its scores depend on."""

    @property
    def digest(self) -> str:
        """Hash of weights and settings: equal over processes, machines and Python versions."""
        ...


@runtime_checkable
class AssetBacked(Protocol):
    """A world that is built from files which results depend on."""

    @property
    def assets_digest(self) -> str:
        """Hash of these files."""
        ...


@runtime_checkable
class ListsTasks(Protocol):
    """A world that knows which tasks it has, so that others are refused before anything loads."""

    def list_tasks(self) -> Sequence[int]:
        """Returns the numbers of its tasks."""
        ...


@runtime_checkable
class CountsStarts(Protocol):
    """A world with families of start states that may end."""

    def count_starts(self, start: str) -> int | None:
        """Returns the number of start states of a family; None if there is no end.

        They are numbered from 0.

        Raises:
            UnknownNameError: If there is no such family, as far as the world knows.
        """
        ...


@runtime_checkable
class ListsStarts(CountsStarts, Protocol):
    """A world that knows its families of start states, so that others are refused early."""

    def list_starts(self) -> Sequence[str]:
        """Returns the names of its families of start states."""
        ...


@runtime_checkable
class Rendering(Protocol):
    """A world whose pictures are drawn by a driver, on which their bits depend."""

    def describe_renderer(self) -> str:
        """Returns name and version of the driver, as it names itself.

        Raises:
            MachineError: If no picture can be drawn here.
        """
        ...


@runtime_checkable
class ModelBacked(Protocol):
    """A simulator whose episodes run in a model that was compiled on this machine."""

    def read_model(self) -> U8:
        """Returns the compiled model of the present episode [bytes]. Shape (n,).

        Raises:
            AegisError: If no episode has begun.
        """
        ...


@runtime_checkable
class StagedPolicy(Protocol):
    """A policy that shows the stages of its computation."""

    def trace_stages(self, queries: Sequence[Query]) -> Mapping[str, F32]:
        """Returns what each stage puts out on the way to the chunks that ``propose`` returns.

        Args:
            queries: What is asked, b of them.

        Returns:
            Stage to its output, in order of computation. Shapes (b, n).

        Raises:
            ShapeError: If an observation is not what the spec says.
        """
        ...
