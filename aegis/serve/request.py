"""Request: what a client asks, read from a frame field by field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from aegis.core.errors import MessageError, ShapeError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F32, U8, EpisodeKey, Observation
from aegis.host.array_messages import MessageLimits, Value, unpack_message
from aegis.host.wire_names import (
    BATCH,
    COMMITTED,
    DUE,
    EPISODE,
    EPISODE_FIELDS,
    FEATURES,
    PAST,
    RESET,
)
from aegis.serve.instruction import LONGEST_TEXT, read_instruction
from aegis.serve.pictures import PictureForm, fit_picture, read_picture

_MOST_PAST = 64
_MOST_ENTRIES = 4096
_LARGEST_BATCH = 256


@runtime_checkable
class ObservationChecker(Protocol):
    """A policy that can say beforehand whether it can look at an observation."""

    def check_observation(self, obs: Observation) -> None:
        """Refuses an observation that the policy cannot look at.

        Raises:
            ShapeError: If a picture or proprioception is of another shape.
        """
        ...


@dataclass(frozen=True, slots=True)
class WireLayout:
    """Where pictures, state and words stand in a request, and how pictures come.

    Attributes:
        pictures: Camera, as policies know it, to its key.
        state: Key of proprioception.
        prompt: Key of the instruction.
        mirror: Whether clients send pictures mirrored left-right.
        resize: Whether pictures of other sizes than the policy's are resized.
        sizes: Camera to the height and width that policies look at; empty where none is known.
    """

    pictures: Mapping[str, str]
    state: str
    prompt: str
    mirror: bool
    resize: bool
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def find_form(self, camera: str) -> PictureForm:
        """Returns how clients send the pictures of a camera."""
        return PictureForm(self.sizes.get(camera), self.mirror, self.resize)


class Address(NamedTuple):
    """An episode, a tick in it, and a salt: together the address of a policy's noise."""

    key: EpisodeKey
    k: int
    salt: int


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a client saw at one tick: pictures by camera, and proprioception of shape (p,)."""

    pictures: Mapping[str, U8]
    proprio: F32


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A question of a client.

    Attributes:
        layout: How it was read.
        view: What it saw.
        instruction: What the robot is to do.
        address: Episode, tick and salt; None where the client does not say.
        reset: Whether another episode begins.
        features: Whether activations and samples are to come with the answer.
        due: Tick at which the chunk starts; None for that of the observation.
        committed: Actions that are executed until then, shape (n, a); None for none.
        past: What it saw at earlier ticks, farthest first.
    """

    layout: WireLayout
    view: View
    instruction: str
    address: Address | None = None
    reset: bool = False
    features: bool = False
    due: int | None = None
    committed: F32 | None = None
    past: tuple[View, ...] = field(default=())

    def build_query(self, policy: Policy, address: Address) -> Query:
        """Returns the question to a policy.

        Args:
            policy: Whoever is asked.
            address: Episode, tick and salt.

        Raises:
            MessageError: If the policy cannot look at what the client saw.
        """
        spec = policy.spec
        if len(self.past) != len(spec.history) - 1:
            allowed = f"{len(spec.history) - 1} observations, of {spec.history[:-1]} ticks ago"
            raise MessageError(PAST, f"{len(self.past)} observations", allowed)
        past = tuple(self.build_observation(spec, address.k, one) for one in self.past)
        now = self.build_observation(spec, address.k, self.view)
        if isinstance(policy, ObservationChecker):
            for obs in (*past, now):
                try:
                    policy.check_observation(obs)
                except ShapeError as error:  # Pictures fit; so it is the state.
                    shape = f"of shape {obs.proprio.shape}"
                    raise MessageError(self.layout.state, shape, f"({error})") from error
        return Query(address.key, address.k, now, address.salt, self.due, self.committed, past)

    def hash_content(self) -> bytes:
        """Returns a digest of what the client saw and was told."""
        found = hashlib.blake2b(self.instruction.encode("utf-8", "surrogatepass"))
        for key in sorted(self.view.pictures):
            picture = self.view.pictures[key]
            found.update(f"{key} {picture.shape}".encode())
            found.update(np.ascontiguousarray(picture).data)
        found.update(self.view.proprio.tobytes())
        return found.digest()

    def build_observation(self, spec: PolicySpec, k: int, view: View) -> Observation:
        """Returns an observation with the pictures that a policy looks at.

        Args:
            spec: Of the policy.
            k: Tick of the observation.
            view: What the client saw at it.

        Raises:
            MessageError: If one has another size.
        """
        keys, resize = self.layout.pictures, self.layout.resize
        images = {
            camera: fit_picture(view.pictures[camera], (size[0], size[1]), keys[camera], resize)
            for camera, size in spec.cameras.items()
        }
        return Observation(k, view.proprio, images, self.instruction)


def read_requests(
    frame: bytes, layout: WireLayout, limits: MessageLimits
) -> tuple[list[Request], bool]:
    """Returns the requests that a frame holds, and whether it is a batch of them.

    Args:
        frame: What came.
        layout: Where things stand in it.
        limits: How large it may be.

    Raises:
        MessageError: If a field is missing or wrong; it names the field.
    """
    fields = unpack_message(frame, limits)
    if not isinstance(fields, dict):
        raise MessageError("the request", f"a {type(fields).__name__}", "a mapping")
    if BATCH not in fields:
        return [_read_request(fields, layout)], False
    batch = fields[BATCH]
    if not isinstance(batch, list) or not 1 <= len(batch) <= _LARGEST_BATCH:
        given = f"{len(batch)} requests" if isinstance(batch, list) else type(batch).__name__
        raise MessageError(BATCH, given, f"a list of 1 to {_LARGEST_BATCH} requests")
    for i, one in enumerate(batch):
        if not isinstance(one, dict) or one.get(EPISODE) is None:
            raise MessageError(f"{BATCH}.{i}", "no request that names its episode", EPISODE)
    return [_read_request(one, layout) for one in batch], True


def _read_request(fields: Mapping[object, Value], layout: WireLayout) -> Request:
    """Returns one request."""
    prompt = read_instruction(fields.get(layout.prompt), layout.prompt)
    address = _read_address(fields.get(EPISODE))
    due, committed = _read_start(fields, address)
    return Request(
        layout=layout,
        view=_read_view(fields, layout),
        instruction=prompt,
        address=address,
        reset=_read_flag(fields, RESET),
        features=_read_flag(fields, FEATURES),
        due=due,
        committed=committed,
        past=_read_past(fields.get(PAST), layout),
    )


def _read_view(fields: Mapping[object, Value], layout: WireLayout) -> View:
    pictures = {
        camera: read_picture(fields.get(key), key, layout.find_form(camera))
        for camera, key in layout.pictures.items()
    }
    return View(pictures, _read_state(fields.get(layout.state), layout.state))


def _read_state(value: Value, key: str) -> F32:
    """Returns proprioception. Shape (p,)."""
    found = _read_numbers(value) if isinstance(value, list) else value
    if not isinstance(found, np.ndarray) or found.ndim != 1 or found.dtype.kind not in "fiu":
        is_array = isinstance(value, np.ndarray)
        given = f"{value.dtype} of shape {value.shape}" if is_array else value
        raise MessageError(key, given, "numbers of shape (p,)")
    if found.size > _MOST_ENTRIES:
        raise MessageError(key, f"{found.size} numbers", f"at most {_MOST_ENTRIES}")
    return _narrow_numbers(found, key)


def _read_numbers(items: list[Value]) -> np.ndarray | None:
    plain = all(type(item) in (int, float) and abs(item) < 1e300 for item in items)
    return np.array(items, np.float64) if plain else None


def _narrow_numbers(values: np.ndarray, key: str) -> F32:
    """Returns numbers in single precision, all of them finite."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32, copy=False)
    if not np.isfinite(narrow).all():
        raise MessageError(key, f"{values}", "finite numbers")
    return narrow


def _read_flag(fields: Mapping[object, Value], key: str) -> bool:
    value = fields.get(key, False)
    if not isinstance(value, bool | np.bool_):
        raise MessageError(key, repr(value), "true or false")
    return bool(value)


def _read_address(value: Value) -> Address | None:
    """Returns episode, tick and salt; None if nothing is said."""
    if value is None:
        return None
    allowed = f"[{', '.join(EPISODE_FIELDS)}]: texts for suite and start, else natural numbers"
    if not isinstance(value, list) or len(value) != len(EPISODE_FIELDS):
        raise MessageError(EPISODE, value, allowed)
    for name, item in zip(EPISODE_FIELDS, value, strict=True):
        if name in ("suite", "start"):
            fits = isinstance(item, str) and len(item) <= LONGEST_TEXT
        else:
            fits = type(item) is int and 0 <= item < 1 << 63
        if not fits:
            raise MessageError(f"{EPISODE}.{name}", repr(item), allowed)
    root, suite, task, start, index, k, salt = value
    return Address(EpisodeKey(root, suite, task, start, index), k, salt)


def _read_start(
    fields: Mapping[object, Value], address: Address | None
) -> tuple[int | None, F32 | None]:
    """Returns when the chunk starts, and what is executed until then, shape (n, a)."""
    due, committed = fields.get(DUE), fields.get(COMMITTED)
    if due is None and committed is None:
        return None, None
    if address is None:
        raise MessageError(DUE, due, f"nothing without {EPISODE}")
    if type(due) is not int or not address.k <= due <= address.k + _MOST_ENTRIES:
        raise MessageError(DUE, due, f"a tick from {address.k} on")
    if not isinstance(committed, np.ndarray) or committed.ndim != 2 or committed.dtype.kind != "f":
        raise MessageError(COMMITTED, type(committed).__name__, "actions of shape (n, a)")
    if len(committed) != due - address.k:
        raise MessageError(COMMITTED, f"{len(committed)} rows", f"{due - address.k} rows")
    return due, _narrow_numbers(committed, COMMITTED)


def _read_past(value: Value, layout: WireLayout) -> tuple[View, ...]:
    """Returns what was seen at earlier ticks."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _MOST_PAST:
        raise MessageError(PAST, type(value).__name__, f"a list of at most {_MOST_PAST} mappings")
    for i, one in enumerate(value):
        if not isinstance(one, dict):
            raise MessageError(f"{PAST}.{i}", type(one).__name__, "a mapping")
    return tuple(_read_view(one, layout) for one in value)
