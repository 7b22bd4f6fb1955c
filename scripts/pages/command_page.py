"""The command-line reference, from the argument parsers."""

from __future__ import annotations

import argparse

from aegis.app.command import COMMAND_SUMMARIES, build_parser, load_command

_HEAD = """# Command line

<!-- Written by `python -m scripts.pages` from the argument parsers. Do not edit. -->

`aegis <command> [options] [key=value ...]`. Settings are `key=value`; see
[Configuration](configuration.md). Every command takes `--help`, and `--json` for one JSON object on
standard output with everything else on standard error.

| command | purpose |
| :-- | :-- |
"""


def write_commands() -> str:
    """Returns the page: a table of all commands, then what each takes."""
    rows = [
        f"| [`aegis {name}`](#aegis-{name}) | {said} |" for name, said in COMMAND_SUMMARIES.items()
    ]
    sections = [_write_section(build_parser(load_command(name)), 2) for name in COMMAND_SUMMARIES]
    return _HEAD + "\n".join([*rows, "", *sections])


def _write_section(parser: argparse.ArgumentParser, level: int) -> str:
    """Returns what a parser takes; its subcommands follow, one level deeper.

    The help of argparse itself is laid out differently by every version of Python.
    """
    nested = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    plain = [one for one in parser._actions if one not in nested]
    parts = [f"{'#' * level} {parser.prog}\n"]
    if parser.description:
        parts.append(" ".join(parser.description.split()) + "\n")
    parts += ["| argument | meaning |", "| :-- | :-- |", *map(_write_row, plain), ""]
    if parser.epilog:
        parts.append(f"```text\n{parser.epilog}\n```\n")
    children = {id(child): child for one in nested for child in one.choices.values()}
    parts += [_write_section(child, level + 1) for child in children.values()]
    return "\n".join(parts)


def _write_row(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    name = f"{', '.join(action.option_strings)} {value}".strip()
    said = (action.help or "").replace("|", "\\|") % {"default": action.default, "prog": ""}
    return f"| `{name}` | {said} |"
