"""`aegis check`: tests the parts of a configuration against their protocols."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aegis.app.command import Command, add_no_options
from aegis.app.config.arm_builder import build_run_arm
from aegis.app.config.lab import Lab, open_lab
from aegis.app.experiment import compose_or_show
from aegis.app.screen import Json, Screen
from aegis.checks import (
    check_detector,
    check_gate,
    check_policy,
    check_switch,
    check_world,
    sample_queries,
)
from aegis.core.protocols import ForkableWorld
from aegis.core.types import EpisodeKey, Observation, Proposal


@dataclass(frozen=True, slots=True)
class _CheckedPart:
    """A part of the configuration, and what its check showed.

    Attributes:
        part: Part of the configuration.
        kind: Name of its class.
        detail: Properties that hold, or the reason why it was not checked.
        skipped: Whether it was not checked.
    """

    part: str
    kind: str
    detail: str
    skipped: bool = False


def _run_check(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("run", options, screen)
    if composed is None:
        return {}
    checked: dict[str, Json] = {}
    skipped: dict[str, Json] = {}
    with open_lab(composed, ("weak", "strong"), allow_unfit=True) as lab:
        for result in _check_parts(lab):
            mark = "skip" if result.skipped else "ok"
            screen.print_line(f"{mark:>5}  {result.part:<9} {result.kind}: {result.detail}")
            if result.skipped:
                skipped[result.part] = result.detail
            else:
                checked[result.part] = result.kind
    if skipped:
        screen.print_line(
            "all other parts conform to aegis/core/protocols.py. Before `aegis run`, fit a probe "
            "to this weak policy: aegis collect with the same weak=..., aegis fit, and then aegis "
            "check detector.path=... with the new probe"
        )
    else:
        screen.print_line("all parts conform to aegis/core/protocols.py")
    return {"checked": checked, "skipped": skipped}


def _check_parts(lab: Lab) -> Iterator[_CheckedPart]:
    """Checks part after part.

    Raises:
        PluginError: If a part does not conform to its protocol.
    """
    # A probe that was fitted to another policy still has the calibration that the gate reads.
    controller = build_run_arm(lab).controller
    keys = lab.list_units(2)
    check_gate(controller.gate, keys[0])
    yield _describe_part("gate", controller.gate, "pure; counts unknown risk as risk")
    check_switch(controller.switch, keys[0])
    detail = "pure; never returns control on NaN; keeps holds exactly"
    yield _describe_part("switch", controller.switch, detail)
    yield _check_world(lab, keys[0])
    width = len(lab.embodiment.names)
    for part, policy in lab.policies.items():
        queries = sample_queries(lab.world, keys, policy.spec)
        proposals = check_policy(policy, queries, width)
        detail = "answers in order; repeatable; the same bits in any batch"
        yield _describe_part(part, policy, detail)
        if part == "weak":
            cases = [(p, query.obs) for p, query in zip(proposals, queries, strict=True)]
            yield from _check_detectors(lab, keys[0], cases)


def _check_world(lab: Lab, key: EpisodeKey) -> _CheckedPart:
    cameras = {
        name: size for policy in lab.policies.values() for name, size in policy.spec.cameras.items()
    }
    check_world(lab.world, key, cameras)
    sample = lab.world()
    try:
        snapshots = (
            "continues from its snapshots"
            if isinstance(sample, ForkableWorld)
            else "no snapshots, so each arm is simulated from the start"
        )
        detail = f"repeatable; observing changes nothing; ends at the horizon; {snapshots}"
        return _describe_part("world", sample, detail)
    finally:
        sample.close()


def _check_detectors(
    lab: Lab, key: EpisodeKey, cases: Sequence[tuple[Proposal, Observation]]
) -> Iterator[_CheckedPart]:
    for detector in lab.detectors:
        if detector.name in lab.unfit:
            kind, reason = type(detector).__name__, lab.unfit[detector.name]
            yield _CheckedPart("detector", kind, f"not checked. {reason}", skipped=True)
            continue
        check_detector(detector, key, cases)
        yield _describe_part("detector", detector, "pure; the score without a proposal is NaN")


def _describe_part(part: str, plugin: object, detail: str) -> _CheckedPart:
    return _CheckedPart(part, type(plugin).__name__, detail)


COMMAND = Command(
    name="check",
    details="""
        Builds the parts that `aegis run` would use, from the same configuration, and tests them
        against aegis/core/protocols.py: the gate and the switch on synthetic episodes, the world
        under random commands, the policies and the detector on its observations. It stops at the
        first part that does not conform and says how to fix it. A detector that was fitted to
        another weak policy is skipped, so that a policy can be checked before a probe exists. Never
        run it on a robot: it sends random commands.
    """,
    examples=(
        ("aegis check", "the shipped parts"),
        ("aegis check --config-dir configs", "your own parts, before the first run"),
        (
            "aegis check env=robosuite_lift tasks=[0] weak=robosuite_expert",
            "another world and policy",
        ),
        ("aegis check weak=my_policy", "your own policy, before a probe is fitted to it"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_check,
    root="run",
)
