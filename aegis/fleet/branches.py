"""Episode: plays a unit for all arms that act alike, and forks it where they part.

Arms that start alike are one simulation until the first tick at which their commands differ. Each
arm has a controller and a journal of its own from tick 0 on, so that its rows are those of an
episode played alone. Until arms part they pay for one world, one look and one inference.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from aegis.core.protocols import ForkableWorld, Outcome, World, WorldState
from aegis.core.types import Command, EpisodeKey, Observation, PolicyId, Proposal, Stop, Tick
from aegis.fleet.arm import Arm, Source
from aegis.fleet.journal import Journal, Scene, Standing
from aegis.fleet.messages import Eyes
from aegis.records.rows import Episode
from aegis.runtime.session import Session
from aegis.runtime.views import Glance, merged


@dataclass(frozen=True, slots=True, eq=False)
class Rider:
    """An arm on a branch: its controller's memory and its rows."""

    arm: Arm
    session: Session
    journal: Journal

    @classmethod
    def begin(cls, arm: Arm, key: EpisodeKey) -> Rider:
        """Returns the arm at the start of a unit."""
        return cls(arm, Session(arm.controller, key), Journal(arm, key))

    @property
    def asked(self) -> dict[PolicyId, Source]:
        """Policies that this arm queries on the next observation, and what answers them."""
        return {policy: self.arm.source(policy) for policy in self.session.ask}


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Arms of a unit that have acted alike so far.

    Attributes:
        key: The unit.
        riders: The arms.
        k: Tick at which the branch goes on.
        state: The world there; None to begin the episode.
        commands: What each arm decided there and the world has not seen yet; empty to decide.
    """

    key: EpisodeKey
    riders: tuple[Rider, ...]
    k: int = 0
    state: WorldState | None = None
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pause:
    """The branch waits for a proposal from each of these sources."""

    views: Mapping[Source, Observation]
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A finished branch: one episode per arm, and the control steps that were simulated."""

    episodes: tuple[Episode, ...]
    ticks: int


Play = Generator[Pause | Branch, Mapping[Source, Proposal] | None, Played]


def roots(arms: Sequence[Arm], key: EpisodeKey, *, shared: bool) -> tuple[Branch, ...]:
    """Returns where a unit starts: one branch for all arms, or one for each."""
    riders = [Rider.begin(arm, key) for arm in arms]
    groups = [riders] if shared else [[rider] for rider in riders]
    return tuple(Branch(key, tuple(group)) for group in groups)


def play(world: World, branch: Branch, eyes: Mapping[PolicyId, Eyes], truth: Sequence[str]) -> Play:
    """Plays a branch to its end.

    Args:
        world: Where; its cameras are used only at ticks at which somebody looks. With more than
            one rider it must be a ``ForkableWorld``.
        branch: Who, and from where on.
        eyes: What each policy looks at.
        truth: Names of simulator truth to write down.

    Yields:
        A pause whenever proposals are needed; send them in by source. A branch whenever arms
        part; somebody must play it, at any time and in any world of the same kind.

    Returns:
        One episode per arm that stayed to the end.
    """
    group = _Group(branch.riders, branch.commands)
    if branch.state is None:
        world.begin(branch.key)
    else:
        _forkable(world).restore(branch.state)
    horizon = min(branch.riders[0].arm.controller.horizon, world.horizon)
    for k in range(branch.k, horizon):
        if not group.commands:
            sight = _Sight(world, group.riders, eyes, truth)
            pause = Pause(sight.views, tuple(r.journal.standing(k) for r in group.riders))
            proposals = (yield pause) if sight.views else None
            group, *parted = _decide(group.riders, sight, k, proposals or {})
            if parted:
                state = _forkable(world).snapshot()
                for other in parted:
                    yield Branch(branch.key, other.riders, k, state, other.commands)
        outcome = world.apply(group.commands[0])
        stops = [_ending(command, outcome, last=k + 1 == horizon) for command in group.commands]
        group = _Group(group.riders, ())
        if stops[0]:
            break
    final = world.digest()
    done = [r.journal.finish(stop, final) for r, stop in zip(group.riders, stops, strict=True)]
    return Played(tuple(done), k + 1 - branch.k)


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Riders that do the same."""

    riders: tuple[Rider, ...]
    commands: tuple[Command, ...]


class _Sight:
    """What all riders of a branch see at a tick."""

    def __init__(
        self,
        world: World,
        riders: Sequence[Rider],
        eyes: Mapping[PolicyId, Eyes],
        truth: Sequence[str],
    ) -> None:
        self._asked = [rider.asked for rider in riders]
        self._cameras = [merged(eyes[p].cameras for p in asked) for asked in self._asked]
        sources = {source: eyes[p].cameras for asked in self._asked for p, source in asked.items()}
        glance = Glance(world, sources.values())
        self.views = {source: glance.view(cameras) for source, cameras in sources.items()}
        self._glance = glance
        bare = glance.view({})
        known = tuple((name, bare.privileged[name].ravel().tolist()) for name in truth)
        self.scene = Scene(bare, known, world.digest())

    def tick(self, rider: int, k: int, proposals: Mapping[Source, Proposal]) -> Tick:
        """Returns what one rider is fed: what it asked for and nothing else."""
        obs = self._glance.view(self._cameras[rider])
        mine = {policy: proposals[source] for policy, source in self._asked[rider].items()}
        return Tick(k, obs.stamp, obs, mine)


def _decide(
    riders: Sequence[Rider], sight: _Sight, k: int, proposals: Mapping[Source, Proposal]
) -> list[_Group]:
    """Feeds all riders and groups them by what they do, the largest group first."""
    groups: dict[tuple[type[Command], bytes], list[tuple[Rider, Command]]] = {}
    for i, rider in enumerate(riders):
        tick, asked = sight.tick(i, k, proposals), rider.session.ask
        decision = rider.session.feed(tick)
        rider.journal.step(decision, sight.scene, asked, tick.proposals)
        command = decision.command
        groups.setdefault((type(command), command.action.tobytes()), []).append((rider, command))
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [_Group(tuple(r for r, _ in pairs), tuple(c for _, c in pairs)) for pairs in ordered]


def _ending(command: Command, outcome: Outcome, *, last: bool) -> str:
    """Returns why the episode ends here; empty while it goes on."""
    if outcome.success:
        return "success"
    if isinstance(command, Stop):
        return command.reason
    if last:
        return "horizon"
    return "world" if outcome.done else ""


def _forkable(world: World) -> ForkableWorld:
    assert isinstance(world, ForkableWorld), "arms share worlds that can be forked only"
    return world
