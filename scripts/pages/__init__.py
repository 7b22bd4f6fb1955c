"""Generated parts of the documentation: `python -m scripts.pages` writes, a test compares.

Tables of results come from `runs/*/report.json` and the sealed tables beside it; the command line
comes from the argument parsers, the configuration from `configs/`.
"""
