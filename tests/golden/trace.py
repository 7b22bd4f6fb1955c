"""Trace: inputs and outputs of a controller, recorded for replay; the format of golden traces.

A trace holds what decisions are made from: time, proprioception, instruction and proposals.
Pictures and simulator truth are left out; a detector that looks at them cannot be replayed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.controller import Controller
from aegis.core.errors import TraceError
from aegis.core.types import Act, Decision, EpisodeKey, Observation, PolicyId, Proposal, Tick
from aegis.records.files import write_atomic
from aegis.runtime.session import Session

if TYPE_CHECKING:  # Only tables need pyarrow; traces do without.
    pass

FORMAT = "aegis-trace-1"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One episode as the controller saw it.

    Attributes:
        key: The episode.
        ticks: Ticks that the controller was fed.
        answers: Its decisions, as texts that are equal only if the decisions are bit-identical.
    """

    key: EpisodeKey
    ticks: tuple[Tick, ...]
    answers: tuple[str, ...]

    def write_npz(self, path: Path) -> None:
        """Writes an ``.npz`` without pickles."""
        header = {
            "format": FORMAT,
            "key": asdict(self.key),
            "answers": self.answers,
            "ticks": [_describe_tick(tick) for tick in self.ticks],
        }
        arrays: dict[str, Any] = {"header": np.str_(json.dumps(header))}
        for tick in self.ticks:
            arrays[f"{tick.k}/proprio"] = tick.obs.proprio
            for policy, proposal in tick.proposals.items():
                at = f"{tick.k}/{policy}"
                arrays[f"{at}/actions"] = proposal.actions
                if proposal.samples is not None:
                    arrays[f"{at}/samples"] = proposal.samples
                for layer, vector in proposal.features.items():
                    arrays[f"{at}/features/{layer}"] = vector
        write_atomic(path, _pack_npz(arrays))

    @classmethod
    def read_npz(cls, path: Path) -> Trace:
        """Reads a trace.

        Raises:
            TraceError: If it is missing, damaged, or of another format.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                if header["format"] != FORMAT:
                    raise TraceError(f"{path} has format {header['format']}, not {FORMAT}.")
                ticks = tuple(_read_tick(head, file) for head in header["ticks"])
            return cls(EpisodeKey(**header["key"]), ticks, tuple(header["answers"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise TraceError(
                f"{path} is missing or damaged ({error}). Record the trace again."
            ) from error


class TraceRecorder:
    """A session that remembers; feed it like ``Session``.

    Attributes:
        ask: Policies to query on the next observation.
    """

    ask: tuple[PolicyId, ...]

    def __init__(self, controller: Controller, key: EpisodeKey) -> None:
        self._session, self._key = Session(controller, key), key
        self._ticks: list[Tick] = []
        self._answers: list[str] = []
        self.ask = self._session.ask

    def feed(self, tick: Tick) -> Decision:
        """Returns the decision for a tick, and remembers both."""
        decision = self._session.feed(tick)
        self.ask = self._session.ask
        self._ticks.append(tick)
        self._answers.append(describe_decision(decision))
        return decision

    def build_trace(self) -> Trace:
        """Returns what was recorded so far."""
        return Trace(self._key, tuple(self._ticks), tuple(self._answers))


def replay_trace(controller: Controller, trace: Trace) -> None:
    """Feeds a trace to a controller and compares its decisions.

    Raises:
        TraceError: If one differs; both are in the message.
    """
    session = Session(controller, trace.key)
    for tick, recorded in zip(trace.ticks, trace.answers, strict=True):
        answer = describe_decision(session.feed(tick))
        if answer != recorded:
            raise TraceError(
                f"Replay of {trace.key} differs at tick {tick.k}.\nrecorded: {recorded}\n"
                f"replayed: {answer}"
            )


def describe_decision(decision: Decision) -> str:
    """Returns a decision in words, every bit of it: floats are written to be read back exactly."""
    command = decision.command
    return json.dumps(
        {
            "k": decision.k,
            "command": type(command).__name__,
            "action": [float(x).hex() for x in command.action],
            "command_reason": "" if isinstance(command, Act) else command.reason,
            "ask": decision.ask,
            "mode": asdict(decision.mode),
            "next_mode": asdict(decision.next_mode),
            "scores": [[score.detector, float(score.value).hex()] for score in decision.scores],
            "verdict": [
                decision.verdict.level.name,
                decision.verdict.reason,
                decision.verdict.hold,
            ],
            "fires": decision.fires,
            "boundary": decision.boundary,
        }
    )


def _describe_tick(tick: Tick) -> dict[str, object]:
    proposals = [[name, p.k0, p.latency, sorted(p.features)] for name, p in tick.proposals.items()]
    return {
        "k": tick.k,
        "now": tick.now,
        "stamp": tick.obs.stamp,
        "instruction": tick.obs.instruction,
        "proposals": proposals,
    }


def _read_tick(head: Mapping[str, Any], file: Mapping[str, NDArray[Any]]) -> Tick:
    k = head["k"]
    obs = Observation(head["stamp"], file[f"{k}/proprio"], {}, head["instruction"])
    proposals = {
        name: _read_proposal(f"{k}/{name}", name, k0, latency, layers, file)
        for name, k0, latency, layers in head["proposals"]
    }
    return Tick(k, head["now"], obs, proposals)


def _read_proposal(
    at: str,
    policy: PolicyId,
    k0: int,
    latency: int,
    layers: Sequence[str],
    file: Mapping[str, NDArray[Any]],
) -> Proposal:
    samples = file.get(f"{at}/samples")
    features = {layer: file[f"{at}/features/{layer}"] for layer in layers}
    return Proposal(policy, k0, file[f"{at}/actions"], features, samples, latency)


def _pack_npz(arrays: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
