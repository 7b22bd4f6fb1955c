"""Image: noise, blur and cut-outs of a picture that was drawn."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from aegis.core.seeds import episode_stream
from aegis.core.types import U8, EpisodeKey

NOISE = 5.0
"""Standard deviation of the noise for each level [of 255]."""
BLUR = 0.004
"""Standard deviation of the blur for each level, as a share of the picture's height."""
CUT_OUT = 0.08
"""Height and width of a cut-out, as a share of the picture's; there are as many as the level."""


def disturb_picture(picture: U8, key: EpisodeKey, k: int, camera: str, level: int) -> U8:
    """Returns a picture with noise, which is fresh at every tick, blur and cut-outs, which stay.

    Args:
        picture: As it was drawn. Shape (height, width, 3).
        key: The episode's address.
        k: The tick.
        camera: Name of the camera.
        level: From 1 to 5.
    """
    height, width, _ = picture.shape
    blur = BLUR * level * height
    disturbed = gaussian_filter(picture.astype(np.float32), (blur, blur, 0))
    noise = episode_stream(key, "disturb", "image", camera, k)
    disturbed += NOISE * level * noise.standard_normal(picture.shape, np.float32)
    places = episode_stream(key, "disturb", "cut-outs", camera).uniform(0, 1, (level, 2))
    tall, wide = round(CUT_OUT * height), round(CUT_OUT * width)
    for down, right in places:
        top, left = round(down * (height - tall)), round(right * (width - wide))
        disturbed[top : top + tall, left : left + wide] = 0
    result: U8 = np.clip(np.rint(disturbed), 0, 255).astype(np.uint8)
    result.setflags(write=False)
    return result
