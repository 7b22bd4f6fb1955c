"""Strategy: AEGIS in the loop of lerobot-rollout."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lerobot.rollout.strategies import RolloutStrategy, safe_push_to_hub
from lerobot.utils.robot_utils import precise_sleep

from lerobot_strategy_aegis.config import AegisStrategyConfig

if TYPE_CHECKING:
    from lerobot.rollout.context import RolloutContext

    from aegis.core.types import Decision
    from lerobot_strategy_aegis.episode import RobotEpisode
    from lerobot_strategy_aegis.prepared import PreparedRollout

_logger = logging.getLogger(__name__)


class AegisStrategy(RolloutStrategy):  # type: ignore[misc]  # untyped here
    """Lets the policy of ``--policy.path`` drive until a gate hands over to a stronger one.

    AEGIS is imported when a rollout begins: LeRobot imports its plug-ins in every command.

    Args:
        config: What was set with ``--strategy.``.
    """

    config: AegisStrategyConfig

    def __init__(self, config: AegisStrategyConfig) -> None:
        super().__init__(config)
        self._rollout: PreparedRollout | None = None

    def setup(self, ctx: RolloutContext) -> None:
        """Builds policies and controller, and lets every policy think once; nothing moves.

        Raises:
            AegisError: If a flag or a setting cannot be used.
        """
        from lerobot_strategy_aegis.prepared import prepare_rollout

        self._rollout = prepare_rollout(ctx, self.config)

    def run(self, ctx: RolloutContext) -> None:
        """Plays the episodes, and leaves when LeRobot is told to stop."""
        assert self._rollout is not None, "LeRobot calls setup first."
        dataset, over = ctx.data.dataset, ctx.runtime.shutdown_event
        with _keep_dataset(dataset):
            for number in range(self.config.episodes):
                if number:
                    self._wait_for_scene(ctx)
                if over.is_set():
                    break
                self._play_episode(ctx, self._rollout, number)
                if dataset is not None:
                    dataset.save_episode()

    def teardown(self, ctx: RolloutContext) -> None:
        """Closes policies and journal, finishes the data set, and disconnects the robot."""
        if self._rollout is not None:
            self._rollout.close()
        dataset, cfg = ctx.data.dataset, ctx.runtime.cfg
        if dataset is not None:
            dataset.finalize()
            if cfg.dataset is not None and cfg.dataset.push_to_hub:
                safe_push_to_hub(dataset, tags=cfg.dataset.tags, private=cfg.dataset.private)
        back = cfg.return_to_initial_position
        self._teardown_hardware(ctx.hardware, return_to_initial_position=back)

    def _play_episode(self, ctx: RolloutContext, rollout: PreparedRollout, number: int) -> None:
        """Plays one episode at the frame rate of the rollout."""
        episode = rollout.begin_episode(number)
        period = 1 / ctx.runtime.cfg.fps
        while not episode.is_over and not ctx.runtime.shutdown_event.is_set():
            began = time.perf_counter()
            decision = self._play_tick(ctx, rollout, episode)
            took = time.perf_counter() - began
            rollout.journal.write_decision(number, decision, took)
            if took < period:
                precise_sleep(period - took)
            else:
                _logger.warning("tick %d took %.0f ms too long", decision.k, 1e3 * (took - period))
        _logger.info("episode %d: %s", number, episode.summarise())

    def _play_tick(
        self, ctx: RolloutContext, rollout: PreparedRollout, episode: RobotEpisode
    ) -> Decision:
        """Senses, decides, sends; and records where LeRobot is told to."""
        sensed = rollout.robot.sense(time.monotonic_ns())
        decision = episode.decide_step(sensed)
        sent = rollout.robot.send(decision.command.action, sensed)
        if ctx.data.dataset is not None:
            ctx.data.dataset.add_frame(rollout.robot.build_row(sensed, sent))
        self._log_telemetry(dict(sensed.processed), sent, ctx.runtime)
        return decision

    def _wait_for_scene(self, ctx: RolloutContext) -> None:
        """Moves the robot back to where it began, and leaves time to put the scene in order."""
        self._return_to_initial_position(ctx.hardware, duration_s=1)
        _logger.info("put the scene in order: %g s", self.config.reset_time_s)
        ctx.runtime.shutdown_event.wait(self.config.reset_time_s)


@contextlib.contextmanager
def _keep_dataset(dataset: Any) -> Iterator[None]:
    """Lets LeRobot finish its videos, and keeps the frames of an episode that broke off."""
    if dataset is None:
        yield
        return
    from lerobot.datasets import VideoEncodingManager

    with VideoEncodingManager(dataset):
        try:
            yield
        except BaseException:
            with contextlib.suppress(Exception):  # an empty episode cannot be saved
                dataset.save_episode()
            raise
