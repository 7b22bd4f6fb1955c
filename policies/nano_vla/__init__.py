"""Room `policies/nano_vla`; see docs/architecture.md."""
