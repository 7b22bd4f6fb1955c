"""A folder of configurations in which all commands run on the toy world, in seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_COMMON = """
env: {_target_: tests.fakes.ToyWorld, horizon: 60}
start: {family: wide, split: SPLIT, offset: 0}
weak: {_target_: tests.fakes.ToyPolicy, name: weak, weak: true}
name: COMMAND
seed: 0
tasks: [0, 1, 2, 3]
units: UNITS
patience: 3
workers: 2
slots: 2
batch_dependent: false
trusted: [tests]
"""
_BOTH = """
strong: {_target_: tests.fakes.ToyPolicy, name: strong, weak: false}
detector:
  _target_: aegis.detectors.activation.ActivationProbe.load
  path: runs/fit/probe.safetensors
  policy_digest: null
  name: probe
"""
_SHARED = "sharing: true\naudit: 0.02\n"
_GATE = """
gate:
  _target_: aegis.gates.conformal.ConformalGate
  threshold: calibrated
  guard_fraction: 0.2
  score: null
switch: {_target_: aegis.gates.switch.HysteresisSwitch, release: calibrated, hold_chunks: 2}
first: weak
"""
_ARM = """
  NAME:
    gate: GATE
    switch: SWITCH
    first: FIRST
    weak: weak
    strong: strong
    detect: true
    salt: {}
"""
_SCHEDULE = "{_target_: aegis.gates.schedule.ScheduleGate, start_tick: 20, holds: [3]}"
_LATE = "{_target_: aegis.gates.schedule.ScheduleGate, start_tick: 20, holds: [1000]}"
_GATES = {
    "weak": "{_target_: aegis.gates.constant.NeverGate}",
    "strong": "{_target_: aegis.gates.constant.NeverGate}",
    "blind": _SCHEDULE,
    "blind_late": _LATE,
    "blind_early": "{_target_: aegis.gates.constant.NeverGate}",
    "blind_middle": _SCHEDULE,
    "random": "{_target_: aegis.gates.bernoulli.RandomGate, rate: 0.1, holds: [3]}",
    "aegis": "{_target_: aegis.gates.conformal.ConformalGate, threshold: calibrated}",
    "ours": "{_target_: aegis.gates.conformal.ConformalGate, threshold: calibrated}",
}
_SWITCH = "{_target_: aegis.gates.switch.HysteresisSwitch, release: RELEASE, hold_chunks: 2}"
_LEAD = "{_target_: aegis.gates.lead.LeadSwitch, holds: [3]}"
_DIALS = {
    "blind": "{kind: start, target: recommended, holds: recommended}",
    "blind_late": "{kind: start, target: recommended}",
    "blind_early": "{kind: lead, target: recommended}",
    "blind_middle": "{kind: stint, target: recommended, starts: [4, 12]}",
    "random": "{kind: rate, target: recommended, holds: recommended}",
    "ours": "{kind: threshold, target: budget}",
}
_RESEED = """
  reseed: {like: recommended, strong: reseed, salt: {reseed: 1}}
"""
_PLAN = """
plan:
  question: Does the gate help?
  reference: weak
  published: aegis
  draws: 10000
  recommended: ours
  random: random
  oracle: oracle
  contrasts:
    - {arm: ours, against: blind, alternative: greater}
    - {arm: ours, against: random, alternative: greater}
    - {arm: ours, against: reseed, alternative: greater}
    - {arm: ours, against: strong, alternative: noninferior}
  secondary:
    - {arm: ours, against: aegis, alternative: greater}
  alpha: 0.05
  margin: 0.03
  multiplicity: holm
  budget: {duty: 0.2, at_most: 0.5, tolerance: 0.05}
  stopping: fixed
  looks: []
  exclusions: none
  windows: [0.1, 0.3]
  early: 0.3
  kill: {early_auroc: 0.6, duty: 0.9, floor: 0.03, ceiling: 0.97, stops: false}
  roles: {weak: alone}
calibration: {units: 12, offset: 0, tries: 3}
forks: {units: 4, ticks: [0, 8]}
latency: {units: 0}
keep: [aegis, ours]
truth: []
pictures: {camera: eye, size: 16, count: 4}
"""
_COLLECT = """
strong: {_target_: tests.fakes.ToyPolicy, name: strong, weak: false}
stints: false
stint: {ranges: {early: [0, 8], late: [4, 12]}, holds: [1, 2, 1000]}
forks: []
"""
_FIT = """
name: fit
seed: 0
train: runs/collect
calibration: null
test: null
shares: [0.5, 0.25, 0.25]
label: failure
forks: runs/forks
arm: weak
arms: null
holds: [1, 2]
given: all
policy: weak
layer: trunk
kind: logistic
strength: null
window: null
weight: episode
alpha: 0.10
guard: 0.20
release: 0.5
out: runs/${name}/probe.safetensors
"""


_TRAIN = """
expert: {_target_: tests.fakes.ToyPolicy, name: expert, weak: false}
lead: {_target_: tests.fakes.ToyPolicy, name: lead, weak: true}
demos:
  out: runs/demos
  units: 6
  every: 2
  cameras: {eye: 16}
  rho: 0.9
  noise: [0.1, 0.1, 0.0]
  lead_ticks: null
model:
  _target_: tests.app.toy.count_demonstrations
  demonstrations: ${demos.out}
  out: runs/${name}/policy.txt
  training: {_target_: tests.app.toy.Steps, steps: 3}
"""


@dataclass(frozen=True)
class Steps:
    """Settings of a training."""

    steps: int


@dataclass(frozen=True)
class Report:
    """What a trainer reports."""

    step: int
    loss: float


def count_demonstrations(
    demonstrations: str,
    out: str,
    training: Steps,
    progress: Callable[[Report], None] | None = None,
) -> Path:
    """Learns how many demonstrations there are."""
    for step in range(training.steps):
        if progress is not None:
            progress(Report(step + 1, 1 / (step + 1)))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(str(len(list(Path(demonstrations).glob("*.npz")))))
    return Path(out)


def write_configs(folder: Path) -> Path:
    """Writes ``collect``, ``fit``, ``run``, ``study`` and ``demo`` for the toy world."""
    folder.mkdir()
    arms = "arms:" + "".join(_arm(name) for name in _GATES) + _RESEED
    film = "film: {size: 32, fps: 20}\n"
    demo = "recommended: aegis\narms:" + _arm("weak") + _arm("aegis")
    texts = {
        "collect": _common("collect", "training", 120) + _COLLECT,
        "fit": _FIT,
        "train": _common("train", "training", 1) + _TRAIN,
        "run": _common("run", "test", 8) + _BOTH + _GATE,
        "study": _common("study", "test", 12) + _SHARED + _BOTH + arms + _PLAN,
        "demo": _seeing(_common("demo", "test", 8)) + _SHARED + _BOTH + demo + film,
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def _common(command: str, split: str, units: int) -> str:
    text = _COMMON.replace("COMMAND", command).replace("SPLIT", split)
    return text.replace("UNITS", str(units))


def _seeing(text: str) -> str:
    return text.replace("weak: true}", "weak: true, cameras: {eye: [16, 16]}}")


def _arm(name: str) -> str:
    release = "calibrated" if name in ("aegis", "ours") else "-.inf"
    first = "strong" if name in ("strong", "blind_early") else "weak"
    switch = _LEAD if name == "blind_early" else _SWITCH.replace("RELEASE", release)
    text = _ARM.replace("NAME", name).replace("GATE", _GATES[name])
    dial = f"    dial: {_DIALS[name]}\n" if name in _DIALS else ""
    return text.replace("SWITCH", switch).replace("FIRST", first) + dial
