"""Tick views: what the arms of a branch see at one tick, each with the cameras it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aegis.core.protocols import World
from aegis.core.types import Observation, PolicyId, Proposal, Tick
from aegis.fleet.arm import Source
from aegis.fleet.journal import WorldRecord
from aegis.fleet.messages import ViewSpec
from aegis.runtime.history import Histories, History
from aegis.runtime.session import stamp_proposal
from aegis.runtime.views import Views, hash_pictures, merge_cameras


class TickViews:
    """What all arms of a branch see at a tick.

    Args:
        world: World to look at.
        asked: For each arm, the rungs that it queries, and what answers them.
        view_specs: Policy to the pictures and the truth that it reads.
        truth: Names of simulator truth to write down.
        histories: How far back each policy looks that has a memory.

    Attributes:
        views: Source to what it sees.
    """

    def __init__(
        self,
        world: World,
        asked: Sequence[Mapping[PolicyId, Source]],
        view_specs: Mapping[PolicyId, ViewSpec],
        truth: Sequence[str],
        histories: Histories,
    ) -> None:
        self._histories = histories
        self._asked = asked
        self._cameras = [
            merge_cameras(view_specs[source.policy].cameras for source in sources.values())
            for sources in asked
        ]
        cameras_of = {
            source: view_specs[source.policy].cameras
            for sources in asked
            for source in sources.values()
        }
        watching = {policy: view_specs[policy].cameras for policy in histories}
        rendered = Views(world, (*cameras_of.values(), *watching.values()))
        self.views = {
            source: rendered.select_view(cameras) for source, cameras in cameras_of.items()
        }
        self._watched = {policy: rendered.select_view(seen) for policy, seen in watching.items()}
        self._rendered = rendered
        bare = rendered.select_view({})
        known = tuple((name, bare.privileged[name].ravel().tolist()) for name in truth)
        # Cameras to the scene that arms with these cameras write down.
        self._scenes: dict[tuple[tuple[str, tuple[int, int]], ...], WorldRecord] = {
            (): WorldRecord(bare, known, world.digest())
        }

    def list_past(self, history: History) -> dict[Source, tuple[Observation, ...]]:
        """Returns the earlier observations for each source that looks at some.

        Args:
            history: What was seen before this tick.
        """
        return {
            source: history.list_past(source.policy, self._histories[source.policy], obs)
            for source, obs in self.views.items()
            if source.policy in self._histories
        }

    def extend_history(self, history: History) -> History:
        """Returns a history with what policies with a memory see at this tick."""
        return history.add_tick(self._watched, self._histories)

    def build_tick(self, arm_run: int, k: int, proposals: Mapping[Source, Proposal]) -> Tick:
        """Returns the tick that one arm is fed: what it asked for and nothing else."""
        obs = self._rendered.select_view(self._cameras[arm_run])
        answers = {
            rung: stamp_proposal(proposals[source], rung)
            for rung, source in self._asked[arm_run].items()
            if source in proposals
        }
        return Tick(k, obs.stamp, obs, answers)

    def describe_scene(self, arm_run: int) -> WorldRecord:
        """Returns the scene with a hash of the pictures that one arm asked for, if it did."""
        wanted = tuple(sorted(self._cameras[arm_run].items()))
        if wanted not in self._scenes:
            seen = self._rendered.select_view(dict(wanted)).images
            self._scenes[wanted] = replace(self._scenes[()], pictures=hash_pictures(seen))
        return self._scenes[wanted]
