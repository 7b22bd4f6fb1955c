"""The check of switches finds what breaks a promise, and says how to fix it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from aegis.checks import check_switch
from aegis.core.errors import PluginError
from aegis.core.protocols import Context, Switch
from aegis.core.types import Score, Verdict
from aegis.gates.switch import HysteresisSwitch
from tests.fakes import KEY


class Third(HysteresisSwitch):
    def transition(self, *args: object) -> tuple:
        return None, "third"


class Trusting(HysteresisSwitch):
    """Gives control back unless the risk is known to be high."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        if context.mode.active == context.weak:
            return super().transition(state, verdict, scores, context)
        high = any(score.value >= self.release for score in scores)
        return None, context.strong if high else context.weak


class Tired(HysteresisSwitch):
    """Gives control back after twenty chunks, come what may."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        after, driver = super().transition(state, verdict, scores, context)
        return after, context.weak if context.dwell > 20 else driver


class Forgetful(HysteresisSwitch):
    """Ignores hold lengths."""

    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        return super().transition(None, replace(verdict, hold=None), scores, context)


class Crashes(HysteresisSwitch):
    def transition(
        self, state: None, verdict: Verdict, scores: Sequence[Score], context: Context
    ) -> tuple:
        assert scores[0].value < 9
        return super().transition(state, verdict, scores, context)


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        (Third(0.3), "one of the two policies drives next. Got: 'third'. Allowed: 'weak' or 'str"),
        (Trusting(0.3), "NaN never gives control back. Got: 'weak' on [nan] after 1 chunks. Allow"),
        (Tired(0.3), "NaN never gives control back. Got: 'weak' on [nan] after 21 chunks. Allowed"),
        (Forgetful(0.3), "the hold of a verdict is kept exactly. Got: 'strong' after 1 of 1 chun"),
        (Crashes(0.3), "Switch.transition of Crashes: raises nothing in an ordinary call. Got: As"),
        (object(), "Switch.start of object: it has this member. Got: none."),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_broken_switch_is_caught(switch: Switch, says: str) -> None:
    with pytest.raises(PluginError, match=re.escape(says)):
        check_switch(switch, KEY)
