"""Addressed randomness: a number depends on its address alone, never on who drew before it.

Common random numbers need this: with a shared generator, an arm that draws one number more
shifts every later draw of its episode and breaks the pairing (see docs/explanations/one-run.md).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from aegis.core.types import EpisodeKey


def root_stream(root: int, *path: int | str) -> np.random.Generator:
    """Returns the generator at an address.

    The address is hashed (BLAKE2b) into the 128-bit key of a Philox counter generator. Python's
    ``hash`` would not do: it is salted per process.

    Args:
        root: Root seed of the experiment.
        *path: Any number of integers and names, for example ``("policy", "noise", 40, 0)``.
    """
    return np.random.Generator(np.random.Philox(key=_hash_address(root, path)))


def episode_stream(key: EpisodeKey, *path: int | str) -> np.random.Generator:
    """Returns the generator at an address within an episode; arms share it through the key."""
    return root_stream(key.root, key.suite, key.task, key.start, key.index, *path)


class EpisodeStreams:
    """One generator that is moved from address to address, for a fifth of what new ones cost.

    Numbers are those of ``episode_stream``. A generator is good until the next call of ``move_to``.
    Not for several threads.
    """

    def __init__(self) -> None:
        self._bits = np.random.Philox(key=0)
        # The state of a fresh generator: putting it back resets the counter and half-used words,
        # too.
        self._start = self._bits.state
        self._generator = np.random.Generator(self._bits)

    def move_to(self, key: EpisodeKey, *path: int | str) -> np.random.Generator:
        """Returns the generator at an address within an episode, at its first number."""
        place = (key.suite, key.task, key.start, key.index, *path)
        self._start["state"]["key"] = _hash_address(key.root, place)
        self._bits.state = self._start
        return self._generator


def _hash_address(root: int, path: tuple[int | str, ...]) -> NDArray[np.uint64]:
    """Returns the key of the counter generator at an address. Shape (2,)."""
    # The separator and the letter before each part keep addresses apart: ("a", "bc") is not ("ab",
    # "c"), and the number 1 is not the text "1".
    text = "\x1f".join([f"i{root}", *(_format_part(part) for part in path)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.frombuffer(digest, dtype=np.uint64)


def _format_part(part: int | str) -> str:
    return f"i{int(part)}" if isinstance(part, (int, np.integer)) else f"s{part}"
