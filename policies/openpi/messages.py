"""Messages: a query as openpi's request, and an answer as a proposal, checked field by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aegis.core.errors import AbsentAnswerError, MachineError, MessageError, ShapeError
from aegis.core.protocols import Query
from aegis.core.types import F32, Observation, PolicyId, Proposal
from aegis.host.array_messages import MessageLimits, Value, pack_message, unpack_message
from aegis.host.wire_names import (
    ABOUT,
    ABSENT,
    ACTIONS,
    BATCH,
    COMMITTED,
    DUE,
    EPISODE,
    FEATURES,
    PAST,
)
from policies.openpi.description import Description
from policies.openpi.failures import UnfitNumbersError

_MOST_SAMPLES = 4096
_LONGEST_TEXT = 400
"""Letters of a server's own words that are repeated."""


def pack_queries(queries: Sequence[Query], server: Description) -> bytes:
    """Returns the request for some queries; several are for a server of ours.

    Args:
        queries: What is asked.
        server: Who is asked.

    Raises:
        ShapeError: If an observation lacks what the server looks at.
    """
    fields = [_describe_query(query, server) for query in queries]
    return pack_message(fields[0] if len(fields) == 1 else {BATCH: fields})


def _describe_query(query: Query, server: Description) -> dict[str, Value]:
    """Returns the request for a query."""
    fields = _list_fields(query.obs, server)
    fields[server.prompt] = query.obs.instruction
    if server.extended:
        key = query.key
        place = [key.root, key.suite, key.task, key.start, key.index, query.k, query.salt]
        fields[EPISODE] = place
        if server.taps:
            fields[FEATURES] = True
        if query.due is not None:
            fields[DUE], fields[COMMITTED] = query.due, query.committed
        if query.past:
            fields[PAST] = [_list_fields(obs, server) for obs in query.past]
    return fields


def _list_fields(obs: Observation, server: Description) -> dict[str, Value]:
    """Returns pictures and state of one observation."""
    fields: dict[str, Value] = {server.state: obs.proprio}
    for view in server.views:
        picture = obs.images.get(view.camera)
        if picture is None or picture.shape[:2] != view.size:
            seen = "none" if picture is None else f"shape {picture.shape}"
            raise ShapeError(
                f"The server's '{view.key}' is our picture '{view.camera}' of size {view.size}. "
                f"Got: {seen}."
            )
        fields[view.key] = view.turn_picture(picture)
    return fields


def unpack_answers(
    frame: bytes | str,
    queries: Sequence[Query],
    server: Description,
    name: PolicyId,
    limits: MessageLimits,
) -> list[Proposal | AbsentAnswerError]:
    """Returns the proposals that an answer holds; where a policy gave none, what the server says.

    Args:
        frame: What came.
        queries: What was asked.
        server: Who answered.
        name: Policy id of the proposals.
        limits: How large an answer may be.

    Raises:
        MachineError: If the server says that it ends.
        MessageError: If a field is missing or wrong; it names the field.
    """
    if isinstance(frame, str):
        return _read_refusal(frame, len(queries))
    fields = unpack_message(frame, limits)
    if not isinstance(fields, dict):
        raise MessageError("the answer", f"a {type(fields).__name__}", "a mapping")
    if len(queries) == 1:
        return [_read_answer(fields, queries[0], server, name)]
    batch = fields.get(BATCH)
    if not isinstance(batch, list) or len(batch) != len(queries):
        given = f"{len(batch)} answers" if isinstance(batch, list) else type(batch).__name__
        raise MessageError(BATCH, given, f"a list of {len(queries)} answers")
    for i, one in enumerate(batch):
        if not isinstance(one, dict):
            raise MessageError(f"{BATCH}.{i}", f"a {type(one).__name__}", "a mapping")
    return [
        _read_answer(one, query, server, name) for one, query in zip(batch, queries, strict=True)
    ]


def _read_refusal(text: str, count: int) -> list[Proposal | AbsentAnswerError]:
    """Returns that answers are absent, if that is what a text says.

    Raises:
        MachineError: If the server ends.
        MessageError: If it refuses the request for another reason.
    """
    last = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    kind, _, said = last.partition(": ")
    if kind == MachineError.__name__:
        raise MachineError(said[:_LONGEST_TEXT])
    if kind != AbsentAnswerError.__name__:
        raise MessageError("the answer", f"a refusal: {last}", "a chunk")
    return [AbsentAnswerError(said[:_LONGEST_TEXT])] * count


def _read_answer(
    fields: Mapping[str, Value], query: Query, server: Description, name: PolicyId
) -> Proposal | AbsentAnswerError:
    """Returns the proposal of one answer."""
    about = fields.get(ABOUT)
    if isinstance(about, dict) and ABSENT in about:
        return AbsentAnswerError(str(about[ABSENT])[:_LONGEST_TEXT])
    shape = (server.horizon, server.dimensions)
    actions = _read_numbers(fields.get(ACTIONS), ACTIONS, shape)
    if not np.isfinite(actions).all():
        row = int(np.flatnonzero(~np.isfinite(actions).all(axis=1))[0])
        raise UnfitNumbersError(f"{ACTIONS}, row {row},", actions[row], "finite numbers")
    if not server.taps:
        return Proposal(name, query.k, actions)
    if not isinstance(about, dict):
        given = "missing" if about is None else f"a {type(about).__name__}"
        raise MessageError(ABOUT, given, "a mapping with features")
    features = _read_features(about.get("features"), server.taps)
    samples = _read_samples(about.get("samples"), shape)
    return Proposal(name, query.k, actions, features, samples)


def _read_features(value: Value, taps: Mapping[str, int]) -> dict[str, F32]:
    """Returns tapped layer to activation, shape (f,)."""
    place = f"{ABOUT}.features"
    if not isinstance(value, dict) or set(value) != set(taps):
        given = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
        raise MessageError(place, given, ", ".join(taps))
    # In the order in which the server lists its taps, as if the policy were here.
    return {name: _read_list(value[name], f"{place}.{name}", (taps[name],)) for name in taps}


def _read_samples(value: Value, shape: tuple[int, int]) -> F32 | None:
    """Returns more draws of a chunk, shape (n, h, a); None if there are none."""
    if value is None:
        return None
    count = len(value) if isinstance(value, list) else 0
    if not 0 < count <= _MOST_SAMPLES:
        raise MessageError(f"{ABOUT}.samples", type(value).__name__, "a list of chunks, or nothing")
    return _read_list(value, f"{ABOUT}.samples", (count, *shape))


def _read_list(value: Value, field: str, shape: tuple[int, ...]) -> F32:
    """Returns nested lists of numbers as an array."""
    allowed = f"lists of numbers, {shape}"
    if not isinstance(value, list):
        raise MessageError(field, f"a {type(value).__name__}", allowed)
    # Numpy is asked only then: of texts of different lengths it would make an array of the longest.
    if not _is_block(value, shape):
        raise MessageError(field, "lists of other lengths, or other things in them", allowed)
    with np.errstate(over="ignore"):
        return np.array(value, np.float64).astype(np.float32)


def _is_block(value: Value, shape: tuple[int, ...]) -> bool:
    """Says whether nested lists are an array of numbers."""
    if not isinstance(value, list) or len(value) != shape[0]:
        return False
    if len(shape) == 1:
        return {int, float}.issuperset(map(type, value))
    return all(_is_block(one, shape[1:]) for one in value)


def _read_numbers(value: Value, field: str, shape: tuple[int, ...]) -> F32:
    """Returns an array of numbers in single precision."""
    allowed = f"numbers of shape {shape}"
    if not isinstance(value, np.ndarray):
        given = "missing" if value is None else f"a {type(value).__name__}"
        raise MessageError(field, given, allowed)
    if value.dtype.kind not in "fiu" or value.shape != shape:
        raise MessageError(field, f"{value.dtype} of shape {value.shape}", allowed)
    if value.dtype == np.float32:
        return value
    with np.errstate(over="ignore", invalid="ignore"):
        return value.astype(np.float32)
