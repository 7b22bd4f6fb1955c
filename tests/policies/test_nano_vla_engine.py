"""The engine of the Nano-VLA: memory, caches, precision, graphs, and a device without memory."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.core.types import EpisodeKey
from policies.nano_vla import policy as policy_module
from policies.nano_vla.buffers import BatchBuffer
from policies.nano_vla.engine import ComputeMode, Engine
from policies.nano_vla.graphs import GraphCache
from policies.nano_vla.model import NanoNet, initialise_weights
from policies.nano_vla.policy import NanoVLA
from policies.nano_vla.steady_linear import RowLinear
from policies.nano_vla.tokenizer import Tokenizer
from policies.nano_vla.training.batches import pictures_to_tensor
from tests.policies.nano_vla_fixtures import (
    PLATE,
    STOVE,
    TINY,
    make_observation,
    make_query,
    save_tiny,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny(tmp_path_factory.mktemp("engine") / "tiny.safetensors")


def make_tiny_network() -> NanoNet:
    net = NanoNet(TINY, Tokenizer.from_file().size)
    initialise_weights(net, 0)
    return net.eval().requires_grad_(False)


@given(rows=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_a_steady_layer_sees_blocks_of_eight_rows(rows: int) -> None:
    layer = RowLinear(24, 16).requires_grad_(False)
    x = torch.randn((rows, 24), generator=torch.Generator().manual_seed(rows))
    plain = layer(x)
    layer.steady = True
    steady = layer(x)
    assert steady.shape == plain.shape
    assert torch.allclose(steady, plain, atol=1e-6)
    for begin in range(0, rows - 7, 8):
        layer.steady = False
        assert torch.equal(steady[begin : begin + 8], layer(x[begin : begin + 8]))


def test_moments_computed_before_change_no_bit() -> None:
    net, draw = make_tiny_network(), torch.Generator().manual_seed(1)
    condition = torch.randn((1, TINY.hidden), generator=draw)
    noise = torch.randn((1, TINY.horizon, TINY.action), generator=draw)
    before = net.sample_actions(condition, noise)
    net.head.prepare_moments(1)
    assert torch.equal(net.sample_actions(condition, noise), before)


@pytest.mark.parametrize("rows", [1, 8])
def test_a_sentence_is_read_once_as_in_a_batch(rows: int) -> None:
    net, words = make_tiny_network(), Tokenizer.from_file()
    engine = Engine(net, (), ComputeMode())
    engine.prepare_rows(rows)
    for text in (STOVE, PLATE, "", "fetch a xylophone"):
        tokens = words.encode_texts([text] * rows, TINY.words)
        assert np.array_equal(
            engine.encode_sentence(tokens[0]), net.text(torch.from_numpy(tokens))[0].numpy()
        )


def test_where_batches_round_by_place_single_rows_are_used(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Engine.run_batch

    def by_place(engine: Engine, rows: list[object], *rest: object) -> list[np.ndarray]:
        parts = real(engine, rows, *rest)  # type: ignore[arg-type]
        if len(rows) > 1:
            parts[0][-1] += 1e-3
        return parts

    monkeypatch.setattr(Engine, "run_batch", by_place)
    exact = NanoVLA("p", checkpoint)
    assert exact.sizes == (1,)
    assert exact.spec.batch_invariant
    assert exact.spec.rounding == "cpu, batch 1"
    half = NanoVLA("p", checkpoint, precision="bfloat16")
    assert half.sizes == (8,)
    assert not half.spec.batch_invariant


def test_what_was_forgotten_is_read_again(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = [make_query(i, instruction=STOVE if i % 3 else PLATE) for i in range(9)]
    want = NanoVLA("p", checkpoint, paraphrase="held_out").propose(questions)
    monkeypatch.setattr(policy_module, "_MEMORY_LIMIT", 2)
    short = NanoVLA("p", checkpoint, paraphrase="held_out")
    got = short.propose(questions) + short.propose(questions)
    assert len(short._texts) == len(short._said) == 2
    for a, b in zip(want + want, got, strict=True):
        assert np.array_equal(a.actions, b.actions)


def test_memory_is_cut_into_aligned_parts_that_keep_what_is_put_in() -> None:
    buffer = BatchBuffer(TINY, 3, 2, "cpu")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((3, 2, TINY.horizon, TINY.action)).astype(np.float32)
    texts = [rng.standard_normal(TINY.text).astype(np.float32) for _ in range(3)]
    rows = [make_observation(i) for i in range(3)]
    buffer.fill_rows(rows, texts, noise)
    buffer.send_to_device()
    for part in (buffer.proprio, buffer.noise, buffer.text):
        assert part.data_ptr() % 64 == 0
        assert part.is_contiguous()
    assert np.array_equal(buffer.proprio.numpy(), [row.proprio for row in rows])
    assert np.array_equal(buffer.noise.numpy(), noise.swapaxes(0, 1))
    assert np.array_equal(buffer.text.numpy(), texts)
    for name, seen in buffer.read_images().items():
        want = pictures_to_tensor(np.stack([row.images[name] for row in rows]))
        assert torch.equal(seen, want)
        assert seen.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_moves_actions_a_little(checkpoint: str) -> None:
    exact = NanoVLA("p", checkpoint)
    half = NanoVLA("p", checkpoint, precision="bfloat16")
    assert half.spec.digest == exact.spec.digest
    assert half.spec.rounding.startswith("cpu bfloat16, batch ")
    assert exact.spec.rounding.startswith("cpu, batch ")
    questions = [make_query(i) for i in range(11)]
    a = np.stack([p.actions[:, :6] for p in exact.propose(questions)])
    b = np.stack([p.actions[:, :6] for p in half.propose(questions)])
    assert 0 < np.abs(a - b).max() < 0.1


def test_bfloat16_keeps_the_promise_that_it_measured(checkpoint: str) -> None:
    half = NanoVLA("p", checkpoint, batch=16, precision="bfloat16")
    questions = [make_query(i, k=i) for i in range(13)]
    together = half.propose(questions)
    alone = [half.propose([question])[0] for question in questions]
    same = all(np.array_equal(a.actions, b.actions) for a, b in zip(together, alone, strict=True))
    assert same or not half.spec.batch_invariant


@pytest.mark.parametrize(
    ("given_mode", "error", "message"),
    [
        ({"precision": "bfloat"}, UnknownNameError, "Did you mean 'bfloat16'"),
        ({"graph": True}, ConfigError, "graph=true needs device=cuda"),
        ({"device": "cuda:99"}, MachineError, "not on this machine"),
    ],
)
def test_bad_modes(
    checkpoint: str, given_mode: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NanoVLA("p", checkpoint, **given_mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("at_start", [True, False])
def test_a_device_without_memory_is_an_error_that_says_what_to_do(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, at_start: bool
) -> None:
    policy = None if at_start else NanoVLA("weak", checkpoint)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore.")

    monkeypatch.setattr(Engine, "run_batch", full)
    with pytest.raises(MachineError, match=r"cpu has for \d+ rows.*weak.batch.*finished") as caught:
        (policy or NanoVLA("weak", checkpoint)).propose([make_query(0)])
    assert "Tried to allocate 2 GiB." in str(caught.value)
    assert "More." not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CUDA error: out of memory", MachineError),
        ("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes", MachineError),
        ("a fault of another kind", RuntimeError),
    ],
)
def test_memory_that_runs_out_elsewhere_is_told_from_other_faults(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, text: str, expected: type[Exception]
) -> None:
    policy = NanoVLA("weak", checkpoint)

    def fail(*_: object) -> None:
        try:
            raise RuntimeError(text)
        except RuntimeError:
            raise RuntimeError("operation failed during capture")  # noqa: B904

    monkeypatch.setattr(Engine, "run_batch", fail)
    with pytest.raises(expected) as caught:
        policy.propose([make_query(0)])
    assert type(caught.value) is expected


class FakeGraph:
    """Stands in for a GPU's graph: replaying it runs what was captured."""

    replays = 0

    def replay(self) -> None:
        FakeGraph.replays += 1

    def pool(self) -> str:
        return "pool"


def test_each_size_is_captured_once_and_then_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    pools: list[object] = []

    def capture(graph: FakeGraph, pool: object = None) -> nullcontext[None]:
        pools.append(pool)
        return nullcontext()

    class Stream:
        def wait_stream(self, other: Stream) -> None: ...

    for name, fake in {
        "CUDAGraph": FakeGraph,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": nullcontext,
        "graph": capture,
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    graphs, runs = GraphCache(), list[int]()

    def forward(size: int) -> torch.Tensor:
        runs.append(size)
        return torch.full((size,), float(size))

    before = FakeGraph.replays
    outs = [graphs.replay_pass(size, lambda size=size: forward(size)) for size in (4, 8, 4, 8, 4)]  # type: ignore[misc]
    assert runs == [4] * 4 + [8] * 4
    assert FakeGraph.replays - before == 5
    assert pools == [None, "pool"]
    assert [len(out) for out in outs] == [4, 8, 4, 8, 4]


def test_samples_do_not_depend_on_companions_either(checkpoint: str) -> None:
    policy = NanoVLA("p", checkpoint, samples=3)
    questions = [make_query(i, k=i) for i in range(11)]
    for question, proposal in zip(questions, policy.propose(questions), strict=True):
        alone = policy.propose([question])[0].samples
        assert alone is not None
        assert proposal.samples is not None
        assert np.array_equal(alone, proposal.samples)


def test_examples_differ_in_everything(checkpoint: str) -> None:
    policy = NanoVLA("p", checkpoint)
    a, b = policy.make_example(0), policy.make_example(1)
    assert a.key != b.key
    assert isinstance(a.key, EpisodeKey)
    assert a.obs.instruction != b.obs.instruction
    assert not np.array_equal(a.obs.images["wrist"], b.obs.images["wrist"])
    assert policy.make_example(1).obs.proprio.tobytes() == b.obs.proprio.tobytes()


def test_all_sizes_of_the_shipped_architectures_are_measured(tmp_path: Path) -> None:
    policy = NanoVLA("p", save_tiny(tmp_path / "m.safetensors"), batch=16)
    assert policy.spec.batch_invariant
    assert set(policy.sizes) <= {1, 2, 3, 4, 6, 8, 12, 16}
    questions = [make_query(i) for i in range(16)]
    alone = [policy.propose([question])[0] for question in questions]
    for size in policy.sizes:
        for a, b in zip(policy.propose(questions[:size]), alone, strict=False):
            assert np.array_equal(a.actions, b.actions)
