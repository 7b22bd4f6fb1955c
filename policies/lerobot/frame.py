"""Frame: a batch of queries under LeRobot's names, before the checkpoint's processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aegis.core.protocols import Query
from aegis.core.types import F32, U8
from policies.lerobot.processors import STATE
from policies.views import View


def make_frame(
    rows: Sequence[Query], views: Mapping[str, View], observations: int
) -> dict[str, Any]:
    """Returns what a batch of queries shows, feels and asks for.

    Args:
        rows: Queries, b of them, each with as many observations.
        views: The policy's picture keys to what they mean.
        observations: Ticks that the policy looks at, t.

    Returns:
        Pictures in [0, 1], shapes (b, 3, h, w), and proprioception, shape (b, p), with an axis of
        ticks behind that of rows where t > 1; and the instructions.
    """
    ticks = [[*row.past, row.obs][-observations:] for row in rows]

    def gather(values: list[list[Any]]) -> Tensor:
        stacked = torch.from_numpy(np.array(values))
        return stacked if observations > 1 else stacked[:, 0]

    frame: dict[str, Any] = {
        key: gather(
            [[arrange_pictures(obs.images[view.camera], view) for obs in row] for row in ticks]
        )
        for key, view in views.items()
    }
    frame[STATE] = gather([[obs.proprio for obs in row] for row in ticks])
    return {**frame, "task": [row.obs.instruction for row in rows]}


def arrange_pictures(pictures: U8, view: View) -> F32:
    """Returns pictures as LeRobot wants them.

    Args:
        pictures: Upright RGB in [0, 255]. Shape (..., h, w, 3).
        view: Which way round the policy expects them.

    Returns:
        RGB in [0, 1]. Shape (..., 3, h, w).
    """
    turned = view.turn_picture(pictures)
    return np.moveaxis(turned, -1, -3).astype(np.float32, order="C") / np.float32(255)
