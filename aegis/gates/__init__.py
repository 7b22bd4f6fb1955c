"""Room `aegis/gates`; see docs/architecture.md."""
