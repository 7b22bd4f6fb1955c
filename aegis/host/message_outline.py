"""Message outline: walks through the headers of msgpack and counts, before anything is allocated.

A few bytes of msgpack can claim a list of four billion entries, or a thousand lists in each other.
Whoever builds the values believes the headers; so they are read once without building anything.
Format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

from collections.abc import Mapping

from aegis.core.errors import MessageError

_FIXED: Mapping[int, int] = {
    0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8,
    0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
}  # fmt: skip
"""First byte to the bytes that follow: nil, booleans, floats, integers."""
_SMALL_NUMBERS = (*range(0x80), *range(0xE0, 0x100))
_SHORT_TEXTS = range(0xA0, 0xC0)
_LEAVES: Mapping[int, int] = {
    **dict.fromkeys(_SMALL_NUMBERS, 1),
    **{kind: 1 + length for length, kind in enumerate(_SHORT_TEXTS)},
    **{kind: 1 + length for kind, length in _FIXED.items()},
}
"""First byte to the bytes of a whole value whose length it tells."""
_SIZED: Mapping[int, int] = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
"""First byte to the bytes of a length, behind which as many bytes follow: bytes, texts."""
_LISTS: Mapping[int, int] = {0xDC: 2, 0xDD: 4}
_MAPS: Mapping[int, int] = {0xDE: 2, 0xDF: 4}
"""First byte to the bytes of a count."""
_DOUBLE = 0xCB
_DOUBLE_BYTES = 9
_FIRST_LOOK = 8
"""Values that are looked at together at first, where one of them is a double."""
_WHOLE = "the message"


def check_outline(data: bytes, items: int, depth: int) -> None:
    """Refuses a message that holds too much, claims more than it holds, or ends too soon or late.

    The time is linear in the size of the message, whatever stands in it.

    Args:
        data: The message.
        items: Values that it may hold, keys included.
        depth: Levels of nesting that it may have.

    Raises:
        MessageError: If it does.
    """
    size, place, left, seen = len(data), 0, [1], 0
    while left:
        if not left[-1]:
            left.pop()
            continue
        if place >= size:
            raise MessageError(_WHOLE, f"cut off after {size} bytes", "a whole message")
        kind = data[place]
        leaf = _LEAVES.get(kind)
        numbers = _count_doubles(data, place, left[-1]) if kind == _DOUBLE else 0
        if numbers:
            left[-1] -= numbers
            place, seen = place + _DOUBLE_BYTES * numbers, seen + numbers
        elif leaf is not None:
            left[-1] -= 1
            place, seen = place + leaf, seen + 1
        else:
            left[-1] -= 1
            seen += 1
            place, inside = _read_header(data, place)
            if inside >= 0:
                _check_claim(inside, size - place, len(left), depth)
                left.append(inside)
        if seen > items:
            raise MessageError(_WHOLE, f"more than {items} values", f"at most {items} values")
    if place > len(data):
        raise MessageError(_WHOLE, f"cut off after {len(data)} bytes", "a whole message")
    if place != len(data):
        extra = len(data) - place
        raise MessageError(_WHOLE, f"followed by {extra} more bytes", "one value of msgpack")


def _check_claim(inside: int, room: int, level: int, depth: int) -> None:
    """Refuses a list or map that lies too deep, or claims more values than bytes are left."""
    if level >= depth:
        raise MessageError(_WHOLE, "nested too deep", f"at most {depth} levels")
    if inside > room:
        raise MessageError(_WHOLE, f"{inside} values in {room} bytes", "a whole message")


def _count_doubles(data: bytes, place: int, most: int) -> int:
    """Returns how many whole doubles follow each other from here on, of so many values at most.

    Each look is twice as long as the one before, and only a run of doubles leads to another one:
    no more is looked at than a few times what is counted.
    """
    most = min(most, (len(data) - place) // _DOUBLE_BYTES)
    found, look = 0, _FIRST_LOOK
    while found < most and data[place + _DOUBLE_BYTES * found] == _DOUBLE:
        look = min(look, most - found)
        start = place + _DOUBLE_BYTES * found
        heads = data[start : start + _DOUBLE_BYTES * look : _DOUBLE_BYTES]
        run = look - len(heads.lstrip(bytes([_DOUBLE])))
        found += run
        if run < look:
            break
        look *= 2
    return found


def _read_header(data: bytes, place: int) -> tuple[int, int]:
    """Returns where a value's contents end, and how many values lie inside; -1 for no container."""
    kind = data[place]
    place += 1
    if kind <= 0x8F:
        return place, 2 * (kind & 0x0F)
    if kind <= 0x9F:
        return place, kind & 0x0F
    width = _SIZED.get(kind) or _LISTS.get(kind) or _MAPS.get(kind)
    if width is None:
        raise MessageError(_WHOLE, f"with a value of type 0x{kind:02x}", "plain values of msgpack")
    # Where the message ends within the number, its place lies behind the end, which is refused.
    number = int.from_bytes(data[place : place + width], "big")
    place += width
    if kind in _SIZED:
        return place + number, -1
    return place, 2 * number if kind in _MAPS else number
