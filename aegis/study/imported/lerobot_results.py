"""LeRobot's results: the ``eval_info.json`` of `lerobot-eval`, release 0.6.1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aegis.core.errors import TraceError
from aegis.study.imported.fields import (
    take_flag,
    take_list,
    take_number,
    take_object,
    take_text,
)
from aegis.study.imported.results import (
    EpisodeAddress,
    ImportedEpisode,
    ImportedResults,
    number_repetitions,
)

HARNESS = "lerobot-eval"
_ASSUMPTION = (
    "lerobot-eval does not write which start state an episode had. Its place in the list is the "
    "start state with LeRobot 0.6.1 and --eval.batch_size=1, or with more where each has a process "
    "of its own (--eval.use_async_envs=true); with other releases it need not be."
)


def read_lerobot_results(path: Path, content: Mapping[str, Any], starts: int) -> ImportedResults:
    """Reads what `lerobot-eval` wrote.

    Args:
        path: The file, for messages.
        content: What it holds.
        starts: Start states of a task; episodes beyond begin again with the first.

    Raises:
        TraceError: If a field is missing or damaged.
    """
    episodes = []
    for i, task in enumerate(take_list(content.get("per_task"), f"{path}, per_task")):
        where = f"{path}, per_task[{i}]"
        suite = take_text(take_object(task, where).get("task_group"), f"{where}.task_group")
        number = take_number(task.get("task_id"), f"{where}.task_id")
        metrics = take_object(task.get("metrics"), f"{where}.metrics")
        place = f"{where}.metrics.successes"
        for j, value in enumerate(take_list(metrics.get("successes"), place)):
            address = EpisodeAddress(suite, number, j % starts)
            episodes.append(ImportedEpisode(address, take_flag(value, f"{place}[{j}]")))
    if not episodes:
        raise TraceError(f"{path} holds no episodes.")
    numbered = number_repetitions(episodes)
    return ImportedResults(str(path), HARNESS, numbered, {}, assumption=_ASSUMPTION)
