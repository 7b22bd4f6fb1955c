"""Room `aegis/stats`; see docs/architecture.md."""
