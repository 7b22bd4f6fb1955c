"""A policy that repeats the actions of recorded episodes, without looking at anything."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aegis.core.errors import NonFiniteError, ShapeError, TraceError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.types import F32, Proposal


class ReplayPolicy:
    """Proposes what was done at the same tick of the same episode.

    Past the end of a recording it repeats the last action.

    Args:
        name: Stamped on the proposals.
        trace: ``.npz`` with an array of actions per episode, shape (t, a), named like its key.
        horizon: Rows of a proposal [control steps].
        execute: Rows that are executed before it is asked again [control steps].

    Raises:
        TraceError: If the trace is missing or damaged.
        ShapeError: If the recorded actions are not of shape (t, a).
        NonFiniteError: If they hold NaN or infinity.
    """

    def __init__(self, name: str, trace: str, horizon: int = 10, execute: int = 5) -> None:
        self._actions = load_trace(Path(trace))
        self._trace = trace
        digest = hashlib.sha256(Path(trace).read_bytes()).hexdigest()
        settings = f"{digest}:{horizon}:{execute}"
        widths = {actions.shape[1] for actions in self._actions.values()}
        width = widths.pop() if len(widths) == 1 else None
        self._spec = PolicySpec(
            name, settings, {}, horizon, execute, {}, portable=True, dimensions=width
        )

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one proposal per query, in order.

        Raises:
            TraceError: If an episode was not recorded.
        """
        return [Proposal(self._spec.name, query.k, self._read_rows(query)) for query in queries]

    def close(self) -> None:
        """Frees nothing."""

    def _read_rows(self, query: Query) -> F32:
        """Returns the recorded actions from the query's tick on. Shape (h, a)."""
        actions = self._actions.get(str(query.key))
        if actions is None:
            known = ", ".join(list(self._actions)[:5])
            raise TraceError(
                f"Episode {query.key} is not in {self._trace}. It holds {len(self._actions)} "
                f"episodes: {known}. Record it, or run an episode that was recorded."
            )
        ticks = np.arange(query.k, query.k + self._spec.horizon)
        # After the end of the record its last action is repeated: a chunk has a fixed length.
        rows: F32 = actions[np.minimum(ticks, len(actions) - 1)]
        return rows


def load_trace(path: Path) -> dict[str, F32]:
    """Reads recorded actions: episode to actions, shape (t, a).

    Raises:
        TraceError: If the file is missing, damaged or empty.
        ShapeError: If actions are not a non-empty table.
        NonFiniteError: If actions hold NaN or infinity.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            trace = {key: np.asarray(file[key], dtype=np.float32) for key in file.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise TraceError(f"{path} is not a recorded trace ({error}). Record it again.") from error
    if not trace:
        raise TraceError(f"{path} holds no episodes. Record it again.")
    for key, actions in trace.items():
        if actions.ndim != 2 or not len(actions):
            raise ShapeError(f"{key} in {path} must be of shape (t, a). Got: {actions.shape}.")
        if not np.isfinite(actions).all():
            raise NonFiniteError(f"{key} in {path} holds NaN or infinity. Record it again.")
    return trace
