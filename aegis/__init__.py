"""Room `aegis`; see docs/architecture.md."""
