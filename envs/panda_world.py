"""What all worlds of the Panda share: time, outcome, digest and snapshots of one episode."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

from aegis.core.conventions import Conventions
from aegis.core.errors import ConfigError, SnapshotError, StartStateError, UnknownNameError
from aegis.core.protocols import Outcome, WorldState
from aegis.core.types import F64, Command, Embodiment, EpisodeKey, Stop
from envs.gl_context import describe_renderer
from envs.panda import PANDA_CONVENTIONS, check_action, panda_embodiment


class PandaSimulation(Protocol):
    """A simulated task that one episode after the other is played in."""

    @property
    def name(self) -> str:
        """What its snapshots belong to: task, physics, versions."""
        ...

    def begin(self, key: EpisodeKey) -> None:
        """Puts the task into the episode's start state and lets it settle.

        Raises:
            UnknownNameError: If the start family does not exist.
            StartStateError: If no draw is admissible, or the index is out of range.
        """
        ...

    def step(self, action: F64) -> bool:
        """Executes an action, shape (7,), for 50 ms; returns whether the task is done."""
        ...

    def read_state(self) -> F64:
        """Returns all that decides how the simulation goes on. Shape (s,)."""
        ...

    def snapshot(self) -> F64:
        """Returns the state and what observations need besides. Shape (n,)."""
        ...

    def restore(self, values: F64) -> None:
        """Goes on from a snapshot, shape (n,).

        Raises:
            SnapshotError: If the values do not fit.
        """
        ...


S = TypeVar("S", bound=PandaSimulation)


class PandaWorld(ABC, Generic[S]):
    """A world of the Panda, but for how an episode begins and what is seen.

    Args:
        suite: The suite; part of every episode's address.
        horizon: Longest episode [control steps].

    Raises:
        ConfigError: If the horizon is less than one.
    """

    def __init__(self, suite: str, horizon: int) -> None:
        if horizon < 1:
            raise ConfigError(f"env.horizon must be at least 1 control step. Got: {horizon}.")
        self._suite, self._horizon = suite, horizon
        self._embodiment = panda_embodiment()
        self._sim: S | None = None
        self._key: EpisodeKey | None = None
        self._k = 0

    @property
    def embodiment(self) -> Embodiment:
        """The Panda."""
        return self._embodiment

    @property
    def conventions(self) -> Conventions:
        """What its numbers and pictures mean."""
        return PANDA_CONVENTIONS

    @property
    def horizon(self) -> int:
        """Longest episode [control steps]."""
        return self._horizon

    def begin(self, key: EpisodeKey) -> None:
        """Puts the task into the episode's start state and lets it settle.

        Raises:
            ConfigError: If the episode is of another suite.
            UnknownNameError: If the task or start family does not exist.
            StartStateError: If no draw is admissible, or the index is out of range.
        """
        if key.suite != self._suite:
            raise ConfigError(
                f"The episode is of suite '{key.suite}', the environment of '{self._suite}'."
            )
        sim = self._get_simulation(key.task)
        self._key = None  # should it fail, there is no episode
        sim.begin(key)
        self._sim, self._key, self._k = sim, key, 0

    def apply(self, command: Command) -> Outcome:
        """Executes a command for 50 ms.

        Raises:
            ShapeError: If the action is not of shape (7,).
            NonFiniteError: If the action holds NaN or infinity.
            StartStateError: If no episode has begun.
        """
        action = check_action(command)
        success = self._require_simulation().step(action)
        self._k += 1
        stopped = isinstance(command, Stop)
        return Outcome(success=success, done=success or stopped or self._k >= self._horizon)

    def digest(self) -> str:
        """Returns a hash of physics and controller state."""
        state = self._require_simulation().read_state()
        return hashlib.blake2b(state.tobytes(), digest_size=8).hexdigest()

    def describe_renderer(self) -> str:
        """Returns the names of the OpenGL driver and its version, as they name themselves."""
        return describe_renderer()

    def snapshot(self) -> WorldState:
        """Returns all that `restore` needs to go on bit for bit, with the same observation.

        Raises:
            StartStateError: If no episode has begun.
        """
        sim = self._require_simulation()
        assert self._key is not None, "an episode that has begun has a key"
        return WorldState(sim.name, self._key, self._k, sim.snapshot())

    def restore(self, state: WorldState) -> None:
        """Takes up an episode, in a fresh world or one that was elsewhere.

        Raises:
            SnapshotError: If the state belongs to another model or is damaged.
        """
        try:
            if state.key.suite != self._suite or state.k < 0:
                raise SnapshotError(f"No tick {state.k} of suite '{state.key.suite}' exists here.")
            sim = self._get_simulation(state.key.task)
        except UnknownNameError as error:
            raise SnapshotError(f"The snapshot's episode does not exist here: {error}") from error
        if state.model != sim.name:
            raise SnapshotError(
                f"A snapshot of '{state.model}' was given to a world that takes those of "
                f"'{sim.name}' (scene and assets, MuJoCo, stepping). Use the assets, the MuJoCo "
                "version and the stepping that it was taken with, or play the episode from its "
                "start."
            )
        self._key = None  # should it fail, there is no episode
        sim.restore(state.values)
        self._sim, self._key, self._k = sim, state.key, state.k

    def close(self) -> None:
        """Ends the episode; what is shared in the process is freed at exit."""
        self._sim, self._key = None, None

    @abstractmethod
    def _get_simulation(self, task: int) -> S:
        """Returns the simulation to use for a task: the present one where it is of that task.

        Raises:
            UnknownNameError: If the suite has no such task.
        """

    def _require_simulation(self) -> S:
        if self._sim is None or self._key is None:
            raise StartStateError("No episode has begun: call begin(key) first.")
        return self._sim
