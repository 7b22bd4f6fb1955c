"""Gated responder: weak and strong policies, probe and gate behind a wire, as if they were one."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from math import gcd

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, MessageError
from aegis.core.protocols import Policy, PolicySpec
from aegis.core.types import EpisodeKey, Hold, Observation, PolicyId, Proposal, Stop
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, ACTIONS, EPISODE
from aegis.serve.batcher import QueryBatcher
from aegis.serve.gated_episode import GatedEpisode, PlannedChunk
from aegis.serve.metadata import Served
from aegis.serve.request import Address, Request
from aegis.serve.responder import describe_thoughts

_EpisodeName = tuple[EpisodeKey, int]


class GatedResponder:
    """Answers with what the controller would do.

    An episode is known by its key and salt, over all connections; it begins with tick 0.

    Args:
        served: What clients are told.
        controller: It decides.
        policies: Policies behind its rungs.
        batchers: The same, for many clients.
        most: Episodes that are remembered; the one that was quiet for the longest time goes first.
    """

    def __init__(
        self,
        served: Served,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        batchers: Mapping[PolicyId, QueryBatcher],
        most: int,
    ) -> None:
        self._served, self._controller = served, controller
        self._policies, self._batchers, self._most = policies, batchers, most
        self._episodes: OrderedDict[_EpisodeName, GatedEpisode] = OrderedDict()

    @property
    def served(self) -> Served:
        """What clients are told."""
        return self._served

    @property
    def batchers(self) -> tuple[QueryBatcher, ...]:
        """One for each policy."""
        return tuple(self._batchers.values())

    async def answer(self, request: Request, address: Address) -> dict[str, Value]:
        """Returns what the controller would do.

        Raises:
            MessageError: If a policy cannot look at what the client saw, or the tick does not
                follow on the last one.
            AegisError: What a policy raises.
        """
        if request.due is not None or request.past:
            raise MessageError(EPISODE, "with rows or observations of the client's", "nothing else")
        episode = self._find_episode(address)
        async with episode.turn:
            asked = episode.catch_up(address.k)
            proposals = await self._ask_rungs(asked, request, address)
            obs = Observation(address.k, request.view.proprio, {}, request.instruction)
            planned = episode.plan_chunk(address.k, obs, proposals)
        told = _describe_decision(planned)
        if request.features and self._controller.weak in proposals:
            told |= describe_thoughts(proposals[self._controller.weak])
        return {ACTIONS: planned.actions, ABOUT: told}

    def _find_episode(self, address: Address) -> GatedEpisode:
        name = (address.key, address.salt)
        episode = self._episodes.pop(name, None)
        if episode is None or address.k == 0:
            execute = self._served.spec.execute
            episode = GatedEpisode(self._controller, address.key, execute)
        self._episodes[name] = episode
        while len(self._episodes) > self._most:
            self._episodes.popitem(last=False)
        return episode

    async def _ask_rungs(
        self, asked: tuple[PolicyId, ...], request: Request, address: Address
    ) -> dict[PolicyId, Proposal]:
        """Asks policies at the same time; a rung whose policy is silent is left out."""
        queries = {}
        for name in asked:
            policy, salt = self._controller.ladder.find_rung(name).source
            salted = address._replace(salt=address.salt + salt)
            queries[name] = (policy, request.build_query(self._policies[policy], salted))
        answers = await asyncio.gather(
            *(self._batchers[policy].ask(query) for policy, query in queries.values())
        )
        return {name: one for name, one in zip(queries, answers, strict=True) if one is not None}


def build_gated_spec(
    controller: Controller, specs: Mapping[PolicyId, PolicySpec], fingerprint: str
) -> PolicySpec:
    """Returns what a gated controller amounts to as a policy.

    It answers with as many rows as every rung's chunk is a multiple of, so that chunks always
    start at a request.

    Args:
        controller: It decides.
        specs: What its policies say of themselves.
        fingerprint: Hash of everything else that its decisions depend on.

    Raises:
        ConfigError: If a rung is asked ahead, or looks at what was seen earlier.
    """
    rungs = controller.ladder.rungs
    cameras: dict[str, tuple[int, int]] = {}
    for rung in rungs:
        spec = specs[rung.source[0]]
        if rung.lead or spec.history != (0,):
            raise ConfigError(
                f"Rung '{rung.name}' is asked ahead, or looks at ticks {spec.history[:-1]} ago. "
                "Clients of openpi's protocol ask when a chunk is due and send what they see then: "
                "leave out timing and history, or drive with `aegis drive` or `aegis ros node`."
            )
        for camera, size in spec.cameras.items():
            cameras[camera] = max(cameras.get(camera, (0, 0)), (int(size[0]), int(size[1])))
    execute = gcd(*(rung.execute for rung in rungs))
    used = [specs[name] for name in sorted({rung.source[0] for rung in rungs})]
    said = "|".join([fingerprint, *(spec.digest for spec in used)])
    return PolicySpec(
        name="gated",
        digest=hashlib.sha256(said.encode()).hexdigest(),
        cameras=cameras,
        horizon=execute,
        execute=execute,
        taps=specs[rungs[0].source[0]].taps,
        rounding="; ".join(dict.fromkeys(spec.rounding for spec in used)),
        # Of a single question; a whole episode's course is as repeatable as its policies.
        batch_invariant=False,
        portable=all(spec.portable for spec in used),
    )


def _describe_decision(planned: PlannedChunk) -> dict[str, Value]:
    """Returns a decision in numbers and words."""
    decision, command = planned.decision, planned.decision.command
    return {
        "tick": decision.k,
        "rows": planned.rows,
        "mode": decision.mode.active,
        "next_mode": decision.next_mode.active,
        "scores": {score.detector: float(score.value) for score in decision.scores},
        "verdict": decision.verdict.reason,
        "level": decision.verdict.level.name.lower(),
        "fires": decision.fires,
        "command": type(command).__name__.lower(),
        "reason": command.reason if isinstance(command, Hold | Stop) else "",
    }
