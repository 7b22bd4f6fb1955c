"""The seams: what a detector, a gate, a switch, a policy and a world must look like.

Detectors, gates and switches are pure: state goes in and comes out. Policies and worlds do the I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from aegis.core.arrays import freeze_fields
from aegis.core.types import (
    F32,
    F64,
    Command,
    Embodiment,
    EpisodeKey,
    Mode,
    Observation,
    PolicyId,
    Proposal,
    Score,
    Verdict,
)

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Context:
    """What a gate or a switch may know besides the scores.

    Attributes:
        k: Tick [control steps].
        horizon: Longest episode [control steps]; declared, never the realised length.
        chunk: Chunks started so far, this one excluded.
        mode: Who drives at this tick.
        rungs: Who may drive, from the weakest to the strongest; the first one is watched.
        dwell: Chunks started by the driver since it took over, with this one; 0 while one is due.
        fires: Hand-overs to a stronger rung decided so far.
    """

    k: int
    horizon: int
    chunk: int
    mode: Mode
    rungs: tuple[PolicyId, ...]
    dwell: int
    fires: int

    @property
    def weak(self) -> PolicyId:
        """The rung that is watched."""
        return self.rungs[0]

    @property
    def strong(self) -> PolicyId:
        """The strongest rung."""
        return self.rungs[-1]

    @property
    def next_rung(self) -> PolicyId:
        """The rung above the driver; the strongest if there is none."""
        return self.rungs[min(self.rungs.index(self.mode.active) + 1, len(self.rungs) - 1)]


@runtime_checkable
class Detector(Protocol[S]):
    """Turns what the weak policy was thinking into a risk score.

    Optional: ``Calibrated``, ``SpecChecker``, ``Fingerprinted`` in ``aegis/core/capabilities.py``.
    """

    @property
    def name(self) -> str:
        """Name of its score."""
        ...

    def start(self, key: EpisodeKey) -> S:
        """Returns the state at the start of an episode."""
        ...

    def update(self, state: S, proposal: Proposal | None, obs: Observation) -> tuple[S, Score]:
        """Scores a proposal of the weak policy, also of a shadow; None did not come: score NaN."""
        ...


class Gate(Protocol[S]):
    """Decides whether to hand over control.

    A frozen dataclass is all it takes: its fields are its settings, and its ``repr`` its identity.
    Further members are optional; see ``aegis/core/capabilities.py``:

    - ``reads``: names of the scores that it reads; each of them must be watched (``ScoreReader``).
    - ``dials()``: settings that calibration may turn to meet a budget (``Tunable``).
    - ``quantity``, ``measure()``, ``bar()``: what it compares, for people (``ThresholdGate``).

    To add one: a file in ``aegis/gates``, a YAML file in ``configs/gate`` and a test.
    """

    @property
    def needs_scores(self) -> bool:
        """Whether the weak policy must be asked, as a shadow, while the strong one drives."""
        ...

    def start(self, key: EpisodeKey) -> S:
        """Returns the state at the start of an episode."""
        ...

    def judge(self, state: S, scores: Sequence[Score], context: Context) -> tuple[S, Verdict]:
        """Judges a chunk boundary. An empty ``scores`` when scores are needed counts as risk."""
        ...


class Switch(Protocol[S]):
    """Turns verdicts into modes: dwell, hold, hysteresis; ``reads``, ``dials()`` as of a gate."""

    def start(self, key: EpisodeKey) -> S:
        """Returns the state at the start of an episode."""
        ...

    def transition(
        self, state: S, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple[S, PolicyId]:
        """Returns who drives from the next chunk boundary on."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A request for one chunk.

    Attributes:
        key: The episode; addresses the policy's noise together with ``k``.
        k: Tick of the observation.
        obs: What the policy looks at.
        salt: 0 for the paired noise; another number draws fresh noise (placebo arms).
        due: Tick at which the chunk starts; None for ``k``. Row 0 is for tick ``k`` all the same.
        committed: Actions executed from ``k`` until then, shape (n, a), which real-time chunking
            freezes and a future state is rolled out from; None for none.
        past: Earlier observations of its ``history``, farthest first; the first one before that.
    """

    key: EpisodeKey
    k: int
    obs: Observation
    salt: int = 0
    due: int | None = None
    committed: F32 | None = None
    past: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """What a policy needs and gives.

    Attributes:
        name: Who it is; stamped on its proposals.
        digest: Hash of everything that its actions depend on (weights, settings).
        cameras: Pictures that it looks at, name to (height, width).
        horizon: Rows of a proposal [control steps].
        execute: Rows that are executed before it is asked again [control steps].
        taps: Layers whose activations it reports, name to width.
        privileged: Whether it reads simulator truth; such a policy cannot drive a robot.
        rounding: How it is computed here (device, batch size): last bits. A run never mixes two.
        batch_invariant: Whether a row comes out the same, bit for bit, whatever its companions
            and its place in the batch. Else a run refuses the policy unless told otherwise.
        portable: Whether all machines of the portable level (``aegis.host.dispatch``) agree.
        from_due: Whether its rows begin after the committed ones; else a lead costs as many rows.
        history: Ticks back of the observations that it looks at, farthest first; the last is 0.
        remote: Whether it thinks elsewhere, while policies of this process do.
        fill: Queries that a batch waits for while other episodes go on; 0 for none.
        person: Whether it is a person, who is called and takes over; only a robot can call one.
        dimensions: Numbers in an action; None where it does not say.
    """

    name: PolicyId
    digest: str
    cameras: Mapping[str, tuple[int, int]]
    horizon: int
    execute: int
    taps: Mapping[str, int]
    privileged: bool = False
    rounding: str = ""
    batch_invariant: bool = True
    portable: bool = False
    from_due: bool = False
    history: tuple[int, ...] = (0,)
    remote: bool = False
    fill: int = 0
    person: bool = False
    dimensions: int | None = None


@runtime_checkable
class Policy(Protocol):
    """Proposes chunks for a batch of episodes; a row never depends on its companions."""

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        ...

    def propose(self, queries: Sequence[Query]) -> Sequence[Proposal | None]:
        """Returns one proposal per query, in order; None where no answer came in time.

        Raises:
            ShapeError: If an observation is not what the spec says.
        """
        ...

    def close(self) -> None:
        """Frees devices, files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the world says after a command. ``done`` ends the episode, with or without success."""

    success: bool
    done: bool


@runtime_checkable
class World(Protocol):
    """A simulator or a robot. Commands and queries are separate: looking costs only when used.

    Further members are optional; see ``aegis/core/capabilities.py``.
    """

    @property
    def embodiment(self) -> Embodiment:
        """The robot."""
        ...

    @property
    def horizon(self) -> int:
        """Longest episode [control steps]."""
        ...

    def begin(self, key: EpisodeKey) -> None:
        """Puts the world into the start state of an episode."""
        ...

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Senses; renders just the given cameras, name to (height, width)."""
        ...

    def apply(self, command: Command) -> Outcome:
        """Executes a command for one control period."""
        ...

    def digest(self) -> str:
        """Returns a hash of the full physical state; equal digests mean bit-identical worlds."""
        ...

    def close(self) -> None:
        """Frees renderers and connections."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class WorldState:
    """A world at one tick, from which it goes on bit for bit as if it had never stopped.

    Attributes:
        model: What the values belong to: scene, engine version, stepping. Others refuse them.
        key: The episode.
        k: Tick.
        values: All that the world remembers. Shape (n,).
    """

    model: str
    key: EpisodeKey
    k: int
    values: F64

    def __post_init__(self) -> None:
        freeze_fields(self, "values")


@runtime_checkable
class ForkableWorld(World, Protocol):
    """A simulator that can be left and taken up again, here or in another process."""

    def snapshot(self) -> WorldState:
        """Returns the state after ``begin`` or ``apply``; looking changes nothing."""
        ...

    def restore(self, state: WorldState) -> None:
        """Takes up an episode, in a fresh world or one that was elsewhere; ``begin`` is not needed.

        Observations, outcomes and digests from here on are those of the world that was left.

        Raises:
            SnapshotError: If the state belongs to another model or is damaged.
        """
        ...
