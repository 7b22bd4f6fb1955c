"""Server diagnosis: what a server of openpi's protocol gives, for `aegis doctor wire`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol, runtime_checkable

import numpy as np

from aegis.app.config.composition import ComposedConfig
from aegis.app.config.lab import choose_units, make_world_factory, read_suite_name
from aegis.app.config.part_builder import build_policy
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.core.answers import ask_policy
from aegis.core.conventions import MIRRORED, Conventions, read_conventions, turn_pictures
from aegis.core.protocols import Policy, Query, World
from aegis.core.types import F32, Act, Embodiment, EpisodeKey, Observation
from aegis.runtime.history import History
from aegis.serve.convention_check import Finding, compare_grippers, compare_pictures

_EXIT_UNFIT = 4
"""Exit code where the server means something else than the world."""
_BATCH = 16
_APART = 1 << 40
"""Indices of episodes with mirrored pictures lie this far from the others."""


@runtime_checkable
class MaybeGated(Protocol):
    """A policy that may be a gated controller on the other end of a wire."""

    @property
    def is_gated(self) -> bool:
        """Whether its answers depend on those before, and are remembered."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RecordedState:
    """A state that the expert passed, and what it did there.

    Attributes:
        query: The question to the server.
        action: Mean of what the expert did in as many steps as a client executes. Shape (a,).
    """

    query: Query
    action: F32


@dataclass(frozen=True, slots=True)
class Latencies:
    """Times of questions, one after the other, each of an episode of its own.

    Attributes:
        p50: Median [ms].
        p99: 99 % take no longer [ms].
        differing: Questions whose answer differs when they are asked again; None where that is not
            to be known.
        calls: How many there were.
    """

    p50: float
    p99: float
    differing: int | None
    calls: int


def diagnose_server(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    """Says what a server gives.

    Returns:
        What it gives; ``exit_code`` is 4 if its conventions are not those of the world.

    Raises:
        AegisError: If it does not answer, or the configuration is wrong.
    """
    if options.place is not None:
        options.overrides = [f"policy.url='{options.place}'", *options.overrides]
    composed = compose_or_show("wire", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    policy = build_policy(composed, "policy", settings.node("policy"))
    try:
        result = _describe_policy(policy, screen)
        world = make_world_factory(composed)()
        try:
            states = _record_states(composed, policy, world, screen)
            with screen.err.status("measuring"):
                times = _measure_latencies(policy, states[0].query, settings.integer("calls", 1))
            result |= _print_latencies(times, screen)
            named = _compare_names(policy, world, screen)
            narrow = _compare_widths(policy, world.embodiment, screen)
            fit = not (named or narrow)
            result |= narrow
            if settings.integer("units", 0) and not narrow:
                said, seem_right = _judge_actions(policy, world.embodiment.names, states, screen)
                result |= said
                fit &= seem_right
            result |= {"conventions": named, "exit_code": 0 if fit else _EXIT_UNFIT}
        finally:
            world.close()
    finally:
        policy.close()
    return result


def _describe_policy(policy: Policy, screen: Screen) -> dict[str, Json]:
    """Prints and returns what the server says of itself."""
    spec = policy.spec
    cameras = {name: f"{h} x {w}" for name, (h, w) in spec.cameras.items()}
    lines = {
        "policy": spec.digest,
        "rows": f"{spec.horizon}, of which {spec.execute} are executed",
        "pictures": ", ".join(f"{name} {size}" for name, size in cameras.items()) or "none",
        "activations": ", ".join(f"{n} ({w})" for n, w in spec.taps.items()) or "none",
        "rounding": spec.rounding,
        "repeatable": "yes" if spec.batch_invariant else "not promised",
    }
    for name, said in lines.items():
        screen.print_line(f"{name:<16}{said}")
    return {
        "digest": spec.digest,
        "horizon": spec.horizon,
        "execute": spec.execute,
        "cameras": {name: [h, w] for name, (h, w) in spec.cameras.items()},
        "taps": dict(spec.taps),
        "rounding": spec.rounding,
        "batch_invariant": spec.batch_invariant,
        "portable": spec.portable,
    }


def _record_states(
    composed: ComposedConfig, policy: Policy, world: World, screen: Screen
) -> list[RecordedState]:
    """Lets the expert play, and keeps what it saw and did; one state where nothing is compared."""
    settings = Settings(composed.tree)
    count = settings.integer("units", 0)
    start, suite = settings.level("start"), read_suite_name(composed)
    units = choose_units(settings, start, suite, max(count, 1), None, None)
    ticks = settings.integer("ticks", 1) if count else 1
    expert = build_policy(composed, "expert", settings.node("expert"))
    states: list[RecordedState] = []
    try:
        with screen.show_progress("the expert plays", len(units)) as show:
            for i, key in enumerate(units):
                states += _play_expert(
                    world, expert, policy, key, ticks, settings.integer("spacing", 1)
                )
                show(i + 1, "")
    finally:
        expert.close()
    return states


def _play_expert(
    world: World, expert: Policy, policy: Policy, key: EpisodeKey, ticks: int, spacing: int
) -> list[RecordedState]:
    """Returns the states of one episode."""
    world.begin(key)
    spec, history = policy.spec, History()
    histories = {spec.name: spec.history} if spec.history[0] else {}
    asked: list[Query] = []
    actions: list[F32] = []
    for k in range(ticks):
        # Whoever looks back sees every tick, as in a run.
        obs = world.observe(spec.cameras if histories or k % spacing == 0 else {})
        if k % spacing == 0:
            past = history.list_past(spec.name, spec.history, obs)
            asked.append(Query(key, k, obs, past=past))
        history = history.add_tick({spec.name: obs}, histories)
        chunk = ask_policy(expert, [Query(key, k, obs)])[0].actions
        actions.append(np.clip(chunk[0], world.embodiment.low, world.embodiment.high))
        if world.apply(Act(actions[-1])).done:
            break
    done = np.stack(actions)
    return [
        RecordedState(query, done[query.k : query.k + spec.execute].mean(axis=0)) for query in asked
    ]


def _is_gated(policy: Policy) -> bool:
    return isinstance(policy, MaybeGated) and policy.is_gated


def _measure_latencies(policy: Policy, query: Query, calls: int) -> Latencies:
    """Asks what the robot sees at the start, each time in an episode that nobody has asked for.

    A gated server would answer the same tick from its memory.
    """
    ask_policy(policy, [query])  # opens connections and loads kernels
    number = time.time_ns()
    asked = [replace(query, key=replace(query.key, index=number + i)) for i in range(calls)]
    times, found = [], []
    for one in asked:
        began = time.perf_counter()
        found.append(ask_policy(policy, [one])[0].actions.tobytes())
        times.append(1e3 * (time.perf_counter() - began))
    differing = None
    if not _is_gated(policy):
        again = [ask_policy(policy, [one])[0].actions.tobytes() for one in asked]
        differing = sum(one != other for one, other in zip(found, again, strict=True))
    return Latencies(
        float(np.quantile(times, 0.5)), float(np.quantile(times, 0.99)), differing, calls
    )


def _print_latencies(times: Latencies, screen: Screen) -> dict[str, Json]:
    screen.print_line(f"{'latency':<16}p50 {times.p50:.1f} ms, p99 {times.p99:.1f} ms")
    if times.differing is None:
        equal = "not to be known: a gated server remembers what it answered"
    else:
        equal = "yes" if not times.differing else f"{times.differing} of {times.calls} differ"
    screen.print_line(f"{'equal answers':<16}{equal}")
    return {
        "latency_p50_ms": times.p50,
        "latency_p99_ms": times.p99,
        "calls": times.calls,
        "differing": times.differing,
    }


def _compare_widths(policy: Policy, robot: Embodiment, screen: Screen) -> dict[str, Json]:
    """Says so where the server's actions have another width than the world's; returns it then."""
    given, names = policy.spec.dimensions, robot.names
    if given is None or given == len(names):
        return {}
    said = f"the server gives {given} numbers, the world takes {len(names)}: {', '.join(names)}"
    screen.print_line(f"{'actions':<16}{said}")
    return {"actions": given, "world_actions": len(names)}


def _compare_names(policy: Policy, world: World, screen: Screen) -> dict[str, Json]:
    """Compares the conventions that the server names with the world's; returns what differs."""
    there, here = read_conventions(policy), read_conventions(world)
    differing: dict[str, Json] = {}
    for field in fields(Conventions):
        said, meant = getattr(there, field.name), getattr(here, field.name)
        if said and meant and said != meant:
            differing[field.name] = {"server": said, "world": meant}
            screen.print_line(f"{field.name:<16}the server means {said}, the world {meant}")
    if not differing:
        known = [field.name for field in fields(Conventions) if getattr(there, field.name)]
        said = f"those of the world, as far as both name them: {', '.join(known) or 'none'}"
        screen.print_line(f"{'conventions':<16}{said}")
    return differing


def _judge_actions(
    policy: Policy, names: tuple[str, ...], states: Sequence[RecordedState], screen: Screen
) -> tuple[dict[str, Json], bool]:
    """Compares the server's first actions with the expert's, under either convention.

    Returns:
        What was found, and whether nothing speaks for the other convention.
    """
    with screen.err.status("comparing with the expert"):
        kept = _ask_server(policy, [state.query for state in states])
        turned = [_mirror_query(state.query) for state in states]
        if _is_gated(policy):  # The same address would be answered from memory.
            turned = [
                replace(one, key=replace(one.key, index=one.key.index + _APART)) for one in turned
            ]
        mirrored = _ask_server(policy, turned)
    expert, execute = np.stack([state.action for state in states]), policy.spec.execute
    pictures = compare_pictures(names, expert, kept, mirrored, execute)
    # Who sees everything the wrong way round grasps nowhere: the gripper is judged where it fits.
    seen = mirrored if pictures.best == pictures.other else kept
    findings = [pictures, compare_grippers(names, expert, seen, execute)]
    said: dict[str, Json] = {"actions": kept.shape[2], "states": len(states)}
    for finding in findings:
        if finding is not None:
            screen.print_line(f"{finding.question:<16}{finding}")
            said[finding.question] = _describe_finding(finding)
    return said, not any(one is not None and one.best == one.other for one in findings)


def _ask_server(policy: Policy, queries: Sequence[Query]) -> F32:
    """Returns chunks. Shape (n, h, a).

    A gated server is asked tick by tick, over one connection: its ticks have an order.
    """
    size = 1 if _is_gated(policy) else _BATCH
    answers = [
        answer
        for i in range(0, len(queries), size)
        for answer in ask_policy(policy, queries[i : i + size])
    ]
    return np.stack([answer.actions for answer in answers])


def _mirror_query(query: Query) -> Query:
    """Returns a question with pictures the other way round."""
    past = tuple(_mirror_pictures(obs) for obs in query.past)
    return replace(query, obs=_mirror_pictures(query.obs), past=past)


def _mirror_pictures(obs: Observation) -> Observation:
    images = {name: turn_pictures(picture, MIRRORED) for name, picture in obs.images.items()}
    return replace(obs, images=images)


def _describe_finding(finding: Finding) -> dict[str, Json]:
    return {
        "best": finding.best or None,
        "for_kept": finding.for_kept,
        "for_other": finding.for_other,
        "p": finding.p,
        "agreement": list(finding.agreement),
    }
