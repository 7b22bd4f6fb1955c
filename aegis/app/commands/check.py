"""`aegis check`: do the parts of a configuration keep the promises of their protocols?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from aegis.app.command import Command, add_no_options
from aegis.app.config.arm_builder import build_arm
from aegis.app.config.lab import Lab, open_lab
from aegis.app.config.settings import Settings
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


def _run_check(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("run", options, screen)
    if composed is None:
        return {}
    done: dict[str, Json] = {}
    with open_lab(composed, ("weak", "strong")) as lab:
        for part, checked, promises in _check_parts(lab):
            done[part] = checked
            screen.print_line(f"   ok  {part:<9} {checked}: {promises}")
    screen.print_line("all parts keep the promises of aegis/core/protocols.py")
    return {"checked": done}


def _check_parts(lab: Lab) -> Iterator[tuple[str, str, str]]:
    """Checks part after part; yields the part, its class and what it kept."""
    controller = build_arm(lab, "aegis", _compose_arm_settings(lab)).controller
    keys = lab.list_units(2)
    check_gate(controller.gate, keys[0])
    yield "gate", _class_name(controller.gate), "pure; unknown risk is risk"
    check_switch(controller.switch, keys[0])
    yield (
        "switch",
        _class_name(controller.switch),
        "pure; NaN never gives control back; exact holds",
    )
    cameras = {
        name: size for policy in lab.policies.values() for name, size in policy.spec.cameras.items()
    }
    check_world(lab.world, keys[0], cameras)
    kept = "repeatable; looking changes nothing; ends at the horizon; goes on from its snapshots"
    yield "world", Settings(lab.composed.tree).level("env").text("_target_").split(".")[-1], kept
    width = len(lab.embodiment.names)
    for part, policy in lab.policies.items():
        queries = sample_queries(lab.world, keys, policy.spec)
        proposals = check_policy(policy, queries, width)
        yield part, _class_name(policy), "answers in order; bits depend on no companion; repeatable"
        if part == "weak":
            cases = [(p, query.obs) for p, query in zip(proposals, queries, strict=True)]
            for detector in lab.detectors:
                check_detector(detector, keys[0], cases)
                yield "detector", _class_name(detector), "pure; no proposal is NaN"


def _compose_arm_settings(lab: Lab) -> Settings:
    parts = {name: lab.settings.value(name) for name in ("gate", "switch", "first")}
    fixed = {"weak": "weak", "strong": "strong", "detect": True, "salt": {}}
    return Settings({**parts, **fixed})


def _class_name(part: object) -> str:
    return type(part).__name__


COMMAND = Command(
    name="check",
    details="""
        Builds the parts that `aegis run` would use, from the same configuration, and tries whether
        they keep what aegis/core/protocols.py promises: the gate and the switch on made-up
        episodes, the world under random commands, the policies and the detector on what they see
        there. It stops at the first broken promise and says how to mend it. Do not point it at a
        robot.
    """,
    examples=(
        ("aegis check", "the parts that are shipped"),
        ("aegis check --config-dir configs", "parts of your own, before the first run"),
        ("aegis check env=robosuite_lift tasks=[0] weak=expert", "another world and policy"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_check,
    root="run",
)
