"""World check: episodes repeat bit for bit, and observing does not disturb them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.checks.capabilities_check import check_renderer, check_world_capabilities
from aegis.checks.contract import (
    NamedPlugin,
    describe_array,
    extract_bits,
    find_divergence,
    is_count,
    name_plugin,
)
from aegis.checks.fork_check import check_fork
from aegis.core.protocols import ForkableWorld, Outcome, World
from aegis.core.seeds import episode_stream
from aegis.core.types import Act, Embodiment, EpisodeKey, Hold, Observation

WORLD_MEMBERS = ("embodiment", "horizon", "begin", "observe", "apply", "digest", "close")
COURSE_STEPS = 8
"""Commands that are tried [control steps]."""
OTHER_STARTS = 4
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
    with _open_world(make, seen) as one, _open_world(make, seen) as two:
        _check_robot(one, two)
        start = _check_looking(one, key)
        path = one.play_course(key, look=False)
        _check_same_start(one, "begin", start, one.begin_episode(key), "in the same world again")
        _check_same_start(one, "begin", start, two.begin_episode(key), "in a second world")
        _check_repeatability(
            one, path, two.play_course(key, look=False), two.play_course(key, look=True)
        )
        _check_other_starts(one, key, path[0])
        _check_horizon(one, key)
        check_world_capabilities(one.plugin, one.world, key)
        if seen:
            check_renderer(one.plugin, one.world)
        _check_forks(make, one.world, key, seen)


def draw_course(robot: Embodiment, key: EpisodeKey, steps: int) -> list[Act]:
    """Returns random commands within the robot's limits, the same for the same episode."""
    drawn = episode_stream(key, "check").uniform(robot.low, robot.high, (steps, len(robot.names)))
    return [Act(row) for row in drawn.astype(np.float32).clip(robot.low, robot.high)]


@dataclass(frozen=True, slots=True)
class _CheckedWorld:
    """A world on the bench."""

    world: World
    plugin: NamedPlugin
    cameras: Mapping[str, tuple[int, int]]

    def begin_episode(self, key: EpisodeKey) -> tuple[str, Observation]:
        with self.plugin.guard_call("begin"):
            self.world.begin(key)
        return self.read_digest(), self.take_observation(self.cameras)

    def take_observation(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        with self.plugin.guard_call("observe"):
            obs = self.world.observe(dict(cameras))
        _check_observation(self.plugin, obs, cameras)
        return obs

    def read_digest(self) -> str:
        with self.plugin.guard_call("digest"):
            digest = self.world.digest()
        promise = self.plugin.make_promise("digest", "it is a text", "Return a hex digest")
        promise.require(isinstance(digest, str) and digest, repr(digest), "a str that is not empty")
        return digest

    def apply_command(self, command: Act | Hold) -> Outcome:
        with self.plugin.guard_call("apply"):
            outcome = self.world.apply(command)
        says, remedy = (
            "it answers an Outcome",
            "Return Outcome(success=..., done=...) of plain bools",
        )
        good = isinstance(outcome, Outcome) and all(
            isinstance(part, bool) for part in (outcome.success, outcome.done)
        )
        self.plugin.make_promise("apply", says, remedy).require(
            good, repr(outcome), "Outcome(bool, bool)"
        )
        return outcome

    def play_course(self, key: EpisodeKey, *, look: bool) -> list[str]:
        """Plays the course; returns the digests, that of the start first."""
        with self.plugin.guard_call("begin"):
            self.world.begin(key)
        path = [self.read_digest()]
        for command in draw_course(
            self.world.embodiment, key, min(COURSE_STEPS, self.world.horizon)
        ):
            if look:
                self.take_observation(self.cameras)
            outcome = self.apply_command(command)
            path.append(self.read_digest())
            if outcome.done:
                break
        return path


@contextmanager
def _open_world(
    make: Callable[[], World], cameras: Mapping[str, tuple[int, int]]
) -> Iterator[_CheckedWorld]:
    world = make()
    bench = _CheckedWorld(world, name_plugin("World", world, WORLD_MEMBERS), cameras)
    try:
        yield bench
    finally:
        world.close()


def _check_robot(one: _CheckedWorld, two: _CheckedWorld) -> None:
    robots = [one.world.embodiment, one.world.embodiment, two.world.embodiment]
    remedy = "Build one Embodiment in the constructor and return that"
    promise = one.plugin.make_promise("embodiment", "it is the robot, always the same", remedy)
    for robot in robots:
        promise.require(isinstance(robot, Embodiment), type(robot).__name__, "an Embodiment")
        kinds = [robot.low.dtype, robot.high.dtype, robot.hold.dtype]
        promise.require(set(kinds) == {np.dtype(np.float32)}, f"limits of {kinds}", "float32")
        promise.require(
            extract_bits(robot) == extract_bits(robots[0]), "two that differ", "equal ones"
        )
    says = "it is the longest episode, always the same"
    promise = one.plugin.make_promise("horizon", says, "Fix it in the constructor")
    for bench in (one, two):
        length = bench.world.horizon
        promise.require(is_count(length, 1), repr(length), "an int of at least 1 control step")
        promise.require(length == one.world.horizon, repr(length), str(one.world.horizon))


def _check_looking(bench: _CheckedWorld, key: EpisodeKey) -> tuple[str, Observation]:
    """Looking changes nothing, and what was seen stays what it was."""
    digest, obs = bench.begin_episode(key)
    remedy = "Copy arrays that the simulator writes to, and draw no randomness here"
    promise = bench.plugin.make_promise("observe", "it changes nothing", remedy)
    kept = extract_bits(obs)
    bench.take_observation({})
    again = bench.take_observation(bench.cameras)
    promise.require(
        bench.read_digest() == digest, "another digest after looking", "the same digest"
    )
    promise.require(
        extract_bits(again) == kept, "another observation", "the same observation twice"
    )
    for command in draw_course(bench.world.embodiment, key, min(2, bench.world.horizon)):
        if bench.apply_command(command).done:
            break
    bench.take_observation(bench.cameras)
    says = "an observation is a value that stays as it is"
    promise = bench.plugin.make_promise("observe", says, "Copy the array before you return it")
    promise.require(extract_bits(obs) == kept, "one that changed when the world went on", "a copy")
    return digest, obs


def _check_observation(
    one: NamedPlugin, obs: Observation, cameras: Mapping[str, tuple[int, int]]
) -> None:
    promise = one.make_promise("observe", "it senses", "Return an aegis.core.types.Observation")
    promise.require(isinstance(obs, Observation), type(obs).__name__, "an Observation")
    promise = one.make_promise("observe", "stamp is a time", "Use int(...)")
    promise.require(is_count(obs.stamp, 0), repr(obs.stamp), "an int of nanoseconds")
    promise = one.make_promise("observe", "instruction is a text", "Give the task in words")
    promise.require(isinstance(obs.instruction, str), repr(obs.instruction), "a str")
    remedy = "Convert with np.asarray(..., np.float32) and sort out sensors that gave nothing"
    promise = one.make_promise("observe", "proprio is a finite float32 vector", remedy)
    got = obs.proprio
    promise.require(
        got.dtype == np.float32 and got.ndim == 1, describe_array(got), "float32 of shape (p,)"
    )
    promise.require(np.isfinite(got).all(), got, "finite numbers")
    remedy = "Render the names in `cameras`, and no others"
    promise = one.make_promise("observe", "it renders just the given cameras", remedy)
    promise.require(set(obs.images) == set(cameras), sorted(obs.images), str(sorted(cameras)))
    remedy = "Render to (height, width) in that order, as RGB"
    promise = one.make_promise("observe", "a picture is as asked for", remedy)
    for name, (height, width) in cameras.items():
        picture, shape = obs.images[name], (height, width, 3)
        good = picture.dtype == np.uint8 and picture.shape == shape
        promise.require(good, f"'{name}' {describe_array(picture)}", f"uint8 of shape {shape}")
    promise = one.make_promise(
        "observe", "arrays are read-only", "Leave them as Observation made them"
    )
    arrays: list[NDArray[Any]] = [got, *obs.images.values(), *obs.privileged.values()]
    for array in arrays:
        promise.require(not array.flags.writeable, "a writeable one", "writeable=False")


def _check_same_start(
    bench: _CheckedWorld,
    member: str,
    first: tuple[str, Observation],
    then: tuple[str, Observation],
    where: str,
) -> None:
    remedy = (
        "Set all of the state from the key; draw with aegis.core.seeds.episode_stream(key, ...)"
    )
    promise = bench.plugin.make_promise(member, "equal keys start alike", remedy)
    promise.require(first[0] == then[0], f"another digest {where}", "the same digest")
    seen = f"another observation {where}"
    promise.require(extract_bits(first[1]) == extract_bits(then[1]), seen, "the same observation")


def _check_repeatability(
    bench: _CheckedWorld, path: list[str], other: list[str], looked: list[str]
) -> None:
    remedy = (
        "Draw with aegis.core.seeds.episode_stream(key, 'env', k), and reset solvers and caches"
    )
    promise = bench.plugin.make_promise(
        "apply", "equal starts and commands go the same way", remedy
    )
    promise.require(
        path == other, f"a difference at tick {find_divergence(path, other)}", "equal digests"
    )
    remedy = "Let observe() compute from a copy of the state"
    promise = bench.plugin.make_promise("observe", "looking does not change what follows", remedy)
    promise.require(
        path == looked, f"a difference at tick {find_divergence(path, looked)}", "equal digests"
    )
    remedy = "Hash all of the physical state: positions, speeds, actuators, time"
    promise = bench.plugin.make_promise("digest", "it tells different states apart", remedy)
    still = f"one digest over {len(path) - 1} random commands"
    promise.require(len(set(path)) > 1, still, "one that changes as the world moves")


def _check_other_starts(bench: _CheckedWorld, key: EpisodeKey, digest: str) -> None:
    digests = set()
    for index in range(OTHER_STARTS):
        if index != key.index:
            with bench.plugin.guard_call("begin"):
                bench.world.begin(replace(key, index=index))
            digests.add(bench.read_digest())
    remedy = "Draw the start state from all of the key, index included"
    promise = bench.plugin.make_promise("begin", "another index is another start state", remedy)
    same = f"one start state for all of {key.suite}/{key.task}/{key.start}"
    promise.require(digests != {digest}, same, "start states that differ")


def _check_horizon(bench: _CheckedWorld, key: EpisodeKey) -> None:
    with bench.plugin.guard_call("begin"):
        bench.world.begin(key)
    hold, horizon = bench.world.embodiment.hold, bench.world.horizon
    done = any(bench.apply_command(Hold(hold.copy(), "check")).done for _ in range(horizon))
    promise = bench.plugin.make_promise(
        "apply", "it is done at the horizon", "Count commands since begin"
    )
    promise.require(done, f"done=False after {horizon} commands", f"done=True at command {horizon}")


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
            commands = draw_course(world.embodiment, key, min(COURSE_STEPS, world.horizon))
            world.begin(key)
            lasting = list(takewhile(lambda command: not world.apply(command).done, commands))
            if len(lasting) > 1:
                check_fork(world, fresh, key, lasting, cameras)
    finally:
        fresh.close()
