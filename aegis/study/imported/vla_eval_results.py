"""vla-eval's results: the recording of a run, or the aggregate that `vla-eval export` makes of it.

Source: https://github.com/allenai/vla-evaluation-harness, release 0.8.0.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from aegis.core.errors import TraceError
from aegis.study.imported.fields import (
    parse_object,
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

HARNESS = "vla-eval"
_SERVED = ("send_wrist_image", "send_state", "quat_no_antipodal", "step_fields")
"""Parameters of a benchmark that say what a model is sent, and change nothing in the world."""
_EPISODES = """
    SELECT eval_id, task_name, episode_id, metrics, steps, context, failure_reason
    FROM episode_results ORDER BY rowid
"""
_HEADS = "SELECT eval_id, metadata FROM eval_metadata"


def read_vla_eval_recording(path: Path) -> ImportedResults:
    """Reads the recording of a run, ``recording-*.sqlite``; nothing in it is changed.

    Raises:
        TraceError: If it is damaged, or an episode does not say which one it is.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_EPISODES).fetchall()
            heads = connection.execute(_HEADS).fetchall()
    except sqlite3.Error as error:
        raise TraceError(f"{path} is no recording of vla-eval: {error}.") from error
    # An item of work that was done again counts once, with what came last.
    last: dict[tuple[object, ...], ImportedEpisode] = {}
    for number, row in enumerate(rows):
        eval_id, name, episode, metrics, steps, context, failure = row
        where = f"{path}, row {number + 1} of episode_results"
        facts = {
            **parse_object(context, f"{where}, context"),
            "metrics": parse_object(metrics, f"{where}, metrics"),
            "episode_id": episode,
            "steps": steps,
            "failure_reason": failure,
        }
        last[eval_id, name, episode, facts.get("task_idx")] = _read_episode(facts, name, where)
    conditions: dict[str, str] = {}
    for eval_id, text in heads:
        metadata = parse_object(text, f"{path}, metadata of '{eval_id}'")
        conditions |= _list_conditions(metadata, f"{path}, metadata of '{eval_id}'")
    return _build_results(path, list(last.values()), conditions, partial=False)


def read_vla_eval_aggregate(path: Path, content: Mapping[str, Any]) -> ImportedResults:
    """Reads an aggregate, ``*_aggregate.json``.

    Args:
        path: The file, for messages.
        content: What it holds.

    Raises:
        TraceError: If an episode does not say which one it is.
    """
    episodes = []
    for i, task in enumerate(take_list(content.get("tasks"), f"{path}, tasks")):
        where = f"{path}, tasks[{i}]"
        name = take_object(task, where).get("task")
        for j, facts in enumerate(take_list(task.get("episodes"), f"{where}.episodes")):
            place = f"{where}.episodes[{j}]"
            episodes.append(_read_episode(take_object(facts, place), name, place))
    partial = bool(content.get("partial"))
    return _build_results(path, episodes, _list_conditions(content, str(path)), partial=partial)


def _read_episode(facts: Mapping[str, Any], name: object, where: str) -> ImportedEpisode:
    """Returns an episode; what the harness knows of its task stands beside its result."""
    suite, index = facts.get("suite"), facts.get("episode_idx", facts.get("episode_id"))
    address = EpisodeAddress(
        take_text(suite, f"{where}: suite"),
        take_number(facts.get("task_id"), f"{where}: task_id"),
        take_number(index, f"{where}: episode_idx"),
    )
    error = facts.get("failure_reason")
    success = take_object(facts.get("metrics", {}), f"{where}: metrics").get("success")
    steps = facts.get("steps")
    return ImportedEpisode(
        address=address,
        success=False if error else take_flag(success, f"{where}: metrics.success"),
        steps=None if steps is None else take_number(steps, f"{where}: steps"),
        instruction="" if name is None else take_text(name, f"{where}: task"),
        error="" if not error else take_text(error, f"{where}: failure_reason"),
    )


def _list_conditions(head: Mapping[str, Any], where: str) -> dict[str, str]:
    """Returns how a benchmark was run: its name, its parameters, and what drew the pictures."""
    config = take_object(head.get("config") or {}, f"{where}: config")
    params = take_object(config.get("params") or {}, f"{where}: params")
    found = {
        "benchmark": str(config.get("benchmark", head.get("benchmark", ""))),
        "release": str(head.get("harness_version", "")),
        "mode": str(head.get("mode", "")),
        "max_steps": str(config.get("max_steps")),
    }
    render = head.get("render")
    if isinstance(render, Mapping):
        found["render"] = str(render.get("requested", ""))
    kept = {name: value for name, value in params.items() if name not in _SERVED}
    return found | {f"params.{name}": str(value) for name, value in sorted(kept.items())}


def _build_results(
    path: Path,
    episodes: Sequence[ImportedEpisode],
    conditions: Mapping[str, str],
    *,
    partial: bool,
) -> ImportedResults:
    """Returns results; shards write in any order, so episodes are put in that of their starts."""
    if not episodes:
        raise TraceError(f"{path} holds no episodes.")
    ordered = number_repetitions(sorted(episodes, key=lambda one: one.address))
    notes = [f"{path.name} is partial: not all episodes were played."] if partial else []
    return ImportedResults(str(path), HARNESS, ordered, conditions, tuple(notes))
