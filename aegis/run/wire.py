"""Wire: what crosses between the process that holds the policies and those with the simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from aegis.core.errors import AegisError, EpisodeError
from aegis.core.protocols import PolicySpec
from aegis.core.types import F32, F64, U8, EpisodeKey, Nanos, Observation, PolicyId, Proposal
from aegis.run.arm import Arm
from aegis.run.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a policy looks at: cameras, name to (height, width), and whether it sees the truth."""

    cameras: Mapping[str, tuple[int, int]]
    privileged: bool

    @classmethod
    def of(cls, spec: PolicySpec) -> Eyes:
        """Takes from a spec what workers need, in types that pickle."""
        cameras = {name: (int(size[0]), int(size[1])) for name, size in spec.cameras.items()}
        return cls(cameras, spec.privileged)


@dataclass(frozen=True, slots=True)
class Setup:
    """To a worker, before the first episode of a run.

    Attributes:
        arms: The arms, by number.
        eyes: What each policy looks at.
        truth: Names of simulator truth to write down.
        out: The run folder.
    """

    arms: tuple[Arm, ...]
    eyes: Mapping[PolicyId, Eyes]
    truth: tuple[str, ...]
    out: Path


@dataclass(frozen=True, slots=True)
class Play:
    """To a worker: play an episode."""

    job: int
    arm: int
    key: EpisodeKey


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """To a worker: proposals for its jobs."""

    items: tuple[tuple[int, dict[PolicyId, PackedProposal]], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an episode is going; travels with its queries."""

    k: int
    active: PolicyId
    risk: float
    fires: int
    strong_steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """From a worker: a job needs proposals; the observation for each policy."""

    job: int
    views: dict[PolicyId, PackedObservation]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Done:
    """From a worker: a job is finished and on disk."""

    job: int
    row: EpisodeRow
    wall: float


@dataclass(frozen=True, slots=True)
class Failed:
    """From a worker: a job raised."""

    job: int
    kind: type[BaseException]
    text: str
    trace: str


ToWorker: TypeAlias = Setup | Play | Answers
FromWorker: TypeAlias = Asked | Done | Failed


@dataclass(frozen=True, slots=True, eq=False)
class PackedObservation:
    """An observation in types that pickle (a mapping proxy does not)."""

    stamp: Nanos
    proprio: F32
    images: dict[str, U8]
    instruction: str
    privileged: dict[str, F64]


@dataclass(frozen=True, slots=True, eq=False)
class PackedProposal:
    """A proposal in types that pickle."""

    k0: int
    actions: F32
    features: dict[str, F32]
    samples: F32 | None
    latency: Nanos


def pack_observation(obs: Observation, privileged: bool) -> PackedObservation:
    """Packs an observation; simulator truth travels to the policies that may see it only."""
    truth = dict(obs.privileged) if privileged else {}
    return PackedObservation(obs.stamp, obs.proprio, dict(obs.images), obs.instruction, truth)


def unpack_observation(packed: PackedObservation) -> Observation:
    """Unpacks an observation."""
    return Observation(
        packed.stamp, packed.proprio, packed.images, packed.instruction, packed.privileged
    )


def pack_proposal(proposal: Proposal) -> PackedProposal:
    """Packs a proposal."""
    return PackedProposal(
        proposal.k0,
        proposal.actions,
        dict(proposal.features),
        proposal.samples,
        proposal.latency,
    )


def unpack_proposals(packed: Mapping[PolicyId, PackedProposal]) -> dict[PolicyId, Proposal]:
    """Unpacks proposals, stamped with the name under which they were asked for."""
    return {
        policy: Proposal(policy, item.k0, item.actions, item.features, item.samples, item.latency)
        for policy, item in packed.items()
    }


def revive(failed: Failed, label: str) -> Exception:
    """Rebuilds an error of another process; the traceback over there follows as its cause.

    Args:
        failed: What came.
        label: The episode, in words.
    """
    text = f"{failed.text} (in {label})"
    error: Exception
    if issubclass(failed.kind, AegisError):
        # Without __init__: error classes take what they say apart, but here it is said already.
        error = failed.kind.__new__(failed.kind)
        Exception.__init__(error, text)
    else:
        error = EpisodeError(f"{failed.kind.__name__}: {text}")
    error.__cause__ = RuntimeError(f"in a worker process:\n{failed.trace}")
    return error
