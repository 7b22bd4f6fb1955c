"""Benchmarks: ours and a reference in one run."""
