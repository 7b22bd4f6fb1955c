"""Words to numbers: a fixed word list, with one number for every word that is not on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ConfigError

PAD, UNKNOWN = 0, 1
_SPECIAL_TOKENS = ("<pad>", "<unk>")
VOCABULARY_FILE = Path(__file__).with_name("vocabulary.txt")


def split_words(text: str) -> list[str]:
    """Returns the lower-case words of a sentence, without punctuation."""
    return re.findall(r"[a-z0-9]+", text.lower())


class Tokenizer:
    """Turns sentences into rows of a fixed length.

    Args:
        words: The word list; number 0 is padding, 1 the unknown word, the list starts at 2.
    """

    def __init__(self, words: Sequence[str]) -> None:
        if len(set(words)) != len(words) or not words:
            raise ConfigError("The vocabulary must be a non-empty list of distinct words.")
        self.words = tuple(words)
        self._number = {word: i + len(_SPECIAL_TOKENS) for i, word in enumerate(words)}

    @classmethod
    def from_file(cls, path: Path = VOCABULARY_FILE) -> Tokenizer:
        """Reads a vocabulary with one word per line."""
        return cls(path.read_text(encoding="utf-8").split())

    @property
    def size(self) -> int:
        """Number of distinct tokens, padding and unknown included."""
        return len(self.words) + len(_SPECIAL_TOKENS)

    def encode_texts(self, texts: Iterable[str], length: int) -> NDArray[np.int64]:
        """Returns token numbers, cut or padded. Shape (n, length).

        An empty sentence becomes one unknown token, so that attention always has something to
        look at.
        """
        rows = [[self._number.get(word, UNKNOWN) for word in split_words(text)] for text in texts]
        out = np.full((len(rows), length), PAD, dtype=np.int64)
        for i, row in enumerate(rows):
            # Without any word there would be nothing to average over, and the text would be NaN.
            kept = row[:length] or [UNKNOWN]
            out[i, : len(kept)] = kept
        return out
