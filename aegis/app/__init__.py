"""Room `aegis/app`; see docs/architecture.md."""
