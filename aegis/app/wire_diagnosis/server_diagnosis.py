"""Server diagnosis: what a server of openpi's protocol gives, and what it means by it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

import numpy as np

from aegis.app.config.lab import make_world_factory
from aegis.app.config.part_builder import build_policy
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.app.wire_diagnosis.expert_states import RecordedState, record_states
from aegis.app.wire_diagnosis.latency import measure_latencies, print_latencies
from aegis.app.wire_diagnosis.questions import ask_server, is_gated, mirror_query
from aegis.core.conventions import Conventions, read_conventions
from aegis.core.protocols import Policy, World
from aegis.core.types import Embodiment
from aegis.serve.convention_check import Finding, compare_grippers, compare_pictures

_EXIT_UNFIT = 4
"""Exit code where the server means something else than the world."""
_APART = 1 << 40
"""Indices of episodes with mirrored pictures lie this far from the others."""


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
            states = record_states(composed, policy, world, screen)
            with screen.err.status("measuring"):
                times = measure_latencies(policy, states[0].query, settings.integer("calls", 1))
            result |= print_latencies(times, screen)
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
        kept = ask_server(policy, [state.query for state in states])
        turned = [mirror_query(state.query) for state in states]
        if is_gated(policy):  # The same address would be answered from memory.
            turned = [
                replace(one, key=replace(one.key, index=one.key.index + _APART)) for one in turned
            ]
        mirrored = ask_server(policy, turned)
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


def _describe_finding(finding: Finding) -> dict[str, Json]:
    return {
        "best": finding.best or None,
        "for_kept": finding.for_kept,
        "for_other": finding.for_other,
        "p": finding.p,
        "agreement": list(finding.agreement),
    }
