"""Commands: the table of all commands, and their parsers."""

from __future__ import annotations

import argparse
import importlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError, UnknownNameError

# One module per command, in aegis/app/commands/<name>.py, with a constant COMMAND.
COMMAND_SUMMARIES: Mapping[str, str] = {
    "demo": "watch the weak policy fail, the probe see it, and the strong policy help",
    "doctor": "what this machine has, what it lacks, and how to mend that",
    "check": "whether worlds, policies, detectors, gates and switches keep their promises",
    "assets": "which LIBERO assets are in use",
    "collect": "roll a policy and log its activations and outcomes",
    "train": "collect demonstrations and train a policy from them",
    "fit": "fit a probe on collected episodes and calibrate its threshold",
    "run": "gated episodes",
    "study": "paired arms on the same units, and what the gate was worth",
    "bench": "how fast, against whom, on this machine",
    "monitor": "attach to a running or finished run",
}


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        name: As typed.
        details: What it does, for ``--help``.
        examples: Command lines and what they do.
        configured: Whether it composes a configuration and takes overrides.
        options: Adds options of its own to the parser.
        run: Does it; returns what machines read.
        root: Whose configuration it composes; empty for ``configs/<name>.yaml``.
    """

    name: str
    details: str
    examples: tuple[tuple[str, str], ...]
    configured: bool
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Screen], Mapping[str, Json]]
    root: str = ""


def load_command(name: str) -> Command:
    """Imports a command.

    Raises:
        UnknownNameError: If there is none of this name.
    """
    if name not in COMMAND_SUMMARIES:
        raise UnknownNameError("command", name, COMMAND_SUMMARIES, "aegis")
    module = importlib.import_module(f"aegis.app.commands.{name}")
    command = module.COMMAND
    assert isinstance(command, Command)
    return command


class CommandParser(argparse.ArgumentParser):
    """A parser that raises instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raises what argparse would print."""
        raise ConfigError(f"{self.prog}: {message}. Try {self.prog} --help.")

    def list_option_names(self) -> Iterator[str]:
        """Yields the long options."""
        for action in self._actions:
            yield from (option for option in action.option_strings if option.startswith("--"))


def build_parser(command: Command) -> CommandParser:
    """Returns the parser of a command."""
    parser = CommandParser(
        prog=f"aegis {command.name}",
        description=textwrap.fill(textwrap.dedent(command.details).strip(), 88),
        epilog=_format_epilog(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.options(parser)
    if command.configured:
        parser.add_argument(
            "overrides", nargs="*", metavar="KEY=VALUE", help="settings to change; see below"
        )
        parser.add_argument("--config-dir", metavar="PATH", help="folder of configurations")
        parser.add_argument(
            "--show", action="store_true", help="print the resolved configuration and stop"
        )
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object on standard output, everything else on standard error",
    )
    return parser


def parse_arguments(command: Command, arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments of a command.

    Raises:
        UnknownNameError: If there is no such option.
        ConfigError: If they cannot be read.
    """
    parser = build_parser(command)
    options, rest = parser.parse_known_intermixed_args(arguments)
    if rest:
        given = rest[0].split("=")[0]
        raise UnknownNameError("option", given, parser.list_option_names(), parser.prog)
    return options


def _format_epilog(command: Command) -> str:
    lines = ["examples:"]
    for line, meaning in command.examples:
        lines += [f"  {line}", f"      {meaning}"]
    if command.configured:
        lines += [
            "",
            f"settings: any key of configs/{command.root or command.name}.yaml, say seed=3;",
            "an option of a group, for example env=libero_spatial; a key of a part, for example",
            "env.horizon=280.",
            f"configs/README.md explains them; 'aegis {command.name} --show' prints them.",
        ]
    lines += [
        "",
        "exit codes: 0 done, 2 wrong input, 3 the machine lacks something, 4 the data cannot",
        "support it, 5 a fault of ours, 130 stopped by Ctrl-C.",
    ]
    return "\n".join(lines)
