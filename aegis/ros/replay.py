"""Replay: the controller of a recording once more, on what it saw then, decision by decision."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aegis.core.answers import ask_policy
from aegis.core.controller import Controller
from aegis.core.errors import TraceError
from aegis.core.protocols import Policy, Query
from aegis.core.types import F32, U8, Decision, EpisodeKey, Observation, PolicyId, Proposal, Tick
from aegis.ros.bag import Bag
from aegis.ros.contract.contract import Contract
from aegis.ros.message import cdr as m
from aegis.ros.message.decoding import decode_picture, decode_state
from aegis.ros.rows import COMPARED, decode_array, describe_decision
from aegis.runtime.session import Session, stamp_proposal

_SHOWN = 5
"""Differences that are kept word by word."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that is another one.

    Attributes:
        life: Address of the life.
        k: Tick [control steps].
        fields: Field to what was recorded, and what it is now.
    """

    life: str
    k: int
    fields: Mapping[str, tuple[Any, Any]]


@dataclass(slots=True)
class ReplayResult:
    """What came of a replay.

    Attributes:
        lives: Lives that were played.
        decisions: Decisions that were compared.
        equal: Decisions that are equal, bit for bit.
        differences: The first differences.
        inferences: Proposals that were computed again.
        unequal_proposals: Those of them that are not what was recorded.
        left_out: Ticks behind a difference after which what was seen no longer follows.
        recorded: Driver to ticks, as recorded.
        replayed: Driver to ticks, as decided now.
    """

    lives: int = 0
    decisions: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    inferences: int = 0
    unequal_proposals: int = 0
    left_out: int = 0
    recorded: Counter[str] = field(default_factory=Counter)
    replayed: Counter[str] = field(default_factory=Counter)


class Replay:
    """Plays a bag.

    Args:
        bag: The recording.
        contract: The contract of then.
        controller: The controller of then, or another one, to see what it would have decided.
        policies: Policy to infer again with; None takes the proposals as they were recorded.
        same: Whether the controller is that of then. Of another one, each life is played up to the
            first difference in who drives or who is asked: what was seen after that is not what
            would have been seen.
    """

    def __init__(
        self,
        bag: Bag,
        contract: Contract,
        controller: Controller,
        policies: Mapping[PolicyId, Policy] | None,
        same: bool,
    ) -> None:
        self._bag, self._contract, self._controller = bag, contract, controller
        self._policies, self._same = policies, same
        self._session: Session | None = None
        self._key: EpisodeKey | None = None
        self._answers: dict[tuple[PolicyId, int], Proposal | Exception] = {}
        self._parted = False
        self.result = ReplayResult()

    def run(self) -> ReplayResult:
        """Plays all lives.

        Raises:
            TraceError: If the bag is damaged.
        """
        for row in self._bag.read_rows():
            try:
                if "k" in row:
                    self._play_row(row)
            except (KeyError, ValueError, TypeError) as error:
                raise TraceError(
                    f"The row of tick {row.get('k')} is damaged: {type(error).__name__} {error}."
                ) from error
        return self.result

    def _play_row(self, row: Mapping[str, Any]) -> None:
        key = EpisodeKey(*row["key"])
        if key != self._key:
            self._begin_life(key, row)
        if self._parted:
            self.result.left_out += 1
            return
        assert self._session is not None
        obs = self._build_observation(row)
        if self._policies is not None:
            self._ask_policies(row, obs)
        tick = Tick(
            row["k"],
            row["now"],
            obs,
            dict(self._find_proposals(row)),
            None if row["operator"] is None else decode_array(row["operator"]),
            row["stop"],
        )
        self._compare(row, self._session.feed(tick))

    def _begin_life(self, key: EpisodeKey, row: Mapping[str, Any]) -> None:
        last = decode_array(row["began_with"]) if "began_with" in row else None
        self._session = Session(self._controller, key, last=last)
        self._key, self._parted = key, False
        self._answers.clear()
        self.result.lives += 1

    def _compare(self, row: Mapping[str, Any], decision: Decision) -> None:
        result, now = self.result, describe_decision(decision)
        unequal = {name: (row[name], now[name]) for name in COMPARED if row[name] != now[name]}
        result.decisions += 1
        result.equal += not unequal
        result.recorded[row["mode"]] += 1
        result.replayed[decision.mode.active] += 1
        if unequal and len(result.differences) < _SHOWN:
            result.differences.append(Difference(str(self._key), row["k"], unequal))
        if not self._same and {"next", "ask", "mode", "command"} & set(unequal):
            self._parted = True

    def _build_observation(self, row: Mapping[str, Any]) -> Observation:
        """Returns what was seen, from the messages that were used then."""
        used = row["used"]
        parts = [
            decode_state(self._bag.find_message(part.topic, used[part.topic]), part)
            for part in self._contract.state
        ]
        images: dict[str, U8] = {}
        cameras = self._list_cameras(row["asked"])
        for name, picture in self._contract.pictures.items():
            if picture.topic in used and name in cameras:
                raw = self._bag.find_message(picture.topic, used[picture.topic])
                images[name] = decode_picture(raw, picture, cameras[name])
        text, topic = self._contract.task.text, self._contract.task.topic
        if topic is not None and topic in used:
            raw = self._bag.find_message(topic, used[topic])
            text = str(m.decode_message(raw, m.STRING, topic).data)
        proprio: F32 = np.concatenate(parts)
        return Observation(row["stamp"], proprio, images, text)

    def _list_cameras(self, asked: list[PolicyId]) -> dict[str, tuple[int, int]]:
        cameras: dict[str, tuple[int, int]] = {}
        if self._policies is not None:
            for rung in asked:
                cameras.update(self._policies[self._find_policy(rung)].spec.cameras)
        return cameras

    def _ask_policies(self, row: Mapping[str, Any], obs: Observation) -> None:
        """Computes the proposals of those who were asked at this tick."""
        assert self._session is not None
        assert self._policies is not None
        for rung in row["asked"]:
            one = self._controller.ladder.find_rung(rung)
            query: Query = self._session.build_query(row["k"], obs, one.salt)
            self.result.inferences += 1
            try:
                proposal = ask_policy(self._policies[self._find_policy(rung)], [query])[0]
                self._answers[rung, row["k"]] = stamp_proposal(proposal, rung)
            except Exception as error:  # As on the robot, where the others go on.
                self._answers[rung, row["k"]] = error

    def _find_proposals(self, row: Mapping[str, Any]) -> Iterator[tuple[PolicyId, Proposal]]:
        """Yields the proposals that arrived at this tick, as computed now or as recorded."""
        assert self._key is not None
        for rung, k0 in row["arrived"].items():
            recorded = self._bag.find_proposal(self._key, rung, k0)
            computed = self._answers.pop((rung, k0), None)
            if isinstance(computed, Proposal):
                unequal = computed.actions.tobytes() != recorded.actions.tobytes()
                self.result.unequal_proposals += unequal
                yield rung, computed
            else:
                # Without an answer of its own the question was put before a difference.
                self.result.unequal_proposals += computed is not None
                yield rung, recorded

    def _find_policy(self, rung: PolicyId) -> PolicyId:
        return self._controller.ladder.find_rung(rung).source[0]
