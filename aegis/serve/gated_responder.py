"""Gated responder: weak and strong policies, probe and gate behind a wire, as if they were one."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from math import gcd

from aegis.core.answers import check_proposal_width
from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, MessageError
from aegis.core.protocols import Policy, PolicySpec
from aegis.core.types import EpisodeKey, Hold, Observation, PolicyId, Proposal, Stop
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, ACTIONS, EPISODE
from aegis.runtime.session import stamp_proposal
from aegis.serve.batcher import QueryBatcher
from aegis.serve.client_register import ClientRegister
from aegis.serve.gated_episode import GatedEpisode, PlannedChunk
from aegis.serve.metadata import Served
from aegis.serve.pictures import find_largest_sizes
from aegis.serve.request import Address, Request
from aegis.serve.responder import build_query, describe_thoughts

_EpisodeName = tuple[EpisodeKey, int]


class GatedResponder:
    """Answers with what the controller would do.

    An episode is known by its key and salt, over all connections; it begins with tick 0. Whoever
    began it owns it while it is connected: nobody else may begin it anew meanwhile, since two
    clients under one address would drive each other's robot.

    Args:
        served: What clients are told.
        controller: It decides.
        policies: Policies behind its rungs.
        batchers: The same, for many clients.
        clients: Who is connected.
        most: Episodes that are remembered; the one that was quiet for the longest time goes first.
    """

    def __init__(
        self,
        served: Served,
        controller: Controller,
        policies: Mapping[PolicyId, Policy],
        batchers: Mapping[PolicyId, QueryBatcher],
        clients: ClientRegister,
        most: int,
    ) -> None:
        self._served, self._controller, self._clients = served, controller, clients
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

    async def answer_request(
        self, request: Request, address: Address, client: str
    ) -> dict[str, Value]:
        """Returns what the controller would do; the last tick has the same answer when asked again.

        Raises:
            MessageError: If a policy cannot look at what the client saw, the tick does not follow
                on the last one, or the episode is another client's.
            AegisError: What a policy raises.
        """
        if request.due is not None or request.past:
            raise MessageError(EPISODE, "with rows or observations of the client's", "nothing else")
        episode = self._find_episode(request, address, client)
        async with episode.turn:
            planned = episode.find_answer(address.k)
            if planned is None:
                asked = episode.catch_up(address.k)
                proposals = await self._ask_rungs(asked, request, address)
                obs = Observation(address.k, request.view.proprio, {}, request.instruction)
                planned = episode.plan_chunk(address.k, obs, proposals)
        told = _describe_decision(planned)
        if request.features and planned.watched is not None:
            told |= describe_thoughts(planned.watched)
        return {ACTIONS: planned.actions, ABOUT: told}

    def _find_episode(self, request: Request, address: Address, client: str) -> GatedEpisode:
        """Returns the episode of a request; tick 0 begins it, unless the same is asked again."""
        name = (address.key, address.salt)
        episode = self._episodes.get(name)
        if episode is not None and not self._clients.is_connected(episode.owner):
            episode.owner = client
        if address.k == 0:
            if episode is not None and episode.owner != client:
                allowed = (
                    "an address that no other client that is connected has begun: another index "
                    "or salt, or this one once that client has gone"
                )
                raise MessageError(EPISODE, f"in use ({address.key})", allowed)
            content = request.hash_content()
            if episode is None or not episode.is_beginning(content):
                episode = self._begin_episode(address, content, client)
        elif episode is None:
            raise MessageError(f"{EPISODE}.tick", address.k, "0 at the start of an episode")
        self._episodes[name] = episode
        self._episodes.move_to_end(name)
        while len(self._episodes) > self._most:
            self._episodes.popitem(last=False)
        return episode

    def _begin_episode(self, address: Address, content: bytes, client: str) -> GatedEpisode:
        execute = self._served.spec.execute
        return GatedEpisode(self._controller, address.key, execute, content, client)

    async def _ask_rungs(
        self, asked: tuple[PolicyId, ...], request: Request, address: Address
    ) -> dict[PolicyId, Proposal]:
        """Asks policies at the same time; a rung whose policy is silent is left out."""
        queries = {}
        for rung in asked:
            policy, salt = self._controller.ladder.find_rung(rung).source
            salted = address._replace(salt=address.salt + salt)
            queries[rung] = (policy, await build_query(request, self._policies[policy], salted))
        answers = await asyncio.gather(
            *(self._batchers[policy].ask_policy(query) for policy, query in queries.values())
        )
        proposals = {
            rung: stamp_proposal(answer, rung)
            for rung, answer in zip(queries, answers, strict=True)
            if answer is not None
        }
        for rung, proposal in proposals.items():
            check_proposal_width(proposal, self._controller.embodiment, rung)
        return proposals


def build_gated_spec(
    controller: Controller,
    specs: Mapping[PolicyId, PolicySpec],
    fingerprint: str,
    resize: bool = False,
) -> PolicySpec:
    """Returns what a gated controller amounts to as a policy.

    It answers with as many rows as every rung's chunk is a multiple of, so that chunks always
    start at a request.

    Args:
        controller: It decides.
        specs: What its policies say of themselves.
        fingerprint: Hash of everything else that its decisions depend on.
        resize: Whether clients' pictures are resized for each policy.

    Raises:
        ConfigError: If a rung is asked ahead, looks at what was seen earlier, or no picture of a
            client suits all policies.
    """
    rungs = controller.ladder.rungs
    for rung in rungs:
        history = specs[rung.source[0]].history
        if rung.lead or history != (0,):
            raise ConfigError(
                f"Rung '{rung.name}' is asked ahead, or looks at ticks {history[:-1]} ago. "
                "Clients of openpi's protocol ask when a chunk is due and send what they see then: "
                "leave out timing and history, or drive with `aegis drive` or `aegis ros node`."
            )
    execute = gcd(*(rung.execute for rung in rungs))
    used = [specs[name] for name in sorted({rung.source[0] for rung in rungs})]
    said = "|".join([fingerprint, *(spec.digest for spec in used)])
    return PolicySpec(
        name="gated",
        digest=hashlib.sha256(said.encode()).hexdigest(),
        cameras=_merge_pictures(used, resize),
        horizon=execute,
        execute=execute,
        # Not every answer has activations: the weak policy is not always asked.
        taps={},
        rounding="; ".join(dict.fromkeys(spec.rounding for spec in used)),
        # Of a single question; a whole episode's course is as repeatable as its policies.
        batch_invariant=False,
        portable=all(spec.portable for spec in used),
        dimensions=len(controller.embodiment.names),
    )


def _merge_pictures(specs: Sequence[PolicySpec], resize: bool) -> dict[str, tuple[int, int]]:
    """Returns camera to the height and width [px] in which clients send its pictures.

    Raises:
        ConfigError: If policies look at one camera in different sizes and nothing is resized, or
            in different aspects.
    """
    largest = find_largest_sizes(specs)
    for camera, (height, width) in largest.items():
        sizes = {
            spec.name: (int(spec.cameras[camera][0]), int(spec.cameras[camera][1]))
            for spec in specs
            if camera in spec.cameras
        }
        said = ", ".join(f"'{name}' in {h} by {w}" for name, (h, w) in sizes.items())
        if any(h * width != w * height for h, w in sizes.values()):
            raise ConfigError(
                f"Policies look at '{camera}' in different aspects: {said}. A client sends one "
                "picture for all of them. Choose policies of one aspect."
            )
        if not resize and len(set(sizes.values())) > 1:
            raise ConfigError(
                f"Policies look at '{camera}' in different sizes: {said}. A client sends one "
                "picture for all of them. Set resize=true, or choose policies of one size."
            )
    return largest


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
