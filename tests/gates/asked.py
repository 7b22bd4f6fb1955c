"""One gate asked at one chunk boundary, and what such a boundary may bring."""

from __future__ import annotations

from hypothesis import strategies as st

from aegis.core.protocols import Context
from aegis.core.types import Level, Mode, Score
from tests.fakes import KEY

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=4)
TICK, CHANCE = st.integers(0, 219), st.floats(0, 1)


def make_context(
    k: int, *, fires: int = 0, active: str = "weak", since: int = 0, horizon: int = 220
) -> Context:
    return Context(k, horizon, k // 4, Mode(active, since), ("weak", "strong"), 1, fires)


def judge_fires(gate: object, k: int, *values: float, key: object = KEY, **more: object) -> bool:
    scores = [Score(str(i), value) for i, value in enumerate(values)]
    state = gate.start(key)  # type: ignore[attr-defined]
    _, verdict = gate.judge(state, scores, make_context(k, **more))  # type: ignore[attr-defined, arg-type]
    return bool(verdict.level is Level.ESCALATE)
