"""Lock file: `plan.yaml`, digests of all that a study depends on, and refusal of changes.

The file holds the resolved configuration with every dial set, the section ``plan``, the section
``calibrated``, and last the section ``lock`` with digests, the first of which is that of the text
above it. It is written once, whole or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from aegis.core.errors import LockError, TraceError
from aegis.records.files import write_atomic
from aegis.study.plan.digests import compute_file_digest

PLAN_FILE = "plan.yaml"
PLAN_DIGEST = "plan"
"""Name of the digest of the text above the lock."""

WHOLE_DIGEST = "lock"
"""Name of the digest of all other digests; the last of them."""

_HEADER = """\
# Written by `aegis study lock`, before any test unit was played. Do not edit: a change is refused.
# Commit it before the study runs; the history then says when it was written.
"""
_LOCK_MARK = "\nlock:\n"


@dataclass(frozen=True, slots=True)
class LockedPlan:
    """A locked plan.

    Attributes:
        path: The file.
        tree: All but the lock, as plain Python.
        text: The whole file.
        digests: What the study depends on, by name.
        digest: SHA-256 digest of the whole file: what runs, seals and reports carry.
    """

    path: Path
    tree: Mapping[str, object]
    text: str
    digests: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class DigestChange:
    """Something that is not what it was when the plan was locked."""

    name: str
    expected: str
    found: str

    def __str__(self) -> str:
        expected, found = _shorten_digest(self.expected), _shorten_digest(self.found)
        return f"{self.name}: locked {expected}, found {found}"


def write_lock(root: Path, tree: Mapping[str, object], digests: Mapping[str, str]) -> LockedPlan:
    """Writes ``plan.yaml`` into a run folder.

    Raises:
        LockError: If there is one already.
        MachineError: If it cannot be written.
    """
    path = root / PLAN_FILE
    if path.exists():
        raise LockError(f"{path} is there already. A plan is locked once; choose another name.")
    body = _HEADER + _dump_tree(tree)
    sealed = {PLAN_DIGEST: _digest_text(body.rstrip("\n")), **digests}
    sealed[WHOLE_DIGEST] = _digest_text(_indent_digests(sealed))
    root.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (body.rstrip("\n") + _LOCK_MARK + _indent_digests(sealed)).encode())
    return read_lock(root)


def read_lock(root: Path) -> LockedPlan:
    """Reads ``plan.yaml`` and checks that its text is the one that was locked.

    Raises:
        TraceError: If there is none, or it is damaged.
        LockError: If it was changed.
    """
    path = root / PLAN_FILE
    try:
        text = path.read_text()
        tree = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TraceError(
            f"{path} is missing or damaged ({error}). `aegis study lock` writes it, once."
        ) from error
    # The last such line: a plan's own text may hold one, too.
    body, mark, rest = text.rpartition(_LOCK_MARK)
    if not mark or not isinstance(tree, dict) or not isinstance(tree.get("lock"), dict):
        raise TraceError(f"{path} has no section 'lock'; `aegis study lock` writes one.")
    digests = {str(name): str(value) for name, value in tree.pop("lock").items()}
    others = {name: value for name, value in digests.items() if name != WHOLE_DIGEST}
    # The section as it must be, to the byte: its digests, and last their own.
    whole = _indent_digests({**others, WHOLE_DIGEST: _digest_text(_indent_digests(others))})
    expected = {PLAN_DIGEST: others.get(PLAN_DIGEST, "nothing"), WHOLE_DIGEST: _digest_text(whole)}
    refuse_changes(
        path,
        compare_digests(
            expected, {PLAN_DIGEST: _digest_text(body), WHOLE_DIGEST: _digest_text(rest)}
        ),
    )
    return LockedPlan(path, tree, text, others, compute_file_digest(path))


def compare_digests(
    expected: Mapping[str, str], found: Mapping[str, str]
) -> tuple[DigestChange, ...]:
    """Returns what differs, of the digests that were found anew; a new one is a change, too."""
    return tuple(
        DigestChange(name, expected.get(name, "nothing"), value)
        for name, value in found.items()
        if expected.get(name) != value
    )


def refuse_changes(path: Path, changes: Sequence[DigestChange]) -> None:
    """Refuses to go on under a lock that does not hold.

    Raises:
        LockError: If there are changes; it names them all.
    """
    if changes:
        raise LockError(
            f"{path} does not hold any more. {'; '.join(map(str, changes))}. Go back to what was "
            "locked (git checkout), or lock a new study: aegis study lock name=ANOTHER."
        )


def _digest_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _shorten_digest(digest: str) -> str:
    hexadecimal = len(digest) >= 32 and all(letter in "0123456789abcdef" for letter in digest)
    return f"{digest[:12]}…" if hexadecimal else f"'{digest}'"


def _indent_digests(digests: Mapping[str, str]) -> str:
    return "".join(f"  {line}\n" for line in _dump_tree(dict(digests)).splitlines())


class _PlanDumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes lists of plain values on one line, everything else as a block; no anchors."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def represent_sequence(
        self, tag: str, sequence: Sequence[object], flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        del flow_style
        flat = not any(isinstance(item, Mapping | list | tuple) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=flat)


_PlanDumper.add_representer(tuple, lambda dumper, data: dumper.represent_list(list(data)))


def _dump_tree(tree: Mapping[str, object]) -> str:
    text: str = yaml.dump(
        dict(tree), Dumper=_PlanDumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text
