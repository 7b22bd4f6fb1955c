"""A probe: a few kilobytes of weights that read risk from a frozen policy's activations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from aegis.core.errors import CheckpointError, UnknownNameError
from aegis.core.types import F32, F64
from aegis.detectors.head import Array, RiskHead
from aegis.detectors.reading import Reading

FORMAT = "aegis-probe-1"
LOGISTIC, MLP, ENSEMBLE = PROBE_KINDS = ("logistic", "mlp", "ensemble")
"""Kinds of heads: without a hidden layer, with one, and several networks of several layers."""
_HEADER_FIELDS = (
    "layer", "kind", "threshold", "release", "alpha", "window", "guard", "horizon",
    "policy_digest", "n_train", "n_calibration", "metrics",
)  # fmt: skip


def check_kind(kind: str, where: str) -> None:
    """Refuses a kind of head that does not exist.

    Args:
        kind: Its name.
        where: Named in the message.

    Raises:
        UnknownNameError: If it is not one of ``PROBE_KINDS``.
    """
    if kind not in PROBE_KINDS:
        raise UnknownNameError("probe kind", kind, PROBE_KINDS, where)


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """A fitted and calibrated risk head, and what it was fitted and calibrated on.

    Attributes:
        layer: The tapped layer, or several; see ``aegis.detectors.reading``.
        kind: ``"logistic"`` (no hidden layer), ``"mlp"`` or ``"ensemble"`` (several of them).
        head: Its weights.
        threshold: Conformal threshold q; scores above it raise the alarm.
        release: Score below which control may return; never above the threshold.
        alpha: Tolerated share of false alarms on successful episodes.
        window: Share of the horizon whose rows it was trained on.
        guard: Share of the horizon before which the threshold was not calibrated.
        horizon: Longest episode at calibration [control steps].
        policy_digest: Digest of the policy that it was fitted to.
        n_train: Training episodes.
        n_calibration: Successful calibration episodes.
        metrics: Figures from fitting, by name.

    Raises:
        CheckpointError: If the release exceeds the threshold.
        ConfigError: If the layers are no reading.
        UnknownNameError: If the kind does not exist.
    """

    layer: str
    kind: str
    head: RiskHead
    threshold: float
    release: float
    alpha: float
    window: float
    guard: float
    horizon: int
    policy_digest: str
    n_train: int
    n_calibration: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    reading: Reading = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reading", Reading(self.layer))
        check_kind(self.kind, "Probe")
        if not self.release <= self.threshold:
            raise CheckpointError(
                f"release {self.release} must not exceed threshold {self.threshold}."
            )

    def compute_risk(self, features: F32 | F64) -> F64:
        """Returns the probability of failure; see ``RiskHead``. Shape (n, f) to (n,)."""
        return self.head.compute_risk(features)

    def write_file(self, path: Path) -> None:
        """Writes the probe as safetensors, with the facts as JSON in its header."""
        arrays = {"mean": self.head.mean, "scale": self.head.scale}
        for i, (weight, bias) in enumerate(zip(self.head.weights, self.head.biases, strict=True)):
            arrays |= {f"weight.{i}": weight, f"bias.{i}": bias}
        facts = {name: getattr(self, name) for name in _HEADER_FIELDS} | {
            "metrics": dict(self.metrics)
        }
        data = save(arrays, metadata={"format": FORMAT, "probe": json.dumps(facts)})
        # Renamed when it is complete, so that a reader never finds half a probe.
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)

    @classmethod
    def read_file(cls, path: Path) -> Probe:
        """Reads a probe.

        Raises:
            CheckpointError: If the file is missing, damaged, or not a probe.
        """
        if not path.is_file():
            raise CheckpointError(f"No probe at {path}. Fit one with `aegis fit`.")
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(
                f"{path} is damaged or not safetensors ({error}). Fit the probe again."
            ) from error
        if metadata.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} is not a probe of format {FORMAT}. Got: {metadata.get('format')}."
            )
        return cls._from_parts(arrays, metadata["probe"], path)

    @classmethod
    def _from_parts(cls, arrays: dict[str, Array], text: str, path: Path) -> Probe:
        """Returns a probe from its file's parts; the head checks the shapes of the arrays."""
        try:
            facts = json.loads(text)
            layers = sum(name.startswith("weight.") for name in arrays)
            head = RiskHead(
                arrays["mean"],
                arrays["scale"],
                tuple(arrays[f"weight.{i}"] for i in range(layers)),
                tuple(arrays[f"bias.{i}"] for i in range(layers)),
            )
            return cls(
                head=head,
                **{name: facts[name] for name in _HEADER_FIELDS},
            )
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} lacks a part of a probe: {error!r}.") from error
