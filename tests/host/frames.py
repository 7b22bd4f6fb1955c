"""Frames that were damaged on the way."""

from __future__ import annotations

import random


def mutate_frame(frame: bytes, rng: random.Random) -> bytes:
    """Returns a frame with a few bytes changed, lost, put in, repeated or cut off."""
    bad = bytearray(frame)
    for _ in range(rng.randint(1, 4)):
        at, way = rng.randrange(len(bad)), rng.random()
        if way < 0.5:
            bad[at] = rng.randrange(256)
        elif way < 0.65:
            del bad[at]
        elif way < 0.8:
            bad.insert(at, rng.choice(b"\xdd\xdf\xc6\x91\x81\xc4\xcb\xff"))
        elif way < 0.9:
            bad[at:at] = bad[at : at + rng.randrange(40)]
        else:
            del bad[at + 1 :]
        bad = bad or bytearray(b"\x80")
    return bytes(bad)
