"""`aegis serve vla-eval`, typed: its own settings, and what is refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegis.app.config.composition import compose_config
from aegis.app.config.folders import find_shipped_configs
from tests.app.typed import type_in

SHARED = ("embodiment", "horizon", "what", "wait", "max_connections", "episodes", "seed")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("host=0.0.0.0", "clients need a token"),
        ("what=nothing", "Allowed: policy, gated"),
        ("policy=expert", "reads simulator truth"),
        ("keys.wrist=agentview", "keys of their own"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(words: str, says: str, tmp_path: Path) -> None:
    small = [] if "policy=" in words else ["policy=nano_weak"]
    assert says in type_in(tmp_path, "serve", "vla-eval", *small, words, code=2)["said"]


def test_its_settings_are_those_of_the_other_wire_but_for_the_harness() -> None:
    folder = find_shipped_configs()
    ours, other = (compose_config(name, [], folder).tree for name in ("serve_vla_eval", "serve"))
    assert ours.keys() == other.keys()
    assert {name: ours[name] for name in SHARED} == {name: other[name] for name in SHARED}
    assert (ours["state"], ours["prompt"], ours["resize"]) == ("states", "task_description", True)
