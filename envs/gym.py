"""Two adapters: a world as a Gymnasium environment, and a Gymnasium environment as a world."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from aegis.core.errors import ConfigError, NonFiniteError, ShapeError, StartStateError
from aegis.core.protocols import Outcome, World
from aegis.core.seeds import episode_stream
from aegis.core.types import Act, Command, Embodiment, EpisodeKey, Observation, Stop

INSTRUCTION_CHARACTERS = string.ascii_letters + string.digits + string.punctuation + " "


class GymEnv(gymnasium.Env[dict[str, Any], NDArray[np.float32]]):
    """A world behind Gymnasium's interface.

    Observations: one uint8 picture per camera, ``proprio`` float32 and ``instruction`` text.
    ``reset(seed=s)`` starts the episode with index ``s`` of the start family; ``options`` may name
    ``task``, ``start`` and ``index``. Reward 1 on success, which terminates; the horizon truncates.

    Args:
        world: The world.
        suite: Suite of the episodes.
        task: Task number unless ``options`` names another.
        start: Start family unless ``options`` names another.
        cameras: Camera name to (height, width) [px].
        proprio: Entries of proprioception.
        root: Root seed of the episode addresses.
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
        self._observation: dict[str, Any] | None = None
        self._k = 0
        self.render_mode = "rgb_array"
        body = world.embodiment
        self.action_space = gymnasium.spaces.Box(body.low, body.high, dtype=np.float32)
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
        """Starts an episode; see the class."""
        super().reset(seed=seed)
        options = options or {}
        index = options.get("index", seed)
        if index is None:
            index = int(self.np_random.integers(2**31))
        key = EpisodeKey(
            self._root,
            self._suite,
            int(options.get("task", self._task)),
            str(options.get("start", self._start)),
            int(index),
        )
        self._world.begin(key)
        self._k = 0
        return self._observe_world(), {"key": str(key)}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Executes one action for one control period.

        Raises:
            ShapeError: If the action has another shape than the action space.
            NonFiniteError: If the action holds NaN or infinity.
        """
        if self._observation is None:
            raise StartStateError("Call reset() before step().")
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

    def render(self) -> NDArray[np.uint8] | None:
        """Returns the first camera's picture. Shape (h, w, 3)."""
        if self._observation is None:
            return None
        return np.asarray(self._observation[next(iter(self._cameras))], dtype=np.uint8)

    def close(self) -> None:
        """Closes the world."""
        self._world.close()

    def _observe_world(self) -> dict[str, Any]:
        obs = self._world.observe(self._cameras)
        self._observation = {
            **obs.images,
            "proprio": np.array(obs.proprio),
            "instruction": obs.instruction,
        }
        return self._observation


class GymWorld:
    """A Gymnasium environment of your own as a world.

    The environment must be deterministic given ``reset(seed=...)``; the seed is drawn from the
    episode's address. Its state cannot be read, so digests hash what it has shown so far.

    Args:
        make: Builds the environment; must be importable, so that worker processes can build it.
        embodiment: The robot: limits, period, and how to do nothing.
        horizon: Longest episode [control steps].
        instruction: What the robot is told to do.
        sense: Turns an observation of yours into proprioception (p,) and pictures by camera name.
        success: Info key that says whether the task is done.
    """

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        embodiment: Embodiment,
        horizon: int,
        instruction: str,
        sense: Callable[[Any], tuple[NDArray[np.float32], Mapping[str, NDArray[np.uint8]]]],
        success: str = "success",
    ) -> None:
        self._env, self._embodiment, self._horizon = make(), embodiment, horizon
        self._instruction, self._sense, self._success = instruction, sense, success
        self._last: Any = None
        self._k = 0
        self._hash = hashlib.blake2b(digest_size=8)

    @property
    def embodiment(self) -> Embodiment:
        """The robot."""
        return self._embodiment

    @property
    def horizon(self) -> int:
        """Longest episode [control steps]."""
        return self._horizon

    def begin(self, key: EpisodeKey) -> None:
        """Resets the environment with a seed drawn from the address."""
        seed = int(episode_stream(key, "start").integers(2**31))
        self._last, _ = self._env.reset(seed=seed)
        self._k = 0
        self._hash = hashlib.blake2b(str(key).encode(), digest_size=8)

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Returns the last observation; pictures only if a camera is asked for."""
        proprio, images = self._sense(self._last)
        return Observation(
            stamp=round(self._k * self._embodiment.dt * 1e9),
            proprio=np.array(proprio, dtype=np.float32),
            images={name: np.array(images[name]) for name in cameras},
            instruction=self._instruction,
        )

    def apply(self, command: Command) -> Outcome:
        """Executes a command."""
        self._last, _, terminated, truncated, info = self._env.step(np.array(command.action))
        self._k += 1
        self._hash.update(self._sense(self._last)[0].tobytes())
        success = bool(info.get(self._success, False))
        done = terminated or truncated or self._k >= self._horizon or isinstance(command, Stop)
        return Outcome(success, bool(done or success))

    def digest(self) -> str:
        """Returns a hash of everything sensed in this episode."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Closes the environment."""
        self._env.close()
