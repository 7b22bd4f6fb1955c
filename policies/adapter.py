"""The seam for batched policies: checks, padding, noise and pooling, so that a policy only infers.

LeRobot and remote policies sit here as `policies/nano_vla` does. A policy of one's own is short::

    class Mine(BatchAdapter):
        def __init__(self) -> None:
            taps = {"last": 64}
            super().__init__(PolicySpec("mine", "v1", {"wrist": (64, 64)}, 10, 5, taps), 8, 8, 7)

        def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
            actions, hidden = my_network(np.stack([r.obs.images["wrist"] for r in rows]), noise)
            return Inference(actions, {"last": hidden})
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from aegis.core.errors import ConfigError, NonFiniteError, ShapeError
from aegis.core.protocols import PolicySpec, Query
from aegis.core.seeds import EpisodeStreams, root_stream
from aegis.core.types import F32, EpisodeKey, Observation, Proposal
from policies.batch_sizes import measure_steady_sizes

_EXAMPLE_INSTRUCTIONS = tuple(
    f"pick up the black bowl {where} and place it on the plate"
    for where in ("on the stove", "next to the plate", "from table center")
)


@dataclass(frozen=True, slots=True, eq=False)
class Inference:
    """What a policy computes for a batch of b rows.

    Attributes:
        actions: Shape (b, h, a).
        features: Tapped layer to pooled activation, shape (b, f).
        samples: More draws, shape (b, n, h, a), or None.
    """

    actions: F32
    features: Mapping[str, F32] = field(default_factory=lambda: MappingProxyType({}))
    samples: F32 | None = None


class BatchAdapter(ABC):
    """A policy that infers on batches of few fixed sizes.

    Matrix kernels round differently for different sizes, so a row could depend on how many
    companions it has. A short batch is filled up with copies of its last row to the next size,
    and a long one is split. At first the only size is ``batch``; a policy that calls
    ``measure_sizes`` gets the smaller sizes that give the same bits, so that a single question
    costs a single row.

    Args:
        spec: What the policy needs and gives.
        batch: Rows per inference, at most.
        proprio: Entries of proprioception.
        action: Dimensions of an action.
        samples: Extra draws per proposal.
        noise_shape: Shape of one draw; by default that of a chunk. Networks that pad their
            actions, or predict more rows than they return, need another one.
        example: What the robot sensed once. Sizes and widths are measured on it, so that its
            numbers lie where the network expects them; by default they are random.

    Raises:
        ConfigError: If batch, samples or the spec's dimensions cannot be.
        ShapeError: If the policy cannot look at the example.
        NonFiniteError: If its proprioception holds NaN or infinity.
    """

    def __init__(
        self,
        spec: PolicySpec,
        batch: int,
        proprio: int,
        action: int,
        samples: int = 0,
        *,
        noise_shape: tuple[int, ...] | None = None,
        example: Observation | None = None,
    ) -> None:
        if batch < 1 or samples < 0:
            raise ConfigError(
                f"batch must be at least 1 and samples at least 0. Got: {batch} and {samples}."
            )
        if spec.dimensions not in (None, action):
            raise ConfigError(f"action is {action}, but the spec says {spec.dimensions}: mend it.")
        self._spec = replace(spec, dimensions=action)
        self._batch = batch
        self._sizes: tuple[int, ...] = (batch,)
        self._proprio = proprio
        self._action = action
        self._samples = samples
        self._noise_shape = (spec.horizon, action) if noise_shape is None else noise_shape
        self._example = example
        self._streams = EpisodeStreams()
        if example is not None:
            self.check_observation(example)

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and gives."""
        return self._spec

    @property
    def sizes(self) -> tuple[int, ...]:
        """Batch sizes that are used, ascending; all give a row the same bits."""
        return self._sizes

    @abstractmethod
    def infer(self, rows: Sequence[Query], noise: F32) -> Inference:
        """Computes chunks for as many rows as one of ``sizes``.

        Args:
            rows: Validated queries.
            noise: Standard normal; draw 0 is for the actions, the others for the samples.
                Shape (b, 1 + n, h, a), or (b, 1 + n, ...) with the policy's own noise shape.
        """

    def propose(self, queries: Sequence[Query]) -> list[Proposal]:
        """Returns one proposal per query, in order.

        Raises:
            ShapeError: If an observation is not what the spec says.
            NonFiniteError: If proprioception holds NaN or infinity.
        """
        for query in queries:
            self.check_observation(query.obs)
            self._check_past(query)
        proposals: list[Proposal] = []
        most = self._sizes[-1]
        for begin in range(0, len(queries), most):
            proposals += self._propose_part(list(queries[begin : begin + most]))
        return proposals

    def measure_sizes(self, mode: str, reference: int) -> bool:
        """Measures which sizes may be used, and says so in the spec; call it when infer works.

        Where no size up to ``batch`` gives the bits of the reference, or the reference does not
        agree with itself, batches are filled up to ``batch`` and the spec says that a row depends
        on its batch.

        Args:
            mode: How it is computed, for ``PolicySpec.rounding``.
            reference: Size whose bits count. 1 always agrees with itself.

        Returns:
            Whether there is such a size.
        """

        def infer_examples(numbers: Sequence[int]) -> list[bytes]:
            return [
                _serialize_proposal(row)
                for row in self._infer_rows([self.make_example(i) for i in numbers])
            ]

        sizes = measure_steady_sizes(infer_examples, self._batch, reference)
        self._sizes = sizes or (self._batch,)
        rounding = f"{mode}, batch {reference if sizes else self._batch}"
        self._spec = replace(self._spec, rounding=rounding, batch_invariant=bool(sizes))
        return bool(sizes)

    def declare_portable(self, rounding: str) -> None:
        """Says that every batch size and every machine give a row the same bits, by construction.

        Args:
            rounding: How it is computed, for ``PolicySpec.rounding``.
        """
        self._sizes = tuple(range(1, self._batch + 1))
        self._spec = replace(self._spec, rounding=rounding, batch_invariant=True, portable=True)

    def measure_taps(self) -> None:
        """Writes into the spec how wide each tapped layer is; call it when infer works.

        Raises:
            ShapeError: If infer answers with anything but one row.
        """
        row = self.make_example(0)
        done = self.infer([row], self.draw_noise(row)[None])
        widths = {name: values.shape[1] for name, values in done.features.items()}
        self._spec = replace(self._spec, taps=widths)
        self._check_inference(done, 1)

    def make_example(self, number: int) -> Query:
        """Returns a question to measure with: random, or the example moved by 1 %."""
        rng = root_stream(0, "example", number)
        images = {
            camera: rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            for camera, shape in self._spec.cameras.items()
        }
        proprio = rng.standard_normal(self._proprio, np.float32)
        instruction = _EXAMPLE_INSTRUCTIONS[number % len(_EXAMPLE_INSTRUCTIONS)]
        if self._example is not None:
            proprio = self._example.proprio * (1 + np.float32(0.01) * proprio)
            instruction = self._example.instruction
        key = EpisodeKey(0, "example", 0, "example", number)
        obs = Observation(0, proprio, images, instruction)
        past = tuple(obs for _ in self._spec.history[:-1])
        return Query(key, 0, obs, past=past)

    def close(self) -> None:  # noqa: B027
        """Frees nothing; override it if there is something to free."""

    def check_observation(self, obs: Observation) -> None:
        """Refuses an observation that the policy cannot look at.

        Raises:
            ShapeError: If a picture is missing or of another size or type, or proprioception is
                of another size.
            NonFiniteError: If proprioception holds NaN or infinity.
        """
        name = self._spec.name
        for camera, (height, width) in self._spec.cameras.items():
            picture = obs.images.get(camera)
            if picture is None:
                seen = ", ".join(obs.images) or "none"
                raise ShapeError(f"{name} needs a picture '{camera}'. Got: {seen}.")
            if picture.shape != (height, width, 3) or picture.dtype != np.uint8:
                raise ShapeError(
                    f"Picture '{camera}' for {name} must be uint8 of shape ({height}, {width}, 3). "
                    f"Got: {picture.dtype} of shape {picture.shape}. Set the size of the camera."
                )
        if obs.proprio.shape != (self._proprio,):
            raise ShapeError(
                f"proprio for {name} must be of shape ({self._proprio},). Got: {obs.proprio.shape}."
            )
        if not np.isfinite(obs.proprio).all():
            raise NonFiniteError(f"proprio for {name} must be finite. Got: {obs.proprio}.")

    def _check_past(self, query: Query) -> None:
        wanted = len(self._spec.history) - 1
        if len(query.past) != wanted:
            raise ShapeError(
                f"{self._spec.name} looks at {wanted} earlier observations (history "
                f"{self._spec.history}). Got: {len(query.past)}. This driver may keep none: see "
                "aegis.runtime.history."
            )
        for obs in query.past:
            self.check_observation(obs)

    def draw_noise(self, query: Query) -> F32:
        """Returns the noise of a query. Shape (1 + n, h, a), or of the policy's own noise shape.

        The address names neither the policy nor the arm, so that arms are paired; the actions
        do not change when samples are asked for.
        """
        shape = self._noise_shape
        path = ("policy", "noise", query.k, query.salt)
        first = self._streams.move_to(query.key, *path).standard_normal((1, *shape), np.float32)
        if not self._samples:
            return first
        # At an address of their own, so that the actions are the same with and without samples.
        rest = self._streams.move_to(query.key, *path, "samples")
        return np.concatenate([first, rest.standard_normal((self._samples, *shape), np.float32)])

    def _propose_part(self, queries: list[Query]) -> list[Proposal]:
        size = next(size for size in self._sizes if size >= len(queries))
        return self._infer_rows(queries + [queries[-1]] * (size - len(queries)), len(queries))

    def _infer_rows(self, rows: list[Query], wanted: int | None = None) -> list[Proposal]:
        """Infers rows as they stand; the rows behind the wanted ones are copies of the last."""
        real = rows[:wanted]
        noise = [self.draw_noise(query) for query in real]
        done = self.infer(rows, np.stack(noise + noise[-1:] * (len(rows) - len(real))))
        self._check_inference(done, len(rows))
        return [
            Proposal(
                policy=self._spec.name,
                k0=query.k,
                # The proposal copies what infer may use again.
                actions=done.actions[i],
                features={name: values[i] for name, values in done.features.items()},
                samples=None if done.samples is None else done.samples[i],
            )
            for i, query in enumerate(real)
        ]

    def _check_inference(self, done: Inference, b: int) -> None:
        chunk = (self._spec.horizon, self._action)
        got = {"actions": done.actions.shape}
        want: dict[str, tuple[int, ...]] = {"actions": (b, *chunk)}
        if self._samples:
            got["samples"] = () if done.samples is None else done.samples.shape
            want["samples"] = (b, self._samples, *chunk)
        got |= {name: values.shape for name, values in done.features.items()}
        want |= {name: (b, width) for name, width in self._spec.taps.items()}
        if got != want:
            raise ShapeError(f"{self._spec.name} must infer {want}. Got: {got}.")


def _serialize_proposal(proposal: Proposal) -> bytes:
    parts = [proposal.actions, *proposal.features.values()]
    samples = [] if proposal.samples is None else [proposal.samples]
    return b"".join(part.tobytes() for part in parts + samples)
