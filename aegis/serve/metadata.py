"""Metadata: the first frame of a connection, which says what is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from aegis.core.conventions import Conventions
from aegis.core.protocols import PolicySpec
from aegis.core.types import Embodiment
from aegis.host.array_messages import Value
from aegis.host.wire_names import ABOUT, PROTOCOL
from aegis.serve.request import WireLayout


@dataclass(frozen=True, slots=True)
class Served:
    """What clients are told.

    Attributes:
        spec: The policy, or of a gated controller what it amounts to.
        embodiment: The robot.
        layout: Where things stand in a request.
        gated: Whether it is a gated controller, whose answers depend on those before.
        max_bytes: Of a request.
        policies: Name to digest of each policy behind it.
        conventions: What its numbers and pictures mean; pictures once they are the way round that
            the layout says.
        scores: Names of the scores that come with each answer of a gated controller.
    """

    spec: PolicySpec
    embodiment: Embodiment
    layout: WireLayout
    gated: bool
    max_bytes: int
    policies: Mapping[str, str]
    conventions: Conventions
    scores: tuple[str, ...] = ()

    def describe_server(self) -> dict[str, Value]:
        """Returns the first frame."""
        spec, layout = self.spec, self.layout
        about = {
            "protocol": PROTOCOL,
            "policy": spec.name,
            "gated": self.gated,
            "max_bytes": self.max_bytes,
            "policies": dict(self.policies),
            "digest": spec.digest,
            "rounding": spec.rounding,
            "batch_invariant": spec.batch_invariant,
            "portable": spec.portable,
            "from_due": spec.from_due,
            "history": list(spec.history),
            "horizon": spec.horizon,
            "execute": spec.execute,
            "actions": list(self.embodiment.names),
            "cameras": {
                camera: {"key": layout.pictures[camera], "height": int(h), "width": int(w)}
                for camera, (h, w) in spec.cameras.items()
            },
            "state": layout.state,
            "prompt": layout.prompt,
            "mirror": layout.mirror,
            "resize": layout.resize,
            "taps": dict(spec.taps),
            "scores": list(self.scores),
            "conventions": asdict(self.conventions),
            "robot": describe_robot(self.embodiment),
        }
        return {ABOUT: about}


def describe_robot(embodiment: Embodiment) -> dict[str, Value]:
    """Returns what actions are within, and how often one is executed [s]."""
    return {
        "kind": embodiment.kind.value,
        "low": embodiment.low.tolist(),
        "high": embodiment.high.tolist(),
        "period": embodiment.dt,
    }
