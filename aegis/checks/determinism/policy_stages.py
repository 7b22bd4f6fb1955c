"""Stages of a policy and of the detectors: what they compute from recorded pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.checks.determinism.course import Course
from aegis.checks.determinism.results import StageResult, play_stage
from aegis.core.answers import ask_policy
from aegis.core.capabilities import StagedPolicy
from aegis.core.protocols import Detector, Policy
from aegis.core.types import F32, PolicyId, Proposal

DETECTORS = "detectors"


def play_policy_stages(part: PolicyId, policy: Policy, course: Course) -> Iterator[StageResult]:
    """Plays the stages of a policy: those that it shows, then its taps and actions.

    Args:
        part: Part that it plays: ``weak`` or ``strong``.
        policy: The policy.
        course: Recorded inputs.
    """
    queries = course.list_queries()
    if isinstance(policy, StagedPolicy):
        yield from _play_inner_stages(part, policy, course)
    proposals: list[Proposal] = []

    def list_actions() -> Iterator[F32]:  # shape (h, a) each
        proposals.extend(ask_policy(policy, queries))
        return (proposal.actions for proposal in proposals)

    actions = play_stage(f"{part} actions", part, list_actions)
    if policy.spec.taps and proposals:
        yield play_stage(f"{part} taps", part, partial(_list_features, proposals))
    yield actions


def play_detector_stages(
    detectors: Sequence[Detector[Any]], course: Course
) -> Iterator[StageResult]:
    """Plays each detector on the recorded activations, look by look."""
    for detector in detectors:
        scores = partial(_list_scores, detector, course)
        yield play_stage(f"scores {detector.name}", DETECTORS, scores)


def _play_inner_stages(
    part: PolicyId, policy: StagedPolicy, course: Course
) -> Iterator[StageResult]:
    """Plays what a policy shows; one pass, so that all of it fails together."""
    stages: dict[str, F32] = {}

    def trace_all() -> list[F32]:  # shape (n,) each
        stages.update(policy.trace_stages(course.list_queries()))
        return []

    traced = play_stage(f"{part} stages", part, trace_all)
    if traced.error:
        yield traced
    for name, out in stages.items():
        yield play_stage(f"{part} {name}", part, partial(list, [out]))


def _list_features(proposals: Sequence[Proposal]) -> Iterator[NDArray[Any]]:
    """Yields all tapped layers, shapes (f,)."""
    for proposal in proposals:
        yield from proposal.features.values()


def _list_scores(detector: Detector[Any], course: Course) -> Iterator[NDArray[Any]]:
    """Yields the score of each look. Shapes (1,)."""
    for one in course.episodes:
        state = detector.start(one.key)
        for look in one.looks:
            state, score = detector.update(state, look.build_proposal(), look.obs)
            yield np.array([score.value])
