"""Room `aegis/report`; see docs/architecture.md."""
