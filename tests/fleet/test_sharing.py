"""Laws of sharing: arms that are one simulation until they part leave the rows of arms alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aegis.core.controller import Controller
from aegis.core.errors import ConfigError, PairingError
from aegis.core.protocols import PolicySpec, WorldState
from aegis.fleet.arm import Arm
from aegis.gates.bernoulli import RandomGate
from aegis.gates.constant import NeverGate
from aegis.gates.schedule import ScheduleGate
from tests.fakes import ToyPolicy, ToyWorld
from tests.fleet.toyrun import (
    HORIZON,
    NanPolicy,
    SharedDraws,
    controller,
    tables,
    toy_arms,
    toy_plan,
    toy_policies,
    toy_run,
)


def reseeded() -> Arm:
    return Arm("reseed", salt_rung(controller(ScheduleGate(start_tick=8, holds=(9,))), "strong"))


def salt_rung(parts: Controller, name: str) -> Controller:
    """The same controller, one of whose policies draws fresh noise."""
    ladder = parts.ladder
    rungs = tuple(replace(rung, salt=int(rung.name == name)) for rung in ladder.rungs)
    return replace(parts, ladder=replace(ladder, rungs=rungs))


def ticks(out: Path) -> int:
    """Control steps that the last run simulated."""
    lines = [json.loads(line) for line in (out / "timing.jsonl").read_text().splitlines()]
    return next(line["ticks"] for line in reversed(lines) if line["event"] == "run")


def test_sharing_changes_no_byte_and_saves_steps(tmp_path: Path) -> None:
    arms = (*toy_arms(), reseeded(), Arm("twin", toy_arms()[4].controller))
    plan = toy_plan(4, arms, audit=0.0)
    toy_run(tmp_path / "shared", plan, workers=2, slots=3)
    toy_run(tmp_path / "alone", replace(plan, sharing=False))
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")
    assert ticks(tmp_path / "shared") < 0.6 * ticks(tmp_path / "alone")


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    starts=st.lists(st.sampled_from([0, 4, 12, 28, 56]), min_size=1, max_size=3),
    rate=st.sampled_from([0.0, 0.3, 1.0]),
    salted=st.booleans(),
)
def test_any_gates_may_share(
    starts: list[int], rate: float, salted: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    gates = [ScheduleGate(start_tick=k, holds=(1, 2), period=8) for k in starts]
    arms = [
        Arm(f"s{i}", salt_rung(controller(gate), "weak" if salted and i == 1 else ""))
        for i, gate in enumerate(gates)
    ]
    arms += [Arm("coin", controller(RandomGate(rate=rate, holds=(1,)))), *toy_arms()[:2]]
    plan, out = toy_plan(2, tuple(arms), audit=0.0), tmp_path_factory.mktemp("any")
    toy_run(out / "shared", plan, slots=1)
    toy_run(out / "alone", replace(plan, sharing=False), slots=4)
    assert tables(out / "shared") == tables(out / "alone")


def test_arms_that_stop_for_other_reasons_part(tmp_path: Path) -> None:
    policies = toy_policies() | {"weak": NanPolicy("weak", since=8, until=99, weak=True)}
    plan = toy_plan(2, audit=0.0)
    toy_run(tmp_path / "shared", plan, policies=policies)
    toy_run(tmp_path / "alone", replace(plan, sharing=False), policies=policies)
    assert tables(tmp_path / "shared") == tables(tmp_path / "alone")


class Alone(ToyWorld):
    """A world that cannot be forked, as a robot or another simulator."""

    snapshot = None  # type: ignore[assignment]
    restore = None  # type: ignore[assignment]


def test_a_world_without_snapshots_plays_every_arm_alone(tmp_path: Path) -> None:
    toy_run(tmp_path / "a", world=partial(Alone, horizon=HORIZON))
    toy_run(tmp_path / "b")
    assert tables(tmp_path / "a") == tables(tmp_path / "b")


class Forgetful(ToyWorld):
    """Forgets in its snapshot by a hair where it was."""

    def restore(self, state: WorldState) -> None:
        super().restore(state)
        self._at = self._at + 1e-12


def test_the_audit_finds_a_snapshot_that_forgets(tmp_path: Path) -> None:
    world = partial(Forgetful, horizon=HORIZON)
    with pytest.raises(PairingError, match="played from the start it does not end as it did"):
        toy_run(tmp_path / "found", world=world)
    toy_run(tmp_path / "unseen", toy_plan(audit=0.0), world=world)


def test_the_audit_finds_a_shared_generator(tmp_path: Path) -> None:
    policies = toy_policies() | {"weak": SharedDraws("weak", weak=True)}
    with pytest.raises(PairingError, match="keeps something between queries"):
        toy_run(tmp_path, policies=policies)


def test_the_audit_takes_the_first_unit_and_a_share(tmp_path: Path) -> None:
    plan = toy_plan(200)
    drawn = [key for key in plan.units if plan.is_audited(key)]
    assert plan.units[0] in drawn
    assert len(drawn) < 20
    assert not any(replace(plan, audit=0.0).is_audited(key) for key in plan.units)
    assert all(replace(plan, audit=1.0).is_audited(key) for key in plan.units)
    toy_run(tmp_path, toy_plan(2, audit=1.0))
    events = [json.loads(line)["event"] for line in (tmp_path / "timing.jsonl").open()]
    assert events.count("audit") == 2
    with pytest.raises(ConfigError, match="audit is a share"):
        toy_plan(audit=1.5)


class Variant(ToyPolicy):
    """Says that its rows depend on their batch."""

    @property
    def spec(self) -> PolicySpec:
        return replace(super().spec, batch_invariant=False, rounding="cuda, bfloat16")


def test_a_policy_that_depends_on_its_batch_is_refused(tmp_path: Path) -> None:
    policies = toy_policies() | {"strong": Variant("strong", weak=False)}
    with pytest.raises(PairingError, match=r"'strong' .cuda, bfloat16. gives a row other bits"):
        toy_run(tmp_path, policies=policies)
    toy_run(tmp_path, toy_plan(1, batch_dependent=True), policies=policies)


class Counting(ToyPolicy):
    """Counts its queries."""

    asked = 0

    def propose(self, queries: Sequence[object]) -> list[object]:
        type(self).asked += len(queries)
        return super().propose(queries)


def test_what_is_shared_is_inferred_once(tmp_path: Path) -> None:
    arms = tuple(Arm(f"a{i}", controller(NeverGate())) for i in range(5))
    policies = toy_policies() | {"weak": Counting("weak", weak=True, cameras={"agentview": (8, 8)})}
    Counting.asked = 0
    result = toy_run(tmp_path, toy_plan(2, arms, audit=0.0), policies=policies)
    queries = [dict(row.asks)["weak"] for row in result.episodes]
    assert Counting.asked == sum(queries) / 5
    assert len({row.digest for row in result.episodes}) == 2
