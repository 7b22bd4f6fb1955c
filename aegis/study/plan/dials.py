"""Dials: numbers of an arm that are set so that it spends a budget, and their range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aegis.core.errors import ConfigError, UnknownNameError
from aegis.study.plan.search import DialValue

ConfigNode = Mapping[str, object]

DIAL_KINDS: Mapping[str, tuple[str, bool]] = {
    "none": ("", True),
    "threshold": ("gate.threshold", False),
    "start": ("gate.start_tick", False),
    "hold": ("gate.holds", True),
    "stint": ("gate.holds", True),
    "lead": ("switch.holds", True),
    "period": ("gate.period", False),
    "every": ("gate.period", False),
    "rate": ("gate.rate", True),
}
"""Kind to the key that is set, and whether duty rises with it."""

_SETTING_DIGITS = 6
_STAY_PARTS = 5
"""A stay of 3.4 chunks is one of 3 in three and of 4 in two episodes of five."""


@dataclass(frozen=True, slots=True)
class Dial:
    """What about an arm is set.

    Attributes:
        kind: ``threshold`` of a gate; tick of the only hand-over (``start``); mean length of a
            stay (``hold``), of the best one over several ticks (``stint``), of a strong start
            (``lead``); ticks between stays (``period``), before the first one, too (``every``);
            probability of one (``rate``); ``none``.
        target: What should be spent: ``budget``, or what another arm spends.
        holds: Arm whose lengths of stay are taken over; empty to keep the arm's own.
        starts: Ticks to choose from (``stint``) [control steps].
        low, high: Ends of the grid; None for the widest that makes sense.
    """

    kind: str = "none"
    target: str = "budget"
    holds: str = ""
    starts: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in DIAL_KINDS:
            raise UnknownNameError("kind of dial", self.kind, DIAL_KINDS, "an arm")
        if (self.kind == "stint") != bool(self.starts):
            raise ConfigError(
                f"A dial of kind stint, and no other, has ticks to choose from (starts). Got: "
                f"kind {self.kind}, starts {self.starts}."
            )

    @property
    def is_rising(self) -> bool:
        """Whether duty rises with the setting."""
        return DIAL_KINDS[self.kind][1]

    @property
    def key(self) -> str:
        """Key path of the setting, within the arm."""
        return DIAL_KINDS[self.kind][0]

    def list_settings(
        self, chunk: int, horizon: int, scores: Sequence[float] | None
    ) -> tuple[DialValue, ...]:
        """Returns all settings, ascending.

        Args:
            chunk: Rows of a proposal that are executed [control steps].
            horizon: Longest episode [control steps].
            scores: What the reference arm was scored on calibration units, in any order; a
                threshold that lies between two neighbours acts like either. None where a threshold
                is no score but a difference of chances, -1 to 1.
        """
        most = -(-horizon // chunk)
        found: Sequence[DialValue]
        if self.kind == "threshold":
            hundredths = [i / 100 for i in range(-100, 101)]
            known = hundredths if scores is None else scores
            found = sorted(
                {round(score, _SETTING_DIGITS) for score in known if math.isfinite(score)}
            )
        elif self.kind == "rate":
            found = [round(10 ** (-2.7 + 0.02 * i), _SETTING_DIGITS) for i in range(136)]
        elif self.kind in ("start", "period", "every"):
            found = [chunk * i for i in range(most)]
        else:
            found = [round(1 + i / _STAY_PARTS, 1) for i in range((most - 1) * _STAY_PARTS + 1)]
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        return tuple(setting for setting in found if low <= setting <= high)

    def apply_setting(self, node: ConfigNode, setting: DialValue) -> dict[str, object]:
        """Returns an arm's configuration with another setting.

        Raises:
            ConfigError: If the arm has no such key.
        """
        if self.kind == "every":
            node = replace_at_path(node, "gate.start_tick", setting)
        stays = self.key.endswith("holds")
        return replace_at_path(node, self.key, split_stay(setting) if stays else setting)


def has_two_scores(gate: ConfigNode) -> bool:
    """Says whether a gate weighs risk and rescue, so that its threshold is neither of them."""
    return {"risk", "rescue"} <= set(gate)


def split_stay(chunks: float) -> list[int]:
    """Returns lengths of stay to draw from, whole chunks whose mean is the length asked for."""
    whole = math.floor(chunks)
    longer = round((chunks - whole) * _STAY_PARTS)
    return [whole] * (_STAY_PARTS - longer) + [whole + 1] * longer if longer else [whole]


def replace_at_path(node: ConfigNode, path: str, value: object) -> dict[str, object]:
    """Returns a configuration with another value at a key path that exists.

    Raises:
        ConfigError: If it does not.
    """
    name, _, rest = path.partition(".")
    if name not in node:
        raise ConfigError(
            f"A dial sets '{path}', but the arm has only {', '.join(map(str, node))} there. Give "
            "it a dial that fits its gate."
        )
    if not rest:
        return {**node, name: value}
    inside = node[name]
    if not isinstance(inside, Mapping):
        raise ConfigError(f"A dial sets '{path}', but '{name}' is a value and holds no keys.")
    return {**node, name: replace_at_path(inside, rest, value)}
