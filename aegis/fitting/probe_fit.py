"""Probe fit: fits a probe on episodes that the weak policy finished, calibrates it on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from aegis.core.errors import CalibrationError, UnknownNameError
from aegis.core.seeds import root_stream
from aegis.core.types import F32, F64
from aegis.detectors.head import RiskHead
from aegis.detectors.probe import LOGISTIC, Probe, check_kind
from aegis.fitting.head_training import STRENGTHS, train_head
from aegis.fitting.table import FittingTable, check_same_source
from aegis.stats.auroc import compute_auroc
from aegis.stats.conformal_calibration import conformal_threshold

JUDGED_WINDOW = 0.30
"""Share of the horizon in which a detector is judged: early, so that there is time to help."""

WINDOWS = (0.3, 0.6, 1.0)
"""Shares of the horizon to choose the training window from."""

WEIGHTINGS = ("episode", "row")
"""What has the same weight in training: an episode, so that long (failed) ones do not outvote short
ones; or a row, which suits episodes of which little is left after a stay of the strong policy."""


@dataclass(frozen=True, slots=True)
class FitChoice:
    """What grouped cross-validation chose.

    Attributes:
        window: Share of the horizon whose rows are trained on.
        strength: Regularisation.
        auroc: Out-of-fold AUROC of episode means in the judged window; NaN if all was given.
    """

    window: float
    strength: float
    auroc: float

    def as_metrics(self) -> dict[str, float]:
        """Returns what a probe keeps of it, as far as it was measured."""
        measured = {} if isnan(self.auroc) else {"cv_auroc": self.auroc}
        return {**measured, "strength": self.strength}


def fit_probe(
    train: FittingTable,
    calibration: FittingTable,
    *,
    kind: str,
    alpha: float,
    guard: float,
    root: int,
    windows: Sequence[float] = WINDOWS,
    release_quantile: float = 0.5,
    strength: float | None = None,
    weight: str = "episode",
) -> Probe:
    """Fits a risk head and calibrates it by split conformal prediction.

    The label of a row is whether it is positive; see ``FittingTable``. Regularisation and training
    window are chosen by cross-validation grouped by start state. The threshold is the conformal
    quantile, over negative calibration episodes, of the highest risk at ticks
    ``k >= guard * horizon``; an episode over before that counts as never alarming. The release is a
    quantile of the risk in those ticks.

    Args:
        train: Episodes to fit on.
        calibration: Weak-only episodes from other start states.
        kind: One of ``PROBE_KINDS``.
        alpha: Tolerated share of false alarms on successful episodes.
        guard: Share of the horizon before which the gate does not fire.
        root: Root seed.
        windows: Training windows to choose from, shares of the horizon.
        release_quantile: Which quantile of risk in successful episodes gives control back.
        strength: Regularisation, see ``STRENGTHS``; then nothing is chosen, and the longest window
            is trained on. None chooses.
        weight: ``"episode"`` or ``"row"``: what has the same weight; see ``WEIGHTINGS``.

    Raises:
        CalibrationError: If the data cannot support it: one class only, too few successes for
            alpha, or start states shared between the two sets.
        UnknownNameError: If the kind does not exist.
    """
    check_sets(train, calibration)
    given = None if strength is None else FitChoice(max(windows), strength, float("nan"))
    choice = given or choose_fit(train, kind, windows, root, weight)
    rows = train.select_early(choice.window)
    head = train_head_on_rows(rows, rows.features, kind, choice.strength, root, weight)
    alarm = _calibrate_head(head, calibration, alpha, guard, release_quantile)
    return _assemble_probe(head, kind, train, choice, alarm)


@dataclass(frozen=True, slots=True)
class _Calibration:
    """What a head was calibrated to.

    Attributes:
        threshold: Risks above it are alarms.
        release: Risks below it give control back; at most the threshold.
        alpha: Tolerated share of false alarms on successful episodes.
        guard: Share of the horizon before which nothing counts as an alarm.
        good: Successful episodes that it comes from.
        detected: Share of the failed ones with an alarm; 0 without any.
    """

    threshold: float
    release: float
    alpha: float
    guard: float
    good: int
    detected: float


def _calibrate_head(
    head: RiskHead, rows: FittingTable, alpha: float, guard: float, quantile: float
) -> _Calibration:
    """Calibrates a head; arguments as of ``fit_probe``."""
    risk, eligible = head.compute_risk(rows.features), rows.k >= guard * rows.horizon
    good = ~rows.episode_positives()
    highest = rows.reduce_by_episode(risk, "max", eligible)
    threshold = conformal_threshold(highest[good], alpha)
    release = float(np.quantile(risk[eligible & ~rows.positive], quantile))
    detected = float((highest[~good] > threshold).mean()) if (~good).any() else 0.0
    # A release above the threshold would give control back at a risk that calls for help.
    release = min(release, threshold)
    return _Calibration(threshold, release, alpha, guard, int(good.sum()), detected)


def _assemble_probe(
    head: RiskHead, kind: str, train: FittingTable, choice: FitChoice, alarm: _Calibration
) -> Probe:
    """Returns a probe: a head, and what it was fitted and calibrated on."""
    return Probe(
        layer=train.layer,
        kind=kind,
        head=head,
        threshold=alarm.threshold,
        release=alarm.release,
        alpha=alarm.alpha,
        window=choice.window,
        guard=alarm.guard,
        horizon=train.horizon,
        policy_digest=train.policy_digest,
        n_train=train.episodes,
        n_calibration=alarm.good,
        metrics={**choice.as_metrics(), "detected": alarm.detected},
    )


def check_sets(train: FittingTable, other: FittingTable) -> None:
    """Checks that one set may be fitted on and the other judged or calibrated on.

    Raises:
        CalibrationError: If they share start states, differ in policy, layer or horizon, or the
            training set has one class only.
    """
    check_same_source(train, other)
    shared = sorted(set(train.start) & set(other.start))
    if shared:
        raise CalibrationError(
            f"{len(shared)} start states are in both sets, for example {shared[0]}. "
            "Split by start state."
        )
    failed = int(train.episode_positives().sum())
    if failed in (0, train.episodes):
        kind = "successes" if failed else "failures"
        raise CalibrationError(
            f"There are no {kind} among {train.episodes} training episodes to fit on. "
            "Collect more episodes, or from other start states."
        )


def choose_fit(
    train: FittingTable, kind: str, windows: Sequence[float], root: int, weight: str = "episode"
) -> FitChoice:
    """Chooses training window and regularisation by cross-validation grouped by start state.

    Each candidate is judged in the same early window, whichever window it was trained on, by the
    out-of-fold AUROC of the episodes' mean log odds. Ties go to the earlier candidate. The window
    is chosen with the logistic head, which is quick, and kept for the others.

    Raises:
        CalibrationError: If a class has too few start states to be left out in turn.
        UnknownNameError: If the kind does not exist.
    """
    check_kind(kind, "choose_fit")
    folds = _split_folds(train, root)

    def choose_best(kind: str, windows: Sequence[float]) -> FitChoice:
        pairs = [(window, strength) for window in windows for strength in STRENGTHS[kind]]
        choices = [
            FitChoice(*pair, _score_out_of_fold(train, folds, kind, *pair, root, weight))
            for pair in pairs
        ]
        # In thousandths, so that the last digits of a sum do not choose; the first of equals is
        # taken.
        return max(choices, key=lambda choice: round(choice.auroc, 3))

    choice = choose_best(LOGISTIC, windows)
    return choice if kind == LOGISTIC else choose_best(kind, (choice.window,))


def _score_out_of_fold(
    train: FittingTable,
    folds: list[list[str]],
    kind: str,
    window: float,
    strength: float,
    root: int,
    weight: str,
) -> float:
    """Returns the AUROC, in the judged window, of heads that never saw the episode's start."""
    early = train.select_early(JUDGED_WINDOW)
    logits = np.zeros(len(early.k))
    for left_out in folds:
        rest = train.select_rows(~np.isin(train.start, left_out)).select_early(window)
        here = np.isin(early.start, left_out)
        head = train_head_on_rows(rest, rest.features, kind, strength, root, weight)
        logits[here] = head.compute_logit(early.features[here])
    return compute_auroc(early.reduce_by_episode(logits, "mean"), early.episode_positives())


def _split_folds(train: FittingTable, root: int) -> list[list[str]]:
    """Returns the start states that each of up to five folds leaves out."""
    from sklearn.model_selection import StratifiedGroupKFold

    starts = [set(train.start[train.positive == value]) for value in (True, False)]
    n = min(5, *(len(names) for names in starts))
    if n < 2:
        raise CalibrationError(
            f"Failures come from {len(starts[0])} and successes from {len(starts[1])} start "
            "states; cross-validation needs at least 2 of each. Collect more episodes."
        )
    first = np.unique(train.episode, return_index=True)[1]
    folds = StratifiedGroupKFold(n, shuffle=True, random_state=_derive_seed(root, "folds"))
    starts_of = train.start[first]
    return [
        sorted(set(starts_of[left_out]))
        # Negatives are class 1 here, as in the probes that are shipped: folds depend on the order.
        for _, left_out in folds.split(first, ~train.positive[first], starts_of)
    ]


def train_head_on_rows(
    rows: FittingTable,
    features: F32 | F64,
    kind: str,
    strength: float,
    root: int,
    weight: str = "episode",
) -> RiskHead:
    """Trains a head on rows.

    Args:
        rows: Give the labels and the episodes.
        features: What to read; the rows' activations or something else. Shape (n, f).
        kind: One of ``PROBE_KINDS``.
        strength: Regularisation.
        root: Root seed.
        weight: ``"episode"`` or ``"row"``: what has the same weight.

    Raises:
        CalibrationError: If all rows are of one class.
        UnknownNameError: If the kind or the weight does not exist.
    """
    if weight not in WEIGHTINGS:
        raise UnknownNameError("weight", weight, WEIGHTINGS, "train_head_on_rows")
    if rows.positive.all() or not rows.positive.any():
        raise CalibrationError("The rows to fit on are of one class only. Collect more episodes.")
    _, inverse, count = np.unique(rows.episode, return_inverse=True, return_counts=True)
    weights = (1.0 / count)[inverse] if weight == "episode" else np.ones(len(inverse))
    # A strength weighs the penalty against the sum of losses, so weights add up to the number of
    # rows, whatever has the same weight.
    weights *= len(weights) / weights.sum()
    return train_head(kind, features, rows.positive, weights, strength, _derive_seed(root, "head"))


def _derive_seed(root: int, name: str) -> int:
    return int(root_stream(root, "fit", name).integers(2**31))
