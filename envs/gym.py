"""Two adapters: a world behind Gymnasium's interface, here, and the other way round."""

from __future__ import annotations

import operator
import string
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from aegis.core.capabilities import CountsStarts
from aegis.core.errors import (
    ConfigError,
    NonFiniteError,
    ShapeError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import World
from aegis.core.seeds import root_stream
from aegis.core.types import Act, EpisodeKey
from envs.gym_world import GymWorld

__all__ = ["GymEnv", "GymWorld"]

INSTRUCTION_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "
OPTIONS = ("task", "start", "index")
"""Options of `GymEnv.reset`."""
_UNBOUNDED = 2**31
"""Start states that are drawn from where a family has no end."""


class GymEnv(gymnasium.Env[dict[str, Any], NDArray[np.float32]]):
    """A world behind Gymnasium's interface.

    Observations: one uint8 picture per camera, shape (h, w, 3), ``proprio`` float32, shape (p,),
    and ``instruction`` text. They are copies, which may be written to. Reward 1 on success, which
    terminates; the horizon truncates.

    ``reset`` draws a start state of the family: which one depends on the seed that was given last
    and on the number of resets since then. ``options`` may name ``task``, ``start`` and ``index``,
    the latter to choose the start state.

    Args:
        world: The world.
        suite: Suite of the episodes.
        task: Task number unless ``options`` names another.
        start: Start family unless ``options`` names another.
        cameras: Camera name to (height, width) [px].
        proprio: Entries of proprioception.
        root: Root seed of the episode addresses.

    Raises:
        ConfigError: If there is no camera.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - Gymnasium's field

    def __init__(
        self,
        world: World,
        suite: str,
        task: int,
        start: str,
        cameras: Mapping[str, tuple[int, int]],
        proprio: int,
        root: int = 0,
    ) -> None:
        if not cameras:
            raise ConfigError("GymEnv needs at least one camera: its render() shows the first.")
        self._world, self._suite, self._task, self._start = world, suite, task, start
        self._cameras, self._root = dict(cameras), root
        self._picture: NDArray[np.uint8] | None = None
        self._closed = False
        self._seed: int | None = None
        self._resets = 0
        self._k = 0
        self.render_mode = "rgb_array"
        body = world.embodiment
        # Copies: narrowing the space of an environment must not narrow the limits of the robot.
        self.action_space = gymnasium.spaces.Box(
            body.low.copy(), body.high.copy(), dtype=np.float32
        )
        pictures: dict[str, gymnasium.Space[Any]] = {
            name: gymnasium.spaces.Box(0, 255, (height, width, 3), np.uint8)
            for name, (height, width) in cameras.items()
        }
        self.observation_space = gymnasium.spaces.Dict(
            {
                **pictures,
                "proprio": gymnasium.spaces.Box(-np.inf, np.inf, (proprio,), np.float32),
                "instruction": gymnasium.spaces.Text(300, charset=INSTRUCTION_CHARACTERS),
            }
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts an episode; see the class.

        Args:
            seed: From 0 up, without end; None goes on with the draws of the last one.
            options: ``task``, ``start`` and ``index`` of the episode.

        Returns:
            The observation, and the address of the episode under ``"key"``.

        Raises:
            UnknownNameError: If an option, a task or a start family does not exist.
            ConfigError: If an option is of another type.
            StartStateError: If the start family has no such index, or the environment is closed.
        """
        self._require_open()
        seed = None if seed is None else operator.index(seed)
        super().reset(seed=seed)
        if seed is not None:
            self._seed, self._resets = seed, 0
        options = {} if options is None else options
        if not isinstance(options, Mapping):
            raise ConfigError(f"options of GymEnv.reset must be a mapping. Got: {options!r}.")
        for name in options:
            if name not in OPTIONS:
                raise UnknownNameError("option", name, OPTIONS, "options of GymEnv.reset")
        start = options.get("start", self._start)
        if not isinstance(start, str):
            raise ConfigError(f"options['start'] of GymEnv.reset must be a text. Got: {start!r}.")
        task = _read_integer(options, "task", self._task)
        # Drawn even where an index is given: later resets must not depend on which options came
        # before.
        drawn = self._draw_index(start)
        index = _read_integer(options, "index", drawn)
        key = EpisodeKey(self._root, self._suite, task, start, index)
        self._picture = None  # should it fail, there is no episode
        self._world.begin(key)
        self._k = 0
        return self._observe_world(), {"key": str(key)}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Executes one action for one control period.

        Args:
            action: Shape (a,), in the units of the embodiment; clipped to its limits.

        Raises:
            StartStateError: If no episode has begun, or the environment is closed.
            ShapeError: If the action has another shape than the action space.
            NonFiniteError: If the action holds NaN or infinity.
        """
        self._require_episode("step")
        action = np.asarray(action, dtype=np.float32)
        body = self._world.embodiment
        if action.shape != body.low.shape:
            raise ShapeError(f"An action has shape {body.low.shape}. Got: {action.shape}.")
        if not np.isfinite(action).all():
            raise NonFiniteError(f"An action must be finite. Got: {action}.")
        outcome = self._world.apply(Act(np.clip(action, body.low, body.high)))
        self._k += 1
        truncated = outcome.done and not outcome.success
        info = {"success": outcome.success, "k": self._k}
        return self._observe_world(), float(outcome.success), outcome.success, truncated, info

    def render(self) -> NDArray[np.uint8]:
        """Returns the first camera's picture. Shape (h, w, 3).

        Raises:
            StartStateError: If no episode has begun, or the environment is closed.
        """
        return np.array(self._require_episode("render"))

    def close(self) -> None:
        """Closes the world; a second call does nothing."""
        if not self._closed:
            self._closed, self._picture = True, None
            self._world.close()

    def _draw_index(self, start: str) -> int:
        """Draws the index of a start state from the family's own range.

        Addressed by seed and number of the reset: options of earlier resets change nothing.
        """
        if self._seed is None:
            self._seed = int(self.np_random.integers(2**63))
        count = self._world.count_starts(start) if isinstance(self._world, CountsStarts) else None
        stream = root_stream(self._root, "gymnasium", self._seed, self._resets)
        self._resets += 1
        return int(stream.integers(_UNBOUNDED if count is None else count))

    def _observe_world(self) -> dict[str, Any]:
        obs = self._world.observe(self._cameras)
        self._picture = obs.images[next(iter(self._cameras))]
        return {
            # Copies: an agent may write into what it is given, and an observation is read-only.
            **{name: np.array(picture) for name, picture in obs.images.items()},
            "proprio": np.array(obs.proprio),
            "instruction": obs.instruction,
        }

    def _require_open(self) -> None:
        if self._closed:
            raise StartStateError("The environment is closed. Build a new one.")

    def _require_episode(self, member: str) -> NDArray[np.uint8]:
        """Returns the first camera's last picture. Shape (h, w, 3)."""
        self._require_open()
        if self._picture is None:
            raise StartStateError(f"No episode has begun: call reset() before {member}().")
        return self._picture


def _read_integer(options: Mapping[str, Any], name: str, default: int) -> int:
    value = options.get(name, default)
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
        return operator.index(value)
    except TypeError as error:
        raise ConfigError(
            f"options['{name}'] of GymEnv.reset must be an integer. Got: {value!r}."
        ) from error
