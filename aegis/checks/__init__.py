"""Checks of plug-ins: world, policy, detector, gate and switch against their protocols.

Each raises ``PluginError``, which says which promise of ``aegis/core/protocols.py`` is broken, what
came, what is allowed and how to fix it. `aegis check` runs them on a configuration; call them
from the tests of a plug-in of your own::

    check_world(MyWorld, key)
    check_policy(policy, sample_queries(MyWorld, [key], policy.spec))
"""

from __future__ import annotations

from aegis.checks.policy_check import check_policy, sample_queries
from aegis.checks.rules_check import check_detector, check_gate, check_switch
from aegis.checks.world_check import check_world

__all__ = [
    "check_detector",
    "check_gate",
    "check_policy",
    "check_switch",
    "check_world",
    "sample_queries",
]
