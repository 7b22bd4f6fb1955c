"""`aegis fit`: fits a probe on collected episodes, calibrates its threshold, and judges it."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from aegis.app.command import Command
from aegis.app.experiment import composed_for, run_folder
from aegis.app.screen import Json, Screen
from aegis.app.settings import Settings
from aegis.core.errors import CalibrationError, ConfigError
from aegis.detectors.fit import fit_probe
from aegis.detectors.probe import Probe
from aegis.detectors.report import Report, judge_probe
from aegis.detectors.rollouts import Rollouts
from aegis.run.files import write_atomic
from aegis.run.rollouts import load_rollouts

_PARTS = ("train", "calibration", "test")
_TIMES = 2000  # scores to time


def _run(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    composed = composed_for("fit", options, screen)
    if composed is None:
        return {}
    settings = Settings(composed.tree)
    out = Path(settings.text("out"))
    seed = settings.integer("seed", 0)
    run_folder(settings.text("name"))
    with screen.err.status("reading episodes"):
        train, calibration, test = _sets(settings, seed)
    with screen.err.status("fitting, with cross-validation by start state"):
        probe = fit_probe(
            train,
            calibration,
            kind=settings.choice("kind", ("logistic", "mlp")),
            alpha=settings.number("alpha", 0.0, 1.0),
            guard=settings.number("guard", 0.0, 1.0),
            root=seed,
            release_quantile=settings.number("release", 0.0, 1.0),
        )
    with screen.err.status("judging, with bootstrap intervals by episode"):
        report = judge_probe(probe, train, test, root=seed)
    report = replace(report, cost_us=_cost(probe, test))
    out.parent.mkdir(parents=True, exist_ok=True)
    probe.save(out)
    facts = _facts(probe, report, out)
    write_atomic(out.with_suffix(".json"), (json.dumps(facts, indent=2) + "\n").encode())
    screen.say(report.text())
    screen.say(
        f"\n{probe.kind} probe on {probe.layer}: {probe.n_train} training episodes, threshold "
        f"{probe.threshold:.3f} from {probe.n_calibration} successes at alpha {probe.alpha}, "
        f"release {probe.release:.3f}"
    )
    screen.say(f"written to {out}; next: aegis run detector.path={out}")
    return facts


def _sets(settings: Settings, seed: int) -> list[Rollouts]:
    """Reads the three sets; those without a run folder are parts of the first, by start state."""
    shares = settings.numbers("shares")
    if len(shares) != len(_PARTS) or min(shares) <= 0:
        raise ConfigError(f"'shares' must be three positive numbers. Got: {list(shares)}.")
    given = {name: settings.value(name) for name in _PARTS}
    whole = _read(settings, settings.text("train"))
    cut = [name for name in _PARTS if name == "train" or given[name] is None]
    weights = [shares[_PARTS.index(name)] for name in cut]
    parts = dict(zip(cut, _deal(whole, weights, seed), strict=True))
    return [
        parts[name] if name in parts else _read(settings, settings.text(name)) for name in _PARTS
    ]


def _deal(whole: Rollouts, weights: list[float], seed: int) -> tuple[Rollouts, ...]:
    if len(weights) == 1:
        return (whole,)
    parts = whole.split([weight / sum(weights) for weight in weights], seed)
    if not all(part.episodes for part in parts):
        raise CalibrationError(
            f"{whole.episodes} episodes are too few to be dealt out in shares {weights}. Collect "
            "more: aegis collect units=..."
        )
    return parts


def _read(settings: Settings, folder: str) -> Rollouts:
    arm, policy, layer = (settings.text(name) for name in ("arm", "policy", "layer"))
    return load_rollouts(Path(folder), [arm], policy, layer)


def _cost(probe: Probe, rows: Rollouts) -> float:
    """Measures one score as the controller asks for it [us]."""
    n = min(_TIMES, len(rows.features))
    probe.risk(rows.features[:1])
    began = time.perf_counter()
    for i in range(n):
        probe.risk(rows.features[i : i + 1])
    return 1e6 * (time.perf_counter() - began) / n


def _facts(probe: Probe, report: Report, out: Path) -> dict[str, Json]:
    return {
        "out": str(out),
        "layer": probe.layer,
        "kind": probe.kind,
        "threshold": probe.threshold,
        "release": probe.release,
        "alpha": probe.alpha,
        "n_train": probe.n_train,
        "n_calibration": probe.n_calibration,
        "report": report.as_dict(),
    }


def _options(parser: argparse.ArgumentParser) -> None:
    del parser  # None of its own.


COMMAND = Command(
    name="fit",
    details="""
        Fits a risk head on the activations of collected weak-only episodes, calibrates its
        threshold by split conformal prediction on episodes from other start states, and reports
        AUROC with bootstrap intervals in the first 30 % of the horizon, next to what time, task and
        proprioception alone can tell.
    """,
    examples=(
        ("aegis fit", "on runs/collect, dealt out by start state"),
        ("aegis fit kind=mlp layer=trunk.last name=mlp", "another head, another layer"),
        (
            "aegis fit train=runs/a calibration=runs/b test=runs/c alpha=0.05",
            "three separate collections, stricter",
        ),
    ),
    configured=True,
    options=_options,
    run=_run,
)
