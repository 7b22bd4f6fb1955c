"""Prose: the words of a report, from templates that know the study."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from aegis.report.tabulation.contrasts import write_margin
from aegis.report.tabulation.table import mark_code
from aegis.report.view import StudyView
from aegis.study.analysis.contrast_result import ContrastResult
from aegis.study.analysis.formatting import (
    format_decimal,
    format_interval,
    format_p_value,
    format_percent,
    format_points,
)

FILES = ("opening.j2", "captions.j2", "methods.j2")


class Prose:
    """All texts of a report, by name.

    Args:
        view: The study that they are about.
    """

    def __init__(self, view: StudyView) -> None:
        environment = Environment(
            loader=PackageLoader("aegis.report"), undefined=StrictUndefined, autoescape=False,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        environment.filters |= {
            "percent": format_percent, "points": format_points, "decimal": format_decimal,
            "p_value": format_p_value, "bracket": format_interval, "code": mark_code,
            "listing": list_words, "margin": write_margin,
            "bare": strip_stop, "ask": ask_contrast, "finite": math.isfinite,
            "unsigned": strip_sign,
        }  # fmt: skip
        environment.tests["placebo"] = view.is_placebo
        result = view.result
        self._known = {
            "view": view, "result": result, "plan": view.plan, "arm": view.recommended,
            "alone": view.reference, "rival": view.rival,
            "reference": mark_code(result.reference), "recommended": mark_code(result.recommended),
        }  # fmt: skip
        templates = [environment.get_template(name) for name in FILES]
        self._blocks: dict[str, Template] = {
            name: template for template in templates for name in template.blocks
        }

    def write(self, name: str, facts: Mapping[str, object] | None = None) -> str:
        """Returns a text; blank lines part its paragraphs, dashes begin its items.

        Args:
            name: Of the text.
            facts: What it needs to know besides the study.

        Raises:
            KeyError: If there is no such text.
        """
        template = self._blocks[name]
        context = template.new_context({**self._known, **(facts or {})})
        text = "".join(template.blocks[name](context))
        return re.sub(r"[ \t]+\n", "\n", text).strip()


def list_words(words: Sequence[str]) -> str:
    """Returns words as a list in a sentence: ``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def strip_stop(words: str) -> str:
    """Returns words without a full stop, for the middle of a sentence."""
    return words.strip().rstrip(".")


def strip_sign(words: str) -> str:
    """Returns a written number without its plus sign."""
    return words.lstrip("+")


def ask_contrast(contrast: ContrastResult) -> str:
    """Returns what a contrast asks, in words."""
    more = write_margin(contrast) or "solves more"
    return f"{mark_code(contrast.arm)} against {mark_code(contrast.against)} ({more})"
