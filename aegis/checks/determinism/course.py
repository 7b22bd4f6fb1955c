"""The course: recorded inputs of every stage, in one file without pickles."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import TraceError
from aegis.core.protocols import Query
from aegis.core.types import F32, F64, U8, EpisodeKey, Observation, Proposal
from aegis.records.files import write_atomic

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A recorded observation.

    Attributes:
        k: Its tick [control steps].
        state: World at this tick; empty where the world takes no snapshots. Shape (s,).
        obs: What was seen.
        actions: Chunk of the weak policy. Shape (h, a).
        features: Tapped layers of the weak policy by name, shapes (f,).
    """

    k: int
    state: F64
    obs: Observation
    actions: F32
    features: Mapping[str, F32]

    def build_proposal(self) -> Proposal:
        """Returns what the weak policy proposed."""
        return Proposal("weak", self.k, self.actions, self.features)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedEpisode:
    """A recorded part of an episode.

    Attributes:
        key: The episode.
        starts: World at tick 0 by way of stepping, shapes (s,); empty where there are no snapshots.
        actions: What was executed. Shape (n, a).
        looks: Observations.
    """

    key: EpisodeKey
    starts: Mapping[str, F64]
    actions: F32
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Inputs of all stages.

    Attributes:
        cameras: Pictures that are drawn, name to (height, width).
        episodes: Inputs of world, policies and detectors.
        outcomes: Inputs of statistics by name, shapes (u,).
    """

    cameras: Mapping[str, tuple[int, int]]
    episodes: tuple[RecordedEpisode, ...]
    outcomes: Mapping[str, Array] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def digest(self) -> str:
        """Hash of all inputs."""
        index, arrays = _split_course(self)
        parts = [(name, str(array.dtype), array.shape) for name, array in arrays.items()]
        whole = hashlib.blake2b(json.dumps([index, parts]).encode(), digest_size=8)
        for array in arrays.values():
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()

    def list_queries(self) -> list[Query]:
        """Returns every look as a question to a policy."""
        return [Query(one.key, look.k, look.obs) for one in self.episodes for look in one.looks]


def write_course(course: Course, path: Path) -> None:
    """Writes a course; equal courses give equal files.

    Raises:
        MachineError: If the file cannot be written.
    """
    index, arrays = _split_course(course)
    packed = io.BytesIO()
    np.savez_compressed(packed, index=np.array(json.dumps(index)), **cast("Any", arrays))
    write_atomic(path, packed.getvalue())


def read_course(path: Path) -> Course:
    """Reads a course.

    Raises:
        TraceError: If there is none, or it is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as packed:
            arrays = {name: packed[name] for name in packed.files}
        return _join_course(json.loads(str(arrays["index"])), arrays)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise TraceError(
            f"{path} holds no recorded course: {error}. Record one: aegis doctor determinism "
            f"record={path.parent}."
        ) from error


def _split_course(course: Course) -> tuple[dict[str, object], dict[str, Array]]:
    """Returns what is text, and the arrays by their place, of any shapes."""
    arrays: dict[str, Array] = {f"outcomes/{n}": array for n, array in course.outcomes.items()}
    episodes = []
    for i, one in enumerate(course.episodes):
        arrays[f"{i}/actions"] = one.actions
        arrays |= {f"{i}/start/{name}": state for name, state in one.starts.items()}
        for look in one.looks:
            arrays |= {f"{i}/{look.k}/{name}": array for name, array in _list_arrays(look)}
        looks = [
            {"k": look.k, "stamp": look.obs.stamp, "instruction": look.obs.instruction}
            for look in one.looks
        ]
        episodes.append({"key": asdict(one.key), "looks": looks})
    cameras = {name: list(size) for name, size in course.cameras.items()}
    return {"cameras": cameras, "episodes": episodes}, arrays


def _list_arrays(look: Look) -> Iterator[tuple[str, Array]]:
    """Yields the arrays of a look, of any shapes, by name."""
    yield from (("state", look.state), ("proprio", look.obs.proprio), ("actions", look.actions))
    groups: dict[str, Mapping[str, Array]] = {
        "image": look.obs.images,
        "truth": look.obs.privileged,
        "layer": look.features,
    }
    for group, members in groups.items():
        yield from ((f"{group}/{name}", array) for name, array in members.items())


def _join_course(index: Mapping[str, Any], arrays: Mapping[str, Array]) -> Course:
    episodes = []
    for i, one in enumerate(index["episodes"]):
        looks = tuple(_join_look(fields, f"{i}/{fields['k']}", arrays) for fields in one["looks"])
        starts = cast("Mapping[str, F64]", _list_group(arrays, f"{i}/start"))
        actions = cast(F32, arrays[f"{i}/actions"])
        episodes.append(RecordedEpisode(EpisodeKey(**one["key"]), starts, actions, looks))
    cameras = {name: (int(size[0]), int(size[1])) for name, size in index["cameras"].items()}
    return Course(cameras, tuple(episodes), _list_group(arrays, "outcomes"))


def _join_look(fields: Mapping[str, Any], place: str, arrays: Mapping[str, Array]) -> Look:
    images = cast("Mapping[str, U8]", _list_group(arrays, f"{place}/image"))
    truth = cast("Mapping[str, F64]", _list_group(arrays, f"{place}/truth"))
    proprio = arrays[f"{place}/proprio"]
    return Look(
        k=int(fields["k"]),
        state=arrays[f"{place}/state"],
        obs=Observation(fields["stamp"], proprio, images, fields["instruction"], truth),
        actions=arrays[f"{place}/actions"],
        features=cast("Mapping[str, F32]", _list_group(arrays, f"{place}/layer")),
    )


def _list_group(arrays: Mapping[str, Array], place: str) -> dict[str, Array]:
    """Returns the arrays below a place, of any shapes, by the rest of their names."""
    start = f"{place}/"
    return {n.removeprefix(start): array for n, array in arrays.items() if n.startswith(start)}
