"""Results: the digest of what a stage computed, or why it could not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import AegisError


@dataclass(frozen=True, slots=True)
class StageResult:
    """A stage that was played.

    Attributes:
        name: Name of the stage, for example ``"pictures agentview"``.
        group: Its group: ``world``, ``pictures``, ``weak``, ``strong``, ``detectors`` or
            ``statistics``.
        digest: Hash of what it computed; empty where it failed.
        error: Why it failed; else empty.
        identity: All that it depends on besides the machine; results of another identity are
            never compared.
        numbers: What it computed, where that is a few numbers.
    """

    name: str
    group: str
    digest: str = ""
    error: str = ""
    identity: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


def play_stage(
    name: str, group: str, compute: Callable[[], Iterable[NDArray[Any] | str]]
) -> StageResult:
    """Plays a stage; what fails is told in its result, so that the next one is played.

    Args:
        name: Its name.
        group: Its group.
        compute: Returns arrays and texts, of which the bits count.
    """
    try:
        return StageResult(name, group, digest_parts(compute()))
    except AegisError as error:
        return StageResult(name, group, error=str(error))
    except Exception as error:  # A fault of one part must not hide those of the others.
        return StageResult(name, group, error=f"{type(error).__name__}: {error}")


def digest_parts(parts: Iterable[NDArray[Any] | str]) -> str:
    """Returns a hash of arrays, of any shapes, and texts: 24 hexadecimal digits."""
    whole = hashlib.blake2b(digest_size=12)
    for part in parts:
        if isinstance(part, str):
            whole.update(f"{part}\x1f".encode())
            continue
        whole.update(f"{part.dtype.str}{part.shape}\x1f".encode())
        whole.update(np.ascontiguousarray(part).tobytes())
    return whole.hexdigest()
