"""Conversation: what is said on one connection of the harness, and what is remembered of it."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping

from aegis.core.errors import AegisError, MessageError
from aegis.host.array_messages import Value
from aegis.serve.responder import Responder
from aegis.serve.vla_eval.conventions import (
    describe_actions,
    describe_observations,
    list_parameters,
)
from aegis.serve.vla_eval.episode import BenchmarkEpisode, read_key
from aegis.serve.vla_eval.messages import (
    ACTION,
    EPISODE_END,
    EPISODE_START,
    ERROR,
    HELLO,
    OBSERVATION,
    PROTOCOL,
    Message,
    pack_reply,
)

RELEASE = "0.8.0"
"""Of vla-eval, whose wire this is."""

_logger = logging.getLogger("aegis")


class Conversation:
    """Answers the messages of one connection, in their order.

    The harness waits for an answer to a hello and to an observation, and to nothing else: why an
    episode could not begin is told in answer to its first observation.

    Args:
        client: Whose connection it is; see ``ClientRegister``.
        responder: It answers.
        root: Root seed of the noise.
        counts: Where ``answered`` and ``refused`` are counted.
    """

    def __init__(self, client: str, responder: Responder, root: int, counts: Counter[str]) -> None:
        self._client, self._responder, self._root = client, responder, root
        self._counts = counts
        self._episode: BenchmarkEpisode | None = None
        self._fault: MessageError | None = None

    async def answer_message(self, message: Message) -> bytes | None:
        """Returns what is said to a message; None where nothing is."""
        try:
            if message.kind == HELLO:
                hello = _describe_server(message.payload, self._responder)
                return pack_reply(HELLO, hello, message.number, time.time())
            if message.kind == OBSERVATION:
                return await self._answer_observation(message)
        except AegisError as error:
            return self.refuse(error, message.number)
        except Exception as error:
            _logger.exception("a request failed")
            return self.refuse(error, message.number)
        if message.kind in (EPISODE_START, EPISODE_END):
            self._change_episode(message)
        else:
            _logger.warning("%s: vla-eval reports %.300s", self._client, message.payload)
        return None

    def refuse(self, error: Exception, number: int) -> bytes:
        """Returns why a message has no answer.

        Args:
            error: The reason.
            number: Of the message.
        """
        self._counts["refused"] += 1
        said = {"error": f"{type(error).__name__}: {error}"}
        return pack_reply(ERROR, said, number, time.time())

    async def _answer_observation(self, message: Message) -> bytes:
        if self._episode is None:
            allowed = f"{EPISODE_START} before the first {OBSERVATION}"
            raise self._fault or MessageError("type", OBSERVATION, allowed)
        answer = await self._episode.answer_observation(message.payload)
        self._counts["answered"] += 1
        return pack_reply(ACTION, answer, message.number, time.time())

    def _change_episode(self, message: Message) -> None:
        self._episode = self._fault = None
        if message.kind == EPISODE_END:
            return
        try:
            key = read_key(message.payload, self._root)
        except MessageError as error:
            self._fault = error
            return
        self._episode = BenchmarkEpisode(key, self._client, self._responder)


def _describe_server(payload: Mapping[str, Value], responder: Responder) -> Mapping[str, Value]:
    """Returns what is served, in vla-eval's words and in ours.

    Raises:
        MessageError: If the client speaks another protocol.
    """
    spoken = payload.get("protocol_version", PROTOCOL)
    if spoken != PROTOCOL:
        raise MessageError("protocol_version", repr(spoken), str(PROTOCOL))
    served = responder.served
    return {
        "harness_version": RELEASE,
        "protocol_version": PROTOCOL,
        "model_server": "aegis",
        "capabilities": {},
        "observation_params": list_parameters(served),
        "action_spec": describe_actions(),
        "observation_spec": describe_observations(served),
        **served.describe_server(),
    }
