"""Calibrate: sets every dial of a study on calibration units, in an order that allows it.

An arm whose dial aims at another arm's spending waits for that one; an arm that is like another
takes over its settings once they are known.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from aegis.core.controller import Controller
from aegis.core.errors import CalibrationError, ConfigError, UnknownNameError
from aegis.records.store import RunTables
from aegis.study.plan.context import Setting as Played
from aegis.study.plan.dials import Dial, Node, of_two_scores, put
from aegis.study.plan.forecast import Course, courses_of, expected_duty
from aegis.study.plan.search import Aim, Setting, Spent, Try, nearest, seek
from aegis.study.plan.study_plan import StudyPlan

BUDGET, RECOMMENDED = "budget", "recommended"
Play = Callable[[str, Node, str], RunTables]
"""Plays an arm (name, configuration) on the calibration units; the last text is a folder."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A setting that was tried, at a tick if there were several to choose from."""

    setting: Setting
    duty: float
    success: float
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Reached:
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
    setting: Setting
    target: float
    duty: float
    success: float
    tried: tuple[Attempt, ...]

    def plain(self) -> dict[str, object]:
        """Returns plain values, for a file."""
        tried = [
            {name: value for name, value in asdict(one).items() if value is not None}
            for one in self.tried
        ]
        return {**asdict(self), "tried": tried}


@dataclass(frozen=True, slots=True)
class Arms:
    """The arms of a study before their dials are set.

    Attributes:
        nodes: Configurations, numbers filled in, in order.
        dials: Of arms that have one.
        likes: Arm to the arm whose settings it takes over.
    """

    nodes: Mapping[str, Node]
    dials: Mapping[str, Dial]
    likes: Mapping[str, str]

    def __post_init__(self) -> None:
        for arm, other in [*self.likes.items(), *self._wants()]:
            if other not in self.nodes:
                raise UnknownNameError("arm", other, self.nodes, f"arms.{arm}")

    def order(self) -> list[str]:
        """Returns the arms so that each comes after those that it waits for.

        Raises:
            ConfigError: If they wait for each other.
        """
        waits: dict[str, set[str]] = {arm: set() for arm in self.nodes}
        for arm, other in [*self.likes.items(), *self._wants()]:
            waits[arm].add(other)
        done: list[str] = []
        while len(done) < len(waits):
            free = [arm for arm in waits if arm not in done and waits[arm] <= set(done)]
            if not free:
                left = ", ".join(arm for arm in waits if arm not in done)
                raise ConfigError(f"The dials of these arms wait for each other: {left}.")
            done += free
        return done

    def _wants(self) -> list[tuple[str, str]]:
        pairs = [(arm, dial.target) for arm, dial in self.dials.items() if dial.target != BUDGET]
        return pairs + [(arm, dial.holds) for arm, dial in self.dials.items() if dial.holds]


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
        build: Builds the controller of an arm (name, configuration), to guess what a setting would
            spend before it is played; without it, searches begin at a fixed place.
    """

    def __init__(
        self,
        plan: StudyPlan,
        arms: Arms,
        play: Play,
        chunk: int,
        horizon: int,
        tries: int,
        tell: Callable[[str], None],
        build: Callable[[str, Node], Controller] | None = None,
    ) -> None:
        self._plan, self._arms, self._play = plan, arms, play
        self._chunk, self._horizon, self._tries, self._tell = chunk, horizon, tries, tell
        self._build = build
        self._nodes: dict[str, Node] = {}
        self._spent: dict[str, Spent] = {}
        self._scores: list[tuple[str, float]] | None = None
        self._courses: tuple[Course, ...] | None = None
        self.reached: dict[str, Reached] = {}
        self.played: list[Played] = []

    def run(self) -> dict[str, Node]:
        """Sets all dials; ``reached`` then says to what, and ``played`` has all that was tried.

        Returns:
            The configurations of all arms, in order.

        Raises:
            CalibrationError: If a budget cannot be met.
            ConfigError: If dials wait for each other, or do not fit their arms.
        """
        for name in self._arms.order():
            node = self._arms.nodes[name]
            if name in self._arms.likes:
                other = dict(self._nodes[self._arms.likes[name]])
                other.pop("dial", None)  # the arm has no dial of its own
                node = {**other, **node}
            dial = self._arms.dials.get(name)
            self._nodes[name] = node if dial is None else self._set(name, node, dial)
        return {name: self._nodes[name] for name in self._arms.nodes}

    def _set(self, name: str, node: Node, dial: Dial) -> Node:
        if dial.holds:
            node = put(node, "gate.holds", list(self._holds(dial.holds)))
        aim = self._aim(dial)
        if dial.kind == "stint":
            return self._set_stint(name, node, dial, aim)
        tries = self._seek(name, node, dial, aim)
        best = nearest(aim, tries, name)
        self._keep(name, dial, aim, best, [Attempt(**asdict(one)) for one in tries])
        return dial.turn(node, best.setting)

    def _set_stint(self, name: str, node: Node, dial: Dial, aim: Aim) -> Node:
        """Sets the length of a stay at every tick to choose from; keeps the best of them."""
        found: list[tuple[int, Try]] = []
        tried: list[Attempt] = []
        for start in dial.starts:
            tries = self._seek(name, put(node, "gate.start_tick", start), dial, aim, start)
            tried += [Attempt(**asdict(one), start=start) for one in tries]
            within = [one for one in tries if abs(one.duty - aim.duty) <= 3 * aim.tolerance]
            if any(one.duty <= aim.at_most for one in within):
                found.append((start, nearest(aim, within, name)))
        if not found:
            raise CalibrationError(
                f"Arm '{name}': at none of the ticks {dial.starts} does a single stay spend a duty "
                f"of {aim.duty:.3f}. Let it start earlier (dial.starts)."
            )
        start, best = max(found, key=lambda pair: (pair[1].success, -abs(pair[1].duty - aim.duty)))
        self._keep(name, dial, aim, best, tried)
        return dial.turn(put(node, "gate.start_tick", start), best.setting)

    def _seek(
        self, name: str, node: Node, dial: Dial, aim: Aim, start: int | None = None
    ) -> tuple[Try, ...]:
        where = f" from {start}" if start is not None else ""

        def evaluate(setting: Setting) -> Spent:
            words = f"{dial.key} {setting}{where}"
            spent = self._measure(name, dial.turn(node, setting), words)
            self._tell(
                f"{name}: {words}: duty {spent.duty:.3f} for {aim.duty:.3f}, "
                f"success {spent.success:.3f}"
            )
            return spent

        scores = self._reference_scores(node) if dial.kind == "threshold" else []
        grid = dial.grid(self._chunk, self._horizon, scores)
        return seek(aim, grid, dial.rising, evaluate, self._expectation(name, node, dial))

    def _expectation(self, name: str, node: Node, dial: Dial) -> Callable[[Setting], float] | None:
        """Returns who guesses what a setting would spend, from the reference's episodes."""
        build = self._build
        if build is None:
            return None
        if self._courses is None:
            self._courses = courses_of(self._reference(), self._plan.reference)
        courses = self._courses
        if not courses:
            return None
        return lambda setting: expected_duty(build(name, dial.turn(node, setting)), courses)

    def _keep(self, name: str, dial: Dial, aim: Aim, best: Try, tried: Sequence[Attempt]) -> None:
        self.reached[name] = Reached(
            dial.key, best.setting, aim.duty, best.duty, best.success, tuple(tried)
        )

    def _aim(self, dial: Dial) -> Aim:
        budget = self._plan.budget
        aim = Aim(budget.duty, budget.at_most, budget.tolerance, self._tries)
        if dial.target == BUDGET:
            return aim
        # The published rule spends what it spends; its controls may spend that, too.
        self._holds(dial.target)  # refuses an arm that spent nothing
        duty = self._spending(dial.target).duty
        return replace(aim, duty=duty, at_most=max(aim.at_most, duty + aim.tolerance))

    def _holds(self, arm: str) -> tuple[int, ...]:
        holds = self._spending(arm).holds
        if not holds:
            raise CalibrationError(
                f"Arm '{arm}' never handed over on the calibration units, so there is no budget to "
                "match. Is its threshold too high, or the weak policy too good? Calibrate on more "
                "units (calibration.units) or with a larger alpha."
            )
        return holds

    def _spending(self, arm: str) -> Spent:
        if arm not in self._spent:
            self._spent[arm] = self._measure(arm, self._nodes[arm], "as configured")
        return self._spent[arm]

    def _measure(self, name: str, node: Node, words: str) -> Spent:
        return Spent.of(self._tables(name, node, words).episodes)

    def _tables(self, name: str, node: Node, words: str) -> RunTables:
        text = json.dumps(node, sort_keys=True, default=str)
        tag = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
        tables = self._play(name, node, f"{name}-{tag}")
        if all((name, words) != (one.gate, one.words) for one in self.played):
            self.played.append(Played(name, words, tables.episodes))
        return tables

    def _reference(self) -> RunTables:
        name = self._plan.reference
        return self._tables(name, self._arms.nodes[name], "as configured")

    def _reference_scores(self, node: Node) -> list[float] | None:
        """Returns what the reference arm was scored: by the score that the gate names, if any.

        None for a gate that weighs two scores: its threshold is neither of them.
        """
        gate = node.get("gate")
        known = gate if isinstance(gate, Mapping) else {}
        if of_two_scores(known):
            return None
        wanted = known.get("score")
        if self._scores is None:
            steps = self._reference().steps().select(["boundary", "scores"]).to_pylist()
            self._scores = [pair for step in steps if step["boundary"] for pair in step["scores"]]
        return [value for name, value in self._scores if wanted in (None, name)]
