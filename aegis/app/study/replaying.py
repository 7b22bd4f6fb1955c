"""Replaying: plays sampled units of a finished study again, and compares what a level allows."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aegis.app.screen import Screen
from aegis.app.study.levels import OUTCOME, PHYSICS, VerificationLevel
from aegis.app.study.physics_replay import check_physics, gather_episodes, replay_episodes
from aegis.app.study.prepared_study import PreparedStudy
from aegis.app.study.running import build_fork_arms
from aegis.core.types import EpisodeKey
from aegis.fleet.arm import Arm
from aegis.fleet.progress import NullSink
from aegis.fleet.run_plan import RunPlan
from aegis.host.dispatch import build_dispatch
from aegis.records.rows import EpisodeRow
from aegis.records.store import RunTables
from aegis.study.outcome_check import OutcomeAgreement, check_outcomes, plan_sample
from aegis.study.plan.calibration_table import read_calibration_table
from aegis.study.play.action_table import choose_kept_units, read_action_table
from aegis.study.play.small_tables import StudyTables, write_small_tables
from aegis.study.verification import (
    EVERY_UNIT,
    CheckResult,
    check_replay,
    check_table,
    sample_units,
)

DEFAULT_SAMPLE = 10
"""Units to play again where every bit is compared."""
_REPLAYED_UNITS = 2
"""Units of the fork set, and of calibration, to replay: few, because they have many arms."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Units to play again.

    Attributes:
        count: How many; None for as many as the level needs, 0 for none, ``EVERY_UNIT`` for all.
        pick: Another number draws others.
    """

    count: int | None = None
    pick: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class StudyReplay:
    """A finished study that is played again.

    Attributes:
        study: The study, built.
        root: Its run folder.
        tables: Its tables.
        arms: Its arms.
        sample: Units to play again.
        screen: Receives notes.
    """

    study: PreparedStudy
    root: Path
    tables: StudyTables
    arms: tuple[Arm, ...]
    sample: Sample
    screen: Screen

    def check_level(self, level: VerificationLevel) -> list[CheckResult]:
        """Plays units again and compares what the level promises."""
        units = list(dict.fromkeys(row.key for row in self.tables.episodes))
        if not units:
            return [CheckResult("played again", False, 0, "nothing to check")]
        if level.name == PHYSICS:
            return self._replay_physics(units, level)
        with tempfile.TemporaryDirectory(prefix="aegis-verify-") as scratch:
            if level.name == OUTCOME:
                return self._replay_outcomes(units, Path(scratch))
            return self._replay_bits(units, Path(scratch))

    def _replay_bits(self, units: Sequence[EpisodeKey], scratch: Path) -> list[CheckResult]:
        """Compares every column of the sampled units, some forks and some calibration units."""
        keys = self._draw_units(units, DEFAULT_SAMPLE)
        run_folder = scratch / "run"
        replayed = self._play_units(keys, run_folder)
        checks = [check_replay("played again", self.tables.episodes, replayed.episodes)]
        write_small_tables(run_folder, self.study.list_kept_arms(), self.study.plan.reference)
        fresh_tables = StudyTables.read_folder(run_folder)
        for name, stored, fresh in (
            ("scores again", self.tables.scores, fresh_tables.scores),
            ("events again", self.tables.events, fresh_tables.events),
        ):
            # An emptied table is an edited one; one that is not kept is not compared.
            kept = (self.root / f"{name.partition(' ')[0]}.parquet").exists()
            if kept and (stored.num_rows or fresh.num_rows):
                checks.append(check_table(name, stored, fresh, keys))
        if (self.root / "steps.parquet").exists():
            stored, fresh = RunTables.read_folder(self.root).read_steps(), replayed.read_steps()
            checks.append(check_table("steps again", stored, fresh, keys))
        checks += self._replay_forks(scratch / "forks")
        return checks + self._replay_calibration(scratch / "calibration")

    def _replay_forks(self, scratch: Path) -> list[CheckResult]:
        fork_arms = build_fork_arms(self.study, self.arms)
        fork_units = list(dict.fromkeys(row.key for row in self.tables.forks))
        if not fork_arms or not fork_units:
            return []
        keys = self._draw_few(fork_units)
        rows = self._play_plan(self.study.plan_run(keys, fork_arms, {}), scratch).episodes
        return [check_replay("forks again", self.tables.forks, rows)]

    def _replay_calibration(self, scratch: Path) -> list[CheckResult]:
        """Replays calibration units at the locked settings."""
        dials = self.study.arms.dials
        stored: list[EpisodeRow] = []
        for setting in read_calibration_table(self.root):
            if setting.arm in dials:
                stored += setting.rows
        units = list(dict.fromkeys(row.key for row in stored))
        if not units:
            return []
        keys = self._draw_few(units)
        dialled_arms = [arm for arm in self.arms if arm.name in dials]
        # Each was played alone, when its dial was set.
        plan = replace(self.study.plan_run(keys, dialled_arms, {}), sharing=False)
        rows = self._play_plan(plan, scratch).episodes
        stored_rows = set(stored)
        faults = [f"{row.key}, {row.arm}" for row in rows if row not in stored_rows]
        return [
            CheckResult.from_faults(
                "calibration again", len(rows), faults, "episodes at the locked settings"
            )
        ]

    def _replay_physics(
        self, units: Sequence[EpisodeKey], level: VerificationLevel
    ) -> list[CheckResult]:
        """Plays kept actions again, without policies."""
        table, kept = read_action_table(self.root), choose_kept_units(units)
        assert table is not None, "the level was chosen because the table is there"
        lab, keys = self.study.lab, self._draw_units(kept, len(kept))
        cameras = {name: policy.spec.cameras for name, policy in lab.policies.items()}
        episodes = gather_episodes(table, self.tables.episodes, cameras, keys)
        self.screen.print_note(f"replaying recorded actions of {len(episodes)} episodes")
        replayed = replay_episodes(episodes, lab.world, lab.workers, build_dispatch(portable=True))
        return list(check_physics(episodes, replayed, level.same_renderer))

    def _replay_outcomes(self, units: Sequence[EpisodeKey], scratch: Path) -> list[CheckResult]:
        """Plays units again as this machine rounds, and compares outcomes."""
        keys = self._draw_units(units, plan_sample(len(units)))
        again = self._play_units(keys, scratch / "run").episodes
        return list(check_outcomes(OutcomeAgreement.from_rows(self.tables.episodes, again)))

    def _draw_units(self, units: Sequence[EpisodeKey], usual: int) -> tuple[EpisodeKey, ...]:
        count = usual if self.sample.count is None else self.sample.count
        return sample_units(units, count, self.sample.pick)

    def _draw_few(self, units: Sequence[EpisodeKey]) -> tuple[EpisodeKey, ...]:
        """Draws units of the fork set or of calibration: a few, or every one."""
        few = EVERY_UNIT if self.sample.count == EVERY_UNIT else _REPLAYED_UNITS
        return self._draw_units(units, _REPLAYED_UNITS)[:few]

    def _play_units(self, keys: Sequence[EpisodeKey], out: Path) -> RunTables:
        self.screen.print_note(f"playing {len(keys)} units again, with {len(self.arms)} arms each")
        truth = self.study.read_truth_names()
        return self._play_plan(self.study.plan_run(tuple(keys), self.arms, {}, truth), out)

    def _play_plan(self, plan: RunPlan, out: Path) -> RunTables:
        executor = self.study.build_executor(Screen(machine=True), "verify", out)
        return replace(executor, sink=NullSink()).execute_plan(replace(plan, audit=0.0), out)
