"""The wire of AllenAI's vla-eval: AEGIS as a model server of its harness."""
