"""A study's result as Markdown, one HTML page and figures.

Nothing is computed here that `report.json` does not hold.
"""
