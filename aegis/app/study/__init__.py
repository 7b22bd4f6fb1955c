"""What `aegis study` does, verb by verb; see docs/architecture.md."""
