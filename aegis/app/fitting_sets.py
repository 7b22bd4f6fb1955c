"""Fitting sets: the episodes that a detector is fitted, calibrated and judged on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aegis.app.config.settings import Settings
from aegis.core.errors import CalibrationError, ConfigError, UnknownNameError
from aegis.fitting.advantage_table import read_advantage_table
from aegis.fitting.collected_run import CollectedRun
from aegis.fitting.judgement import ADVANTAGE, FAILURE, LABELS, RESCUE
from aegis.fitting.table import FittingTable, join_tables
from aegis.records.store import RunTables

STAY_CONDITIONS = ("all", FAILURE, "success")
"""Episodes whose stays count: all, or those that the policy alone fails, or solves."""

_SET_NAMES = ("train", "calibration", "test")


@dataclass(frozen=True, slots=True, eq=False)
class FittingSets:
    """Tables of disjoint start states.

    Attributes:
        train: Episodes to fit on.
        alone: Those of ``train`` in which the policy drove alone, as in the other sets.
        calibration: Episodes to calibrate thresholds on.
        test: Episodes to judge on.
    """

    train: FittingTable
    alone: FittingTable
    calibration: FittingTable
    test: FittingTable


def read_fitting_sets(settings: Settings, seed: int) -> FittingSets:
    """Reads the sets; those without a run folder are parts of the first, by start state.

    Args:
        settings: Settings of `aegis fit`.
        seed: Root seed of the split.

    Raises:
        ConfigError: If the settings contradict each other.
        UnknownNameError: If a run lacks an arm, policy or layer.
        CalibrationError: If there are too few episodes.
    """
    shares = settings.numbers("shares")
    if len(shares) != len(_SET_NAMES) or min(shares) <= 0:
        raise ConfigError(f"'shares' must be three positive numbers. Got: {list(shares)}.")
    arms_alone, arms_train = _choose_arms(settings)
    split_sets = [name for name in _SET_NAMES if name == "train" or settings.value(name) is None]
    weights = [shares[_SET_NAMES.index(name)] for name in split_sets]
    # A start state goes to a part by its address, so all its arms go to the same part.
    parts = [
        dict(zip(split_sets, _split_by_start(whole, weights, seed), strict=True))
        for whole in _read_tables(settings, "train", list(dict.fromkeys((arms_alone, arms_train))))
    ]
    alone = parts[0] | {
        name: _read_tables(settings, name, [arms_alone])[0]
        for name in _SET_NAMES
        if name not in split_sets
    }
    return FittingSets(parts[-1]["train"], alone["train"], alone["calibration"], alone["test"])


def _choose_arms(settings: Settings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the arms of calibration and test, and those that are fitted on."""
    named = settings.value("arms")
    if settings.choice("label", LABELS) == RESCUE:
        if named is None:
            raise ConfigError(
                "label=rescue is fitted on arms with one stay of the strong policy. Name them: "
                "arms=[stint_early,stint_middle]."
            )
        stays = tuple(settings.texts("arms"))
        return stays, stays
    alone = (settings.text("arm"),)
    return alone, alone if named is None else tuple(settings.texts("arms"))


def _split_by_start(
    whole: FittingTable, weights: list[float], seed: int
) -> tuple[FittingTable, ...]:
    if len(weights) == 1:
        return (whole,)
    parts = whole.split_starts([weight / sum(weights) for weight in weights], seed)
    if not all(part.episodes for part in parts):
        raise CalibrationError(
            f"{whole.episodes} episodes are too few to be split in shares {weights}. Collect "
            "more: aegis collect units=..."
        )
    return parts


def _read_tables(
    settings: Settings, name: str, groups: Sequence[Sequence[str]]
) -> list[FittingTable]:
    """Reads one run folder, or a list of them, each once; a table for each group of arms."""
    if settings.choice("label", LABELS) == ADVANTAGE:
        return [_read_forks(settings, name)]
    policy, layer = settings.text("policy"), settings.text("layer")
    runs = [RunTables.read_folder(Path(folder)) for folder in dict.fromkeys(settings.texts(name))]
    arms_by_group = [_select_arms(runs, arms) for arms in groups]
    tables: list[list[FittingTable]] = []
    for run, *arms_of_run in zip(runs, *arms_by_group, strict=True):
        collected = CollectedRun.from_tables(run, policy, layer)
        tables.append([_tabulate_arms(settings, collected, arms) for arms in arms_of_run])
    return [join_tables(parts) for parts in zip(*tables, strict=True)]


def _read_forks(settings: Settings, name: str) -> FittingTable:
    """Reads the forks of one arm from one run folder, or a list of them."""
    if settings.value("arms") is not None:
        raise ConfigError("label=advantage is fitted on forks of one arm. Leave out 'arms'.")
    policy, layer, arm = (settings.text(key) for key in ("policy", "layer", "arm"))
    folders = settings.texts("forks" if name == "train" else name)
    return join_tables(
        [read_advantage_table(Path(folder), arm, policy, layer) for folder in folders]
    )


def _tabulate_arms(
    settings: Settings, collected: CollectedRun, arms: Sequence[str]
) -> FittingTable:
    """Returns the rows of some arms of a run, as the label needs them."""
    if settings.choice("label", LABELS) != RESCUE:
        return collected.tabulate_rollouts(arms)
    condition = settings.choice("given", STAY_CONDITIONS)
    alone = None if condition == "all" else settings.text("arm")
    return collected.tabulate_stays(arms, _read_holds(settings), alone, condition == "success")


def _read_holds(settings: Settings) -> tuple[int, int]:
    holds = settings.integers("holds")
    if len(holds) != 2 or not 1 <= holds[0] <= holds[1]:
        raise ConfigError(f"'holds' must be two ascending lengths [chunks]. Got: {list(holds)}.")
    return holds[0], holds[1]


def _select_arms(runs: Sequence[RunTables], arms: Sequence[str]) -> list[list[str]]:
    """Returns the selected arms that each run has; every run must have one.

    Raises:
        UnknownNameError: If an arm is in no run, or a run has none of them.
    """
    names = [{row.arm for row in run.episodes} for run in runs]
    arms_of_all_runs = set().union(*names)
    for arm in arms:
        if arm not in arms_of_all_runs:
            where = ", ".join(str(run.root) for run in runs)
            raise UnknownNameError("arm", arm, sorted(arms_of_all_runs), where)
    for run, arms_of_run in zip(runs, names, strict=True):
        if not arms_of_run & set(arms):
            raise UnknownNameError("arm", arms[0], sorted(arms_of_run), str(run.root))
    return [[arm for arm in arms if arm in arms_of_run] for arms_of_run in names]
