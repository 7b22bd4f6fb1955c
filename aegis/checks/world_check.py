"""Checks whether a world keeps its promises: repeatable, and undisturbed by looking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.checks.contract import Plugin, bits, is_count, plugin
from aegis.checks.fork_check import check_fork
from aegis.core.protocols import ForkableWorld, Outcome, World
from aegis.core.seeds import episode_stream
from aegis.core.types import Act, Embodiment, EpisodeKey, Hold, Observation

MEMBERS = ("embodiment", "horizon", "begin", "observe", "apply", "digest", "close")
STEPS = 8
"""Commands that are tried [control steps]."""
OTHERS = 4
"""Start states among which one must differ from the one under test."""


def check_world(
    make: Callable[[], World],
    key: EpisodeKey,
    cameras: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Checks a simulator. Not for robots: it sends random commands, and a robot cannot repeat.

    Args:
        make: Builds a world; called a few times.
        key: An episode that it has.
        cameras: Cameras to try, name to (height, width); by default none.

    Raises:
        PluginError: If a promise is broken.
        AegisError: Whatever the world raises on purpose.
    """
    seen = dict(cameras or {})
    with _opened(make, seen) as one, _opened(make, seen) as two:
        _check_robot(one, two)
        start = _check_look(one, key)
        path = one.go(key, look=False)
        _check_same(one, "begin", start, one.start(key), "in the same world again")
        _check_same(one, "begin", start, two.start(key), "in a second world")
        _check_path(one, path, two.go(key, look=False), two.go(key, look=True))
        _check_others(one, key, path[0])
        _check_end(one, key)
        _check_forks(make, one.world, key, seen)


def course(robot: Embodiment, key: EpisodeKey, steps: int) -> list[Act]:
    """Returns random commands within the robot's limits, the same for the same episode."""
    drawn = episode_stream(key, "check").uniform(robot.low, robot.high, (steps, len(robot.names)))
    return [Act(row) for row in drawn.astype(np.float32).clip(robot.low, robot.high)]


@dataclass(frozen=True, slots=True)
class _Bench:
    """A world on the bench."""

    world: World
    plugin: Plugin
    cameras: Mapping[str, tuple[int, int]]

    def start(self, key: EpisodeKey) -> tuple[str, Observation]:
        with self.plugin.calling("begin"):
            self.world.begin(key)
        return self.digest(), self.look(self.cameras)

    def look(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        with self.plugin.calling("observe"):
            obs = self.world.observe(dict(cameras))
        _check_observation(self.plugin, obs, cameras)
        return obs

    def digest(self) -> str:
        with self.plugin.calling("digest"):
            digest = self.world.digest()
        promise = self.plugin.promise("digest", "it is a text", "Return a hex digest")
        promise.kept(isinstance(digest, str) and digest, repr(digest), "a str that is not empty")
        return digest

    def apply(self, command: Act | Hold) -> Outcome:
        with self.plugin.calling("apply"):
            outcome = self.world.apply(command)
        says, mend = "it answers an Outcome", "Return Outcome(success=..., done=...) of plain bools"
        good = isinstance(outcome, Outcome) and all(
            isinstance(part, bool) for part in (outcome.success, outcome.done)
        )
        self.plugin.promise("apply", says, mend).kept(good, repr(outcome), "Outcome(bool, bool)")
        return outcome

    def go(self, key: EpisodeKey, *, look: bool) -> list[str]:
        """Plays the course; returns the digests, that of the start first."""
        with self.plugin.calling("begin"):
            self.world.begin(key)
        path = [self.digest()]
        for command in course(self.world.embodiment, key, min(STEPS, self.world.horizon)):
            if look:
                self.look(self.cameras)
            outcome = self.apply(command)
            path.append(self.digest())
            if outcome.done:
                break
        return path


@contextmanager
def _opened(make: Callable[[], World], cameras: Mapping[str, tuple[int, int]]) -> Iterator[_Bench]:
    world = make()
    bench = _Bench(world, plugin("World", world, MEMBERS), cameras)
    try:
        yield bench
    finally:
        world.close()


def _check_robot(one: _Bench, two: _Bench) -> None:
    robots = [one.world.embodiment, one.world.embodiment, two.world.embodiment]
    mend = "Build one Embodiment in the constructor and return that"
    promise = one.plugin.promise("embodiment", "it is the robot, always the same", mend)
    for robot in robots:
        promise.kept(isinstance(robot, Embodiment), type(robot).__name__, "an Embodiment")
        kinds = [robot.low.dtype, robot.high.dtype, robot.hold.dtype]
        promise.kept(set(kinds) == {np.dtype(np.float32)}, f"limits of {kinds}", "float32")
        promise.kept(bits(robot) == bits(robots[0]), "two that differ", "equal ones")
    says = "it is the longest episode, always the same"
    promise = one.plugin.promise("horizon", says, "Fix it in the constructor")
    for bench in (one, two):
        length = bench.world.horizon
        promise.kept(is_count(length, 1), repr(length), "an int of at least 1 control step")
        promise.kept(length == one.world.horizon, repr(length), str(one.world.horizon))


def _check_look(bench: _Bench, key: EpisodeKey) -> tuple[str, Observation]:
    """Looking changes nothing, and what was seen stays what it was."""
    digest, obs = bench.start(key)
    mend = "Copy arrays that the simulator writes to, and draw no randomness here"
    promise = bench.plugin.promise("observe", "it changes nothing", mend)
    kept = bits(obs)
    bench.look({})
    again = bench.look(bench.cameras)
    promise.kept(bench.digest() == digest, "another digest after looking", "the same digest")
    promise.kept(bits(again) == kept, "another observation", "the same observation twice")
    for command in course(bench.world.embodiment, key, min(2, bench.world.horizon)):
        if bench.apply(command).done:
            break
    bench.look(bench.cameras)
    says = "an observation is a value that stays as it is"
    promise = bench.plugin.promise("observe", says, "Copy the array before you return it")
    promise.kept(bits(obs) == kept, "one that changed when the world went on", "a copy")
    return digest, obs


def _check_observation(
    one: Plugin, obs: Observation, cameras: Mapping[str, tuple[int, int]]
) -> None:
    promise = one.promise("observe", "it senses", "Return an aegis.core.types.Observation")
    promise.kept(isinstance(obs, Observation), type(obs).__name__, "an Observation")
    promise = one.promise("observe", "stamp is a time", "Use int(...)")
    promise.kept(is_count(obs.stamp, 0), repr(obs.stamp), "an int of nanoseconds")
    promise = one.promise("observe", "instruction is a text", "Give the task in words")
    promise.kept(isinstance(obs.instruction, str), repr(obs.instruction), "a str")
    mend = "Convert with np.asarray(..., np.float32) and sort out sensors that gave nothing"
    promise = one.promise("observe", "proprio is a finite float32 vector", mend)
    got = obs.proprio
    promise.kept(got.dtype == np.float32 and got.ndim == 1, _form(got), "float32 of shape (p,)")
    promise.kept(np.isfinite(got).all(), got, "finite numbers")
    mend = "Render the names in `cameras`, and no others"
    promise = one.promise("observe", "it renders just the given cameras", mend)
    promise.kept(set(obs.images) == set(cameras), sorted(obs.images), str(sorted(cameras)))
    mend = "Render to (height, width) in that order, as RGB"
    promise = one.promise("observe", "a picture is as asked for", mend)
    for name, (height, width) in cameras.items():
        picture, shape = obs.images[name], (height, width, 3)
        good = picture.dtype == np.uint8 and picture.shape == shape
        promise.kept(good, f"'{name}' {_form(picture)}", f"uint8 of shape {shape}")
    promise = one.promise("observe", "arrays are read-only", "Leave them as Observation made them")
    arrays: list[NDArray[Any]] = [got, *obs.images.values(), *obs.privileged.values()]
    for array in arrays:
        promise.kept(not array.flags.writeable, "a writeable one", "writeable=False")


def _check_same(
    bench: _Bench,
    member: str,
    first: tuple[str, Observation],
    then: tuple[str, Observation],
    where: str,
) -> None:
    mend = "Set all of the state from the key; draw with aegis.core.seeds.episode_stream(key, ...)"
    promise = bench.plugin.promise(member, "equal keys start alike", mend)
    promise.kept(first[0] == then[0], f"another digest {where}", "the same digest")
    seen = f"another observation {where}"
    promise.kept(bits(first[1]) == bits(then[1]), seen, "the same observation")


def _check_path(bench: _Bench, path: list[str], other: list[str], looked: list[str]) -> None:
    mend = "Draw with aegis.core.seeds.episode_stream(key, 'env', k), and reset solvers and caches"
    promise = bench.plugin.promise("apply", "equal starts and commands go the same way", mend)
    promise.kept(path == other, f"a difference at tick {_parting(path, other)}", "equal digests")
    mend = "Let observe() compute from a copy of the state"
    promise = bench.plugin.promise("observe", "looking does not change what follows", mend)
    promise.kept(path == looked, f"a difference at tick {_parting(path, looked)}", "equal digests")
    mend = "Hash all of the physical state: positions, speeds, actuators, time"
    promise = bench.plugin.promise("digest", "it tells different states apart", mend)
    still = f"one digest over {len(path) - 1} random commands"
    promise.kept(len(set(path)) > 1, still, "one that changes as the world moves")


def _check_others(bench: _Bench, key: EpisodeKey, digest: str) -> None:
    digests = set()
    for index in range(OTHERS):
        if index != key.index:
            with bench.plugin.calling("begin"):
                bench.world.begin(replace(key, index=index))
            digests.add(bench.digest())
    mend = "Draw the start state from all of the key, index included"
    promise = bench.plugin.promise("begin", "another index is another start state", mend)
    same = f"one start state for all of {key.suite}/{key.task}/{key.start}"
    promise.kept(digests != {digest}, same, "start states that differ")


def _check_end(bench: _Bench, key: EpisodeKey) -> None:
    with bench.plugin.calling("begin"):
        bench.world.begin(key)
    hold, horizon = bench.world.embodiment.hold, bench.world.horizon
    done = any(bench.apply(Hold(hold.copy(), "check")).done for _ in range(horizon))
    promise = bench.plugin.promise(
        "apply", "it is done at the horizon", "Count commands since begin"
    )
    promise.kept(done, f"done=False after {horizon} commands", f"done=True at command {horizon}")


def _check_forks(
    make: Callable[[], World],
    world: World,
    key: EpisodeKey,
    cameras: Mapping[str, tuple[int, int]],
) -> None:
    """Checks snapshots, if the world has them and an episode is long enough to be left."""
    fresh = make()
    try:
        if isinstance(world, ForkableWorld) and isinstance(fresh, ForkableWorld):
            commands = course(world.embodiment, key, min(STEPS, world.horizon))
            world.begin(key)
            lasting = list(takewhile(lambda command: not world.apply(command).done, commands))
            if len(lasting) > 1:
                check_fork(world, fresh, key, lasting, cameras)
    finally:
        fresh.close()


def _parting(one: list[str], two: list[str]) -> int:
    pairs = enumerate(zip(one, two, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(two)))


def _form(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    return f"{array.dtype} of shape {array.shape}"
