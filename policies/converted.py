"""Converted policy: a policy of other conventions, with the conversions that its YAML names.

For a policy of LIBERO's usual VLAs in a world with upright pictures::

    _target_: policies.converted.ConvertedPolicy
    name: mine
    policy: {_target_: ..., name: mine}
    pictures: upright_mirrored
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from aegis.core.conventions import (
    CLOSE_POSITIVE,
    EEF_DELTA,
    EEF_PROPRIO,
    EEF_PROPRIO_FOLDED,
    OPEN_ONE,
    OPEN_POSITIVE,
    PICTURES,
    UPRIGHT,
    Conventions,
    check_conventions,
    read_conventions,
    turn_pictures,
)
from aegis.core.errors import ConfigError, UnknownNameError
from aegis.core.protocols import Policy, PolicySpec, Query
from aegis.core.types import F32, Observation, Proposal

_TURN = slice(3, 6)
"""The rotation vector in proprioception."""
_GRIPPERS: Mapping[str, Callable[[F32], F32]] = {
    CLOSE_POSITIVE: lambda gripper: gripper,
    OPEN_POSITIVE: lambda gripper: -gripper,
    OPEN_ONE: lambda gripper: np.float32(1) - 2 * gripper,
}
_WORLD = Conventions(EEF_PROPRIO, EEF_DELTA, CLOSE_POSITIVE, UPRIGHT)


class ConvertedPolicy:
    """Turns what the robot means into what the policy behind it means, and its actions back.

    Args:
        name: Policy id; stamped on its proposals.
        policy: The policy behind it; this one owns it.
        proprio: Its convention of proprioception.
        gripper: Its convention of the gripper's action, the last of the action.
        pictures: Its convention of pictures.

    Raises:
        UnknownNameError: If a convention has no conversion.
        ConventionError: If the policy behind names another convention itself.
        ConfigError: If its rows begin with those that are executed meanwhile, and mean another
            gripper.
    """

    def __init__(
        self,
        name: str,
        policy: Policy,
        proprio: str = EEF_PROPRIO,
        gripper: str = CLOSE_POSITIVE,
        pictures: str = UPRIGHT,
    ) -> None:
        where, folds = f"policy '{name}'", {EEF_PROPRIO: False, EEF_PROPRIO_FOLDED: True}
        for kind, given, known in (
            ("proprio", proprio, folds),
            ("gripper", gripper, _GRIPPERS),
            ("pictures", pictures, PICTURES),
        ):
            if given not in known:
                raise UnknownNameError(f"convention of {kind}", given, known, where)
        said = Conventions(proprio, EEF_DELTA, gripper, pictures)
        check_conventions(read_conventions(policy), said, f"{name}.policy")
        if policy.spec.from_due and gripper != CLOSE_POSITIVE:
            raise ConfigError(
                f"'{name}.gripper' is '{gripper}', but the policy behind begins with the rows that "
                "are executed meanwhile, whose gripper is the robot's. Train it with "
                f"'{CLOSE_POSITIVE}', or do without its future state."
            )
        self._policy, self._folds = policy, folds[proprio]
        self._pictures, self._turn_gripper = pictures, _GRIPPERS[gripper]
        text = f"{policy.spec.digest}:{proprio}:{gripper}:{pictures}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._spec = replace(policy.spec, name=name, digest=digest)

    @property
    def spec(self) -> PolicySpec:
        """That of the policy behind it, under its own name and digest."""
        return self._spec

    @property
    def conventions(self) -> Conventions:
        """Those of the Panda's worlds, whatever the policy behind it means."""
        return _WORLD

    def propose(self, queries: Sequence[Query]) -> list[Proposal | None]:
        """Returns one proposal per query, in order; None where the policy behind has none."""
        found = self._policy.propose([self._convert_query(query) for query in queries])
        return [None if one is None else self._convert_proposal(one) for one in found]

    def close(self) -> None:
        """Closes the policy behind it."""
        self._policy.close()

    def _convert_query(self, query: Query) -> Query:
        past = tuple(self._convert_observation(obs) for obs in query.past)
        return replace(query, obs=self._convert_observation(query.obs), past=past)

    def _convert_observation(self, obs: Observation) -> Observation:
        images = {
            name: turn_pictures(picture, self._pictures) for name, picture in obs.images.items()
        }
        proprio = fold_rotation(obs.proprio) if self._folds else obs.proprio
        return replace(obs, images=images, proprio=proprio)

    def _convert_proposal(self, proposal: Proposal) -> Proposal:
        samples = proposal.samples
        return replace(
            proposal,
            policy=self._spec.name,
            actions=self._convert_actions(proposal.actions),
            samples=None if samples is None else self._convert_actions(samples),
        )

    def _convert_actions(self, actions: F32) -> F32:
        """Returns actions with the robot's gripper. Shapes (..., a)."""
        gripper = self._turn_gripper(actions[..., -1:])
        return np.concatenate([actions[..., :-1], gripper], axis=-1).astype(np.float32)


def fold_rotation(proprio: F32) -> F32:
    """Returns proprioception with the shorter of two rotations.

    Args:
        proprio: Position [m], rotation vector with its angle in [0, 2 pi) [rad], fingers [m].
            Shape (8,).

    Returns:
        The same with an angle in [0, pi] [rad]. Shape (8,).
    """
    turn = proprio[_TURN].astype(np.float64)
    angle = float(np.linalg.norm(turn))
    if angle <= np.pi:
        return proprio
    folded = proprio.copy()
    folded[_TURN] = turn * (1 - 2 * np.pi / angle)
    return folded
