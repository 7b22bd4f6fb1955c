"""Bench of pictures: both of our looks against LIBERO's own renderer, in the same state."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from aegis.core.types import U8, EpisodeKey
from envs import camera
from envs.assets.resolver import resolve_assets
from envs.bench.twin import Twin
from envs.camera import MODEL_CAMERAS, RENDER_STYLES, render_pictures
from envs.libero.exact_stepper import Stepper
from envs.libero.scene_loader import load_scene
from envs.libero.simulation import Simulation

SUITE = "libero_spatial"
ROBOTS_BY_LOOK = {"fast": "light", "official": "robosuite"}
"""Our looks, and the robot that is drawn in each."""


class RenderBench:
    """One start state, as each look needs it, and LIBERO's environment in the same state."""

    def __init__(self, assets: str, task: int, seed: int) -> None:
        found = resolve_assets(assets)
        key = EpisodeKey(seed, SUITE, task, "official", seed)
        self.ours: dict[str, Simulation] = {}
        for look, robot in ROBOTS_BY_LOOK.items():
            scene = load_scene(SUITE, task, found.path, found.digest, robot)
            self.ours[look] = Simulation(scene, Stepper)
            self.ours[look].begin(key)
            self.ours[look].refresh_kinematics()
        self._twin = Twin(self.ours["fast"].scene, found.path, pictures=True)
        self._hide_markers()
        self._twin.load_state(self.ours["fast"])

    def draw_pictures(self, look: str, size: int) -> dict[str, U8]:
        """Returns our pictures by camera name. Shape (size, size, 3)."""
        sim = self.ours[look]
        cameras = dict.fromkeys(MODEL_CAMERAS, (size, size))
        looks = sim.scene.looks
        return render_pictures(
            sim.model, sim.data, cameras, digest=looks, pictures=RENDER_STYLES[look]
        )

    def draw_reference(self, size: int) -> dict[str, U8]:
        """Returns LIBERO's pictures by camera name, upright. Shape (size, size, 3)."""
        sim = self._twin.problem.sim
        sim._render_context_offscreen.gl_ctx.make_current()
        return {
            name: sim.render(width=size, height=size, camera_name=theirs)[::-1]
            for name, theirs in MODEL_CAMERAS.items()
        }

    def close(self) -> None:
        """Frees LIBERO's renderer in its own context, then ours."""
        self._twin.problem.sim._render_context_offscreen.gl_ctx.make_current()
        self._twin.close()
        del self._twin
        gc.collect()
        camera.close_renderers()  # at exit robosuite, which came later, closes the display first

    def _hide_markers(self) -> None:
        problem = self._twin.problem
        problem.visualize(vis_settings=dict.fromkeys(problem._visualizations, False))


class RenderContest:
    """Two pictures in one look and size against LIBERO's."""

    reference = "LIBERO's renderer"

    def __init__(
        self, bench: RenderBench, look: str, size: int, pictures: int, *, last: bool
    ) -> None:
        self.name = f"{look}_{size}"
        self._bench, self._look, self._size = bench, look, size
        self._pictures, self._last = pictures, last
        self._drawn, self._wanted = bench.draw_pictures(look, size), bench.draw_reference(size)

    def run_ours(self) -> None:
        """Draws ours."""
        for _ in range(self._pictures):
            self._drawn = self._bench.draw_pictures(self._look, self._size)

    def run_reference(self) -> None:
        """Draws theirs."""
        for _ in range(self._pictures):
            self._wanted = self._bench.draw_reference(self._size)

    def collect_facts(self) -> dict[str, Any]:
        """Returns the largest and the mean difference of a pixel's channel, from 0 to 255."""
        apart = [
            np.abs(self._drawn[name].astype(int) - self._wanted[name].astype(int))
            for name in MODEL_CAMERAS
        ]
        largest = max(int(difference.max()) for difference in apart)
        return {
            "equal": largest == 0,
            "largest_difference": largest,
            "mean_difference": float(np.mean(apart)),
            "size": self._size,
            "pairs": self._pictures,
        }

    def close(self) -> None:
        """Frees what all contests share, after the last."""
        if self._last:
            self._bench.close()


def build_contests(assets: str, task: int, sizes: list[int], pictures: int, seed: int) -> list[Any]:
    """Returns the contests of `aegis bench render`.

    Args:
        assets: ``builtin``, ``auto``, ``hub`` or a folder.
        task: Task number.
        sizes: Sides of the pictures [px].
        pictures: Pairs of pictures per repeat.
        seed: Of the start state.
    """
    bench = RenderBench(assets, task, seed)
    rows = [(look, size) for look in ROBOTS_BY_LOOK for size in sizes]
    return [
        RenderContest(bench, look, size, pictures, last=(look, size) == rows[-1])
        for look, size in rows
    ]
