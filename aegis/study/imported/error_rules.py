"""Error rules: what becomes of episodes that a harness could not finish."""

from __future__ import annotations

LEAVE_OUT, COUNT_AS_FAILURES = "leave-out", "failures"
ERROR_RULES = (LEAVE_OUT, COUNT_AS_FAILURES)
"""The first one is the usual one."""
