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
    from lerobot_strategy_aegis.limits import RolloutLimits
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
        rollout, dataset, over = self._rollout, ctx.data.dataset, ctx.runtime.shutdown_event
        began = time.perf_counter()
        with _keep_dataset(dataset):
            for number in range(rollout.limits.episodes):
                if number:
                    self._wait_for_scene(ctx, rollout.limits, began)
                now = time.perf_counter()
                if over.is_set() or rollout.limits.is_over(now, began, now):
                    break
                self._play_episode(ctx, rollout, number, began)
                if dataset is not None:
                    dataset.save_episode()

    def teardown(self, ctx: RolloutContext) -> None:
        """Closes policies and journal, finishes the data set, and disconnects the robot.

        The robot is disconnected whatever fails before, and why that failed is raised then.
        """
        dataset, cfg = ctx.data.dataset, ctx.runtime.cfg
        with contextlib.ExitStack() as stack:
            back = cfg.return_to_initial_position
            stack.callback(self._teardown_hardware, ctx.hardware, return_to_initial_position=back)
            if dataset is not None:
                stack.callback(_finish_dataset, dataset, cfg.dataset)
            if self._rollout is not None:
                stack.callback(self._rollout.close)

    def _play_episode(
        self, ctx: RolloutContext, rollout: PreparedRollout, number: int, began: float
    ) -> None:
        """Plays one episode at the frame rate of the rollout, which began at a time [s]."""
        episode, first = rollout.begin_episode(number), time.perf_counter()
        period, over = 1 / ctx.runtime.cfg.fps, ctx.runtime.shutdown_event
        while not episode.is_over and not over.is_set():
            now = time.perf_counter()
            decision = self._play_tick(ctx, rollout, episode)
            took = time.perf_counter() - now
            rollout.journal.write_decision(number, decision, took)
            if took < period:
                precise_sleep(period - took)
            else:
                _logger.warning("tick %d took %.0f ms too long", decision.k, 1e3 * (took - period))
            if rollout.limits.is_over(time.perf_counter(), began, first):
                _logger.info("time is up after tick %d", decision.k)
                break
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

    def _wait_for_scene(self, ctx: RolloutContext, limits: RolloutLimits, began: float) -> None:
        """Moves the robot back where that is wanted, and leaves time to put the scene in order."""
        if limits.goes_back:
            self._return_to_initial_position(ctx.hardware)
        rest = limits.find_rest(time.perf_counter(), began)
        _logger.info("put the scene in order: %g s", rest)
        ctx.runtime.shutdown_event.wait(rest)


def _finish_dataset(dataset: Any, config: Any) -> None:
    """Finishes a data set, and uploads it where LeRobot is told to."""
    dataset.finalize()
    if config is not None and config.push_to_hub:
        safe_push_to_hub(dataset, tags=config.tags, private=config.private)


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
