"""Taps: names say how tokens are pooled; padding does not count; hooks come off again."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aegis.core.errors import ConfigError, UnknownNameError
from policies.lerobot.taps import (
    Layer,
    Taps,
    parse_tap,
    pool_tokens,
    put_channels_last,
    put_rows_first,
)

LAYERS = {
    "expert.1": Layer("inner", per_step=True),
    "prefix": Layer("inner", masked=True),
    "input": Layer("inner", before=True),
    "decoder": Layer("inner", put_rows_first),
}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 3)


@pytest.mark.parametrize("name", ["expert.1:mean", "expert.1:last@steps", "prefix:last"])
def test_names_are_their_own_words(name: str) -> None:
    assert str(parse_tap(name, LAYERS, "smolvla")) == name


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("expert.2:mean", UnknownNameError, r"layer 'expert.2' in smolvla. Did you mean"),
        ("expert.1", ConfigError, r"Allowed: expert.1:mean, expert.1:last"),
        ("expert.1@steps", ConfigError, r"Allowed: expert.1:mean"),
        ("expert.1:max", UnknownNameError, r"pooling 'max'.*Allowed: mean, last"),
        ("prefix:mean@steps", ConfigError, r"'prefix' runs once per chunk.*step: expert.1"),
    ],
)
def test_names_that_say_too_little(name: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        parse_tap(name, LAYERS, "smolvla")


def test_steps_are_kept_or_averaged() -> None:
    net = Net()
    names = ["expert.1:mean", "expert.1:mean@steps", "expert.1:last", "input:mean", "decoder:last"]
    taps = Taps(net, LAYERS, names, "net")
    inputs = [torch.randn(5, 4, 2) for _ in range(3)]
    with taps:
        outs = [net.inner(one) for one in inputs]
    seen = taps.pool_activations(None)
    steps = torch.stack([out.mean(1) for out in outs])
    assert list(seen) == names
    assert torch.equal(seen["expert.1:mean"], steps.mean(0))
    assert torch.equal(seen["expert.1:mean@steps"], torch.cat(list(steps), 1))
    assert torch.equal(seen["expert.1:last"], torch.stack([out[:, -1] for out in outs]).mean(0))
    assert torch.equal(seen["input:mean"], torch.stack([one.mean(1) for one in inputs]).mean(0))
    assert seen["decoder:last"].shape == (4, 3)
    net.inner(inputs[0])  # No hook is left.
    assert not any(hook.seen for hook in taps._hooks.values())


def test_what_is_written_into_later_is_copied() -> None:
    net = Net()
    taps = Taps(net, LAYERS, ["prefix:last", "expert.1:last"], "net")
    with taps:
        out = net.inner(torch.randn(2, 3, 2))
    want = out[:, -1].clone()
    with torch.no_grad():
        out.zero_()
    seen = taps.pool_activations(torch.ones(2, 3, dtype=torch.bool))
    assert torch.equal(seen["prefix:last"], want)
    assert torch.equal(seen["expert.1:last"], want)


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_padding_does_not_count(pool: str) -> None:
    tokens = torch.randn(2, 5, 3)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 1, 1, 0]], dtype=torch.bool)
    other = torch.where(mask[..., None], tokens, torch.full_like(tokens, 7.0))
    want = pool_tokens(tokens, pool, mask)
    assert torch.equal(pool_tokens(other, pool, mask), want)
    rows: list[Tensor] = [row[kept] for row, kept in zip(tokens, mask, strict=True)]
    plain = [row.mean(0) if pool == "mean" else row[-1] for row in rows]
    torch.testing.assert_close(want, torch.stack(plain))


def test_maps_become_tokens() -> None:
    maps = torch.arange(24.0).reshape(2, 3, 4)
    assert torch.equal(pool_tokens(put_channels_last(maps), "mean"), maps.mean(2))
    assert put_channels_last(maps.reshape(2, 3, 2, 2)).shape == (2, 4, 3)
