"""The check of snapshots finds every way to break them, and says how to fix it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from aegis.checks import check_world
from aegis.core.errors import PluginError
from aegis.core.protocols import WorldState
from aegis.core.types import EpisodeKey
from tests.fakes import KEY, ToyWorld


class Forgets(ToyWorld):
    """Leaves a hair of its position out."""

    def restore(self, state: WorldState) -> None:
        super().restore(state)
        self._at = self._at.astype(np.float32).astype(np.float64)


class NeedsBegin(ToyWorld):
    """Keeps what ``begin`` drew out of the snapshot."""

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self.bias = 0.1

    def restore(self, state: WorldState) -> None:
        super().restore(state)
        self._at = self._at + (0.0 if hasattr(self, "bias") else 1e-9)


class Moves(ToyWorld):
    """Taking a snapshot moves the point."""

    def snapshot(self) -> WorldState:
        self._at = self._at + 1e-9
        return super().snapshot()


class WrongTick(ToyWorld):
    def snapshot(self) -> WorldState:
        return replace(super().snapshot(), k=0)


class Shared(ToyWorld):
    """Gives away a buffer that it goes on writing to; the snapshot has a copy."""

    def snapshot(self) -> WorldState:
        self.buffer = super().snapshot().values.copy()
        return replace(super().snapshot(), values=self.buffer[:])

    def digest(self) -> str:
        if hasattr(self, "buffer"):
            self.buffer[:2] = self._at
        return super().digest()


class Rewrites(ToyWorld):
    """Writes into the snapshot itself."""

    def snapshot(self) -> WorldState:
        self.given = super().snapshot()
        return self.given

    def digest(self) -> str:
        if hasattr(self, "given"):
            self.given.values.setflags(write=True)
            self.given.values[:2] = self._at
        return super().digest()


class TakesAnything(ToyWorld):
    def restore(self, state: WorldState) -> None:
        padded = np.resize(state.values, 5)
        super().restore(replace(state, model=self._own(), values=padded))

    def _own(self) -> str:
        return f"toy-{self._noise}"


class Raises(ToyWorld):
    def restore(self, state: WorldState) -> None:
        raise KeyError("bowl")


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (Forgets, "goes on as if it had not stopped.*in the same world"),
        (NeedsBegin, "goes on as if it had not stopped.*in a fresh world"),
        (Moves, "taking it changes nothing"),
        (WrongTick, "it is the episode at this tick"),
        (Rewrites, "it stays as it is"),
        (TakesAnything, "refuses what is not its own.*another model"),
        (Raises, "raises nothing in an ordinary call.*bowl"),
    ],
)
def test_a_broken_snapshot_is_found(world: type[ToyWorld], says: str) -> None:
    with pytest.raises(PluginError, match=f"(?s){says}"):
        check_world(world, KEY)


def test_a_whole_one_passes() -> None:
    check_world(ToyWorld, KEY)
    check_world(partial(ToyWorld, horizon=2), KEY, {"eye": (8, 8)})


def test_a_buffer_of_the_world_is_copied() -> None:
    check_world(Shared, KEY, {})
