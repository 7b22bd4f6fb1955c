"""A simulated arm as a robot of LeRobot: seven joints, a finger that is sensed, two cameras.

LeRobot finds it as it finds any plug-in: ``--robot.discover_packages_path=tests.lerobot.toyarm``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from lerobot.robots import Robot, RobotConfig

FINGER = "finger.pos"
SIDE = 64


@RobotConfig.register_subclass("toyarm")
@dataclass
class ToyArmConfig(RobotConfig):
    """Its joints, cameras, the side of their pictures [px], and a file for its commands.

    The last joint may be told under another name than it is sensed.
    """

    joints: int = 7
    log: str | None = None
    names: list[str] = field(default_factory=lambda: ["image", "image2"])
    side: int = SIDE
    last: str | None = None


class ToyArm(Robot):  # type: ignore[misc]  # untyped here
    """Each joint goes half of the way to where it is told, at every command."""

    config_class = ToyArmConfig
    name = "toyarm"

    def __init__(self, config: ToyArmConfig) -> None:
        super().__init__(config)
        self.config, self._connected = config, False
        self._names = tuple(f"joint{i}.pos" for i in range(config.joints))
        self._told = (*self._names[:-1], config.last or self._names[-1])
        self._positions = np.zeros(config.joints)
        self.cameras: dict[str, Any] = {}

    @property
    def observation_features(self) -> dict[str, Any]:
        side = self.config.side
        joints = dict.fromkeys((*self._names, FINGER), float)
        return {**joints, **dict.fromkeys(self.config.names, (side, side, 3))}

    @property
    def action_features(self) -> dict[str, Any]:
        return dict.fromkeys(self._told, float)

    @property
    def is_connected(self) -> bool:
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        return True

    def connect(self, calibrate: bool = True) -> None:
        self._connected = True

    def calibrate(self) -> None:
        pass

    def configure(self) -> None:
        pass

    def get_observation(self) -> dict[str, Any]:
        sensed = [*self._positions, self._positions.sum() / 10]
        return {
            **dict(zip((*self._names, FINGER), map(float, sensed), strict=True)),
            **{name: self._draw(i) for i, name in enumerate(self.config.names)},
        }

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        wanted = np.array([action[name] for name in self._told])
        self._positions += (wanted - self._positions) / 2
        if self.config.log is not None:
            with Path(self.config.log).open("a", encoding="utf-8") as file:
                file.write(json.dumps([float(value) for value in wanted]) + "\n")
        return action

    def disconnect(self) -> None:
        self._connected = False

    def _draw(self, camera: int) -> Any:
        """Returns a picture that shows the joints as bars, from the left. Shape (s, s, 3)."""
        side = self.config.side
        picture = np.full((side, side, 3), 40 * camera, np.uint8)
        for i, position in enumerate(self._positions):
            length = int(np.clip(position + 1, 0, 2) / 2 * side)
            picture[i * side // 8 : (i + 1) * side // 8, :length] = 200
        return picture
