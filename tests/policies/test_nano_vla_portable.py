"""The portable network: torch's numbers to rounding, the same bits in any batch and by any CPU."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, UnknownNameError
from policies.nano_vla.policy import NanoVLA
from policies.nano_vla.portable.elementary import (
    compute_exp,
    compute_sin_cos,
    replace_by_logs,
)
from policies.nano_vla.portable.kernels import gather_windows
from policies.nano_vla.portable.matrix_product import multiply_matrices

CHECKPOINTS = Path(__file__).resolve().parents[2] / "policies/nano_vla/checkpoints"
LAYERS = ("text", "agentview.map", "wrist.keys", "trunk.0", "trunk.last", "trunk.condition")
TAPS = (*LAYERS, "head.0", "head.hidden")

DIGEST = """
import sys
from tests.policies.test_nano_vla_portable import build_policy, digest_proposals
print(digest_proposals(build_policy(sys.argv[1], batch=4), range(3)))
"""


def build_policy(name: str = "weak", **options: object) -> NanoVLA:
    path = str(CHECKPOINTS / f"{name}.safetensors")
    chosen = {"taps": TAPS, "samples": 1, "portable": True, **options}
    return NanoVLA(name, path, **chosen)  # type: ignore[arg-type]


def digest_proposals(policy: NanoVLA, numbers: range) -> str:
    whole = hashlib.sha256()
    for proposal in policy.propose([policy.make_example(i) for i in numbers]):
        whole.update(proposal.actions.tobytes())
        for name in TAPS:
            whole.update(proposal.features[name].tobytes())
    return whole.hexdigest()


@pytest.mark.parametrize("name", ["weak", "strong"])
def test_it_computes_what_torch_computes(name: str) -> None:
    ours, torchs = build_policy(name), build_policy(name, portable=False)
    rows = [ours.make_example(i) for i in range(4)]
    noise = np.random.default_rng(1).standard_normal((4, 2, 10, 7), np.float32)
    a, b = ours.infer(rows, noise), torchs.infer(rows, noise)
    np.testing.assert_allclose(a.actions, b.actions, atol=5e-6)
    assert a.samples is not None
    assert b.samples is not None
    np.testing.assert_allclose(a.samples, b.samples, atol=5e-6)
    assert list(a.features) == list(b.features) == list(TAPS)
    for layer in TAPS:
        largest = np.abs(b.features[layer]).max()
        np.testing.assert_allclose(a.features[layer], b.features[layer], atol=5e-6 * largest)


def test_a_row_has_the_same_bits_in_any_batch() -> None:
    policy = build_policy(batch=6)
    assert policy.sizes == (1, 2, 3, 4, 5, 6)
    assert policy.spec.batch_invariant
    rows = [policy.make_example(i) for i in range(6)]
    together = policy.propose(rows)
    for order in ((3,), (5, 3), (0, 1, 2, 3, 4)):
        for number, proposal in zip(order, policy.propose([rows[i] for i in order]), strict=True):
            assert proposal.actions.tobytes() == together[number].actions.tobytes()
            for layer in TAPS:
                expected = together[number].features[layer].tobytes()
                assert proposal.features[layer].tobytes() == expected


SIMD = "+avx,+avx2,+fma,+bmi,+bmi2,+sse4.2"


@pytest.mark.parametrize(
    "variables",
    [
        {"NUMBA_CPU_NAME": "znver2", "NUMBA_CPU_FEATURES": SIMD},
        pytest.param(
            {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": SIMD}, marks=pytest.mark.slow
        ),
        pytest.param({"NUMBA_OPT": "1"}, marks=pytest.mark.slow),
    ],
    ids=["znver2", "haswell", "less optimised"],
)
def test_no_compiler_and_no_dispatch_changes_a_bit(
    variables: dict[str, str], tmp_path: Path
) -> None:
    others = {
        "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Nehalem", "NUMBA_DISABLE_INTEL_SVML": "1",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3", "NUMBA_CACHE_DIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DIGEST, "weak"],
        env={**os.environ, **others, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digest_proposals(build_policy(batch=4), range(3))


def test_what_cannot_be_portable_is_refused() -> None:
    with pytest.raises(ConfigError, match="portable=true' is for device=cpu and precision=float32"):
        build_policy(precision="bfloat16")
    with pytest.raises(UnknownNameError, match=r"trunk\.9"):
        build_policy(taps=("trunk.9",))


@given(st.floats(-200.0, 0.0))
def test_exp_is_the_c_librarys_to_rounding(x: float) -> None:
    assert np.float32(compute_exp(x)) == pytest.approx(np.float32(math.exp(x)), rel=1e-7, abs=1e-45)


@given(st.floats(-500.0, 500.0))
def test_sine_and_cosine_are_the_c_librarys_to_rounding(x: float) -> None:
    assert compute_sin_cos(x) == pytest.approx((math.sin(x), math.cos(x)), rel=1e-12, abs=1e-15)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=9))
def test_logarithms_are_the_c_librarys_to_rounding(values: list[float]) -> None:
    found = np.array(values)
    replace_by_logs(found)
    np.testing.assert_allclose(found, np.log(values), rtol=1e-12, atol=1e-15)


def test_unknown_numbers_stay_unknown() -> None:
    assert math.isnan(compute_exp(math.nan))
    assert all(math.isnan(value) for value in compute_sin_cos(math.nan))
    policy = build_policy()
    noise = np.full((1, 2, 10, 7), np.nan, np.float32)
    assert np.isnan(policy.infer([policy.make_example(0)], noise).actions).all()


@given(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_a_product_is_a_sum_in_order(m: int, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, weight = (rng.standard_normal(shape, np.float32) for shape in ((m, k), (k, n)))
    bias, out = rng.standard_normal(n, np.float32), np.empty((m, n), np.float32)
    multiply_matrices(x, weight, bias, out)
    exact = x.astype(np.float64) @ weight.astype(np.float64) + bias
    np.testing.assert_allclose(out, exact, atol=1e-4)
    for i in range(m):
        alone = np.empty((1, n), np.float32)
        multiply_matrices(x[i : i + 1], weight, bias, alone)
        assert alone[0].tobytes() == out[i].tobytes()


@given(
    side=st.integers(2, 9),
    channels=st.integers(1, 3),
    size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
)
def test_windows_are_those_of_a_convolution(
    side: int, channels: int, size: int, stride: int, padding: int
) -> None:
    if side + 2 * padding < size or padding >= size:
        return
    x = np.arange(1, side * side * channels + 1, dtype=np.float32).reshape(side, side, channels)
    padded = np.pad(x, ((padding, padding), (padding, padding), (0, 0)))
    windows = (side + 2 * padding - size) // stride + 1
    out = np.full((windows**2, size * size * channels), -1, np.float32)
    gather_windows(x.reshape(side, -1), channels, size, stride, padding, out)
    for i in range(windows):
        for j in range(windows):
            part = padded[i * stride : i * stride + size, j * stride : j * stride + size]
            assert out[i * windows + j].tolist() == part.ravel().tolist()
