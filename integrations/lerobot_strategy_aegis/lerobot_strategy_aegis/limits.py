"""Limits: how many episodes, how long, and what comes between them, from LeRobot's flags and ours.

With a data set, they are those of LeRobot's episodic strategy; ``--duration`` is the time of the
whole rollout on the wall's clock, as LeRobot counts it.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any

from aegis.core.errors import ConfigError
from lerobot_strategy_aegis.config import AegisStrategyConfig

_RESET_TIME = 10.0
"""Time between two episodes that are not recorded [s]."""


@dataclass(frozen=True, slots=True)
class RolloutLimits:
    """How much is played.

    Attributes:
        episodes: How many.
        horizon: Longest episode [control steps].
        episode_time: Longest episode on the wall's clock [s]; infinity for none.
        whole_time: The whole rollout on the wall's clock [s]; infinity for none.
        reset_time: Between two episodes [s].
        goes_back: Whether the robot then goes back to where it began.
    """

    episodes: int
    horizon: int
    episode_time: float
    whole_time: float
    reset_time: float
    goes_back: bool

    def is_over(self, now: float, began: float, episode_began: float) -> bool:
        """Says whether time is up for an episode.

        Args:
            now: The time [s].
            began: When the rollout began [s].
            episode_began: When the episode began [s].
        """
        return now - began >= self.whole_time or now - episode_began >= self.episode_time

    def find_rest(self, now: float, began: float) -> float:
        """Returns how long a pause between two episodes is at most [s]; see ``is_over``."""
        return max(min(self.reset_time, self.whole_time - (now - began)), 0.0)


def read_limits(cfg: Any, config: AegisStrategyConfig) -> RolloutLimits:
    """Returns the limits of a rollout.

    Args:
        cfg: LeRobot's ``RolloutConfig``.
        config: Of the strategy.

    Raises:
        ConfigError: If two flags contradict each other, or nothing says how long an episode is.
    """
    dataset = cfg.dataset
    episodes = _choose(config.episodes, dataset, "episodes", "num_episodes", 1)
    reset_time = _choose(config.reset_time_s, dataset, "reset_time_s", "reset_time_s", _RESET_TIME)
    recorded = float("inf") if dataset is None else float(dataset.episode_time_s)
    whole = float(cfg.duration) if cfg.duration > 0 else float("inf")
    for flag, fits in (
        ("--strategy.episodes or --dataset.num_episodes: at least 1", episodes >= 1),
        ("--strategy.reset_time_s or --dataset.reset_time_s: 0 s or longer", reset_time >= 0),
        ("--dataset.episode_time_s: longer than 0 s", recorded > 0),
        ("--strategy.horizon: 0, or control steps", config.horizon >= 0),
    ):
        if not fits:
            raise ConfigError(f"--strategy.type=aegis needs {flag}.")
    longest = min(recorded, whole)
    if not config.horizon and longest == float("inf"):
        raise ConfigError(
            "Gates must know how long an episode may be. Give --strategy.horizon=N [control "
            "steps], --dataset.episode_time_s=S [s], or --duration=S [s]."
        )
    if not config.horizon and dataset is None and episodes > 1:
        raise ConfigError(
            f"--duration is the time of the whole rollout, which the first of {episodes} episodes "
            "would take. Say how long one may be: --strategy.horizon=N [control steps]."
        )
    back = config.reset_to_initial_position
    return RolloutLimits(
        episodes=int(episodes),
        horizon=config.horizon or max(round(longest * cfg.fps), 1),
        episode_time=recorded,
        whole_time=whole,
        reset_time=float(reset_time),
        goes_back=bool(cfg.return_to_initial_position if back is None else back),
    )


def _choose(
    ours: float | None, dataset: Any, our_name: str, their_name: str, otherwise: float
) -> float:
    """Returns a limit that two flags may say.

    Raises:
        ConfigError: If both were typed and differ.
    """
    if dataset is None:
        return otherwise if ours is None else ours
    theirs: float = getattr(dataset, their_name)
    usual = next((one.default for one in fields(dataset) if one.name == their_name), MISSING)
    if ours is None:
        return theirs
    if theirs not in (ours, usual):
        raise ConfigError(
            f"--strategy.{our_name}={ours:g} and --dataset.{their_name}={theirs:g} say two things. "
            "Leave one out."
        )
    return ours
