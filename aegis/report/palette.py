"""Palette: colours by meaning, each with a light and a dark value, and the stylesheet of figures.

Figures are drawn in the light values. A class names the meaning of each colour, so that a
stylesheet can put the dark values in their place.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#ffffff",
    "ink": "#1b1b1b",
    "soft": "#595959",
    "faint": "#8f8f8f",
    "grid": "#e3e3e3",
    "band": "#eaf2f8",
    "tint": "#cde2f0",
    "kept": "#6f7780",
    "lost": "#d9dcdf",
    "blue": "#0069a5",
    "vermillion": "#c04f00",
    "green": "#007a5c",
    "orange": "#d18b00",
    "pink": "#a5487c",
}
"""Colours on white; the hues are those of Okabe and Ito, which the colour-blind tell apart."""
DARK: Mapping[str, str] = {
    "paper": "#15181b",
    "ink": "#e9e9e7",
    "soft": "#b3b6b9",
    "faint": "#7d8388",
    "grid": "#32373c",
    "band": "#1c2a35",
    "tint": "#1f4157",
    "kept": "#9aa2aa",
    "lost": "#3a4046",
    "blue": "#5ab4ec",
    "vermillion": "#f58a4b",
    "green": "#43c59e",
    "orange": "#efb640",
    "pink": "#e08fbb",
}
"""The same colours on a dark page."""
TOKENS: Mapping[str, str] = {value: name for name, value in LIGHT.items()}
"""Light value to the name of its colour."""


def write_dark_rules(indent: str = "") -> str:
    """Returns the rules that give figures their dark colours, for a stylesheet."""
    rules = [
        f"{indent}.chart .f-{name} {{ fill: {value}; }} .chart .s-{name} {{ stroke: {value}; }}"
        for name, value in DARK.items()
    ]
    return "\n".join(rules)


def write_variables(colours: Mapping[str, str], indent: str = "  ") -> str:
    """Returns colours as CSS variables, ``--ink: #1b1b1b;``, one a line."""
    return "\n".join(f"{indent}--{name}: {value};" for name, value in colours.items())
