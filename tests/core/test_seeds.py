"""Addressed randomness: the generator that moves gives the numbers of new ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.seeds import EpisodeStreams, episode_stream
from aegis.core.types import EpisodeKey

addresses = st.tuples(
    st.integers(0, 2**40), st.text(max_size=5), st.integers(0, 99), st.integers(0, 2**33)
)


@given(st.lists(addresses, min_size=1, max_size=6), st.integers(1, 9))
def test_a_moved_generator_forgets_where_it_was(
    visits: list[tuple[int, str, int, int]], count: int
) -> None:
    streams = EpisodeStreams()
    for root, name, task, k in visits:
        key = EpisodeKey(root, "suite", task, name, k)
        moved = streams.move_to(key, "noise", k)
        fresh = episode_stream(key, "noise", k)
        # An odd number of 32-bit draws leaves half a word behind.
        for dtype in (np.uint32, np.uint64):
            a = moved.integers(0, 1000, count, dtype=dtype)
            assert np.array_equal(a, fresh.integers(0, 1000, count, dtype=dtype))
        a = moved.standard_normal(count, np.float32)
        assert np.array_equal(a, fresh.standard_normal(count, np.float32))
