"""Ensembles: merging heads, and training them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.seeds import root_stream
from aegis.detectors.ensemble import HIDDEN, NETWORKS, merge_heads
from aegis.detectors.head import RiskHead
from aegis.detectors.probe import PROBE_KINDS
from aegis.fitting.head_training import STRENGTHS
from aegis.fitting.probe_fit import choose_fit, fit_probe, train_head_on_rows
from aegis.stats.auroc import compute_auroc
from tests.fitting.data import make_rollouts


def make_head(name: str, widths: list[int]) -> RiskHead:
    rng = root_stream(3, "head", name)
    pairs = list(pairwise([widths[0], *widths[1:], 1]))
    return RiskHead(
        np.arange(widths[0], dtype=float),
        np.arange(widths[0]) + 1.0,
        tuple(rng.standard_normal(pair) for pair in pairs),
        tuple(rng.standard_normal(pair[1]) for pair in pairs),
    )


@given(
    st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2**20)
)
def test_a_merged_head_is_the_mean_of_its_members(n: int, widths: list[int], seed: int) -> None:
    members = [make_head(f"{seed}/{i}", widths) for i in range(n)]
    x = root_stream(seed, "rows").standard_normal((7, widths[0]))
    mean = np.mean([member.compute_logit(x) for member in members], axis=0)
    np.testing.assert_allclose(merge_heads(members).compute_logit(x), mean, rtol=1e-9, atol=1e-9)


def train_head(strength: float = 0.3, weight: str = "episode") -> RiskHead:
    rows = make_rollouts()
    return train_head_on_rows(rows, rows.features, "ensemble", strength, 3, weight)


def test_an_ensemble_finds_what_there_is_to_find() -> None:
    test, trained = make_rollouts("test"), train_head()
    assert [w.shape for w in trained.weights] == [
        (6, NETWORKS * HIDDEN),
        (NETWORKS * HIDDEN, NETWORKS * HIDDEN),
        (NETWORKS * HIDDEN, 1),
    ]
    assert {w.dtype for w in trained.weights} == {np.dtype(np.float32)}
    assert compute_auroc(trained.compute_logit(test.features), test.positive) > 0.85
    inner = trained.weights[1].copy()
    for i in range(NETWORKS):
        block = slice(i * HIDDEN, (i + 1) * HIDDEN)
        assert inner[block, block].any()
        inner[block, block] = 0
    assert not inner.any()  # Members do not talk to each other.


def test_training_is_repeatable_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(1)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one = train_head()
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    for mine, again in zip(one.weights, train_head().weights, strict=True):
        np.testing.assert_array_equal(mine, again)


def test_a_given_strength_skips_the_choice() -> None:
    sets = {"train": make_rollouts(), "calibration": make_rollouts("calibration")}
    fixed = {"kind": "ensemble", "alpha": 0.1, "guard": 0.2, "root": 3}
    probe = fit_probe(**sets, **fixed, strength=0.5, windows=(0.3, 0.6))  # type: ignore[arg-type]
    assert (probe.window, probe.metrics["strength"]) == (0.6, 0.5)
    assert "cv_auroc" not in probe.metrics
    rows = sets["train"].select_early(0.6)
    same = train_head_on_rows(rows, rows.features, "ensemble", 0.5, 3)
    np.testing.assert_array_equal(probe.head.weights[0], same.weights[0])


def test_its_strength_can_be_chosen() -> None:
    choice = choose_fit(make_rollouts(), "ensemble", (0.3,), 3)
    assert choice.strength in (0.3, 0.5)
    assert choice.auroc > 0.8


def test_rows_or_episodes_have_the_same_weight() -> None:
    rows = make_rollouts(signal=0.0)  # Nothing to see but how often rows, or episodes, fail.
    for weight, share in (
        ("row", rows.positive.mean()),
        ("episode", rows.episode_positives().mean()),
    ):
        fitted = train_head_on_rows(rows, rows.features * 0, "logistic", 1.0, 3, weight)
        assert fitted.compute_risk(np.zeros((1, 6)))[0] == pytest.approx(share, abs=1e-3)


def test_every_kind_of_head_has_strengths_to_choose_from() -> None:
    assert tuple(STRENGTHS) == PROBE_KINDS
