"""Room `aegis/study`; see docs/architecture.md."""
