"""Capabilities check: optional members of plug-ins, where they are there."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from aegis.checks.contract import NamedPlugin, describe_array, extract_bits, is_count, is_number
from aegis.core.capabilities import (
    Calibrated,
    Dial,
    DialRange,
    Fingerprinted,
    ListsStarts,
    ListsTasks,
    ModelBacked,
    Rendering,
    ScoreReader,
    StagedPolicy,
    Tunable,
)
from aegis.core.errors import AegisError
from aegis.core.protocols import Query, World
from aegis.core.types import EpisodeKey, Score

_CHUNK, _HORIZON = 5, 200
"""Of a made-up experiment [control steps]."""


def check_rule_capabilities(one: NamedPlugin, rule: object) -> None:
    """Checks ``reads`` and ``dials()`` of a gate or switch.

    Raises:
        PluginError: If a promise is broken.
    """
    if isinstance(rule, ScoreReader):
        reads = rule.reads
        remedy = "Return a tuple of names, or an empty one where it reads all scores"
        promise = one.make_promise("reads", "it names different scores", remedy)
        good = isinstance(reads, tuple) and all(isinstance(name, str) and name for name in reads)
        promise.require(good and len(set(reads)) == len(reads), repr(reads), "a tuple of texts")
    if isinstance(rule, Tunable):
        with one.guard_call("dials"):
            dials = rule.dials()
        promise = one.make_promise("dials", "it lists dials by kind", "Return a dict of Dial")
        good = isinstance(dials, Mapping) and all(isinstance(d, Dial) for d in dials.values())
        promise.require(good, repr(dials), "a mapping of texts to aegis.core.capabilities.Dial")
        for kind, dial in dials.items():
            _check_dial(one, rule, kind, dial)


def check_detector_capabilities(one: NamedPlugin, detector: object) -> None:
    """Checks ``digest`` and ``calibration`` of a detector.

    Raises:
        PluginError: If a promise is broken.
    """
    if isinstance(detector, Fingerprinted):
        promise = one.make_promise("digest", "it is a hash that stays", "Hash weights and settings")
        first, again = detector.digest, detector.digest
        promise.require(isinstance(first, str) and first == again, repr(first), "one text")
    if isinstance(detector, Calibrated):
        known = detector.calibration
        remedy = "Leave out what was not calibrated"
        promise = one.make_promise("calibration", "it maps names to finite numbers", remedy)
        good = isinstance(known, Mapping) and all(
            isinstance(name, str) and is_number(value) and math.isfinite(value)
            for name, value in known.items()
        )
        promise.require(good, repr(known), "a mapping of texts to numbers")


def _check_dial(one: NamedPlugin, rule: object, kind: str, dial: Dial) -> None:
    """A dial sets arguments that exist, and its settings ascend."""
    known = set(inspect.signature(type(rule)).parameters)
    named = [*dial.arguments, *([dial.tick_argument] if dial.tick_argument else [])]
    remedy = "Name arguments of its constructor"
    promise = one.make_promise("dials", f"'{kind}' sets its own arguments", remedy)
    promise.require(dial.arguments and known >= set(named), named, ", ".join(sorted(known)))
    scores = [Score("check", i / 10) for i in range(11)]
    reads = rule.reads if isinstance(rule, ScoreReader) else ()
    scores += [Score(name, score.value) for name in reads for score in scores[:11]]
    with one.guard_call("dials"):
        grid = list(dial.list_settings(DialRange(_CHUNK, _HORIZON, scores)))
    remedy = "Sort the settings and drop what comes twice"
    promise = one.make_promise("dials", f"the settings of '{kind}' ascend", remedy)
    good = all(is_number(value) and math.isfinite(value) for value in grid)
    good = good and all(low < high for low, high in pairwise(grid))
    promise.require(grid and good, grid[:5], "at least one finite number, ascending")


def check_stages(one: NamedPlugin, policy: StagedPolicy, queries: Sequence[Query]) -> None:
    """Checks ``trace_stages()`` of a policy.

    Args:
        one: The policy under its name.
        policy: The policy.
        queries: What it can answer.

    Raises:
        PluginError: If a promise is broken.
    """
    with one.guard_call("trace_stages"):
        stages, again = policy.trace_stages(queries), policy.trace_stages(queries)
    remedy = "Return a dict of arrays, flattened but for the first axis"
    promise = one.make_promise("trace_stages", "a stage has one row per query", remedy)
    shapes = {name: getattr(out, "shape", None) for name, out in stages.items()}
    good = all(shape and len(shape) == 2 and shape[0] == len(queries) for shape in shapes.values())
    promise.require(shapes and good, shapes, f"shapes ({len(queries)}, n)")
    promise = one.make_promise("trace_stages", "it repeats", "Keep no state, and copy buffers")
    promise.require(
        extract_bits(stages) == extract_bits(again), "other bits when asked again", "the same bits"
    )


def check_world_capabilities(one: NamedPlugin, world: World, key: EpisodeKey) -> None:
    """Checks what a world may have besides: its model, its tasks, its start states.

    Args:
        one: The world under its name.
        world: The world.
        key: An episode that it has.

    Raises:
        PluginError: If a promise is broken.
    """
    for check in (check_model, check_tasks, check_starts):
        check(one, world, key)


def check_model(one: NamedPlugin, world: World, key: EpisodeKey) -> None:
    """Checks ``read_model()`` of a world, where it has it.

    Args:
        one: The world under its name.
        world: The world.
        key: An episode.

    Raises:
        PluginError: If a promise is broken.
    """
    if not isinstance(world, ModelBacked):
        return
    world.begin(key)
    before = world.digest()
    with one.guard_call("read_model"):
        model, again = world.read_model(), world.read_model()
    promise = one.make_promise("read_model", "it is bytes", "Return a vector of uint8")
    good = model.dtype == np.uint8 and model.ndim == 1 and model.size > 0
    promise.require(good, describe_array(model), "uint8 of shape (n,)")
    promise = one.make_promise("read_model", "it changes nothing", "Copy what you read")
    same = np.array_equal(model, again) and world.digest() == before
    promise.require(same, "another model or state after reading", "the same")


def check_tasks(one: NamedPlugin, world: World, key: EpisodeKey) -> None:
    """Checks ``list_tasks()`` of a world, where it has it.

    Args:
        one: The world under its name.
        world: The world.
        key: An episode that it has.

    Raises:
        PluginError: If a promise is broken.
    """
    if not isinstance(world, ListsTasks):
        return
    with one.guard_call("list_tasks"):
        known = list(world.list_tasks())
    promise = one.make_promise("list_tasks", "numbers ascend", "Return each task's number once")
    good = all(is_count(task, 0) for task in known) and all(a < b for a, b in pairwise(known))
    promise.require(good, known[:5], "integers from 0 on, ascending")
    remedy = "List every task that begin takes"
    promise = one.make_promise("list_tasks", "it names the task of the episode", remedy)
    promise.require(key.task in known, known[:5], f"{key.task} among them")
    promise = one.make_promise("list_tasks", "begin refuses others", "Raise UnknownNameError")
    strange = next(task for task in range(len(known) + 1) if task not in known)
    try:
        world.begin(replace(key, task=strange))
    except AegisError:
        return
    promise.require(False, f"an episode of task {strange}", "a refusal")


def check_starts(one: NamedPlugin, world: World, key: EpisodeKey) -> None:
    """Checks ``list_starts()`` and ``count_starts()`` of a world, where it has them.

    Args:
        one: The world under its name.
        world: The world.
        key: An episode that it has.

    Raises:
        PluginError: If a promise is broken.
    """
    if not isinstance(world, ListsStarts):
        return
    with one.guard_call("list_starts"):
        known = list(world.list_starts())
    promise = one.make_promise("list_starts", "it names families", "Return each name once")
    good = all(isinstance(name, str) and name for name in known) and len(set(known)) == len(known)
    promise.require(good, known, "different texts")
    remedy = "List every family that begin takes"
    promise = one.make_promise("list_starts", "it names that of the episode", remedy)
    promise.require(key.start in known, known, f"'{key.start}' among them")
    with one.guard_call("count_starts"):
        counts = {name: world.count_starts(name) for name in known}
    promise = one.make_promise("count_starts", "it is a number", "Return None if there is no end")
    good = all(count is None or is_count(count, 1) for count in counts.values())
    promise.require(good, counts, "integers from 1 on, or None")
    promise = one.make_promise("begin", "it refuses starts beyond", "Raise StartStateError")
    for name, count in counts.items():
        if count is not None:
            try:
                world.begin(replace(key, start=name, index=count))
            except AegisError:
                continue
            promise.require(False, f"start {count} of '{name}', which has {count}", "a refusal")


def check_renderer(one: NamedPlugin, world: World) -> None:
    """Checks ``describe_renderer()`` of a world, where it has it.

    Args:
        one: The world under its name.
        world: The world; it must be able to draw.

    Raises:
        PluginError: If a promise is broken.
    """
    if not isinstance(world, Rendering):
        return
    with one.guard_call("describe_renderer"):
        first, again = world.describe_renderer(), world.describe_renderer()
    remedy = "Name driver and version, and nothing that changes"
    promise = one.make_promise("describe_renderer", "it is one text", remedy)
    good = isinstance(first, str) and bool(first.strip()) and first == again
    promise.require(good, repr(first) if first == again else f"{first!r}, then {again!r}", "a text")
