"""Benchmark sides that need a policy."""

from policies.bench.inference import build_contests

__all__ = ["build_contests"]
