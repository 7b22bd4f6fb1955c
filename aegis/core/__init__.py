"""Room `aegis/core`; see docs/architecture.md."""
