"""Benchmark sides that need a policy."""

from policies.bench.inference import contests

__all__ = ["contests"]
