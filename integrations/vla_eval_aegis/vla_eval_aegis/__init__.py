"""vla-eval's benchmarks on AEGIS's assets."""
