"""Limits of a rollout in LeRobot's loop, and its end: nothing typed is ignored, the arm let go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aegis.core.errors import ConfigError

pytestmark = pytest.mark.lerobot
DatasetRecordConfig = pytest.importorskip("lerobot.configs.dataset").DatasetRecordConfig
AegisStrategyConfig = pytest.importorskip("lerobot_strategy_aegis.config").AegisStrategyConfig
AegisStrategy = pytest.importorskip("lerobot_strategy_aegis.strategy").AegisStrategy
limits = pytest.importorskip("lerobot_strategy_aegis.limits")
INFINITE = float("inf")


def read(
    duration: float = 0.0, recorded: dict[str, Any] | None = None, back: bool = True, **ours: Any
) -> Any:
    dataset = None
    if recorded is not None:
        dataset = DatasetRecordConfig(repo_id="me/rollout_arm", single_task="t", **recorded)
    cfg = SimpleNamespace(
        dataset=dataset, duration=duration, fps=30.0, return_to_initial_position=back
    )
    return limits.read_limits(cfg, AegisStrategyConfig(**ours))


def test_with_a_data_set_they_are_those_of_lerobots_episodic_loop() -> None:
    found = read(recorded={"num_episodes": 7, "episode_time_s": 20, "reset_time_s": 3})
    assert (found.episodes, found.horizon, found.reset_time) == (7, 600, 3.0)
    assert (found.episode_time, found.whole_time) == (20.0, INFINITE)


def test_without_one_the_duration_is_that_of_the_whole() -> None:
    found = read(duration=40.0)
    assert (found.episodes, found.horizon, found.reset_time) == (1, 1200, 10.0)
    assert (found.episode_time, found.whole_time) == (INFINITE, 40.0)
    both = read(duration=40.0, horizon=90, episodes=4)
    assert (both.horizon, both.whole_time) == (90, 40.0)


@pytest.mark.parametrize(("back", "ours", "goes"), [
    (True, None, True), (False, None, False), (True, False, False), (False, True, True),
])  # fmt: skip
def test_the_arm_goes_back_where_that_is_wanted(back: bool, ours: bool | None, goes: bool) -> None:
    assert read(horizon=9, back=back, reset_to_initial_position=ours).goes_back is goes


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "how long an episode"),
        ({"duration": 9.0, "episodes": 2}, "the first of 2 episodes would take"),
        ({"recorded": {"num_episodes": 7}, "episodes": 2}, "--dataset.num_episodes=7 say two"),
        ({"recorded": {"reset_time_s": 7}, "reset_time_s": 2}, "--dataset.reset_time_s=7 say two"),
        ({"horizon": 9, "episodes": 0}, "--strategy.episodes or --dataset.num_episodes: at least"),
        ({"recorded": {"num_episodes": 0}}, "--dataset.num_episodes: at least 1"),
        ({"recorded": {"episode_time_s": 0}}, "--dataset.episode_time_s: longer than 0 s"),
        ({"horizon": 9, "reset_time_s": -1.0}, "--dataset.reset_time_s: 0 s or longer"),
        ({"horizon": -1}, "--strategy.horizon: 0, or"),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(words: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read(**words)


TIMES = st.floats(0, 1000)


@given(TIMES, TIMES, TIMES, TIMES)
def test_time_is_that_of_the_walls_clock(
    episode: float, whole: float, before: float, since: float
) -> None:
    found = limits.RolloutLimits(1, 10, episode, whole, 5.0, True)
    began, now = 0.0, before + since
    assert found.is_over(now, began, before) == (now >= whole or now - before >= episode)
    assert 0 <= found.find_rest(now, began) <= min(5.0, max(whole - now, 0))


@pytest.mark.parametrize("broken", [(), ("rollout",), ("dataset",), ("rollout", "dataset")])
def test_the_robot_is_let_go_whatever_fails_before(
    broken: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def end(name: str) -> None:
        done.append(name)
        if name in broken:
            raise OSError(f"{name}: no space left on device")

    monkeypatch.setattr(
        AegisStrategy,
        "_teardown_hardware",
        lambda *_, return_to_initial_position: end(f"hardware {return_to_initial_position}"),
    )
    strategy = AegisStrategy(AegisStrategyConfig())
    strategy._rollout = SimpleNamespace(close=lambda: end("rollout"))
    context: Any = SimpleNamespace(
        data=SimpleNamespace(dataset=SimpleNamespace(finalize=lambda: end("dataset"))),
        runtime=SimpleNamespace(cfg=SimpleNamespace(dataset=None, return_to_initial_position=True)),
        hardware=None,
    )
    if broken:
        with pytest.raises(OSError, match="no space left"):
            strategy.teardown(context)
    else:
        strategy.teardown(context)
    assert done == ["rollout", "dataset", "hardware True"]
