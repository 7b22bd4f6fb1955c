"""The command line: `aegis <command> [options] [key=value ...]`."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import traceback
from collections.abc import Sequence

from aegis.app.command import COMMAND_SUMMARIES, Command, load_command, parse_arguments
from aegis.app.extras import build_missing_error
from aegis.app.screen import Screen
from aegis.core.errors import AegisError, UnknownNameError
from aegis.host.rendering import apply_rendering

EXIT_FAULT = 5
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        arguments: Arguments after ``aegis``; by default, those of this process.

    Returns:
        The exit code, see ``aegis.core.errors``.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    apply_rendering()
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_format_usage())
        return 0
    if arguments[0] in ("-V", "--version"):
        print(f"aegis {importlib.metadata.version('aegis-escalation')}")
        return 0
    screen = Screen(machine="--json" in arguments)
    try:
        return _run_command(arguments, screen)
    except AegisError as error:
        return _report_failure(screen, arguments[0], error, error.exit_code)
    except KeyboardInterrupt:
        return _report_failure(screen, arguments[0], "Stopped by Ctrl-C.", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output is gone (`aegis ... | head`); print nothing more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        missing = build_missing_error(error, f"'aegis {arguments[0]}'")
        if missing is None:
            return _report_fault(screen, arguments[0], error)
        return _report_failure(screen, arguments[0], missing, missing.exit_code)
    except Exception as error:
        return _report_fault(screen, arguments[0], error)


def _run_command(arguments: Sequence[str], screen: Screen) -> int:
    if arguments[0].startswith("-"):
        raise UnknownNameError("option", arguments[0], ["--help", "--version"], "aegis")
    command = load_command(arguments[0])
    options = _parse_options(command, arguments[1:])
    if options is None:
        return 0
    result = options.act(options, screen)
    screen.print_result(result)
    code = result.get("exit_code", 0)
    return code if isinstance(code, int) else 0


def _parse_options(command: Command, arguments: Sequence[str]) -> argparse.Namespace | None:
    try:
        return parse_arguments(command, arguments)
    except SystemExit:  # --help has been printed.
        return None


def _report_fault(screen: Screen, command: str, error: Exception) -> int:
    traceback.print_exception(error)
    text = f"{type(error).__name__}: {error}. This is a bug in AEGIS; please report it."
    return _report_failure(screen, command, text, EXIT_FAULT)


def _report_failure(screen: Screen, command: str, error: object, code: int) -> int:
    kind = type(error).__name__ if isinstance(error, AegisError) else ""
    screen.err.print(f"aegis {command}: {error}", markup=False, highlight=False, soft_wrap=True)
    screen.print_result({"error": {"kind": kind, "message": str(error)}, "exit_code": code})
    return code


def _format_usage() -> str:
    width = max(map(len, COMMAND_SUMMARIES))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMAND_SUMMARIES.items()]
    return "\n".join(
        [
            "usage: aegis <command> [options] [key=value ...]",
            "",
            "A weak policy drives, a probe on its activations predicts failure, and a gate hands",
            "over to a stronger policy.",
            "",
            *lines,
            "",
            "'aegis <command> --help' explains a command, with examples; 'aegis --version' says",
            "which release this is.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
