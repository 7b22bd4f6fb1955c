"""Room `envs/libero`; see docs/architecture.md."""
