"""Benchmarks: contests whose sides run in turn, and their ratios."""
