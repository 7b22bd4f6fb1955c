"""Interface: a robot of LeRobot as AEGIS sees it, and commands of AEGIS as LeRobot sends them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from lerobot.utils.constants import ACTION, OBS_IMAGES, OBS_STATE, OBS_STR
from lerobot.utils.feature_utils import build_dataset_frame

from aegis.core.errors import ConfigError, MachineError, UnknownNameError
from aegis.core.protocols import PolicySpec
from aegis.core.types import F32, U8, ActionKind, Embodiment, Observation
from aegis.serve.pictures import fit_picture

_logger = logging.getLogger(__name__)
_VELOCITY = ".vel"
"""How LeRobot names commands that mean a speed; others are positions."""


@dataclass(frozen=True, slots=True, eq=False)
class Sensed:
    """What a robot sensed at one tick.

    Attributes:
        stamp: When it was asked [ns].
        raw: As the robot gave it, for LeRobot's processor of actions.
        processed: The same behind LeRobot's processor of observations.
        frame: Under the names of LeRobot's data sets: state, shape (p,), and pictures by camera.
    """

    stamp: int
    raw: Mapping[str, Any]
    processed: Mapping[str, Any]
    frame: Mapping[str, Any]


class RobotInterface:
    """A robot of LeRobot behind a rollout's processors.

    Args:
        context: LeRobot's ``RolloutContext``.
        task: What the robot is told, in words.
    """

    def __init__(self, context: Any, task: str) -> None:
        self._processors, self._task = context.processors, task
        self._robot = context.hardware.robot_wrapper
        self._features = context.data.dataset_features
        self.names: tuple[str, ...] = tuple(self._features[ACTION]["names"])

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of its cameras."""
        start = f"{OBS_IMAGES}."
        return tuple(key.removeprefix(start) for key in self._features if key.startswith(start))

    @property
    def picture_sizes(self) -> dict[str, tuple[int, int]]:
        """Camera to height and width of its pictures [px], as LeRobot gives them to policies."""
        shapes = {name: self._features[f"{OBS_IMAGES}.{name}"]["shape"] for name in self.cameras}
        return {name: (int(shape[0]), int(shape[1])) for name, shape in shapes.items()}

    def sense(self, stamp: int) -> Sensed:
        """Asks the robot what it senses.

        Args:
            stamp: The time [ns].

        Raises:
            MachineError: If the robot has no state of its joints.
        """
        raw = self._robot.get_observation()
        processed = self._processors.robot_observation_processor(raw)
        frame = build_dataset_frame(self._features, processed, prefix=OBS_STR)
        if OBS_STATE not in frame:
            raise MachineError("The robot senses no joint positions, which every policy reads.")
        return Sensed(stamp, raw, processed, frame)

    def build_observation(self, sensed: Sensed, spec: PolicySpec) -> Observation:
        """Returns what a policy looks at; pictures of other sizes are resized.

        Raises:
            MessageError: If a picture has another aspect than the policy's.
        """
        images: dict[str, U8] = {}
        for camera, (height, width) in spec.cameras.items():
            key = f"{OBS_IMAGES}.{camera}"
            picture = np.ascontiguousarray(sensed.frame[key], np.uint8)
            images[camera] = fit_picture(picture, (height, width), key, resize=True)
        return Observation(sensed.stamp, sensed.frame[OBS_STATE], images, self._task)

    def build_blind_observation(self, sensed: Sensed) -> Observation:
        """Returns what the robot senses, without pictures."""
        return Observation(sensed.stamp, sensed.frame[OBS_STATE], {}, self._task)

    def check_cameras(self, spec: PolicySpec) -> None:
        """Checks that the robot has the cameras that a policy looks through.

        Pictures that are resized are noted: LeRobot gives policies those of the camera.

        Raises:
            UnknownNameError: If it lacks one.
        """
        for camera, wanted in spec.cameras.items():
            if camera not in self.cameras:
                where = f"the views of policy '{spec.name}'"
                raise UnknownNameError("camera", camera, self.cameras, where)
            given = self.picture_sizes[camera]
            if given != tuple(wanted):
                said = "'%s' looks at '%s' in %d by %d; the camera's %d by %d are resized"
                _logger.warning(said, spec.name, camera, *wanted, *given)

    def find_position(self, sensed: Sensed) -> F32:
        """Returns the command that keeps the robot as it is. Shape (a,).

        Raises:
            MachineError: If the robot does not sense a position that it is told.
        """
        still = []
        for name in self.names:
            if name.endswith(_VELOCITY):
                still.append(0.0)
            elif name in sensed.raw:
                still.append(float(sensed.raw[name]))
            else:
                raise MachineError(
                    f"The robot takes '{name}' and does not sense it, so nobody knows how it holds "
                    f"still. It senses: {', '.join(map(str, sensed.raw))}."
                )
        return np.array(still, np.float32)

    def build_embodiment(
        self, limits: Mapping[str, tuple[float, float]], period: float
    ) -> Embodiment:
        """Returns the robot as the controller sees it: it holds still where it is.

        Args:
            limits: Joint to its smallest and largest command, in the robot's units.
            period: Control period [s].

        Raises:
            ConfigError: If the limits of a joint are missing or upside down.
        """
        for name in self.names:
            low, high = limits.get(name, (np.nan, np.nan))
            if not (np.isfinite([low, high]).all() and low < high):
                raise ConfigError(
                    f"No limits are known for '{name}': {low} to {high}. Give them in the robot's "
                    f"units: --strategy.limits='{{\"{name}\": [-100, 100]}}'."
                )
        bounds = np.array([limits[name] for name in self.names], np.float32)
        moves = [name.endswith(_VELOCITY) for name in self.names]
        return Embodiment(
            names=self.names,
            low=bounds[:, 0],
            high=bounds[:, 1],
            kind=ActionKind.VELOCITY if all(moves) else ActionKind.ABSOLUTE,
            dt=period,
            hold=np.clip(np.zeros(len(bounds), np.float32), bounds[:, 0], bounds[:, 1]),
            sticky=tuple(not one for one in moves),
        )

    def send(self, action: F32, sensed: Sensed) -> dict[str, float]:
        """Sends a command, and returns it under LeRobot's names.

        Args:
            action: Shape (a,).
            sensed: What the robot sensed at this tick.
        """
        named = {name: float(value) for name, value in zip(self.names, action, strict=True)}
        self._robot.send_action(self._processors.robot_action_processor((named, sensed.raw)))
        return named

    def build_row(self, sensed: Sensed, sent: Mapping[str, float]) -> dict[str, Any]:
        """Returns a frame for LeRobot's data set."""
        action = build_dataset_frame(self._features, dict(sent), prefix=ACTION)
        return {**sensed.frame, **action, "task": self._task}


def check_limits(limits: Mapping[str, Sequence[float]], names: Sequence[str]) -> None:
    """Checks limits that were typed.

    Raises:
        UnknownNameError: If there is no such joint.
        ConfigError: If they are no two numbers.
    """
    for name, pair in limits.items():
        if name not in names:
            raise UnknownNameError("joint", name, names, "--strategy.limits")
        if len(pair) != 2:
            raise ConfigError(f"--strategy.limits: '{name}' needs [low, high]. Got: {pair}.")
