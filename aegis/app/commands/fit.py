"""`aegis fit`: fits a probe on collected episodes, calibrates its threshold, and judges it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from aegis.app.command import Command, add_no_options
from aegis.app.config.settings import Settings
from aegis.app.experiment import compose_or_show, resolve_run_folder
from aegis.app.fitting_sets import STAY_CONDITIONS, FittingSets, read_fitting_sets
from aegis.app.screen import Json, Screen
from aegis.detectors.probe import PROBE_KINDS, Probe
from aegis.fitting.judgement import FAILURE, LABELS, RESCUE, ROW_NOUNS, ProbeReport, judge_probe
from aegis.fitting.probe_fit import WEIGHTINGS, WINDOWS, fit_probe
from aegis.fitting.table import FittingTable
from aegis.records.files import write_atomic
from aegis.records.json_values import replace_non_finite

_TIMED_SCORES = 2000  # scores to time


def _run_fit(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = compose_or_show("fit", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out, seed = Path(settings.text("out")), settings.integer("seed", 0)
    resolve_run_folder(settings.text("name"))
    with screen.err.status("reading episodes"):
        sets = read_fitting_sets(settings, seed)
    chooses_strength = settings.value("strength") is None
    with screen.err.status("fitting" + ", with cross-validation by start state" * chooses_strength):
        probe = _fit_configured_probe(settings, sets, seed)
    with screen.err.status("judging, with bootstrap intervals by episode"):
        label = settings.choice("label", LABELS)
        report = judge_probe(probe, sets.alone, sets.test, root=seed, label=label)
    report = replace(report, cost_us=_measure_cost(probe, sets.test))
    facts = _write_probe(probe, report, out)
    _print_fit(probe, report, screen)
    reader = find_reader(label, settings.choice("given", STAY_CONDITIONS))
    screen.print_line(f"written to {out}; next: aegis {reader}.path={out}")
    return facts


def _write_probe(probe: Probe, report: ProbeReport, out: Path) -> dict[str, Json]:
    """Writes the probe, and its evaluation beside it; returns the latter."""
    facts = _describe_fit(probe, report, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    probe.write_file(out)
    write_atomic(
        out.with_suffix(".json"), (json.dumps(replace_non_finite(facts), indent=2) + "\n").encode()
    )
    return facts


def _print_fit(probe: Probe, report: ProbeReport, screen: Screen) -> None:
    rows, negatives, _ = ROW_NOUNS[report.label]
    screen.print_line(report.format_table())
    screen.print_line(
        f"\n{probe.kind} probe on {probe.layer}: {probe.n_train} training {rows}, threshold "
        f"{probe.threshold:.3f} from {probe.n_calibration} {negatives} at alpha {probe.alpha}, "
        f"release {probe.release:.3f}"
    )


def find_reader(label: str, condition: str) -> str:
    """Returns the command, and the part of its configuration, that uses such a probe."""
    if label == FAILURE:
        return "run detector"
    return f"study detectors.{'keep' if (label, condition) == (RESCUE, 'success') else label}"


def _fit_configured_probe(settings: Settings, sets: FittingSets, seed: int) -> Probe:
    """Fits a probe as configured."""
    strength, window = settings.value("strength"), settings.value("window")
    guard, calibration = settings.number("guard", 0.0, 1.0), sets.calibration
    if settings.choice("label", LABELS) != FAILURE:
        # A row before the guard does not count as a calm episode: no gate acts there.
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
        bootstrap intervals in the first 30 % of the horizon, next to baselines that see only time,
        task and proprioception. Episodes with a stay of the strong policy teach the probe when
        control can be given back; only their rows after the stay are used. If several folders are
        given, some may lack some of the arms. From forks the probe learns where only the strong
        policy succeeds; from stays, where a short one makes the episode succeed.
    """,
    examples=(
        ("aegis fit", "on runs/collect, split by start state"),
        ("aegis fit kind=mlp layer=trunk.last name=mlp", "another head, another layer"),
        (
            "aegis fit train=runs/a calibration=runs/b test=runs/c alpha=0.05",
            "three separate collections, stricter",
        ),
        (
            "aegis fit kind=ensemble strength=0.3 weight=row arms=[weak,stint_early] "
            "layer=head.hidden+trunk.last+tick train=[runs/a,runs/b]",
            "networks on two layers and time, also fitted after stays of the strong policy",
        ),
        (
            "aegis fit label=advantage forks=runs/forks name=advantage",
            "predicts where only the strong policy succeeds",
        ),
        (
            "aegis fit label=rescue arms=[stint_early,stint_middle] train=runs/stints name=rescue",
            "predicts where a short stay is enough; from aegis collect stints=true",
        ),
    ),
    configured=True,
    options=add_no_options,
    run=_run_fit,
)
