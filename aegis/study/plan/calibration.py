"""Calibration: sets every dial of a study on calibration units, in order of dependence.

An arm whose dial aims at another arm's spending waits for that one; an arm that is like another
takes over its settings once they are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from aegis.core.capabilities import DialRange, DialValue
from aegis.core.controller import Controller
from aegis.core.errors import CalibrationError
from aegis.core.types import Score
from aegis.records.store import RunTables
from aegis.study.plan.context import PlayedSetting
from aegis.study.plan.dials import (
    ArmDial,
    ConfigNode,
    PlannedDial,
    find_dial,
    replace_at_path,
)
from aegis.study.plan.forecast import ScoredEpisode, forecast_duty, read_scored_episodes
from aegis.study.plan.search import (
    SearchGoal,
    SearchTrial,
    Spending,
    search_setting,
    select_nearest,
)
from aegis.study.plan.study_plan import StudyPlan
from aegis.study.plan.uncalibrated_arms import BUDGET, UncalibratedArms

PlayArm = Callable[[str, ConfigNode, str], RunTables]
"""Plays an arm (name, configuration) on the calibration units; the last text is a folder."""

BuildController = Callable[[str, ConfigNode], Controller]
"""Builds the controller of an arm (name, configuration)."""


@dataclass(frozen=True, slots=True)
class CalibrationTrial:
    """A setting that was tried, at a tick if there were several to choose from."""

    setting: DialValue
    duty: float
    success: float
    start: int | None = None


@dataclass(frozen=True, slots=True)
class CalibratedDial:
    """What a dial was set to.

    Attributes:
        key: What was set.
        setting: To what.
        target: Duty that it was set for.
        duty: Duty that it had on calibration units.
        success: Share of them that it solved.
        tried: All settings that were played.
    """

    key: str
    setting: DialValue
    target: float
    duty: float
    success: float
    tried: tuple[CalibrationTrial, ...]

    def as_dict(self) -> dict[str, object]:
        """Returns plain values, for a file."""
        tried = [
            {name: value for name, value in asdict(one).items() if value is not None}
            for one in self.tried
        ]
        return {**asdict(self), "tried": tried}


class Calibrator:
    """Sets dials.

    Args:
        plan: Has the budget and the reference arm.
        arms: The arms.
        play: Plays an arm on the calibration units.
        chunk: Rows of a proposal of the weak policy that are executed [control steps].
        horizon: Longest episode [control steps].
        tries: Settings of a dial that may be played.
        tell: Is told what was tried.
        build: Builds controllers. An arm's gate and switch say which dials they have, and asked
            again on the reference's scores they forecast what a setting would spend.
    """

    def __init__(
        self,
        plan: StudyPlan,
        arms: UncalibratedArms,
        play: PlayArm,
        chunk: int,
        horizon: int,
        tries: int,
        tell: Callable[[str], None],
        build: BuildController,
    ) -> None:
        self._plan, self._arms, self._play = plan, arms, play
        self._chunk, self._horizon, self._tries, self._tell = chunk, horizon, tries, tell
        self._build = build
        self._nodes: dict[str, ConfigNode] = {}
        self._spent: dict[str, Spending] = {}
        self._range: DialRange | None = None
        self._courses: tuple[ScoredEpisode, ...] | None = None
        self.reached: dict[str, CalibratedDial] = {}
        self.played: list[PlayedSetting] = []

    def set_dials(self) -> dict[str, ConfigNode]:
        """Sets all dials; ``reached`` then says to what, and ``played`` has all that was tried.

        Returns:
            The configurations of all arms, in order.

        Raises:
            CalibrationError: If a budget cannot be met.
            ConfigError: If dials wait for each other, or do not fit their arms.
            UnknownNameError: If an arm's gate and switch have no such dial.
        """
        for name, dial in self._arms.dials.items():
            if name not in self._arms.likes:  # Before hours are spent on other arms.
                find_dial(name, dial, self._build(name, self._arms.nodes[name]))
        for name in self._arms.resolve_order():
            node = self._arms.nodes[name]
            if name in self._arms.likes:
                other = dict(self._nodes[self._arms.likes[name]])
                other.pop("dial", None)  # the arm has no dial of its own
                node = {**other, **node}
            planned = self._arms.dials.get(name)
            self._nodes[name] = node if planned is None else self._set_dial(name, node, planned)
        return {name: self._nodes[name] for name in self._arms.nodes}

    def _set_dial(self, name: str, node: ConfigNode, planned: PlannedDial) -> ConfigNode:
        if planned.holds:
            node = replace_at_path(node, "gate.holds", list(self._require_stays(planned.holds)))
        dial = find_dial(name, planned, self._build(name, node))
        aim = self._resolve_goal(planned)
        if planned.starts:
            return self._set_stint_dial(name, node, dial, aim)
        tries = self._search_dial(name, node, dial, aim)
        best = select_nearest(aim, tries, name)
        self._record_dial(name, dial, aim, best, [CalibrationTrial(**asdict(one)) for one in tries])
        return dial.apply_setting(node, best.setting)

    def _set_stint_dial(
        self, name: str, node: ConfigNode, dial: ArmDial, aim: SearchGoal
    ) -> ConfigNode:
        """Sets the length of a stay at every tick to choose from; keeps the best of them."""
        found: list[tuple[int, SearchTrial]] = []
        tried: list[CalibrationTrial] = []
        for start in dial.planned.starts:
            tries = self._search_dial(name, dial.apply_tick(node, start), dial, aim, start)
            tried += [CalibrationTrial(**asdict(one), start=start) for one in tries]
            within = [one for one in tries if abs(one.duty - aim.duty) <= 3 * aim.tolerance]
            if any(one.duty <= aim.at_most for one in within):
                found.append((start, select_nearest(aim, within, name)))
        if not found:
            raise CalibrationError(
                f"Arm '{name}': at none of the ticks {dial.planned.starts} does a single stay "
                f"spend a duty of {aim.duty:.3f}. Let it start earlier (dial.starts)."
            )
        start, best = max(found, key=lambda pair: (pair[1].success, -abs(pair[1].duty - aim.duty)))
        self._record_dial(name, dial, aim, best, tried)
        return dial.apply_setting(dial.apply_tick(node, start), best.setting)

    def _search_dial(
        self, name: str, node: ConfigNode, dial: ArmDial, aim: SearchGoal, start: int | None = None
    ) -> tuple[SearchTrial, ...]:
        where = f" from {start}" if start is not None else ""

        def play_setting(setting: DialValue) -> Spending:
            words = f"{dial.key} {setting}{where}"
            spent = self._measure_spending(name, dial.apply_setting(node, setting), words)
            self._tell(
                f"{name}: {words}: duty {spent.duty:.3f} for {aim.duty:.3f}, "
                f"success {spent.success:.3f}"
            )
            return spent

        grid = dial.list_settings(self._read_range())
        return search_setting(
            aim, grid, dial.dial.rises, play_setting, self._make_forecast(name, node, dial)
        )

    def _make_forecast(
        self, name: str, node: ConfigNode, dial: ArmDial
    ) -> Callable[[DialValue], float] | None:
        """Returns a forecast of what a setting would spend, from the reference's episodes."""
        if self._courses is None:
            self._courses = read_scored_episodes(self._play_reference(), self._plan.reference)
        courses = self._courses
        if not courses:
            return None
        return lambda setting: forecast_duty(
            self._build(name, dial.apply_setting(node, setting)), courses
        )

    def _record_dial(
        self,
        name: str,
        dial: ArmDial,
        aim: SearchGoal,
        best: SearchTrial,
        tried: Sequence[CalibrationTrial],
    ) -> None:
        self.reached[name] = CalibratedDial(
            dial.key, best.setting, aim.duty, best.duty, best.success, tuple(tried)
        )

    def _resolve_goal(self, dial: PlannedDial) -> SearchGoal:
        budget = self._plan.budget
        aim = SearchGoal(budget.duty, budget.at_most, budget.tolerance, self._tries)
        if dial.target == BUDGET:
            return aim
        # The published rule spends what it spends; its controls may spend that, too.
        self._require_stays(dial.target)  # refuses an arm that spent nothing
        duty = self._spending_of(dial.target).duty
        return replace(aim, duty=duty, at_most=max(aim.at_most, duty + aim.tolerance))

    def _require_stays(self, arm: str) -> tuple[int, ...]:
        holds = self._spending_of(arm).holds
        if not holds:
            raise CalibrationError(
                f"Arm '{arm}' never handed over on the calibration units, so there is no budget to "
                "match. Is its threshold too high, or the weak policy too good? Calibrate on more "
                "units (calibration.units) or with a larger alpha."
            )
        return holds

    def _spending_of(self, arm: str) -> Spending:
        if arm not in self._spent:
            self._spent[arm] = self._measure_spending(arm, self._nodes[arm], "as configured")
        return self._spent[arm]

    def _measure_spending(self, name: str, node: ConfigNode, words: str) -> Spending:
        return Spending.from_rows(self._play_tables(name, node, words).episodes)

    def _play_tables(self, name: str, node: ConfigNode, words: str) -> RunTables:
        text = json.dumps(node, sort_keys=True, default=str)
        tag = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        # Named by the configuration: an interrupted calibration finds again what it has played.
        tables = self._play(name, node, f"{name}-{tag}")
        if all((name, words) != (one.arm, one.words) for one in self.played):
            self.played.append(PlayedSetting(name, words, tables.episodes))
        return tables

    def _play_reference(self) -> RunTables:
        name = self._plan.reference
        return self._play_tables(name, self._arms.nodes[name], "as configured")

    def _read_range(self) -> DialRange:
        """Returns what grids are made from: chunk, horizon, and the scores of the reference arm."""
        if self._range is None:
            steps = self._play_reference().read_steps().select(["boundary", "scores"]).to_pylist()
            scores = [
                Score(*pair) for step in steps if step["boundary"] for pair in step["scores"] or ()
            ]
            self._range = DialRange(self._chunk, self._horizon, scores)
        return self._range
