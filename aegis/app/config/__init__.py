"""From YAML to built objects: the composition root and readers of settings.

Only `build` and `overrides` know hydra; only `targets` decides what a configuration may name.
"""
