"""Description: what a server says of itself in its first frame, and what stands for it else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from aegis.core.conventions import Conventions
from aegis.core.errors import ConfigError, MessageError
from aegis.core.protocols import PolicySpec
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, PROTOCOL
from policies.views import View

_T = TypeVar("_T")
_LONGEST_TEXT = 4096
_MOST_ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class Description:
    """What has to be known of a server before it is asked.

    Attributes:
        digest: What its actions depend on.
        horizon: Rows of an answer [control steps].
        execute: Rows that are executed before it is asked again [control steps].
        dimensions: Those of an action.
        views: Pictures that it looks at.
        state: Key of proprioception.
        prompt: Key of the instruction.
        conventions: What its numbers and pictures mean; pictures once they are turned as the views
            say.
        taps: Layers whose activations it reports, name to width.
        rounding: How it computes.
        batch_invariant: Whether equal questions have equal answers, bit for bit.
        portable: Whether they do on every machine of the portable level.
        from_due: Whether its rows begin where the chunk starts.
        history: How many ticks back each observation lies that it looks at, farthest first.
        max_bytes: Of a request; None where the server does not say.
        extended: Whether it is one of ours, so that it knows episodes and tells activations.
        gated: Whether it is a gated controller, which remembers what it answered at a tick.

    Raises:
        ConfigError: If fewer rows are answered than executed, or there are none.
    """

    digest: str
    horizon: int
    execute: int
    dimensions: int
    views: tuple[View, ...]
    state: str
    prompt: str
    conventions: Conventions = field(default_factory=Conventions)
    taps: Mapping[str, int] = field(default_factory=dict)
    rounding: str = "remote"
    batch_invariant: bool = False
    portable: bool = False
    from_due: bool = False
    history: tuple[int, ...] = (0,)
    max_bytes: int | None = None
    extended: bool = False
    gated: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.execute <= self.horizon or self.dimensions < 1:
            raise ConfigError(
                "1 <= execute <= horizon must be true, and an action needs a dimension. Got: "
                f"{self.execute}, {self.horizon}, {self.dimensions}."
            )

    def build_spec(self, name: str) -> PolicySpec:
        """Returns what the policy needs and gives, under a name of ours."""
        return PolicySpec(
            name=name,
            digest=self.digest,
            cameras={view.camera: (view.size[0], view.size[1]) for view in self.views},
            horizon=self.horizon,
            execute=self.execute,
            taps=dict(self.taps),
            rounding=self.rounding,
            batch_invariant=self.batch_invariant,
            portable=self.portable,
            from_due=self.from_due,
            history=self.history,
            remote=True,
            dimensions=self.dimensions,
        )


def read_description(frame: Value, otherwise: Description) -> Description:
    """Returns what a server says of itself.

    Args:
        frame: Its first frame.
        otherwise: What counts for a server that says nothing that we know.

    Raises:
        MessageError: If a field of it is missing or wrong.
    """
    if not isinstance(frame, dict):
        raise MessageError("metadata", f"a {type(frame).__name__}", "a mapping")
    about = frame.get(ABOUT)
    if about is None:
        return otherwise
    if not isinstance(about, dict):
        raise MessageError(f"metadata.{ABOUT}", f"a {type(about).__name__}", "a mapping")
    protocol = _read(about, "protocol", _is_count, "a number")
    if protocol != PROTOCOL:
        raise MessageError(f"metadata.{ABOUT}.protocol", protocol, f"{PROTOCOL}: update one end")
    texts = {n: _read(about, n, _is_text, "a text") for n in ("digest", "state", "prompt")}
    counts = {n: _read(about, n, _is_count, "a number") for n in ("horizon", "execute")}
    names = ("batch_invariant", "portable", "from_due", "gated")
    flags = {n: _read(about, n, _is_flag, "true or false") for n in names}
    if counts["execute"] > counts["horizon"]:
        allowed = f"at most the horizon, {counts['horizon']}"
        raise MessageError(f"metadata.{ABOUT}.execute", counts["execute"], allowed)
    return replace(
        otherwise,
        **texts,
        **counts,
        **flags,
        rounding=_read(about, "rounding", _is_word, "a text"),
        dimensions=len(_read(about, "actions", _is_list_of(_is_text), "names")),
        views=_read_views(about),
        conventions=_read_conventions(about),
        taps=_read_taps(about),
        history=tuple(_read(about, "history", _is_list_of(_is_tick), "ticks")),
        max_bytes=_read(about, "max_bytes", _is_size, "a number"),
        extended=True,
    )


def _read_views(about: Mapping[str, Value]) -> tuple[View, ...]:
    mirror = _read(about, "mirror", _is_flag, "true or false")
    views = []
    cameras = _read(about, "cameras", _is_mapping, "a mapping")
    for camera, one in cameras.items():
        place = f"cameras.{camera}"
        if not isinstance(one, dict):
            raise MessageError(f"metadata.{ABOUT}.{place}", type(one).__name__, "a mapping")
        key = _read(one, "key", _is_text, "a text", place)
        sides = [_read(one, n, _is_count, "a number", place) for n in ("height", "width")]
        views.append(View(str(camera), key, sides, mirror))
    return tuple(views)


def _read_conventions(about: Mapping[str, Value]) -> Conventions:
    said = _read(about, "conventions", _is_mapping, "a mapping")
    names = [one.name for one in fields(Conventions)]
    return Conventions(**{n: _read(said, n, _is_word, "a text", "conventions") for n in names})


def _read_taps(about: Mapping[str, Value]) -> dict[str, int]:
    taps = _read(about, "taps", _is_mapping, "a mapping")
    return {str(name): _read(taps, name, _is_count, "a width", "taps") for name in taps}


def _read(
    fields: Mapping[str, Value],
    name: str,
    fits: Callable[[Value], bool],
    allowed: str,
    place: str = "",
) -> Value:
    """Returns a field of the first frame."""
    value = fields.get(name)
    if not fits(value):
        given = "missing" if value is None else repr(value)
        where = f"metadata.{ABOUT}.{place}.{name}" if place else f"metadata.{ABOUT}.{name}"
        raise MessageError(where, given, allowed)
    return value


def _is_mapping(value: Value) -> bool:
    return isinstance(value, dict)


def _is_text(value: Value) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT


def _is_word(value: Value) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _is_count(value: Value) -> bool:
    return type(value) is int and 0 < value <= _MOST_ROWS


def _is_size(value: Value) -> bool:
    return type(value) is int and value > 0


def _is_tick(value: Value) -> bool:
    return type(value) is int and 0 <= value <= _MOST_ROWS


def _is_flag(value: Value) -> bool:
    return isinstance(value, bool)


def _is_list_of(fits: Callable[[Value], bool]) -> Callable[[Value], bool]:
    return lambda value: isinstance(value, list) and bool(value) and all(map(fits, value))
