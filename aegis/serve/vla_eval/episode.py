"""Episode: one course of a benchmark, which asks at every step and is answered from chunks."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

import numpy as np

from aegis.core.errors import MessageError
from aegis.core.types import F32, EpisodeKey
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, ACTIONS
from aegis.serve.instruction import LONGEST_TEXT, read_instruction
from aegis.serve.pictures import read_picture
from aegis.serve.request import Address, Request, View, WireLayout
from aegis.serve.responder import Responder
from aegis.serve.vla_eval.messages import read_picture_map, read_state_map

_START = "official"
_ROWS = "rows"


class BenchmarkEpisode:
    """Answers one observation after the other; a chunk answers several.

    Pictures are unpacked only where somebody looks at them.

    Args:
        key: The episode.
        client: Who plays it; see ``ClientRegister``.
        responder: It answers.
    """

    def __init__(self, key: EpisodeKey, client: str, responder: Responder) -> None:
        self._key, self._client, self._responder = key, client, responder
        self._k = 0
        self._rows: deque[F32] = deque()
        self._told: Mapping[str, Value] = {}
        depth = responder.served.spec.history[0]
        self._seen: deque[View] = deque(maxlen=depth)

    async def answer_observation(self, payload: Mapping[str, Value]) -> dict[str, Value]:
        """Returns the action for an observation, and what belongs to it.

        Args:
            payload: Of the message.

        Raises:
            MessageError: If a field is missing or wrong.
            AegisError: If it cannot be answered.
        """
        layout, remembers = self._responder.served.layout, bool(self._seen.maxlen)
        view = None
        if remembers or not self._rows:
            # Unpacking and turning take milliseconds, in which others are answered; the next
            # message of this connection is read when this one has its answer.
            view = await asyncio.to_thread(read_view, payload, layout)
        if not self._rows:
            assert view is not None
            await self._fetch_rows(
                view, read_instruction(payload.get(layout.prompt), layout.prompt)
            )
        if remembers and view is not None:
            self._seen.append(view)
        self._k += 1
        return {ACTIONS: self._rows.popleft(), ABOUT: dict(self._told)}

    async def _fetch_rows(self, view: View, instruction: str) -> None:
        """Asks for a chunk, of which as many rows are executed as the policy says."""
        served = self._responder.served
        past = self._list_past(view, served.spec.history)
        request = Request(served.layout, view, instruction, past=past)
        address = Address(self._key, self._k, 0)
        answer = await self._responder.answer_request(request, address, self._client)
        self._told = answer[ABOUT]
        rows = int(self._told.get(_ROWS, served.spec.execute))
        self._rows.extend(np.asarray(row, np.float32) for row in answer[ACTIONS][:rows])

    def _list_past(self, view: View, ticks_back: tuple[int, ...]) -> tuple[View, ...]:
        """Returns earlier views, farthest first; the first one stands in for those before it."""
        first = self._seen[0] if self._seen else view
        return tuple(
            self._seen[-back] if back <= len(self._seen) else first for back in ticks_back if back
        )


def read_key(payload: Mapping[str, Value], root: int) -> EpisodeKey:
    """Returns the address of the episode that a message begins.

    Args:
        payload: Of the message.
        root: Root seed of the noise.

    Raises:
        MessageError: If task or start state are not said, or the harness would not wait.
    """
    task = payload.get("task")
    if not isinstance(task, Mapping):
        raise MessageError("task", f"a {type(task).__name__}", "a mapping")
    if payload.get("mode", "sync") != "sync":
        allowed = "sync: the harness waits for each action"
        raise MessageError("mode", repr(payload.get("mode")), allowed)
    suite = task.get("suite")
    if not isinstance(suite, str) or not 0 < len(suite) <= LONGEST_TEXT:
        raise MessageError("task.suite", repr(suite), "a text, for example libero_spatial")
    number, index = (_read_number(task, name) for name in ("task_id", "episode_idx"))
    return EpisodeKey(root, suite, number, _START, index)


def read_view(payload: Mapping[str, Value], layout: WireLayout) -> View:
    """Returns what the robot saw: pictures as our policies see them, and proprioception.

    Raises:
        MessageError: If one is missing or wrong.
    """
    images = payload.get("images")
    if not isinstance(images, Mapping):
        raise MessageError("images", f"a {type(images).__name__}", "a mapping of pictures")
    pictures = {}
    for camera, key in layout.pictures.items():
        name = f"images.{key}"
        form = layout.find_form(camera)
        pictures[camera] = read_picture(read_picture_map(images.get(key), name, form), name, form)
    return View(pictures, read_state_map(payload.get(layout.state), layout.state))


def _read_number(task: Mapping[object, Value], name: str) -> int:
    value = task.get(name)
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise MessageError(f"task.{name}", repr(value), "a natural number or 0")
    return value
