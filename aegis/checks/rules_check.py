"""Rules check: detectors, gates and switches are pure, and NaN counts as risk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import inf, nan
from typing import Any, TypeVar

from aegis.checks.capabilities_check import check_detector_capabilities, check_rule_capabilities
from aegis.checks.contract import NamedPlugin, extract_bits, is_count, is_number, name_plugin
from aegis.core.capabilities import ThresholdGate
from aegis.core.protocols import Context, Detector, Gate, Switch
from aegis.core.types import EpisodeKey, Level, Mode, Observation, Proposal, Score, Verdict
from aegis.gates.limits import scores_read_by

HORIZON = 200
"""Of the made-up episodes [control steps]."""
STRIDE = 5
"""Between their chunk boundaries [control steps]."""
_WEAK, _STRONG = "weak", "strong"
_PURITY_FIX = "Keep nothing in self; make a new state from the old one"
# Beyond any threshold that a rule may have.
_LOW, _HIGH = -1e9, 1e9
# Some rules read scores as probabilities, so bars are tried with numbers that could be such.
_CHANCES = (0.0, 0.3, 0.7, 1.0)
_ROUNDING = 1e-9
_Case = TypeVar("_Case")


def check_detector(
    detector: Detector[Any], key: EpisodeKey, cases: Sequence[tuple[Proposal, Observation]]
) -> None:
    """Checks a detector.

    Args:
        detector: The detector.
        key: An episode.
        cases: Proposals of the weak policy, with what it looked at, in order.

    Raises:
        PluginError: If a promise is broken.
        AegisError: Whatever the detector raises on purpose.
    """
    one = name_plugin("Detector", detector, ("name", "start", "update"))
    name = detector.name
    promise = one.make_promise("name", "it is the name of its score", "Set it in the constructor")
    promise.require(isinstance(name, str) and name, repr(name), "a text that is not empty")
    check_detector_capabilities(one, detector)
    # A missing proposal after each one, so that it is met in many states.
    steps = [step for proposal, obs in cases for step in ((proposal, obs), (None, obs))]

    def update_detector(state: Any, case: tuple[Proposal | None, Observation]) -> tuple[Any, Score]:
        with one.guard_call("update"):
            after, score = detector.update(state, *case)
        remedy = f"Return Score('{name}', value); NaN where the value is unknown"
        promise = one.make_promise("update", "it answers a Score under its name", remedy)
        good = isinstance(score, Score) and score.detector == name and is_number(score.value)
        promise.require(good, repr(score), f"Score('{name}', a number)")
        if case[0] is None:
            remedy = "Answer Score(self.name, float('nan')) when proposal is None"
            promise = one.make_promise("update", "without a proposal the score is NaN", remedy)
            promise.require(score.value != score.value, score.value, "nan")
        return after, score

    _check_purity(one, "update", lambda: _start_rule(one, detector, key), update_detector, steps)


def check_gate(gate: Gate[Any], key: EpisodeKey) -> None:
    """Checks a gate on made-up episodes.

    Raises:
        PluginError: If a promise is broken.
        AegisError: Whatever the gate raises on purpose.
    """
    one = name_plugin("Gate", gate, ("needs_scores", "start", "judge"))
    promise = one.make_promise("needs_scores", "it is yes or no", "Set it to True or False")
    promise.require(isinstance(gate.needs_scores, bool), repr(gate.needs_scores), "a bool")

    def judge_case(state: Any, case: tuple[tuple[Score, ...], Context]) -> tuple[Any, Verdict]:
        with one.guard_call("judge"):
            after, verdict = gate.judge(state, *case)
        remedy = "Return Verdict(Level..., 'why'), with hold None or at least 1 chunk"
        promise = one.make_promise("judge", "it answers a Verdict", remedy)
        promise.require(
            _is_verdict(verdict), repr(verdict), "Verdict(Level, str, int or None, str or None)"
        )
        return after, verdict

    check_rule_capabilities(one, gate)
    read = scores_read_by(gate)
    drivers = ((_WEAK, 0), (_STRONG, 1), (_WEAK, 1))
    values = ((_LOW,), (_HIGH,), (nan,), (_LOW, nan), ())
    cases = [
        (_make_scores(*some, read=read), _make_context(k, active, fires=fires))
        for k, (active, fires), some in product(range(0, HORIZON, STRIDE), drivers, values)
    ]
    begin = lambda: _start_rule(one, gate, key)  # noqa: E731
    _check_purity(one, "judge", begin, judge_case, cases)
    unknown = [_make_scores(*some, read=read) for some in ((nan,), (_LOW, nan), (nan, _LOW))]
    if gate.needs_scores:
        unknown.append(())
    for scores in unknown:
        _check_unknown_risk(one, begin, judge_case, scores, read)
    if isinstance(gate, ThresholdGate):
        _check_bar(one, gate, begin, judge_case, read)


def check_switch(switch: Switch[Any], key: EpisodeKey) -> None:
    """Checks a switch on made-up episodes.

    Raises:
        PluginError: If a promise is broken.
        AegisError: Whatever the switch raises on purpose.
    """
    one = name_plugin("Switch", switch, ("start", "transition"))

    def choose_driver(
        state: Any, case: tuple[Verdict, tuple[Score, ...], Context]
    ) -> tuple[Any, str]:
        with one.guard_call("transition"):
            after, driver = switch.transition(state, *case)
        remedy = "Return context.weak or context.strong"
        promise = one.make_promise("transition", "one of the two policies drives next", remedy)
        promise.require(driver in (_WEAK, _STRONG), repr(driver), f"'{_WEAK}' or '{_STRONG}'")
        return after, driver

    check_rule_capabilities(one, switch)
    read = scores_read_by(switch)
    verdicts = [Verdict(level, "check", hold) for level in Level for hold in (None, 2)]
    values = ((_LOW,), (_HIGH,), (nan,), ())
    cases = [
        (verdict, _make_scores(*some, read=read), _make_context(100, active, dwell=dwell, fires=1))
        for verdict, some, dwell, active in product(verdicts, values, (0, 1, 9), (_WEAK, _STRONG))
    ]
    begin = lambda: _start_rule(one, switch, key)  # noqa: E731
    _check_purity(one, "transition", begin, choose_driver, cases)
    _check_release(one, begin, choose_driver, read)
    _check_stays(one, begin, choose_driver, read)


def _check_bar(
    one: NamedPlugin,
    gate: ThresholdGate,
    begin: Callable[[], Any],
    judge: Callable[[Any, tuple[tuple[Score, ...], Context]], tuple[Any, Verdict]],
    read: tuple[str, ...],
) -> None:
    """From the start of an episode, a gate hands over where its quantity is above its bar."""
    promise = one.make_promise("quantity", "it is a name", "Name the score, or what it makes of it")
    promise.require(isinstance(gate.quantity, str) and gate.quantity, repr(gate.quantity), "a text")
    remedy = "Let judge(), measure() and bar() use the same numbers; bar is NaN where nothing fires"
    promise = one.make_promise("bar", "the gate hands over above it, and only there", remedy)
    for k, values in product(range(0, HORIZON, STRIDE), product(_CHANCES, repeat=len(read) or 1)):
        scores = _make_scores(*values, read=read)
        state, verdict = judge(begin(), (scores, _make_context(k, _WEAK)))
        with one.guard_call("measure"):
            value = gate.measure(state, scores, k)
        with one.guard_call("bar"):
            bar = gate.bar(k, HORIZON)
        promise.require(is_number(value) and is_number(bar), (value, bar), "two numbers")
        if abs(value - bar) < _ROUNDING:  # A bar that was solved for rounds another way.
            continue
        fires, above = verdict.level >= Level.ESCALATE, value > bar
        given = f"{verdict.level.name} at {value:.6g}, bar {bar:.6g}, tick {k} of {HORIZON}"
        promise.require(fires == above, given, "ESCALATE above the bar, STAY below or without one")


def _check_purity(
    one: NamedPlugin,
    member: str,
    begin: Callable[[], Any],
    step: Callable[[Any, _Case], tuple[Any, Any]],
    cases: Sequence[_Case],
) -> None:
    """Goes through the cases, then again from each state, last first."""
    state, states, answers = begin(), [], []
    for case in cases:
        states.append((state, extract_bits(state)))
        state, answer = step(state, case)
        answers.append((extract_bits(state), extract_bits(answer)))
    promise = one.make_promise(member, "the state that it is given stays as it is", _PURITY_FIX)
    for state, before in states:
        promise.require(extract_bits(state) == before, "one that changed", "an unchanged one")
    promise = one.make_promise(member, "equal state and input give equal answers", _PURITY_FIX)
    # Last first, so that what a rule keeps in itself, and not in its state, comes to light.
    turned = zip(reversed(states), reversed(cases), reversed(answers), strict=True)
    for (state, before), case, expected in turned:
        after, answer = step(state, case)
        promise.require(
            (extract_bits(after), extract_bits(answer)) == expected,
            repr(answer),
            "what it said before",
        )
        promise.require(extract_bits(state) == before, "a state that changed", "an unchanged one")
    promise = one.make_promise("start", "equal keys start alike", _PURITY_FIX)
    first = states[0][1] if states else extract_bits(begin())
    promise.require(extract_bits(begin()) == first, "another state", "the same state")


def _check_unknown_risk(
    one: NamedPlugin,
    begin: Callable[[], Any],
    judge: Callable[[Any, tuple[tuple[Score, ...], Context]], tuple[Any, Verdict]],
    unknown: tuple[Score, ...],
    read: tuple[str, ...],
) -> None:
    """Unknown risk is judged no better than the highest: after high ones, and from the start on."""
    remedy = "Escalate if there is no score or one is NaN; note that NaN > threshold is False"
    promise = one.make_promise("judge", "NaN, or no score where scores are needed, is risk", remedy)
    risky, blind, alarmed = begin(), begin(), False
    for k in range(0, HORIZON, STRIDE):
        context = _make_context(k, _WEAK)
        most = max(
            judge(risky, (_make_scores(risk, read=read), context))[1].level for risk in (_HIGH, inf)
        )
        after_high = judge(risky, (unknown, context))[1].level
        blind, verdict = judge(blind, (unknown, context))
        alarmed = alarmed or verdict.level >= Level.ESCALATE
        for level in (after_high, most if alarmed else verdict.level):
            given = f"{level.name} on {[score.value for score in unknown]} at tick {k} of {HORIZON}"
            promise.require(level >= most, given, f"{most.name}, as for a score of {_HIGH:g}")
        if most >= Level.ESCALATE:
            return
        risky = judge(risky, (_make_scores(_HIGH, read=read), context))[0]


def _check_release(
    one: NamedPlugin,
    begin: Callable[[], Any],
    move: Callable[[Any, tuple[Verdict, tuple[Score, ...], Context]], tuple[Any, str]],
    read: tuple[str, ...],
) -> None:
    remedy = "Keep the strong policy while a score is NaN, however long it drives"
    promise = one.make_promise("transition", "NaN never gives control back", remedy)
    for values in ((nan,), (nan, _LOW), (_LOW, nan)):
        given = f"'{_WEAK}' on {list(values)}"
        state, _ = move(
            begin(),
            (Verdict(Level.ESCALATE, ""), _make_scores(_HIGH, read=read), _make_context(60, _WEAK)),
        )
        for dwell in range(1, HORIZON // STRIDE):
            context = _make_context(60 + dwell, _STRONG, dwell=dwell, fires=1)
            state, driver = move(
                state, (Verdict(Level.STAY, ""), _make_scores(*values, read=read), context)
            )
            promise.require(driver == _STRONG, f"{given} after {dwell} chunks", f"'{_STRONG}'")


def _check_stays(
    one: NamedPlugin,
    begin: Callable[[], Any],
    move: Callable[[Any, tuple[Verdict, tuple[Score, ...], Context]], tuple[Any, str]],
    read: tuple[str, ...],
) -> None:
    remedy = "Remember verdict.hold when you hand over, and give back when context.dwell reaches it"
    promise = one.make_promise("transition", "the hold of a verdict is kept exactly", remedy)
    for hold, value in product((1, 2, 5), (_LOW, _HIGH)):
        order = Verdict(Level.ESCALATE, "", hold)
        state, _ = move(begin(), (order, _make_scores(_HIGH, read=read), _make_context(60, _WEAK)))
        for dwell in range(1, hold + 1):
            context = _make_context(60 + dwell, _STRONG, dwell=dwell, fires=1)
            state, driver = move(
                state, (Verdict(Level.STAY, ""), _make_scores(value, read=read), context)
            )
            wanted = _WEAK if dwell == hold else _STRONG
            given = f"'{driver}' after {dwell} of {hold} chunks"
            promise.require(driver == wanted, given, f"'{wanted}'")


def _start_rule(
    one: NamedPlugin, rule: Detector[Any] | Gate[Any] | Switch[Any], key: EpisodeKey
) -> Any:
    with one.guard_call("start"):
        return rule.start(key)


def _is_verdict(verdict: object) -> bool:
    return (
        isinstance(verdict, Verdict)
        and isinstance(verdict.level, Level)
        and isinstance(verdict.reason, str)
        and (verdict.hold is None or is_count(verdict.hold, 1))
        and (verdict.target is None or isinstance(verdict.target, str))
    )


def _make_scores(*values: float, read: tuple[str, ...] = ()) -> tuple[Score, ...]:
    """Returns scores; a rule that reads some by name finds the values, a NaN too, under those."""
    values = (*values, *values[-1:] * (len(read) - len(values)))
    names = [*read, *(f"detector {i}" for i in range(len(read), len(values)))]
    at = next((i for i, value in enumerate(values) if value != value), 0)
    if 0 < len(read) <= at:
        names[0], names[at] = names[at], names[0]
    return tuple(map(Score, names, values))


def _make_context(k: int, active: str, *, dwell: int = 1, fires: int = 0) -> Context:
    mode = Mode(active, max(0, k - dwell * STRIDE))
    return Context(k, HORIZON, k // STRIDE, mode, (_WEAK, _STRONG), dwell, fires)
