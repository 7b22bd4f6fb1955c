"""Room `aegis/run`; see docs/architecture.md."""
