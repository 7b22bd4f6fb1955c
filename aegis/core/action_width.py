"""Action width: a policy's actions have as many dimensions as the robot's, or it is refused."""

from __future__ import annotations

from aegis.core.errors import EmbodimentError
from aegis.core.protocols import PolicySpec
from aegis.core.types import Embodiment, PolicyId, Proposal


def check_dimensions(spec: PolicySpec, embodiment: Embodiment, name: PolicyId) -> None:
    """Checks before the first step that a policy is one for this robot, as far as it says.

    Args:
        spec: What the policy says of itself.
        embodiment: The robot.
        name: The policy, for the message.

    Raises:
        EmbodimentError: If its actions have another number of dimensions.
    """
    if spec.dimensions is not None:
        _require_width(spec.dimensions, embodiment, name)


def check_proposal_width(proposal: Proposal, embodiment: Embodiment, name: PolicyId) -> None:
    """Checks a proposal of a policy that does not say how many dimensions its actions have.

    Whatever else may be wrong with a proposal passes, and the robot holds meanwhile; a policy of
    another robot would let it hold for ever.

    Args:
        proposal: What the policy proposed.
        embodiment: The robot.
        name: The policy, for the message.

    Raises:
        EmbodimentError: If its actions have another number of dimensions.
    """
    shape: tuple[int, ...] = getattr(proposal.actions, "shape", ())
    if len(shape) == 2:
        _require_width(shape[1], embodiment, name)


def _require_width(given: int, embodiment: Embodiment, name: PolicyId) -> None:
    names = embodiment.names
    if given != len(names):
        raise EmbodimentError(
            f"Policy '{name}' gives actions of {given} numbers; this robot takes {len(names)}: "
            f"{', '.join(names)}. Choose a policy that was trained on this robot, or the robot "
            "that it was trained on."
        )
