"""The check of worlds finds what breaks a promise, and says how to fix it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from math import nan

import numpy as np
import pytest

from aegis.checks import check_world
from aegis.core.errors import PluginError
from aegis.core.protocols import Outcome
from aegis.core.types import Command, EpisodeKey, Observation
from tests.fakes import ToyWorld, toy_key

EYE = {"eye": (12, 16)}


class Draws(ToyWorld):
    """Draws its start from a generator that goes on from episode to episode."""

    rng = np.random.default_rng(0)

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self._at = self.rng.uniform(-0.2, 0.2, 2)


class Drifts(ToyWorld):
    rng = np.random.default_rng(0)

    def apply(self, command: Command) -> Outcome:
        self._at = self._at + self.rng.normal(0, 1e-9, 2)
        return super().apply(command)


class Nudges(ToyWorld):
    """Looking moves the point."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self._at = self._at + 1e-9
        return super().observe(cameras)


class Leaks(ToyWorld):
    """Looking leaves a trace that shows only later."""

    looks = 0

    def begin(self, key: EpisodeKey) -> None:
        super().begin(key)
        self.looks = 0

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.looks += 1
        return super().observe(cameras)

    def apply(self, command: Command) -> Outcome:
        self._at = self._at + 1e-9 * self.looks
        return super().apply(command)


class Shares(ToyWorld):
    """Gives away the array that it goes on writing to; the observation has a copy."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.seen = getattr(self, "seen", np.zeros(2, np.float32))
        self.seen[:] = self._at
        return replace(super().observe(cameras), proprio=self.seen)


class SharesView(ToyWorld):
    """The same behind a view that is read-only, while what it views is not."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.buffer = getattr(self, "buffer", np.zeros(2, np.float32))
        self.buffer[:] = self._at
        view = self.buffer[:]
        view.setflags(write=False)
        return replace(super().observe(cameras), proprio=view)


class Rewrites(ToyWorld):
    """Writes into the observations that it gave away."""

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        self.given = [*getattr(self, "given", ()), super().observe(cameras)]
        for obs in self.given:
            obs.proprio.setflags(write=True)
            obs.proprio[:] = self._at
            obs.proprio.setflags(write=False)
        return self.given[-1]


class Writeable(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        obs = super().observe(cameras)
        obs.proprio.setflags(write=True)
        return obs


class AllCameras(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return super().observe({"other": (4, 4), **cameras})


class Sideways(ToyWorld):
    def _picture(self, height: int, width: int) -> np.ndarray:
        return super()._picture(width, height)


class Double(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), proprio=self._at.copy())


class Blank(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), proprio=np.full(2, nan, np.float32))


class FloatStamp(ToyWorld):
    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        return replace(super().observe(cameras), stamp=0.05 * self._k)


class Endless(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        self._done = False
        return replace(super().apply(command), done=False)


class OneStart(ToyWorld):
    def begin(self, key: EpisodeKey) -> None:
        super().begin(replace(key, index=0))


class Halfblind(ToyWorld):
    """Its digest leaves out where the point is."""

    def digest(self) -> str:
        return hashlib.sha256(self._goal.tobytes()).hexdigest()


class NumpyBools(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        outcome = super().apply(command)
        return Outcome(np.bool_(outcome.success), outcome.done)


class Writes(ToyWorld):
    def apply(self, command: Command) -> Outcome:
        command.action[0] *= 0.5
        return super().apply(command)


class Restless(ToyWorld):
    lengths = iter(range(60, 100))

    @property
    def horizon(self) -> int:
        return next(self.lengths)


class Modelled(ToyWorld):
    """Has a model, which is read as it should be."""

    def read_model(self) -> np.ndarray:
        return np.arange(8, dtype=np.uint8)


class FloatModel(ToyWorld):
    def read_model(self) -> np.ndarray:
        return np.zeros(3)


class MovingModel(ToyWorld):
    """Its model wears off."""

    def read_model(self) -> np.ndarray:
        self._at = self._at + 1e-9
        return np.zeros(3, np.uint8)


class Restyled(ToyWorld):
    """Its driver has another name whenever it is asked."""

    asked = 0

    def describe_renderer(self) -> str:
        self.asked += 1
        return f"pencil {self.asked}"


class Nameless(ToyWorld):
    def describe_renderer(self) -> str:
        return ""


class NoDigest:
    embodiment = horizon = begin = observe = apply = close = None


@pytest.mark.parametrize(
    ("world", "says"),
    [
        (Draws, "World.begin of Draws: equal keys start alike. Got: another digest in the same"),
        (Drifts, "World.apply of Drifts: equal starts and commands go the same way. Got: a diff"),
        (Nudges, "World.observe of Nudges: it changes nothing. Got: another digest after looking"),
        (Leaks, "World.observe of Leaks: looking does not change what follows. Got: a difference"),
        (Rewrites, "World.observe of Rewrites: an observation is a value that stays as it is. G"),
        (Writeable, "World.observe of Writeable: arrays are read-only. Got: a writeable one."),
        (AllCameras, "it renders just the given cameras. Got: ['eye', 'other']. Allowed: ['eye']"),
        (Sideways, "a picture is as asked for. Got: 'eye' uint8 of shape (16, 12, 3). Allowed: ui"),
        (Double, "proprio is a finite float32 vector. Got: float64 of shape (2,). Allowed: float"),
        (Blank, "proprio is a finite float32 vector. Got: [nan nan]. Allowed: finite numbers."),
        (FloatStamp, "stamp is a time. Got: 0.0. Allowed: an int of nanoseconds. Use int(...)."),
        (Endless, "it is done at the horizon. Got: done=False after 60 commands. Allowed: done=Tr"),
        (OneStart, "another index is another start state. Got: one start state for all of toy/0/"),
        (Halfblind, "it tells different states apart. Got: one digest over 8 random commands."),
        (NumpyBools, "World.apply of NumpyBools: it answers an Outcome. Got: Outcome(success=np"),
        (Writes, "raises nothing in an ordinary call. Got: ValueError: assignment destination is"),
        (Restless, "it is the longest episode, always the same. Got: "),
        (
            FloatModel,
            "World.read_model of FloatModel: it is bytes. Got: float64 of shape (3,). All",
        ),
        (MovingModel, "World.read_model of MovingModel: it changes nothing. Got: another model or"),
        (Restyled, "World.describe_renderer of Restyled: it is one text. Got: 'pencil 1', then 'p"),
        (Nameless, "World.describe_renderer of Nameless: it is one text. Got: ''. Allowed: a text"),
        (NoDigest, "World.digest of NoDigest: it has this member. Got: none. Allowed: see aegis/c"),
    ],
)
def test_a_broken_world_is_caught(world: type[ToyWorld], says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)) as caught:
        check_world(world, toy_key(3), EYE)
    assert caught.value.exit_code == 2


def test_a_model_that_can_be_read_is_fine() -> None:
    check_world(Modelled, toy_key(3), EYE)


@pytest.mark.parametrize("world", [Shares, SharesView])
def test_a_buffer_of_the_world_is_copied(world: type[ToyWorld]) -> None:
    check_world(world, toy_key(3), EYE)
