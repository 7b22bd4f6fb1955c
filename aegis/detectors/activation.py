"""The detector that reads a probe's risk from the activations that came with a proposal."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import CheckpointError, ShapeError
from aegis.core.protocols import PolicySpec
from aegis.core.types import EpisodeKey, Observation, Proposal, Score
from aegis.detectors.probe import Probe
from aegis.detectors.reading import Past

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class ActivationProbe:
    """Scores each weak chunk by a probe on what is tapped.

    Its state is what was seen so far in the episode, if the probe reads that, else None.

    Attributes:
        probe: The risk head.
        name: Name of its score.
    """

    probe: Probe
    name: str = "probe"

    @classmethod
    def load(
        cls, path: str | Path, policy_digest: str | None, name: str = "probe"
    ) -> ActivationProbe:
        """Reads a probe and checks that it was fitted to this policy.

        Args:
            path: The probe's file.
            policy_digest: Digest of the policy to watch; None leaves the check to ``check``.
            name: Name of its score.

        Raises:
            CheckpointError: If the file is unusable or was fitted to another policy.
        """
        probe = Probe.read_file(Path(path))
        if policy_digest is not None:
            _check_policy_digest(probe, policy_digest)
        return cls(probe, name)

    @property
    def calibration(self) -> Mapping[str, float]:
        """Numbers that the probe was calibrated to: threshold, release, alpha and guard."""
        probe = self.probe
        return {
            "threshold": probe.threshold,
            "release": probe.release,
            "alpha": probe.alpha,
            "guard": probe.guard,
        }

    @property
    def digest(self) -> str:
        """Hash of the probe's weights: all that its scores depend on besides the activations."""
        head, sha = self.probe.head, hashlib.blake2b(digest_size=8)
        for array in (head.mean, head.scale, *head.weights, *head.biases):
            sha.update(array.tobytes())
        return sha.hexdigest()

    def check(self, spec: PolicySpec) -> None:
        """Checks that a policy gives what the probe reads; call it before the first episode.

        Raises:
            CheckpointError: If the probe was fitted to another policy.
            UnknownNameError: If the policy does not tap a layer.
            ShapeError: If the layers have another width.
        """
        _check_policy_digest(self.probe, spec.digest)
        width = self.probe.reading.count_features(spec.taps, f"policy '{spec.name}'")
        if width != self.probe.head.width:
            raise ShapeError(
                f"Layer '{self.probe.layer}' has {width} features; the probe reads "
                f"{self.probe.head.width}. Fit it again."
            )

    def start(self, key: EpisodeKey) -> Past | None:
        """Returns the state at the start of an episode: nothing was seen."""
        return None

    def update(
        self, state: Past | None, proposal: Proposal | None, obs: Observation
    ) -> tuple[Past | None, Score]:
        """Scores one proposal; NaN when it, its activations, or a number among them is missing.

        Raises:
            UnknownNameError: If layers were tapped, but not all that the probe reads.
            ShapeError: If they have another width.
        """
        if proposal is None or not proposal.features:
            return state, Score(self.name, _NAN)
        reading, where = self.probe.reading, f"the proposal of '{proposal.policy}'"
        seen = reading.update_past(state, proposal.features, where)
        features = reading.build_vector(
            proposal.features, proposal.k0, self.probe.horizon, where, seen
        )
        return seen, Score(self.name, float(self.probe.compute_risk(features[None])[0]))


def _check_policy_digest(probe: Probe, digest: str) -> None:
    if probe.policy_digest != digest:
        raise CheckpointError(
            f"The probe on '{probe.layer}' was fitted to policy {probe.policy_digest}, but this "
            f"is {digest}. Fit a probe to this policy with `aegis fit`."
        )
