"""Verbs of commands: help for each, mistakes by name, words and options in any order."""

from __future__ import annotations

import json

import pytest

from aegis.app.command import COMMAND_SUMMARIES, Command, Verb, load_command, parse_arguments
from aegis.app.main import main

COMMANDS = [command for command in map(load_command, COMMAND_SUMMARIES) if command.verbs]
VERBS = [(command, verb) for command in COMMANDS for verb in command.verbs]


def test_commands_have_their_verbs() -> None:
    names = {command.name: [verb.name for verb in command.verbs] for command in COMMANDS}
    assert names["study"] == ["lock", "run", "report", "verify", "power"]
    assert names["doctor"] == ["determinism", "wire"]
    assert names["ros"] == ["node", "robot", "console"]
    assert names["serve"] == ["vla-eval"]
    assert names["assets"] == ["install"]
    assert {*names} == {"study", "bench", "doctor", "ros", "serve", "assets"}


@pytest.mark.parametrize(("command", "verb"), VERBS, ids=lambda one: one.name)
@pytest.mark.parametrize("flags", [["--help"], ["-h"], ["sample=2", "--help"]])
def test_every_verb_has_help_with_examples(
    command: Command, verb: Verb, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.name, verb.name, *flags]) == 0
    text = capsys.readouterr().out
    assert f"usage: aegis {command.name} {verb.name}" in text
    for words in ("examples:", "settings:", "exit codes:", "--json"):
        assert words in text
    assert len(verb.examples) >= 2
    assert all(f"aegis {command.name} {verb.name}" in line for line, _ in verb.examples)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
@pytest.mark.parametrize("words", [["--help"], ["--json", "-h"]])
def test_help_of_a_command_lists_its_verbs(
    command: Command, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.name, *words]) == 0
    text = capsys.readouterr().out
    assert all(f"    {verb.name} " in text for verb in command.verbs)
    assert "examples:" in text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            "study verfy runs/reference",
            "Unknown verb 'verfy' in aegis study. Did you mean",
        ),
        ("study --json lcok", "Did you mean 'lock'"),
        ("study --config-dir configs reprt", "Did you mean 'report'"),
        ("study reference", "Unknown verb 'reference' in aegis study"),
        ("bench stp", "Did you mean 'step'"),
        ("bench out=x.json", "Give the benchmark first"),
        (
            "study verify --jsn",
            "Unknown option '--jsn' in aegis study verify. Did",
        ),
        ("study --jsn verify", "Unknown option '--jsn' in aegis study"),
        ("study verify reference smple=2", "Unknown setting 'smple' in aegis study verify"),
        ("study run referenc", "Unknown study 'referenc' in runs/. Did you mean 'reference'"),
        ("study run ../nowhere", "Unknown study '../nowhere'"),
        ("study verify reference sample=-1", "'sample' must be a whole number"),
        ("study report reference runs/reference-first", "Unknown setting 'runs/reference-first'"),
        ("bench figures a b", "takes one folder and no settings"),
    ],
)
def test_a_mistake_is_named(typed: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(typed.split()) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "typed",
    [
        "verify runs/reference sample=2 --json",
        "--json verify runs/reference sample=2",
        "verify --json runs/reference sample=2",
        "verify runs/reference --json sample=2",
        "verify sample=2 --json name=runs/reference",
    ],
)
def test_words_and_options_stand_in_any_order(typed: str) -> None:
    options = parse_arguments(load_command("study"), typed.split())
    assert options.json
    assert options.act.__name__ == "_verify_study"
    assert options.place == "runs/reference" or "name=runs/reference" in options.overrides
    assert "sample=2" in options.overrides


def test_without_a_verb_a_study_does_everything() -> None:
    options = parse_arguments(load_command("study"), ["name=fresh", "--show", "seed=11"])
    assert options.act is load_command("study").run
    assert options.overrides == ["name=fresh", "seed=11"]


def test_json_before_the_verb_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["benchmarks"][0] == "step"
