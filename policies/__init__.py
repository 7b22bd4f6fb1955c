"""Room `policies`; see docs/architecture.md."""
