"""Branches: plays a unit once for all arms that act alike, and forks it where they part.

Arms that start alike are one simulation until the first tick at which their commands differ. Each
arm has a controller and a journal of its own from tick 0 on, so that its rows are those of an
episode played alone. Until arms part they pay for one world, one look and one inference.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aegis.core.protocols import ForkableWorld, Outcome, World, WorldState
from aegis.core.types import Command, EpisodeKey, Observation, PolicyId, Proposal, Stop
from aegis.fleet.arm import Arm, Source
from aegis.fleet.journal import Journal, Standing
from aegis.fleet.messages import ViewSpec
from aegis.fleet.tick_views import TickViews
from aegis.records.rows import EpisodeRecord
from aegis.runtime.history import Histories, History
from aegis.runtime.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class ArmRun:
    """An arm on a branch: its controller's memory and its rows."""

    arm: Arm
    session: Session
    journal: Journal

    @classmethod
    def begin_unit(cls, arm: Arm, key: EpisodeKey) -> ArmRun:
        """Returns the arm at the start of a unit."""
        return cls(arm, Session(arm.controller, key, arm.delay), Journal(arm, key))

    def list_sources(self, k: int) -> dict[PolicyId, Source]:
        """Rungs that this arm queries on the next observation, and what answers them."""
        if not self.session.ask:
            return {}
        ladder, (due, committed) = self.arm.controller.ladder, self.session.find_start(k)
        rows = b"" if committed is None else committed.tobytes()
        return {
            rung: Source(*ladder.find_rung(rung).source, due, rows) for rung in self.session.ask
        }


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Arms of a unit that have acted alike so far.

    Attributes:
        key: The unit.
        arm_runs: The arms.
        k: Tick at which the branch goes on.
        state: The world there; None to begin the episode.
        commands: What each arm decided there and the world has not seen yet; empty to decide.
        history: What policies with a memory saw before the tick at which it goes on; after that of
            the decision, if there are commands.
    """

    key: EpisodeKey
    arm_runs: tuple[ArmRun, ...]
    k: int = 0
    state: WorldState | None = None
    commands: tuple[Command, ...] = ()
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """The branch waits for a proposal from each of these sources.

    Attributes:
        views: Source to what it sees.
        standings: How the arms on the branch are going.
        past: Source to the earlier observations that it looks at, farthest first.
    """

    views: Mapping[Source, Observation]
    standings: tuple[Standing, ...]
    past: Mapping[Source, tuple[Observation, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class BranchResult:
    """A finished branch: one episode per arm, and the control steps that were simulated."""

    episodes: tuple[EpisodeRecord, ...]
    ticks: int


BranchPlay = Generator[Pause | Branch, Mapping[Source, Proposal] | None, BranchResult]


def start_branches(arms: Sequence[Arm], key: EpisodeKey, *, shared: bool) -> tuple[Branch, ...]:
    """Returns where a unit starts: one branch for all arms, or one for each."""
    arm_runs = [ArmRun.begin_unit(arm, key) for arm in arms]
    groups = [arm_runs] if shared else [[arm_run] for arm_run in arm_runs]
    return tuple(Branch(key, tuple(group)) for group in groups)


def play_branch(
    world: World, branch: Branch, view_specs: Mapping[PolicyId, ViewSpec], truth: Sequence[str]
) -> BranchPlay:
    """Plays a branch to its end.

    Args:
        world: World to step; cameras are rendered only at ticks at which a policy is asked. With
            more than one arm it must be a ``ForkableWorld``.
        branch: The arms, and where they go on.
        view_specs: Policy to the pictures and the truth that it reads.
        truth: Names of simulator truth to write down.

    Yields:
        A pause whenever proposals are needed; send them in by source. A branch whenever arms
        part; somebody must play it, at any time and in any world of the same kind.

    Returns:
        One episode per arm that stayed to the end.
    """
    group = _AlikeGroup(branch.arm_runs, branch.commands)
    histories = _list_histories(branch.arm_runs, view_specs)
    history = branch.history
    _enter_branch(world, branch)
    horizon = min(branch.arm_runs[0].arm.controller.horizon, world.horizon)
    for k in range(branch.k, horizon):
        # A branch that parted comes with the commands of its first tick: they are decided, and its
        # journals have that tick already.
        if not group.commands:
            asked = [arm_run.list_sources(k) for arm_run in group.arm_runs]
            views = TickViews(world, asked, view_specs, truth, histories)
            past, history = views.list_past(history), views.extend_history(history)
            here = Branch(branch.key, group.arm_runs, k, history=history)
            group = yield from _decide_tick(world, here, views, past)
        outcome = world.apply(group.commands[0])
        stops = [
            _find_stop_reason(command, outcome, last=k + 1 == horizon) for command in group.commands
        ]
        group = _AlikeGroup(group.arm_runs, ())
        # Commands of a group are alike, so all of it ends or none; only the reasons to stop may
        # differ.
        if stops[0]:
            break
    final = world.digest()
    done = [
        r.journal.finish_episode(stop, final) for r, stop in zip(group.arm_runs, stops, strict=True)
    ]
    return BranchResult(tuple(done), k + 1 - branch.k)


@dataclass(frozen=True, slots=True, eq=False)
class _AlikeGroup:
    """Arms of a branch whose commands are equal."""

    arm_runs: tuple[ArmRun, ...]
    commands: tuple[Command, ...]


def _group_by_command(
    arm_runs: Sequence[ArmRun], tick_views: TickViews, k: int, proposals: Mapping[Source, Proposal]
) -> list[_AlikeGroup]:
    """Feeds all arms and groups them by what they do, the largest group first."""
    groups: dict[tuple[type[Command], bytes], list[tuple[ArmRun, Command]]] = {}
    for i, arm_run in enumerate(arm_runs):
        tick, asked = tick_views.build_tick(i, k, proposals), arm_run.session.ask
        decision = arm_run.session.feed(tick)
        gate = arm_run.session.state.gate
        scene = tick_views.describe_scene(i)
        arm_run.journal.record_step(decision, scene, asked, tick.proposals, gate)
        command = decision.command
        # Arms share a world only while they send it the same bits: 0.0 and -0.0 are equal, but not
        # alike.
        groups.setdefault((type(command), command.action.tobytes()), []).append((arm_run, command))
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [
        _AlikeGroup(tuple(r for r, _ in pairs), tuple(c for _, c in pairs)) for pairs in ordered
    ]


def _enter_branch(world: World, branch: Branch) -> None:
    """Puts a world where a branch goes on: at the start of its episode, or into its snapshot."""
    if branch.state is None:
        world.begin(branch.key)
    else:
        _require_forkable(world).restore(branch.state)


def _list_histories(
    arm_runs: Sequence[ArmRun], view_specs: Mapping[PolicyId, ViewSpec]
) -> Histories:
    """Returns how far back each policy looks that has a memory and may be asked by these arms."""
    used = {rung.source[0] for r in arm_runs for rung in r.arm.controller.ladder.rungs}
    return {
        name: spec.history for name, spec in view_specs.items() if name in used and spec.history[0]
    }


def _decide_tick(
    world: World,
    here: Branch,
    views: TickViews,
    past: Mapping[Source, tuple[Observation, ...]],
) -> Generator[Pause | Branch, Mapping[Source, Proposal] | None, _AlikeGroup]:
    """Yields and is sent what ``play_branch`` does; returns the largest group of arms alike.

    That one stays in this world. The others part before the command is executed, so that each goes
    on from the very state that it decided in.
    """
    k = here.k
    pause = Pause(views.views, tuple(r.journal.build_standing(k) for r in here.arm_runs), past)
    proposals = (yield pause) if views.views else None
    group, *parted = _group_by_command(here.arm_runs, views, k, proposals or {})
    if parted:
        state = _require_forkable(world).snapshot()
        for other in parted:
            yield replace(here, arm_runs=other.arm_runs, state=state, commands=other.commands)
    return group


def _find_stop_reason(command: Command, outcome: Outcome, *, last: bool) -> str:
    """Returns why the episode ends here; empty while it goes on."""
    if outcome.success:
        return "success"
    if isinstance(command, Stop):
        return command.reason
    if last:
        return "horizon"
    return "world" if outcome.done else ""


def _require_forkable(world: World) -> ForkableWorld:
    assert isinstance(world, ForkableWorld), "arms share worlds that can be forked only"
    return world
