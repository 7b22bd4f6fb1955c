"""Typed names: policies that are named first on the command line, `aegis compare A B`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from aegis.app.config.targets import ConfigNode
from aegis.core.errors import ConfigError
from aegis.core.types import PolicyId


def make_options(parts: Sequence[PolicyId], words: Sequence[str]) -> Callable[..., None]:
    """Returns a function that adds two names of policies, and ``--check``, to a parser.

    Args:
        parts: Parts of the configuration that the policies fill.
        words: What stands for them in the help.
    """

    def add_options(parser: argparse.ArgumentParser) -> None:
        for part, word in zip(parts, words, strict=True):
            parser.add_argument(
                f"policy_{part}",
                nargs="?",
                metavar=word,
                help=f"a policy of configs/policy, as policy@{part}={word}",
            )
        parser.add_argument(
            "--check",
            metavar="RUN",
            help="play nothing; check whether a finished run, by its name or folder, is what was "
            "sealed, and its report what its tables give; exit code 4 if not",
        )

    return add_options


def read_words(options: argparse.Namespace, parts: Sequence[PolicyId]) -> list[str]:
    """Returns the overrides that were typed, with two names of policies as the first of them.

    Args:
        options: The parsed arguments.
        parts: Parts of the configuration that the policies fill.

    Raises:
        ConfigError: If one policy is named and the other one is not, or a part is named twice.
    """
    first = [getattr(options, f"policy_{part}") for part in parts]
    typed = [word for word in (*first, *options.overrides) if word is not None]
    names = [word for word in typed if "=" not in word]
    settings = [word for word in typed if "=" in word]
    if len(names) not in (0, len(parts)):
        wanted = " and ".join(f"policy@{part}" for part in parts)
        raise ConfigError(
            f"Two policies are compared. Got: {len(names)} ({', '.join(names)}). Name both, or "
            f"none and set {wanted}; all else is key=value."
        )
    for part in parts if names else ():
        twice = [word for word in settings if word.partition("=")[0] in (part, f"policy@{part}")]
        if twice:
            raise ConfigError(
                f"The policy '{part}' is named twice: '{names[parts.index(part)]}' and "
                f"'{twice[0]}'. Leave one of them out."
            )
    return [
        *(f"policy@{part}={name}" for part, name in zip(parts, names, strict=False)),
        *settings,
    ]


def name_policy(part: PolicyId, node: ConfigNode) -> str:
    """Returns what a report calls a policy: the name of its option, else that of its class.

    Args:
        part: The part that it fills; no name, since its class tells more.
        node: Its configuration.
    """
    name = node.get("name")
    if isinstance(name, str) and name != part:
        return name
    return str(node.get("_target_", part)).rpartition(".")[2]
