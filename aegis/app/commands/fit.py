"""`aegis fit`: fits a probe on collected episodes, calibrates its threshold, and judges it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aegis.app.command import Command, add_no_options
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show, resolve_run_folder
from aegis.app.screen import Json, Screen
from aegis.core.errors import CalibrationError, ConfigError, UnknownNameError
from aegis.detectors.probe import PROBE_KINDS, Probe
from aegis.fitting.advantage_table import read_advantage_table
from aegis.fitting.collected_run import CollectedRun
from aegis.fitting.judgement import (
    ADVANTAGE,
    FAILURE,
    LABELS,
    RESCUE,
    ROW_NOUNS,
    ProbeReport,
    judge_probe,
)
from aegis.fitting.probe_fit import WEIGHTINGS, WINDOWS, fit_probe
from aegis.fitting.table import FittingTable, join_tables
from aegis.records.files import write_atomic
from aegis.records.store import RunTables

_SET_NAMES = ("train", "calibration", "test")
_TIMED_SCORES = 2000  # scores to time

STAY_CONDITIONS = ("all", FAILURE, "success")
"""Whose stays count: those of all episodes, or of those that the policy alone fails, or solves."""


def _run_fit(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("fit", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = Path(settings.text("out"))
    seed = settings.integer("seed", 0)
    resolve_run_folder(settings.text("name"))
    with screen.err.status("reading episodes"):
        sets = _read_sets(settings, seed)
    chosen = settings.value("strength") is None
    with screen.err.status("fitting" + ", with cross-validation by start state" * chosen):
        probe = _fit_configured_probe(settings, sets, seed)
    with screen.err.status("judging, with bootstrap intervals by episode"):
        label = settings.choice("label", LABELS)
        report = judge_probe(probe, sets.alone, sets.test, root=seed, label=label)
    report = replace(report, cost_us=_measure_cost(probe, sets.test))
    out.parent.mkdir(parents=True, exist_ok=True)
    probe.write_file(out)
    facts = _describe_fit(probe, report, out)
    write_atomic(out.with_suffix(".json"), (json.dumps(facts, indent=2) + "\n").encode())
    screen.print_line(report.format_table())
    rows, good, _ = ROW_NOUNS[label]
    screen.print_line(
        f"\n{probe.kind} probe on {probe.layer}: {probe.n_train} training {rows}, threshold "
        f"{probe.threshold:.3f} from {probe.n_calibration} {good} at alpha {probe.alpha}, release "
        f"{probe.release:.3f}"
    )
    given = settings.choice("given", STAY_CONDITIONS)
    screen.print_line(f"written to {out}; next: aegis {find_reader(label, given)}.path={out}")
    return facts


def find_reader(label: str, given: str) -> str:
    """Returns the command, and the part of its configuration, that reads such a probe."""
    if label == FAILURE:
        return "run detector"
    return f"study detectors.{'keep' if (label, given) == (RESCUE, 'success') else label}"


@dataclass(frozen=True, slots=True, eq=False)
class _FittingSets:
    """What is fitted on, what of that is like the rest, and what the rest is done on."""

    train: FittingTable
    alone: FittingTable
    calibration: FittingTable
    test: FittingTable


def _fit_configured_probe(settings: Settings, sets: _FittingSets, seed: int) -> Probe:
    """Fits a probe as the configuration says."""
    strength, window = settings.value("strength"), settings.value("window")
    guard, calibration = settings.number("guard", 0.0, 1.0), sets.calibration
    if settings.choice("label", LABELS) != FAILURE:
        # A row before the guard is no episode that ended calmly: no gate would be asked there.
        calibration = calibration.select_rows(calibration.k >= guard * calibration.horizon)
    return fit_probe(
        sets.train,
        calibration,
        kind=settings.choice("kind", PROBE_KINDS),
        alpha=settings.number("alpha", 0.0, 1.0),
        guard=guard,
        root=seed,
        windows=WINDOWS if window is None else (settings.number("window", 0.0, 1.0),),
        release_quantile=settings.number("release", 0.0, 1.0),
        strength=None if strength is None else settings.number("strength", 0.0, 1e6),
        weight=settings.choice("weight", WEIGHTINGS),
    )


def _read_sets(settings: Settings, seed: int) -> _FittingSets:
    """Reads the sets; those without a run folder are parts of the first, by start state."""
    shares = settings.numbers("shares")
    if len(shares) != len(_SET_NAMES) or min(shares) <= 0:
        raise ConfigError(f"'shares' must be three positive numbers. Got: {list(shares)}.")
    stays, many = settings.choice("label", LABELS) == RESCUE, settings.value("arms")
    if stays and many is None:
        raise ConfigError(
            "label=rescue is fitted on arms with one stay of the strong policy. Name them: "
            "arms=[stint_early,stint_middle]."
        )
    arm = settings.texts("arms") if stays else [settings.text("arm")]
    cut = [name for name in _SET_NAMES if name == "train" or settings.value(name) is None]
    weights = [shares[_SET_NAMES.index(name)] for name in cut]
    read = [arm] if stays or many is None else [arm, settings.texts("arms")]
    # A start state is dealt out by its address, so all its arms go to the same part.
    dealt = [
        dict(zip(cut, _split_by_start(whole, weights, seed), strict=True))
        for whole in _read_tables(settings, "train", read)
    ]
    found = dealt[0] | {
        name: _read_tables(settings, name, [arm])[0] for name in _SET_NAMES if name not in cut
    }
    return _FittingSets(dealt[-1]["train"], found["train"], found["calibration"], found["test"])


def _split_by_start(
    whole: FittingTable, weights: list[float], seed: int
) -> tuple[FittingTable, ...]:
    if len(weights) == 1:
        return (whole,)
    parts = whole.split_starts([weight / sum(weights) for weight in weights], seed)
    if not all(part.episodes for part in parts):
        raise CalibrationError(
            f"{whole.episodes} episodes are too few to be dealt out in shares {weights}. Collect "
            "more: aegis collect units=..."
        )
    return parts


def _read_tables(
    settings: Settings, name: str, sets: Sequence[Sequence[str]]
) -> list[FittingTable]:
    """Reads one run folder, or a list of them, each once; a table for each set of arms."""
    policy, layer = settings.text("policy"), settings.text("layer")
    label = settings.choice("label", LABELS)
    if label == ADVANTAGE:
        if settings.value("arms") is not None:
            raise ConfigError("label=advantage is fitted on forks of one arm. Leave out 'arms'.")
        folders = settings.texts("forks" if name == "train" else name)
        forked = settings.text("arm")
        return [
            join_tables([read_advantage_table(Path(one), forked, policy, layer) for one in folders])
        ]
    runs = [RunTables.read_folder(Path(folder)) for folder in dict.fromkeys(settings.texts(name))]
    chosen = [_select_arms(runs, arms) for arms in sets]
    holds = _read_holds(settings) if label == RESCUE else None
    given = settings.choice("given", STAY_CONDITIONS)
    alone, solved = (None if given == "all" else settings.text("arm")), given == "success"
    found: list[list[FittingTable]] = []
    for run, *there in zip(runs, *chosen, strict=True):
        read = CollectedRun.from_tables(run, policy, layer)
        found.append(
            [
                read.tabulate_stays(arms, holds, alone, solved)
                if holds
                else read.tabulate_rollouts(arms)
                for arms in there
            ]
        )
    return [join_tables(parts) for parts in zip(*found, strict=True)]


def _read_holds(settings: Settings) -> tuple[int, int]:
    holds = settings.integers("holds")
    if len(holds) != 2 or not 1 <= holds[0] <= holds[1]:
        raise ConfigError(f"'holds' must be two ascending lengths [chunks]. Got: {list(holds)}.")
    return holds[0], holds[1]


def _select_arms(runs: Sequence[RunTables], arms: Sequence[str]) -> list[list[str]]:
    """Returns those of the arms that each run has; every run must have one.

    Raises:
        UnknownNameError: If an arm is in no run, or a run has none of them.
    """
    names = [{row.arm for row in run.episodes} for run in runs]
    everywhere = set().union(*names)
    for arm in arms:
        if arm not in everywhere:
            where = ", ".join(str(run.root) for run in runs)
            raise UnknownNameError("arm", arm, sorted(everywhere), where)
    for run, there in zip(runs, names, strict=True):
        if not there & set(arms):
            raise UnknownNameError("arm", arms[0], sorted(there), str(run.root))
    return [[arm for arm in arms if arm in there] for there in names]


def _measure_cost(probe: Probe, rows: FittingTable) -> float:
    """Measures one score as the controller asks for it [us]."""
    n = min(_TIMED_SCORES, len(rows.features))
    probe.compute_risk(rows.features[:1])
    began = time.perf_counter()
    for i in range(n):
        probe.compute_risk(rows.features[i : i + 1])
    return 1e6 * (time.perf_counter() - began) / n


def _describe_fit(probe: Probe, report: ProbeReport, out: Path) -> dict[str, Json]:
    return {
        "out": str(out),
        "label": report.label,
        "layer": probe.layer,
        "kind": probe.kind,
        "threshold": probe.threshold,
        "release": probe.release,
        "alpha": probe.alpha,
        "n_train": probe.n_train,
        "n_calibration": probe.n_calibration,
        "report": report.as_dict(),
    }


COMMAND = Command(
    name="fit",
    details="""
        Fits a risk head on the activations of collected episodes, calibrates its threshold by split
        conformal prediction on weak-only episodes from other start states, and reports AUROC with
        bootstrap intervals in the first 30 % of the horizon, next to what time, task and
        proprioception alone can tell. Episodes in which the strong policy drove for a while teach
        it when control can be given back; only rows after that are read. Of several folders, those
        may lack some of the arms. On forks it learns, instead, where only the strong policy
        succeeds; on stays, where a short one makes the episode succeed.
    """,
    examples=(
        ("aegis fit", "on runs/collect, dealt out by start state"),
        ("aegis fit kind=mlp layer=trunk.last name=mlp", "another head, another layer"),
        (
            "aegis fit train=runs/a calibration=runs/b test=runs/c alpha=0.05",
            "three separate collections, stricter",
        ),
        (
            "aegis fit kind=ensemble strength=0.3 weight=row arms=[weak,stint_early] "
            "layer=head.hidden+trunk.last+tick train=[runs/a,runs/b]",
            "networks, on two layers and time, after stays of the strong policy too",
        ),
        (
            "aegis fit label=advantage forks=runs/forks name=advantage",
            "is help needed, and enough?",
        ),
        (
            "aegis fit label=rescue arms=[stint_early,stint_middle] train=runs/stints name=rescue",
            "will a short stay do? from aegis collect stints=true",
        ),
    ),
    configured=True,
    options=add_no_options,
    run=_run_fit,
)
