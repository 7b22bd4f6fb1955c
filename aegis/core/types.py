"""The values that flow through one control tick: what is sensed, proposed, scored and decided.

Every value is immutable: dataclasses are frozen and hold read-only arrays that nobody else can
write to, so the value that was logged is the value that was used. Arrays that a caller may still
write to are copied; the caller's own stay as they are. Time is integer nanoseconds; ticks are
integers ``k`` counted from the start of the episode, one per control step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aegis.core.arrays import freeze_fields
from aegis.core.errors import EmbodimentError

Nanos: TypeAlias = int
PolicyId: TypeAlias = str
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
U8: TypeAlias = NDArray[np.uint8]
Bools: TypeAlias = NDArray[np.bool_]

OPERATOR: PolicyId = "operator"
"""Driver's name while a person drives."""


@dataclass(frozen=True, slots=True)
class EpisodeKey:
    """The address of an episode: two episodes with equal keys start and are disturbed alike.

    Attributes:
        root: Root seed of the experiment.
        suite: Task suite, for example ``"libero_spatial"``.
        task: Task number in the suite.
        start: Family of start states, for example ``"official"`` or ``"wide"``.
        index: Number of the start state in its family; ranges keep splits disjoint.
    """

    root: int
    suite: str
    task: int
    start: str
    index: int

    def __str__(self) -> str:
        return f"{self.suite}/{self.task}/{self.start}/{self.index}@{self.root}"


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What was sensed at one tick.

    Attributes:
        stamp: Time of sensing [ns].
        proprio: Proprioception. Shape (p,), units as the embodiment says.
        images: Camera name to RGB picture, shape (h, w, 3); empty when nobody asked to look.
        instruction: What the robot is told to do, in words.
        privileged: Simulator truth by name, for scripted experts and logs; empty on a robot.
    """

    stamp: Nanos
    proprio: F32
    images: Mapping[str, U8]
    instruction: str
    privileged: Mapping[str, F64] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze_fields(self, "proprio", "images", "privileged")

    def find_staleness(self, now: Nanos, limit: Nanos | None) -> str:
        """Returns why it is too old, or from the future; empty within a limit [ns]."""
        if limit is None or abs(now - self.stamp) <= limit:
            return ""
        return f"observation is {now - self.stamp} ns old, limit {limit} ns"


class ActionKind(Enum):
    """What an action means to the robot."""

    ABSOLUTE = "absolute"
    DELTA = "delta"
    VELOCITY = "velocity"


@dataclass(frozen=True, slots=True, eq=False)
class Embodiment:
    """The robot as the controller sees it: action limits, period, and how to do nothing.

    Attributes:
        names: Name of each action dimension. Length a.
        low: Smallest action. Shape (a,).
        high: Largest action. Shape (a,).
        kind: What an action means.
        dt: Control period [s].
        hold: The action that does nothing. Shape (a,). It has no default: only the embodiment
            knows what is safe.
        sticky: Dimensions that repeat their last command while holding (a gripper that carries
            something must stay closed). Length a.
    """

    names: tuple[str, ...]
    low: F32
    high: F32
    kind: ActionKind
    dt: float
    hold: F32
    sticky: tuple[bool, ...]

    def __post_init__(self) -> None:
        a = len(self.names)
        for name in ("low", "high", "hold"):
            array = getattr(self, name)
            if array.shape != (a,) or not np.isfinite(array).all():
                raise EmbodimentError(f"{name} must be finite, of shape ({a},). Got: {array!r}.")
        freeze_fields(self, "low", "high", "hold")
        if len(self.sticky) != a:
            raise EmbodimentError(f"sticky must have {a} entries. Got: {len(self.sticky)}.")
        if (self.low > self.high).any() or ((self.hold < self.low) | (self.hold > self.high)).any():
            raise EmbodimentError("low <= hold <= high must be true in every dimension.")
        if not self.dt > 0:
            raise EmbodimentError(f"dt must be positive [s]. Got: {self.dt}.")

    def stay_idle(self, last: F32) -> F32:
        """Returns the action that does nothing after a last one; both have shape (a,)."""
        return np.where(self.sticky, last, self.hold)


@dataclass(frozen=True, slots=True, eq=False)
class Proposal:
    """A chunk of actions that a policy proposes, with what it was thinking.

    Row ``k - k0`` is the action for tick ``k``, so lateness skips stale rows by arithmetic.

    Attributes:
        policy: Who proposes.
        k0: Tick of the observation that the proposal was made from.
        actions: Shape (h, a).
        features: Tapped layer to activation pooled over the chunk, shape (f,).
        samples: More draws of the same chunk, shape (n, h, a), or None.
        latency: Time that the inference took [ns]; 0 in simulated time.
    """

    policy: PolicyId
    k0: int
    actions: F32
    features: Mapping[str, F32] = field(default_factory=dict)
    samples: F32 | None = None
    latency: Nanos = 0

    def __post_init__(self) -> None:
        freeze_fields(self, "actions", "features", "samples")


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """The controller's only input.

    Attributes:
        k: Tick [control steps].
        now: Time of the tick [ns].
        obs: The observation of this tick.
        proposals: Proposals that have arrived, by rung.
        operator: Action of a person who has taken over, shape (a,), in the embodiment's units;
            None while nobody has.
        stop: Why to stop, now and for the rest of the episode; empty to go on.
    """

    k: int
    now: Nanos
    obs: Observation
    proposals: Mapping[PolicyId, Proposal]
    operator: F32 | None = None
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """One detector's opinion. Higher is worse; NaN is unknown and counts as risk."""

    detector: str
    value: float


class Level(IntEnum):
    """What a gate wants, in order of severity."""

    STAY = 0
    ESCALATE = 1
    HALT = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's judgement on one tick.

    Attributes:
        level: What the gate wants.
        reason: Why, in a few words; goes into the log.
        hold: Chunks that control must stay with the strong policy, exactly; None leaves the
            return to the switch. Schedules use it to match hold lengths.
        target: Rung to hand over to; None for the next one up.
    """

    level: Level
    reason: str
    hold: int | None = None
    target: PolicyId | None = None


@dataclass(frozen=True, slots=True)
class Mode:
    """Policy in charge.

    Attributes:
        active: The rung that drives, or ``OPERATOR``.
        since_k: Tick from which it has driven [control steps].
    """

    active: PolicyId
    since_k: int


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """Execute an action. Shape (a,), finite and within the embodiment's limits."""

    action: F32

    def __post_init__(self) -> None:
        freeze_fields(self, "action")


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """Do nothing for one tick, in the way the embodiment says."""

    action: F32
    reason: str

    def __post_init__(self) -> None:
        freeze_fields(self, "action")


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """Give up: hold still and end the episode."""

    action: F32
    reason: str

    def __post_init__(self) -> None:
        freeze_fields(self, "action")


Command: TypeAlias = Act | Hold | Stop


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """The controller's only output; also the log row, the ROS message and the monitor row.

    Attributes:
        k: Tick that was decided.
        command: What the robot does at this tick.
        ask: Rungs to query on the next observation.
        mode: Who drives at this tick.
        next_mode: Who drives from the next chunk boundary on.
        scores: Detector scores that arrived at this tick; empty between chunks.
        verdict: The gate's judgement at this tick.
        fires: Hand-overs to a stronger rung decided so far.
        boundary: Whether a new chunk started at this tick.
        due: Tick for which policies are asked: the start of the next chunk.
        committed: Rows that are executed from the next tick until then, shape (n, a).
    """

    k: int
    command: Command
    ask: tuple[PolicyId, ...]
    mode: Mode
    next_mode: Mode
    scores: tuple[Score, ...]
    verdict: Verdict
    fires: int
    boundary: bool
    due: int
    committed: F32
