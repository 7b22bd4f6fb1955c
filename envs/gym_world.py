"""A Gymnasium environment of the user's own as a world."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from PIL import Image

from aegis.core.errors import (
    ConfigError,
    PluginError,
    ShapeError,
    StartStateError,
    UnknownNameError,
)
from aegis.core.protocols import Outcome
from aegis.core.seeds import episode_stream
from aegis.core.types import F32, U8, Command, Embodiment, EpisodeKey, Observation, Stop

Sensed: TypeAlias = tuple[F32, Mapping[str, U8]]
"""Proprioception, shape (p,), and pictures by camera name, shape (h, w, 3)."""


class GymWorld:
    """A Gymnasium environment of your own as a world.

    The environment must be deterministic given ``reset(seed=...)``; the seed is drawn from the
    episode's address. Its state cannot be read, so digests hash what it has shown so far.

    Args:
        make: Builds the environment; must be importable, so that worker processes can build it.
        embodiment: The robot: limits, period, and how to do nothing.
        horizon: Longest episode [control steps].
        instruction: The task in words.
        sense: Turns an observation of yours into proprioception, shape (p,), and pictures by
            camera name, uint8 of shape (h, w, 3).
        success: Key of the step's info that says whether the task is done. It must come in every
            episode, at the latest with its last step.

    Raises:
        ConfigError: If the horizon is less than one.
    """

    def __init__(
        self,
        make: Callable[[], gymnasium.Env[Any, Any]],
        embodiment: Embodiment,
        horizon: int,
        instruction: str,
        sense: Callable[[Any], Sensed],
        success: str = "success",
    ) -> None:
        if horizon < 1:
            raise ConfigError(f"horizon must be at least 1 control step. Got: {horizon}.")
        self._env, self._embodiment, self._horizon = make(), embodiment, horizon
        self._instruction, self._sense, self._success = instruction, sense, success
        self._sensed: Sensed | None = None
        self._infos: set[str] = set()
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
        self._hash = hashlib.blake2b(str(key).encode(), digest_size=8)
        self._infos, self._k = set(), 0
        self._take_in(self._env.reset(seed=seed)[0])

    def observe(self, cameras: Mapping[str, tuple[int, int]]) -> Observation:
        """Returns the last observation; pictures only if a camera is asked for.

        A picture that the environment draws in another size is resized (bilinear).

        Raises:
            UnknownNameError: If the environment has no such camera.
            ShapeError: If a picture is no uint8 array of shape (h, w, 3).
        """
        proprio, images = self._require_episode()
        for name in cameras:
            if name not in images:
                raise UnknownNameError("camera", name, images, "what 'sense' of GymWorld returns")
        return Observation(
            stamp=round(self._k * self._embodiment.dt * 1e9),
            proprio=np.array(proprio, dtype=np.float32),
            images={name: _fit_picture(name, images[name], cameras[name]) for name in cameras},
            instruction=self._instruction,
        )

    def apply(self, command: Command) -> Outcome:
        """Executes a command.

        Raises:
            PluginError: If the episode is over and no info has held the success key.
        """
        self._require_episode()
        # A copy that may be written to: the environment may clip it in place.
        raw, _, terminated, truncated, info = self._env.step(np.array(command.action))
        self._k += 1
        self._take_in(raw)
        self._infos |= {str(name) for name in info}
        over = bool(terminated or truncated or self._k >= self._horizon)
        if over and self._success not in self._infos:
            raise self._missing_success()
        success = self._success in info and self._read_success(info[self._success])
        return Outcome(success, over or success or isinstance(command, Stop))

    def digest(self) -> str:
        """Returns a hash of all observations of this episode, as given and as sensed."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Closes the environment."""
        self._sensed = None
        self._env.close()

    def _take_in(self, raw: Any) -> None:
        """Senses an observation once, and adds it to the digest with its pictures."""
        proprio, images = self._sense(raw)
        # Copies: the environment may use its buffers again, and an observation is a value.
        self._sensed = np.array(proprio), {name: np.array(p) for name, p in images.items()}
        for part in _flatten((raw, *self._sensed)):
            # Each with its length, or the ends of one part could pass for the beginning of the
            # next.
            self._hash.update(len(part).to_bytes(8, "little") + part)

    def _read_success(self, value: object) -> bool:
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise PluginError(
                self._name_member("step"),
                f"info['{self._success}'] says whether the task is done",
                repr(value),
                "true or false, as one value",
                "Give GymWorld another key: success=...",
            )
        return bool(array.reshape(())[()])

    def _missing_success(self) -> PluginError:
        found = ", ".join(f"'{name}'" for name in sorted(self._infos)) or "no keys at all"
        return PluginError(
            self._name_member("step"),
            f"info['{self._success}'] says whether the task is done, at the latest when the "
            f"episode is over (here after {self._k} steps)",
            f"info with {found}",
            f"'{self._success}'",
            "Name the key that your environment uses, GymWorld(..., success='is_success'), or add "
            "it to the info of each step",
        )

    def _name_member(self, member: str) -> str:
        return f"{type(self._env.unwrapped).__name__}.{member} in GymWorld"

    def _require_episode(self) -> Sensed:
        if self._sensed is None:
            raise StartStateError("No episode has begun: call begin(key) first.")
        return self._sensed


def _fit_picture(name: str, picture: U8, size: tuple[int, int]) -> U8:
    """Returns a picture, shape (h, w, 3), in the size that was asked for, (height, width) [px]."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ShapeError(
            f"Picture '{name}' from 'sense' of GymWorld must be uint8 of shape (h, w, 3). Got: "
            f"{picture.dtype} of shape {picture.shape}."
        )
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _flatten(value: Any) -> Iterable[bytes]:
    """Yields bytes that tell observations apart: kinds, shapes and values of all parts.

    Raises:
        PluginError: If a part is neither number, text, array, mapping nor sequence.
    """
    yield type(value).__name__.encode()
    if isinstance(value, Mapping):
        for name in sorted(value, key=str):
            yield str(name).encode()
            yield from _flatten(value[name])
    elif isinstance(value, tuple | list):
        yield str(len(value)).encode()
        for part in value:
            yield from _flatten(part)
    elif value is None or isinstance(value, str | bytes):
        yield repr(value).encode()
    else:
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise PluginError(
                "Observations of GymWorld",
                "can be told apart bit by bit",
                type(value).__name__,
                "numbers, texts, arrays, and mappings and sequences of these",
                "Wrap the environment so that it returns these",
            )
        yield f"{array.dtype.str}{array.shape}".encode()
        yield array.tobytes()
