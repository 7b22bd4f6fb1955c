"""Benchmark sides that need a simulator."""
