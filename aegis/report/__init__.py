"""A study's result as one HTML page, Markdown and figures.

Nothing is estimated here: numbers are those of `report.json`, selected, sorted and written; strong
steps per unit are the product of two of them. Words are in `templates/`, figures in `figures/`,
tables in `tabulation/`. A new figure is a module there, a line in `figures/charts.py`, a caption
and a place in `templates/`.
"""
