"""Room `aegis/monitor`; see docs/architecture.md."""
