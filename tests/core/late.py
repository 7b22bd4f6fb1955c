"""Drives a controller whose policies think for some ticks; each row says which tick it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from aegis.core.controller import Controller
from aegis.core.types import F32, Decision, Observation, PolicyId, Proposal, Tick
from aegis.runtime.session import Session
from tests.fakes import KEY

ROWS = 24
PERIOD = 20_000_000
"""Control period [ns]."""


def make_row(k: int) -> F32:
    """The action for a tick: no other tick of an episode has it. Shape (3,)."""
    return np.array([(k % 100) / 100, (k // 100) / 100, 0.5], np.float32)


def propose(policy: PolicyId, k0: int, risk: float = 0.0, rows: int = ROWS) -> Proposal:
    actions = np.stack([make_row(k) for k in range(k0, k0 + rows)])
    return Proposal(policy, k0, actions, {"risk": np.array([risk], np.float32)})


@dataclass
class Lane:
    """One policy behind a process: a question in flight, or none."""

    arrives: int
    proposal: Proposal | None


@dataclass
class Drive:
    """What came of a drive.

    Attributes:
        decisions: One per tick.
        asked: Rung and tick of each question that was put.
        refused: Questions to a policy that was still busy.
    """

    decisions: list[Decision] = field(default_factory=list)
    asked: list[tuple[PolicyId, int]] = field(default_factory=list)
    refused: int = 0

    def list_holds(self) -> list[int]:
        return [d.k for d in self.decisions if type(d.command).__name__ == "Hold"]


def drive_late(
    parts: Controller,
    ticks: int,
    latency: Mapping[PolicyId, int] | Callable[[PolicyId, int], int | None],
    *,
    risk: Callable[[int], float] = lambda _: 0.0,
    operator: Callable[[int], F32 | None] = lambda _: None,
    stop: Callable[[int], str] = lambda _: "",
    age: Callable[[int], int] = lambda _: 0,
    spoil: Callable[[Proposal], Proposal] = lambda chunk: chunk,
) -> Drive:
    """Drives a controller; each policy has one question in flight, as a process has.

    Args:
        parts: The controller.
        ticks: How many [control steps].
        latency: Rung and tick of a question to when its answer comes [control steps]; None for
            never.
        risk: Tick of an observation to what the tap says.
        operator: Tick to a person's action.
        stop: Tick to why to stop.
        age: Tick to the age of its observation [ns].
        spoil: What becomes of an answer.
    """
    session, drive, lanes = Session(parts, KEY), Drive(), dict[PolicyId, Lane]()
    for k in range(ticks):
        for rung in session.ask:
            if rung in lanes:
                drive.refused += 1
                continue
            drive.asked.append((rung, k))
            takes = latency(rung, k) if callable(latency) else latency[rung]
            answer = spoil(propose(rung, k, risk(k)))
            lanes[rung] = Lane(10**9 if takes is None else k + takes, answer)
        come = {rung: lane.proposal for rung, lane in lanes.items() if lane.arrives <= k}
        for rung in come:
            del lanes[rung]
        obs = Observation(k * PERIOD - age(k), np.zeros(2, np.float32), {}, "reach the goal")
        arrived = {rung: one for rung, one in come.items() if one is not None}
        now = Tick(k, k * PERIOD, obs, arrived, operator(k), stop(k))
        drive.decisions.append(session.feed(now))
    return drive


def with_leads(parts: Controller, **leads: int) -> Controller:
    """The same controller, whose rungs are asked ahead."""
    rungs = tuple(replace(rung, lead=leads.get(rung.name, 0)) for rung in parts.ladder.rungs)
    return replace(parts, ladder=replace(parts.ladder, rungs=rungs))
