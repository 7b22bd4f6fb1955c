"""Commands: the table of all commands, their verbs and their parsers."""

from __future__ import annotations

import argparse
import importlib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from aegis.app.screen import Json, Screen
from aegis.core.errors import ConfigError, UnknownNameError

# One module per command, aegis/app/commands/<name>.py or in a folder of it; its constant: COMMAND.
COMMAND_SUMMARIES: Mapping[str, str] = {
    "demo": "watch the weak policy fail, the probe notice, and the strong policy help",
    "doctor": "check this machine and say how to fix what is missing",
    "check": "test worlds, policies, detectors, gates and switches against their protocols",
    "assets": "show which LIBERO assets are in use, and install official ones",
    "collect": "roll out a policy and log its activations and outcomes",
    "train": "collect demonstrations and train a policy on them",
    "fit": "fit a probe on collected episodes and calibrate its threshold",
    "run": "run gated episodes",
    "study": "compare arms on the same units and test what the gate is worth",
    "compare": "compare two policies on the same start states with the same noise",
    "outcomes": "compare results of vla-eval, lerobot-eval or aegis run, episode by episode",
    "pilot": "say whether switching from a weak policy to a strong one can pay",
    "bench": "measure speed on this machine against references",
    "monitor": "attach to a running or finished run",
    "replay": "run a recording through the controller again, and compare its decisions",
    "export": "write a run as a LeRobot dataset, Rerun recordings or MCAP files",
    "ros": "run the controller as a ROS 2 node, beside a simulated robot and a console",
    "drive": "drive a simulated robot in real time, with a person at the keyboard",
    "serve": "serve a policy or the gated controller to clients of openpi's protocol",
}
_FOLDERS = {"drive": "robots", "replay": "robots", "ros": "robots"}
"""Commands that lie in a folder of ``aegis/app/commands``."""

Act = Callable[[argparse.Namespace, Screen], Mapping[str, Json]]
"""Runs a command or verb; returns its result for ``--json``."""


def add_no_options(parser: argparse.ArgumentParser) -> None:
    """Adds no options: for commands and verbs that have none of their own."""
    del parser


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of a command, for example ``lock`` of ``aegis study lock``.

    Attributes:
        name: Name on the command line.
        summary: One line for ``--help``.
        examples: Command lines and their effects.
        run: Function that runs it.
        place: Placeholder of its positional argument, for example ``"STUDY"``; empty for none.
        place_help: Help of that argument.
        settings: Settings that it takes, for ``--help``; empty for those of the configuration.
        root: Name of a configuration of its own; empty for that of the command.
    """

    name: str
    summary: str
    examples: tuple[tuple[str, str], ...]
    run: Act
    place: str = ""
    place_help: str = ""
    settings: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        name: Name on the command line.
        details: Description for ``--help``.
        examples: Command lines and their effects.
        configured: Whether it composes a configuration and takes overrides.
        options: Function that adds options of its own to the parser.
        run: Function that runs it where no verb is given.
        root: Name of the configuration that it composes; empty for ``configs/<name>.yaml``.
        verbs: Its verbs.
        folder_option: Whether it reads configurations though it composes none of its own.
        foreign_mark: Argument from which on all are for somebody else, in ``foreign_arguments``;
            empty for none.
    """

    name: str
    details: str
    examples: tuple[tuple[str, str], ...]
    configured: bool
    options: Callable[[argparse.ArgumentParser], None]
    run: Act
    root: str = ""
    verbs: tuple[Verb, ...] = ()
    folder_option: bool = False
    foreign_mark: str = ""


def load_command(name: str) -> Command:
    """Imports a command.

    Raises:
        UnknownNameError: If there is no command of this name.
    """
    if name not in COMMAND_SUMMARIES:
        raise UnknownNameError("command", name, COMMAND_SUMMARIES, "aegis")
    path = f"{_FOLDERS[name]}.{name}" if name in _FOLDERS else name
    module = importlib.import_module(f"aegis.app.commands.{path}")
    command = module.COMMAND
    assert isinstance(command, Command)
    return command


class CommandParser(argparse.ArgumentParser):
    """A parser that raises instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raises the message that argparse would print."""
        raise ConfigError(f"{message}. Try {self.prog} --help.")

    def list_option_names(self) -> Iterator[str]:
        """Yields the long options."""
        for action in self._actions:
            yield from (option for option in action.option_strings if option.startswith("--"))


def parse_arguments(command: Command, arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments of a command.

    Returns:
        The options; ``act`` runs the command or verb.

    Raises:
        UnknownNameError: If there is no such option or verb.
        ConfigError: If the arguments cannot be parsed.
    """
    parser = _build_parser(command)
    arguments, foreign = _split_foreign(arguments, command.foreign_mark)
    options = argparse.Namespace(act=command.run, place=None, foreign_arguments=foreign)
    if command.verbs:
        # Options may precede the verb; the first of the remaining arguments is the verb, if any.
        options, remaining = _build_shared_parser(command).parse_known_args(arguments, options)
        word = remaining[0] if remaining else ""
        verb = next((verb for verb in command.verbs if verb.name == word), None)
        if verb is not None:
            arguments, options.act = remaining[1:], verb.run
            parser = _add_verbs(parser, command)[verb.name]
        elif word and "=" not in word and not word.startswith("-"):
            names = [verb.name for verb in command.verbs]
            raise UnknownNameError("verb", word, names, parser.prog)
        elif {"-h", "--help"} & set(remaining):
            _add_verbs(parser, command)
            parser.usage = f"{parser.prog} [VERB] [options] [KEY=VALUE ...]"
            parser.print_help()
            parser.exit()
    options, remaining = parser.parse_known_intermixed_args(arguments, options)
    if remaining:
        option_name = remaining[0].split("=")[0]
        raise UnknownNameError("option", option_name, parser.list_option_names(), parser.prog)
    place = options.place
    if place is not None and "=" in place and not Path(place).exists():
        options.place, options.overrides = None, [place, *options.overrides]
    return options


def _split_foreign(arguments: Sequence[str], mark: str) -> tuple[Sequence[str], list[str]]:
    """Returns our arguments, and those from a mark on."""
    if not mark or mark not in arguments:
        return arguments, []
    start = list(arguments).index(mark)
    return arguments[:start], list(arguments[start:])


def build_parser(command: Command) -> CommandParser:
    """Returns the whole parser of a command, its verbs included; for its documentation."""
    parser = _build_parser(command)
    if command.verbs:
        _add_verbs(parser, command)
    return parser


def _build_parser(command: Command) -> CommandParser:
    """Returns the parser of a command without a verb."""
    parser = CommandParser(
        prog=f"aegis {command.name}",
        description=textwrap.fill(textwrap.dedent(command.details).strip(), 88),
        epilog=_format_epilog(command.examples, _describe_settings(command)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        parents=[_build_shared_parser(command)],
    )
    command.options(parser)
    if command.configured:
        _add_overrides(parser)
    return parser


def _add_verbs(parser: CommandParser, command: Command) -> dict[str, CommandParser]:
    """Adds the verbs of a command to its parser; returns theirs."""
    adder = parser.add_subparsers(title="verbs", metavar="VERB", parser_class=CommandParser)
    parsers = {}
    for verb in command.verbs:
        verb_parser = adder.add_parser(
            verb.name,
            prog=f"aegis {command.name} {verb.name}",
            help=verb.summary,
            description=textwrap.fill(f"{verb.summary[0].upper()}{verb.summary[1:]}.", 88),
            epilog=_format_epilog(
                verb.examples, verb.settings or _describe_settings(command, verb)
            ),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            parents=[_build_shared_parser(command)],
        )
        if verb.root and not command.configured:
            _add_show(verb_parser)
        if verb.place:
            verb_parser.add_argument("place", nargs="?", metavar=verb.place, help=verb.place_help)
        _add_overrides(verb_parser)
        parsers[verb.name] = verb_parser
    return parsers


def _build_shared_parser(command: Command) -> CommandParser:
    """Returns the options of all verbs of a command."""
    parser = CommandParser(prog=f"aegis {command.name}", add_help=False, allow_abbrev=False)
    if command.configured or command.folder_option:
        parser.add_argument("--config-dir", metavar="PATH", help="folder of configurations")
    if command.configured:
        _add_show(parser)
    parser.add_argument(
        "--json",
        action="store_true",
        help="one JSON object on standard output, everything else on standard error",
    )
    return parser


def _add_show(parser: CommandParser) -> None:
    parser.add_argument(
        "--show", action="store_true", help="print the resolved configuration and stop"
    )


def _add_overrides(parser: CommandParser) -> None:
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="settings to change; see below"
    )


def _describe_settings(command: Command, verb: Verb | None = None) -> str:
    """Returns the help on settings; empty for a command or verb without a configuration."""
    line, root = f"aegis {command.name}", ""
    if verb is not None and verb.root:
        line, root = f"{line} {verb.name}", verb.root
    elif command.configured:
        root = command.root or command.name
    if not root:
        return ""
    return (
        f"any key of configs/{root}.yaml, for example seed=3; an option "
        "of a group, for example env=libero_spatial; a key of a part, for example "
        "env.horizon=280. Quote text that contains spaces, '=' or non-ASCII letters: "
        f"\"name='läuft'\". '{line} --show' prints all keys; configs/README.md explains them."
    )


def _format_epilog(examples: Sequence[tuple[str, str]], settings: str) -> str:
    lines = ["examples:"]
    for line, meaning in examples:
        lines += [f"  {line}", f"      {meaning}"]
    if settings:
        lines += ["", textwrap.fill(f"settings: {settings}", 88)]
    lines += [
        "",
        "exit codes: 0 done, 2 invalid input, 3 something is missing on this machine, 4 not enough",
        "data, 5 a bug in AEGIS, 130 stopped by Ctrl-C.",
    ]
    return "\n".join(lines)
