"""Snapshot: an episode at one tick, in one value: world, controller, and where randomness stands.

Randomness is addressed by episode and tick, so its position is the tick. Policies keep nothing
between queries; the chunk that is being executed is the controller's.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aegis.core.controller import Controller
from aegis.core.errors import SnapshotError
from aegis.core.protocols import WorldState
from aegis.core.state import ControllerState
from aegis.core.types import OPERATOR, PolicyId
from aegis.records.files import write_atomic
from aegis.runtime.codec import Arrays, decode_value, encode_value
from aegis.runtime.history import History
from aegis.runtime.session import Delayed, Session

FORMAT = "aegis-snapshot-1"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """An episode before the decision of a tick.

    Attributes:
        world: The world.
        mind: What the controller remembers.
        ask: Rungs that are queried on the observation of this tick.
        delayed: Proposals under way, each with the tick at which it arrives.
        history: What policies with a memory saw.
    """

    world: WorldState
    mind: ControllerState
    ask: tuple[PolicyId, ...]
    delayed: Delayed = ()
    history: History = field(default_factory=History)

    def resume_session(self, controller: Controller, delay: int = 0) -> Session:
        """Returns a session that goes on from here.

        Args:
            controller: The one that led here, or another one with as many detectors.
            delay: Ticks after which a proposal arrives [control steps].

        Raises:
            SnapshotError: If the controller cannot go on from this state.
        """
        if self.delayed and not delay:
            raise SnapshotError(
                "The snapshot has answers under way, but the delay is 0. Give the delay of the "
                "episode that was left."
            )
        kept, needed = len(self.mind.detectors), len(controller.detectors)
        drivers = (*controller.ladder.names, OPERATOR)
        if kept != needed or self.mind.mode.active not in drivers:
            raise SnapshotError(
                f"The snapshot holds the state of {kept} detectors and is driven by "
                f"'{self.mind.mode.active}'; the controller has {needed} and drives {drivers}. "
                "Go on with a controller of the same parts, or begin a new one: Lockstep.hand_over."
            )
        return Session.from_state(controller, self.mind, self.ask, delay, self.delayed)

    def write_npz(self, path: Path) -> None:
        """Writes an ``.npz`` without pickles.

        Raises:
            SnapshotError: If a plug-in remembers something that cannot be written.
            MachineError: If the disk refuses it.
        """
        arrays: Arrays = {}
        state = encode_value(self, arrays)
        header = json.dumps({"format": FORMAT, "state": state})
        buffer = io.BytesIO()
        # As a numpy text: a Python object would be pickled.
        np.savez(buffer, header=np.str_(header), allow_pickle=False, **arrays)
        write_atomic(path, buffer.getvalue())

    @classmethod
    def read_npz(cls, path: Path) -> Snapshot:
        """Reads a snapshot, in this process or another one.

        Raises:
            SnapshotError: If it is missing, damaged, of another format, or names a class that is
                not imported.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                if header["format"] != FORMAT:
                    raise SnapshotError(f"{path} has format {header['format']}, not {FORMAT}.")
                snapshot = decode_value(header["state"], file)
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            AttributeError,
            zipfile.BadZipFile,
        ) as error:
            raise SnapshotError(f"{path} is missing or damaged ({error!r}).") from error
        if not isinstance(snapshot, cls):
            raise SnapshotError(f"{path} holds a {type(snapshot).__name__}, not a snapshot.")
        return snapshot
