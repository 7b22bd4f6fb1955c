"""Analysis context: what an analysis needs besides tables and plan; read from the lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aegis.records.rows import EpisodeRow


@dataclass(frozen=True, slots=True)
class PlayedSetting:
    """A setting of an arm that was played on calibration units, for the frontier.

    Attributes:
        arm: The arm that was played.
        words: The setting, for example ``threshold 0.42``.
        rows: Its episodes.
    """

    arm: str
    words: str
    rows: Sequence[EpisodeRow]


@dataclass(frozen=True, slots=True)
class AnalysisContext:
    """What the tables do not say.

    Attributes:
        name: Of the study.
        arms: All arms that were played, in the order of the plan.
        horizon: Longest episode [control steps].
        tasks: Tasks in the order of the plan; by number if left out.
        suite: Task suite; the rows' own if left out.
        start: Family of start states; the rows' own if left out.
        detector: The score that is judged: the one that the recommended arm hands over on.
        alarm: The score that the published rule looks at; the judged one if left out.
        threshold: Of that rule, frozen; NaN if there is none.
        guard: Share of the horizon before which it does not fire.
        false_alarms: Share of successes that its threshold may flag; NaN if there is none.
        scored: Arms that hand over on a score, for timing.
        helpers: Arm to its second driver, whose steps are its duty: the strong policy, but in a
            placebo the weak one with fresh noise, which makes no strong call.
        duty_target: Arm to the duty that its dial was set for.
        duty_calibration: Arm to the duty that it then had on calibration units.
        settings: Arm to its setting in words, for the frontier.
        tried: Settings that were played on calibration units.
        lock: Digests that the plan was locked with.
        excluded: Units left out, with why.
        notes: What a reader has to know.
        exploratory: Whether there was no lock before the test units were played; so it is without
            one.
        draws: Bootstrap resamples.
    """

    name: str
    arms: tuple[str, ...]
    horizon: int
    tasks: tuple[int, ...] = ()
    suite: str = ""
    start: str = ""
    detector: str = "probe"
    alarm: str = ""
    threshold: float = float("nan")
    guard: float = 0.2
    false_alarms: float = float("nan")
    scored: tuple[str, ...] = ()
    helpers: Mapping[str, str] = field(default_factory=dict)
    duty_target: Mapping[str, float] = field(default_factory=dict)
    duty_calibration: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    tried: tuple[PlayedSetting, ...] = ()
    lock: Mapping[str, str] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    exploratory: bool = False
    draws: int = 2000
