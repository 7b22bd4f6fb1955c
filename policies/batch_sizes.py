"""Which batch sizes give a row the same bits: measured, because matrix kernels do not say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, count, takewhile

from aegis.core.seeds import root_stream

_TRIALS = 3
"""Times that a size is tried; every place of it gets another row and other companions."""

InferRows = Callable[[Sequence[int]], list[bytes]]
"""Numbers of test rows, inferred as one batch, to the bytes of each result."""


def list_candidates(limit: int) -> tuple[int, ...]:
    """Returns the sizes to try: powers of two, halfway between them, and the limit.

    With 1, 2, 3, 4, 6, 8, 12, ... no batch is filled up by more than half of its rows.
    """
    pairs = ((2 * 2**i, 3 * 2**i) for i in count())
    steps = chain((1,), chain.from_iterable(pairs))
    return (*takewhile(lambda size: size < limit, steps), limit)


def measure_steady_sizes(infer: InferRows, limit: int, reference: int) -> tuple[int, ...]:
    """Measures which sizes compute every row as the reference size does, bit for bit.

    Args:
        infer: Runs test rows.
        limit: Largest size to try.
        reference: Size whose bits count; it may be larger than the limit.

    Returns:
        Sizes, ascending; none if the reference does not even agree with itself, because its rows
        depend on their place or their companions.
    """
    rows = -(-max(limit, reference) // reference) * reference
    truth: list[bytes] = []
    for begin in range(0, rows, reference):
        truth += infer(range(begin, begin + reference))

    def is_steady(size: int) -> bool:
        orders = (root_stream(0, "order", size, turn).permutation(rows) for turn in range(_TRIALS))
        tries = ([int(number) for number in order[:size]] for order in orders)
        return all(infer(order) == [truth[number] for number in order] for order in tries)

    if not is_steady(reference):
        return ()
    return tuple(size for size in list_candidates(limit) if size == reference or is_steady(size))
