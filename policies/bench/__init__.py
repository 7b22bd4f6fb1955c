"""References for inference: the bare batched forward of the same network."""

from policies.bench.inference import contests

__all__ = ["contests"]
