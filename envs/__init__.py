"""Room `envs`; see docs/architecture.md."""
