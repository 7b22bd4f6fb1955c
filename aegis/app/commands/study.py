"""`aegis study`: a pre-registered paired experiment, from its plan to its verification."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from aegis.app.command import Command, Verb, add_no_options
from aegis.app.config.settings import MACHINE_SETTINGS
from aegis.app.screen import Json, Screen

# Each verb imports what it needs when it runs: that takes seconds, and help should not.


def _run_whole_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.run_whole_study(options, screen)


def _lock_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.lock_plan(options, screen)


def _run_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.run_plan(options, screen)


def _report_stored_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.report_tables(options, screen)


def _verify_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.verify_files(options, screen)


def _size_study(options: argparse.Namespace, screen: Screen) -> Mapping[str, Json]:
    from aegis.app.study import verbs

    return verbs.size_plan(options, screen)


_STUDY_HELP = "name of a study, or its folder; 'study' if none is named"
_MACHINE_HELP = (
    f"{' and '.join(f'{name}=N' for name in MACHINE_SETTINGS)}; no result depends on them."
)
_VERBS = (
    Verb(
        name="lock",
        summary="sets the dials of all arms on calibration units and writes the plan, with digests "
        "of all that it depends on",
        examples=(
            ("aegis study lock name=big units=1500", "a plan, to commit before it is run"),
            ("aegis study lock regime=tenth name=tenth", "with the weaker of the weak policies"),
            ("aegis study lock big", "prints the line of a locked study again, to publish"),
        ),
        run=_lock_study,
        place="STUDY",
        place_help="name of a locked study, or its folder, to print its line again",
    ),
    Verb(
        name="run",
        summary="plays what a locked plan says, or what is left of it, and seals the tables",
        examples=(
            ("aegis study run big", "plays runs/big; stopped, the same line goes on with it"),
            ("aegis study run big workers=8 slots=4", "with eight simulator processes"),
        ),
        run=_run_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings=_MACHINE_HELP,
    ),
    Verb(
        name="report",
        summary="computes the result from sealed tables, draws and writes it",
        examples=(
            ("aegis study report big", "report.json, report.md, report.html"),
            ("aegis study report big plan.early=0.2", "another plan: exploratory, marked so"),
        ),
        run=_report_stored_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings="keys of the plan, plan.KEY=VALUE; the report is then exploratory.",
    ),
    Verb(
        name="verify",
        summary="checks lock, seal, tables and documents, and plays a sample of units again, at "
        "the level that this machine allows; exit code 4 if something does not hold",
        examples=(
            ("aegis study verify runs/reference sample=20", "plays 20 units again"),
            ("aegis study verify big sample=0", "checks files and numbers only"),
            ("aegis study verify big sample=all", "plays every unit again"),
            ("aegis study verify big level=outcome", "compares outcomes, as another machine does"),
            ("aegis study verify big published=line.txt", "is the plan the published one, too"),
            ("aegis study verify big commit=v1.0", "is it the one of a git commit"),
            (
                "aegis study verify big timestamp=plan.tsr authority=ca.pem",
                "is it the one that a time-stamping authority saw, and when",
            ),
        ),
        run=_verify_study,
        place="STUDY",
        place_help=_STUDY_HELP,
        settings="sample=N, the units that are played again, or sample=all; pick=N, another "
        "sample; level=bit, physics or outcome instead of what the machine allows; "
        "published=LINE, or a text file with it; commit=REV; timestamp=FILE.tsr with "
        f"authority=CA.pem (RFC 3161); {_MACHINE_HELP}",
    ),
    Verb(
        name="power",
        summary="sizes a study from a pilot: the units that each contrast needs",
        examples=(
            ("aegis study power big", "from the rows of a study, for its own plan"),
            ("aegis study power pilot plan.alpha=0.01", "from those of a run, for another plan"),
        ),
        run=_size_study,
        place="PILOT",
        place_help="name of a study or run, or its folder",
    ),
)

COMMAND = Command(
    name="study",
    details="""
        Plays every arm on the same units with common random numbers, under a plan that was
        locked before. Without a verb: lock, run and report, one after the other. What was stopped
        goes on where it was.
    """,
    examples=(
        ("aegis study", "all of it: every arm on 200 units"),
        ("aegis study name=fresh seed=11 start.offset=500", "on start states not used before"),
        ("aegis study lock name=big units=1500", "a plan, to commit before it is run"),
        ("aegis study run big workers=8", "plays it, or what is left of it"),
        ("aegis study report big", "report.json, report.md, report.html"),
        ("aegis study verify runs/reference sample=20", "plays 20 units again; exit code 4 if not"),
        ("aegis study verify --help", "explains one verb"),
    ),
    configured=True,
    options=add_no_options,
    run=_run_whole_study,
    verbs=_VERBS,
)
