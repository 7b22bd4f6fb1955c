"""Addressed randomness: a number depends on its address alone, never on who drew before it.

Common random numbers need this: with a shared generator, an arm that draws one number more
shifts every later draw of its episode and breaks the pairing (see docs/architecture.md).
"""

from __future__ import annotations

import hashlib

import numpy as np

from aegis.core.types import EpisodeKey


def stream(root: int, *path: int | str) -> np.random.Generator:
    """Returns the generator at an address.

    The address is hashed (BLAKE2b) into the 128-bit key of a Philox counter generator. Python's
    ``hash`` would not do: it is salted per process.

    Args:
        root: Root seed of the experiment.
        *path: Any number of integers and names, for example ``("policy", "weak", 40)``.
    """
    text = "\x1f".join([f"i{root}", *(_part(part) for part in path)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)))


def episode_stream(key: EpisodeKey, *path: int | str) -> np.random.Generator:
    """Returns the generator at an address within an episode; arms share it through the key."""
    return stream(key.root, key.suite, key.task, key.start, key.index, *path)


def _part(part: int | str) -> str:
    return f"i{int(part)}" if isinstance(part, (int, np.integer)) else f"s{part}"
