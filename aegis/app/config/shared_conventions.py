"""Shared conventions: what several policies mean that get the same numbers and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from aegis.core.conventions import UPRIGHT, Conventions, read_conventions
from aegis.core.errors import ConventionError
from aegis.core.protocols import Policy
from aegis.core.types import PolicyId


def merge_conventions(policies: Mapping[PolicyId, Policy]) -> Conventions:
    """Returns what policies mean by numbers and pictures; all of them must mean the same.

    Args:
        policies: Name to policy. They are given pictures that are upright, whichever way round
            these come.

    Raises:
        ConventionError: If one means something else than another, or wants other pictures.
    """
    meant, said_by = Conventions(pictures=UPRIGHT), {"pictures": "all are given"}
    for name, policy in policies.items():
        said = read_conventions(policy)
        for field in fields(Conventions):
            given, known = getattr(said, field.name), getattr(meant, field.name)
            if not given:
                continue
            if known and given != known:
                raise ConventionError(
                    f"Policy '{name}' means '{given}' by {field.name}, {said_by[field.name]} "
                    f"'{known}'. One client's numbers and pictures go to all of them: choose "
                    "policies of one convention, or convert: policies.converted.ConvertedPolicy "
                    f"with {field.name}: {given}."
                )
            if not known:
                meant = replace(meant, **{field.name: given})
                said_by[field.name] = f"policy '{name}'"
    return meant
