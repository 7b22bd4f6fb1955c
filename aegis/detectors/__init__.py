"""Room `aegis/detectors`; see docs/architecture.md."""
