"""LIBERO as LeRobot 0.4 wraps it: hard resets, settling, two pictures at every step."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

from aegis.core.types import F64, EpisodeKey, Observation
from envs.assets.resolver import resolve_assets
from envs.bench.twin import STILL_ACTION
from envs.camera import MODEL_CAMERAS
from envs.contained import contain_side_effects
from envs.libero.exact_stepper import Stepper
from envs.libero.library import (
    find_package_root,
    import_libero_envs,
    list_task_names,
    read_instruction,
)
from envs.libero.scene_loader import load_scene
from envs.libero.simulation import SETTLE_STEPS, Simulation
from envs.libero.starts.start_state import StartState
from envs.panda import PERIOD_NS, HandReader


class LeRobotWorld:
    """One environment of LeRobot's vector, with our start states.

    Tasks are built at their first reset and stay: LeRobot builds those of all tasks up front.

    Args:
        suite: Task suite.
        assets: ``builtin``, ``auto``, ``official``, ``hub`` or a folder.
        size: Height and width of both pictures [px]; LeRobot takes 256.
        hard_reset: Whether a reset builds model and renderer anew, as LeRobot 0.4 does.
    """

    def __init__(self, suite: str, assets: str, size: int, hard_reset: bool) -> None:
        self._suite, self._size, self._hard = suite, size, hard_reset
        self._assets = resolve_assets(assets, suite)
        self._envs: dict[int, Any] = {}
        self._starts: dict[EpisodeKey, StartState] = {}
        self._instruction, self._k = "", 0
        self._now: Any = None

    def reset(self, key: EpisodeKey) -> Observation:
        """Puts it into an episode's start state and settles; returns what it sees then."""
        if key.task not in self._envs:
            self._envs[key.task] = self._build_env(key.task)
        if key not in self._starts:
            self._starts[key] = self._find_start(key)
        self._now, start = self._envs[key.task], self._starts[key]
        self._instruction = read_instruction(list_task_names(self._suite)[key.task])
        self._make_context_current()
        with contain_side_effects():
            self._now.reset()
        model = self._now.sim.model._model
        for body, pose in start.body_pos.items():
            model.body_pos[body], model.body_quat[body] = pose, start.body_quat[body]
        self._now.set_init_state(np.concatenate(([0.0], start.qpos, start.qvel)))
        for _ in range(SETTLE_STEPS):
            raw = self._now.step(STILL_ACTION)[0]
        self._k = 0
        return self._make_observation(raw)

    def step(self, action: F64) -> tuple[Observation, bool]:
        """Executes an action, shape (7,), and draws both pictures; returns them and the success."""
        self._make_context_current()
        raw, _, success, _ = self._now.step(action)
        self._k += 1
        return self._make_observation(raw), bool(success)

    def close(self) -> None:
        """Frees all tasks, each in its own OpenGL context."""
        for env in self._envs.values():
            self._now = env
            self._make_context_current()
            env.close()
        self._envs.clear()
        self._now = None
        gc.collect()

    def _build_env(self, task: int) -> Any:
        gc.collect()
        envs = import_libero_envs(self._assets.path)
        name = list_task_names(self._suite)[task]
        bddl = find_package_root() / "bddl_files" / self._suite / f"{name}.bddl"
        with contain_side_effects():
            return envs.OffScreenRenderEnv(
                bddl_file_name=str(bddl),
                camera_heights=self._size,
                camera_widths=self._size,
                hard_reset=self._hard,
                ignore_done=True,
            )

    def _find_start(self, key: EpisodeKey) -> StartState:
        """Returns the draw that our world accepts for an episode."""
        assets = self._assets
        scene = load_scene(self._suite, key.task, assets.path, assets.digest)
        sim = Simulation(scene, Stepper)
        sim.begin(key)
        assert sim.start is not None, "an episode has begun"
        return sim.start

    def _make_context_current(self) -> None:
        """Makes its context current: robosuite frees and draws in whichever one is."""
        self._now.sim._render_context_offscreen.gl_ctx.make_current()

    def _make_observation(self, raw: dict[str, Any]) -> Observation:
        model, data = self._now.sim.model._model, self._now.sim.data._data
        images = {
            name: np.ascontiguousarray(raw[f"{theirs}_image"][::-1])
            for name, theirs in MODEL_CAMERAS.items()
        }
        proprio = HandReader(model).read_proprio(data)
        return Observation(self._k * PERIOD_NS, proprio, images, self._instruction)
