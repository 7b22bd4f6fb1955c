"""Messages between the process that holds the policies and those with the simulators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from aegis.core import errors
from aegis.core.errors import AegisError, EpisodeError
from aegis.core.protocols import PolicySpec
from aegis.core.types import F32, EpisodeKey, Nanos, PolicyId, Proposal
from aegis.fleet.arm import Arm, Source
from aegis.fleet.journal import Standing
from aegis.records.rows import EpisodeRow
from aegis.runtime.shared_images import PackedObservation


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """What a policy looks at.

    Attributes:
        cameras: Camera name to (height, width) [px].
        privileged: Whether it sees the truth.
        history: How many ticks back each of its observations lies, farthest first.
    """

    cameras: Mapping[str, tuple[int, int]]
    privileged: bool
    history: tuple[int, ...] = (0,)

    @classmethod
    def from_policy_spec(cls, spec: PolicySpec) -> ViewSpec:
        """Takes from a spec what workers need, in types that pickle."""
        cameras = {name: (int(size[0]), int(size[1])) for name, size in spec.cameras.items()}
        return cls(cameras, spec.privileged, tuple(int(back) for back in spec.history))


@dataclass(frozen=True, slots=True)
class RunSetup:
    """To a worker, before the first unit of a run.

    Attributes:
        arms: The arms, by number.
        view_specs: Policy to the pictures and the truth that it reads.
        truth: Names of simulator truth to write down.
        out: The run folder.
        slots: Branches that the worker keeps in flight.
        sharing: Whether arms share what they have in common.
    """

    arms: tuple[Arm, ...]
    view_specs: Mapping[PolicyId, ViewSpec]
    truth: tuple[str, ...]
    out: Path
    slots: int
    sharing: bool

    @property
    def image_bytes(self) -> int:
        """Bytes that the pictures of all slots may take."""
        sizes = {
            (name, size, back)
            for spec in self.view_specs.values()
            for name, size in spec.cameras.items()
            for back in spec.history
        }
        return self.slots * sum(3 * height * width for _, (height, width), _ in sizes)


@dataclass(frozen=True, slots=True)
class PlayUnit:
    """To a worker: play a unit.

    Attributes:
        job: Its number.
        key: The unit.
        arms: Which arms, by number.
        audit: Play every arm from the start, alone, and write nothing: the rows that come back
            are compared with those of the shared simulation.
    """

    job: int
    key: EpisodeKey
    arms: tuple[int, ...]
    audit: bool = False


@dataclass(frozen=True, slots=True)
class DescribeRenderer:
    """To a worker: say what draws the pictures."""


@dataclass(frozen=True, slots=True)
class RendererDescription:
    """From a worker: what draws its pictures; empty where none are drawn or nobody knows."""

    text: str


@dataclass(frozen=True, slots=True)
class Drain:
    """To a worker: finish what is in flight, begin nothing more."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What one branch asks for.

    Attributes:
        ticket: Number of the branch, for the answer.
        job: The job that it belongs to.
        key: The unit.
        views: Observation for each source.
        standings: How the arms on the branch are going.
        past: Earlier observations for each source that looks at some, farthest first.
    """

    ticket: int
    job: int
    key: EpisodeKey
    views: dict[Source, PackedObservation]
    standings: tuple[Standing, ...]
    past: dict[Source, tuple[PackedObservation, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Questions:
    """From a worker: the questions of branches that wait.

    Pictures of a branch stay in the shared buffer until it asks again.
    """

    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """To a worker: proposals by ticket, of as many questions as are answered, or of none yet."""

    items: tuple[tuple[int, dict[Source, PackedProposal]], ...]


@dataclass(frozen=True, slots=True)
class EpisodeDone:
    """From a worker: an episode is finished and on disk."""

    job: int
    row: EpisodeRow


@dataclass(frozen=True, slots=True)
class JobDone:
    """From a worker: a job is finished.

    Attributes:
        job: Its number.
        ticks: Control steps that were simulated.
        busy: Time spent on it, waiting not included [s].
    """

    job: int
    ticks: int
    busy: float


@dataclass(frozen=True, slots=True)
class JobFailed:
    """From a worker: a job raised."""

    job: int
    kind: type[BaseException]
    text: str
    trace: str


ToWorker: TypeAlias = RunSetup | DescribeRenderer | PlayUnit | Answers | Drain
FromWorker: TypeAlias = RendererDescription | Questions | EpisodeDone | JobDone | JobFailed


@dataclass(frozen=True, slots=True, eq=False)
class PackedProposal:
    """A proposal in types that pickle."""

    k0: int
    actions: F32
    features: dict[str, F32]
    samples: F32 | None
    latency: Nanos


def pack_proposal(proposal: Proposal) -> PackedProposal:
    """Packs a proposal."""
    return PackedProposal(
        proposal.k0,
        proposal.actions,
        dict(proposal.features),
        proposal.samples,
        proposal.latency,
    )


def unpack_proposals(packed: Mapping[Source, PackedProposal]) -> dict[Source, Proposal]:
    """Unpacks proposals, stamped with the name under which they were asked for."""
    return {
        source: Proposal(
            source.policy, item.k0, item.actions, item.features, item.samples, item.latency
        )
        for source, item in packed.items()
    }


def rebuild_error(failed: JobFailed, label: str) -> Exception:
    """Rebuilds an error of another process; the traceback over there follows as its cause.

    Args:
        failed: What came.
        label: The episode, in words.
    """
    text = f"{failed.text} (in {label})"
    error: Exception
    if issubclass(failed.kind, AegisError):
        error = errors.rebuild_error(failed.kind, text)
    else:
        error = EpisodeError(f"{failed.kind.__name__}: {text}")
    error.__cause__ = RuntimeError(f"in a worker process:\n{failed.trace}")
    return error
