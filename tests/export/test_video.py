"""Films can be read back; what they cannot show they refuse."""

from __future__ import annotations

import math
from pathlib import Path

import av
import numpy as np
import pytest

from aegis.core.errors import MachineError, ShapeError
from aegis.export.frame import Frame, draw_frame
from aegis.export.video import write_video


def make_frame(k: int, risk: float = 0.2, strong: bool = False) -> Frame:
    red, blue = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    active = "strong" if strong else "weak"
    return Frame(k, {"agentview": red, "wrist": blue}, active, strong, risk, "pick it up")


def test_a_film_comes_back(tmp_path: Path) -> None:
    frames = [make_frame(k, k / 30, k > 15) for k in range(30)]
    path = write_video(tmp_path / "a" / "film.mp4", frames, 40, 0.5, fps=20, size=128)
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        assert video.codec_context.name in ("h264", "mpeg4")
        assert video.codec_context.pix_fmt == "yuv420p"
        pictures = [image.to_ndarray(format="rgb24") for image in container.decode(video)]
    assert len(pictures) == 30
    assert pictures[0].shape[1] == 256
    # Cameras side by side: red left, blue right.
    left, right = pictures[0][64, 64], pictures[0][64, 192]
    assert left[0] > 150 > left[2]
    assert right[2] > 150 > right[0]
    assert [file.name for file in path.parent.iterdir()] == ["film.mp4"]


def test_drawing_shows_who_drives() -> None:
    weak, strong = (
        draw_frame([make_frame(0)], 10, 0.5, 128),
        draw_frame([make_frame(0, strong=True)], 10, 0.5, 128),
    )
    assert weak.shape == strong.shape
    assert (weak[:40] != strong[:40]).any(), "the badge"
    assert (weak[128:] != strong[128:]).any(), "the shade behind the risk"


@pytest.mark.parametrize("risk", [math.nan, 0.0, 1e9, -5.0])
@pytest.mark.parametrize("threshold", [math.nan, 0.5, -3.0])
def test_any_risk_can_be_drawn(risk: float, threshold: float) -> None:
    draw_frame([make_frame(0, risk), make_frame(1, risk)], 10, threshold, 64)


def test_no_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="at least one frame"):
        write_video(tmp_path / "film.mp4", [], 10, 0.5, fps=20)
    assert not list(tmp_path.iterdir())


def test_pictures_must_be_rgb() -> None:
    grey = Frame(0, {"eye": np.zeros((8, 8), np.uint8)}, "weak", False, 0.0, "")
    with pytest.raises(ShapeError, match=r"Camera 'eye' must give pictures of shape \(h, w, 3\)"):
        draw_frame([grey], 10, 0.5, 64)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="Cannot write"):
        write_video(tmp_path / "file" / "film.mp4", [make_frame(0)], 10, 0.5, fps=20)
