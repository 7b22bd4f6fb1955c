"""Probes: risk, files, damage, and the detector around them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from aegis.core.errors import CheckpointError, ShapeError, UnknownNameError
from aegis.core.protocols import PolicySpec
from aegis.core.types import Proposal
from aegis.detectors.activation import ActivationProbe
from aegis.detectors.head import RiskHead
from aegis.detectors.probe import Probe
from tests.fakes import KEY, toy_observation

NAN, INF = float("nan"), float("inf")


def make_probe(kind: str = "logistic", f: int = 3) -> Probe:
    rng = np.random.default_rng(0)
    widths = [f, 1] if kind == "logistic" else [f, 5, 1]
    pairs = list(pairwise(widths))
    head = RiskHead(
        mean=rng.standard_normal(f),
        scale=np.abs(rng.standard_normal(f)) + 0.1,
        weights=tuple(rng.standard_normal(pair) for pair in pairs),
        biases=tuple(rng.standard_normal(pair[1]) for pair in pairs),
    )
    facts = {"alpha": 0.1, "window": 0.3, "guard": 0.2, "horizon": 220, "policy_digest": "d0"}
    return Probe("trunk", kind, head, 0.7, 0.4, n_train=9, n_calibration=9, **facts)  # type: ignore[arg-type]


def make_chunk(**features: object) -> Proposal:
    taps = {name: np.array(value, np.float32) for name, value in features.items()}
    return Proposal("weak", 0, np.zeros((4, 3), np.float32), taps)


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
@given(row=st.lists(FLOATS, min_size=3, max_size=3))
@example(row=[NAN, 0.0, 0.0])
@example(row=[INF, 0.0, 0.0])
@example(row=[-INF, INF, 0.0])
@example(row=[3e38, 3e38, 3e38])
def test_risk_is_a_probability_or_unknown(kind: str, row: list[float]) -> None:
    (risk,) = make_probe(kind).compute_risk(np.array([row]))
    assert np.isnan(risk) if not np.isfinite(row).all() else 0 <= risk <= 1


@given(st.floats(-50, 50), st.floats(0, 50))
def test_risk_rises_along_the_weights_of_a_logistic_probe(at: float, lift: float) -> None:
    p = make_probe()
    way = p.head.weights[0][:, 0] * p.head.scale
    low, high = p.compute_risk(np.stack([at * way, (at + lift) * way]))
    assert low <= high


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_a_probe_comes_back_as_it_was_saved(kind: str, tmp_path: Path) -> None:
    saved = replace(make_probe(kind), metrics={"cv_auroc": 0.75})
    saved.write_file(tmp_path / "p.safetensors")
    loaded = Probe.read_file(tmp_path / "p.safetensors")
    x = np.random.default_rng(1).standard_normal((20, 3))
    np.testing.assert_array_equal(loaded.compute_risk(x), saved.compute_risk(x))
    for name in ("layer", "kind", "threshold", "release", "policy_digest", "metrics", "horizon"):
        assert getattr(loaded, name) == getattr(saved, name)
    assert [p.name for p in tmp_path.iterdir()] == ["p.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    make_probe().write_file(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CheckpointError, match="is damaged"):
        Probe.read_file(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    with pytest.raises(CheckpointError, match="No probe at"):
        Probe.read_file(path)
    save_file({"x": np.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="is not a probe"):
        Probe.read_file(path)
    save_file({"mean": np.zeros(3)}, path, {"format": "aegis-probe-1", "probe": "{}"})
    with pytest.raises(CheckpointError, match="lacks a part"):
        Probe.read_file(path)


def test_parts_that_do_not_fit_are_refused() -> None:
    p = make_probe()
    with pytest.raises(CheckpointError, match="do not chain"):
        replace(p.head, mean=np.zeros(4), scale=np.ones(4))
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        replace(p.head, mean=np.array([0.0, NAN, 0.0]))
    with pytest.raises(CheckpointError, match="must not exceed threshold"):
        replace(p, release=0.8)
    with pytest.raises(CheckpointError, match="must not exceed threshold"):
        replace(p, threshold=NAN)
    with pytest.raises(UnknownNameError, match="Allowed: logistic, mlp, ensemble"):
        replace(p, kind="forest")
    with pytest.raises(ShapeError, match=r"\(n, 3\)"):
        p.compute_risk(np.zeros((1, 4)))


# --- The detector -------------------------------------------------------------------------


def score_chunk(proposal: Proposal | None) -> float:
    detector = ActivationProbe(make_probe())
    return detector.update(detector.start(KEY), proposal, toy_observation())[1].value


def test_it_scores_the_tapped_layer() -> None:
    x = [0.1, 0.2, 0.3]
    assert (
        score_chunk(make_chunk(trunk=x, other=[0]))
        == make_probe().compute_risk(np.array([x], np.float32))[0]
    )


@pytest.mark.parametrize(
    "proposal", [None, make_chunk(), make_chunk(trunk=[NAN, 0, 0]), make_chunk(trunk=[0, INF, 0])]
)
def test_what_is_missing_is_unknown(proposal: Proposal | None) -> None:
    assert np.isnan(score_chunk(proposal))


def test_an_unknown_layer_names_those_that_were_tapped() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown layer 'trunk'.*Allowed: head, stem"):
        score_chunk(make_chunk(head=[0], stem=[0]))


def test_it_joins_layers_and_time_in_the_order_of_its_probe() -> None:
    joined = replace(make_probe(f=7), layer="head+tick+stem", horizon=100)
    detector = ActivationProbe(joined)
    at = Proposal(
        "weak", 50, np.zeros((4, 3), np.float32), make_chunk(stem=[3], head=[1, 2]).features
    )
    got = detector.update(None, at, toy_observation())[1].value
    row = np.array([[1, 2, 0.5, 0.25, np.sin(10), np.cos(10), 3]], np.float32)
    assert got == joined.compute_risk(row)[0]
    detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"stem": 1, "head": 2}))
    with pytest.raises(ShapeError, match="has 8 features; the probe reads 7"):
        detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"stem": 2, "head": 2}))
    with pytest.raises(UnknownNameError, match="Unknown layer 'stem'"):
        detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"head": 2}))


def test_double_precision_is_computed_as_ever_and_single_precision_comes_close() -> None:
    head = make_probe("mlp").head
    x = np.random.default_rng(1).standard_normal((20, 3))
    h = np.maximum((x - head.mean) / head.scale @ head.weights[0] + head.biases[0], 0.0)
    np.testing.assert_array_equal(
        head.compute_logit(x), (h @ head.weights[1] + head.biases[1])[:, 0]
    )
    weights, biases = (
        tuple(array.astype(np.float32) for array in arrays)
        for arrays in (head.weights, head.biases)
    )
    single = replace(head, weights=weights, biases=biases)
    assert single.compute_logit(x).dtype == np.float64
    np.testing.assert_allclose(single.compute_logit(x), head.compute_logit(x), rtol=1e-4, atol=1e-5)


def test_it_refuses_another_policy_before_the_first_episode(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    make_probe().write_file(path)
    with pytest.raises(CheckpointError, match="fitted to policy d0, but this is d1"):
        ActivationProbe.load(path, "d1")
    detector = ActivationProbe.load(path, "d0")
    detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"trunk": 3}))
    with pytest.raises(CheckpointError):
        detector.check(PolicySpec("weak", "d1", {}, 8, 4, {"trunk": 3}))
    with pytest.raises(UnknownNameError, match="Allowed: stem"):
        detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"stem": 3}))
    with pytest.raises(ShapeError, match="has 5 features"):
        detector.check(PolicySpec("weak", "d0", {}, 8, 4, {"trunk": 5}))
