"""Memory: an allocation that failed is told from damage, whoever reports it."""

from __future__ import annotations

import errno

import pytest
import torch

from aegis.core.errors import MachineError
from policies.lerobot.memory import explain_memory, is_out_of_memory

SHORT = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]
OTHER = [
    RuntimeError("Error(s) in loading state_dict for ACTPolicy: size mismatch for model.x"),
    ValueError("the words 'out of memory' in a sentence"),
    OSError(errno.ENOENT, "No such file or directory"),
    KeyError("model.weight"),
]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: str(error)[:20])
def test_what_failed_for_want_of_memory_is_said_so(error: Exception) -> None:
    with (
        pytest.raises(MachineError, match=r"Not enough memory for a test: .+\. Buy more"),
        explain_memory("a test", "Buy more."),
    ):
        raise error


@pytest.mark.parametrize("error", OTHER, ids=lambda error: str(error)[:20])
def test_all_else_stays_what_it_is(error: Exception) -> None:
    with pytest.raises(type(error)), explain_memory("a test", "Buy more."):
        raise error


def test_the_cause_counts() -> None:
    with pytest.raises(ValueError, match="cannot read") as caught:
        raise ValueError("cannot read it") from MemoryError()
    assert is_out_of_memory(caught.value)
