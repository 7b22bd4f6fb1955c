"""Publication checks: a locked plan against what its author published of it before the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aegis.app.experiment import LEVEL_KEY
from aegis.app.study.checks.refusal import catch_refusal
from aegis.core.errors import ConfigError
from aegis.study.plan.lockfile import PLAN_FILE, LockedPlan
from aegis.study.publication.git_commit import CommittedFolder
from aegis.study.publication.lock_line import FORMAT, LockLine, describe_lock, find_lock_lines
from aegis.study.publication.time_stamp import check_time_stamp
from aegis.study.verification import CheckResult

PUBLICATION_SETTINGS = ("published", "commit", "timestamp", "authority")
_TABLE = "episodes.parquet"


@dataclass(frozen=True, slots=True)
class Publication:
    """What was published of a plan, as far as it was given.

    Attributes:
        lines: Published lines.
        commit: Name of a commit; empty for none.
        token: RFC 3161 response; empty for none.
        certificates: Certificates of its authority, PEM.
    """

    lines: tuple[LockLine, ...] = ()
    commit: str = ""
    token: bytes = b""
    certificates: bytes = b""

    @classmethod
    def read_words(cls, words: Sequence[str]) -> Publication:
        """Reads ``name=value`` of ``PUBLICATION_SETTINGS``.

        Raises:
            ConfigError: If a file is missing or empty, or holds no line.
            ModuleNotFoundError: If a time stamp is given and the library for it is not installed.
        """
        given = {name: value for name, _, value in (word.partition("=") for word in words)}
        for name, value in given.items():
            if not value:
                raise ConfigError(f"'{name}' is empty. {_EXPLAINED[name]}")
        if ("timestamp" in given) != ("authority" in given):
            raise ConfigError(
                "'timestamp' and 'authority' belong together: the token, and the certificates of "
                "whoever issued it. Give both: timestamp=plan.tsr authority=ca.pem."
            )
        if "timestamp" in given:
            import rfc3161_client  # noqa: F401  # Missing, it is named before minutes of checks.
        return cls(
            _read_lines(given["published"]) if "published" in given else (),
            given.get("commit", ""),
            *(
                _read_file(name, given[name])
                for name in ("timestamp", "authority")
                if name in given
            ),
        )


NOTHING_PUBLISHED = Publication()


def format_lock_line(locked: LockedPlan) -> str:
    """Returns the line of a locked plan, for publication."""
    return str(describe_lock(locked, locked.digests.get(LEVEL_KEY, "")))


def check_publication(root: Path, locked: LockedPlan, given: Publication) -> list[CheckResult]:
    """Checks a plan against everything that was published of it.

    Args:
        root: Run folder.
        locked: The plan in it.
        given: What was published.
    """
    checks: list[CheckResult] = []
    if given.lines:
        checks.append(_check_lines(locked, given.lines))
    if given.commit:
        found = catch_refusal(checks, "commit", lambda: _check_commit(root, locked, given.commit))
        checks += [found] if found is not None else []
    if given.token:
        found = catch_refusal(checks, "timestamp", lambda: _check_stamp(locked, given))
        checks += [found] if found is not None else []
    return checks


def _check_lines(locked: LockedPlan, lines: Sequence[LockLine]) -> CheckResult:
    own = describe_lock(locked, locked.digests.get(LEVEL_KEY, ""))
    known = ", ".join(str(line) for line in lines if line.name == own.name) or "other studies only"
    faults = [] if own in lines else [f"published: {known}; this plan is {own}"]
    return CheckResult.from_faults(
        "published", len(lines), faults, "the plan is the published one, to the byte"
    )


def _check_commit(root: Path, locked: LockedPlan, revision: str) -> CheckResult:
    """Checks that a commit has the plan, and says what else it has."""
    found = CommittedFolder.find_commit(root, revision)
    said = f"commit {found.commit[:12]} of {found.date}"
    text = found.read_file(PLAN_FILE)
    if text is None:
        return CheckResult("commit", False, 1, f"{said} has no {PLAN_FILE} in this folder")
    if text != locked.path.read_bytes():
        return CheckResult("commit", False, 1, f"{said} has another {PLAN_FILE}")
    first = "does not have the tables yet"
    if found.read_file(_TABLE) is not None:
        first = "has the tables, too, so it does not show which was first"
    return CheckResult("commit", True, 1, f"{said} has this {PLAN_FILE} and {first}")


def _check_stamp(locked: LockedPlan, given: Publication) -> CheckResult:
    stamp = check_time_stamp(given.token, given.certificates, locked.path.read_bytes())
    time = stamp.time.isoformat(timespec="seconds")
    return CheckResult(
        "timestamp", True, 1, f"this {PLAN_FILE} was there at {time}, says {stamp.authority}"
    )


def _read_lines(value: str) -> tuple[LockLine, ...]:
    """Reads lines from a text, or from the file that it names."""
    text = value
    if FORMAT not in value:
        text = _read_file("published", value).decode("utf-8", "replace")
    lines = find_lock_lines(text)
    if not lines:
        raise ConfigError(
            f"'published' has no line such as '{FORMAT} NAME sha256:...'. Got: '{value[:200]}'. "
            "`aegis study lock STUDY` prints the line of a locked study."
        )
    return lines


def _read_file(name: str, value: str) -> bytes:
    try:
        data = Path(value).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"'{name}': {value} cannot be read ({error}). {_EXPLAINED[name]}"
        ) from error
    if not data:
        raise ConfigError(f"'{name}': {value} is empty. {_EXPLAINED[name]}")
    return data


_EXPLAINED = {
    "published": "It takes the line that `aegis study lock` prints, or a text file with it.",
    "commit": "It takes the name of a git commit, for example a hash or a tag.",
    "timestamp": "It takes an RFC 3161 response over plan.yaml, for example plan.tsr.",
    "authority": "It takes the certificates of a time-stamping authority, PEM.",
}
