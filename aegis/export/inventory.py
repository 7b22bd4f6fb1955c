"""Inventory: what an export was made from and which files it has, so that it can be gone on with.

``aegis-export.json`` lies in the folder of each format. It is written when the export begins, and
once more, with a digest of every file, when it is complete and checked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aegis.core.errors import ConfigError, TraceError
from aegis.export.episode import Episode
from aegis.records.files import write_atomic
from aegis.records.folder_lock import LOCK_FILE
from aegis.study.plan.digests import compute_file_digest
from aegis.study.verification import CheckResult

INVENTORY_FILE = "aegis-export.json"
_FORMAT = "2"
"""Goes up when an identity or a digest means something else than before."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The inventory of one format's folder.

    Attributes:
        folder: The folder.
        identity: What the files depend on, by name.
    """

    folder: Path
    identity: Mapping[str, object]

    def open_folder(self) -> bool:
        """Begins an export, or goes on with one; returns whether it is complete already.

        Raises:
            ConfigError: If the folder holds something else.
            TraceError: If the inventory cannot be read.
            MachineError: If the disk refuses it.
        """
        found = self._read()
        if found is None:
            strange = [path.name for path in self.folder.glob("*") if path.name != LOCK_FILE]
            if strange:
                raise ConfigError(
                    f"{self.folder} holds other files ({', '.join(sorted(strange)[:3])}) and no "
                    f"{INVENTORY_FILE}. Name another folder (out=ANOTHER), or remove it."
                )
            self._write({})
            return False
        self._check_identity(found)
        return bool(found["files"])

    def record_files(self) -> None:
        """Writes down every file with its digest: the export is complete."""
        self._write(self._digest_files())

    def check_files(self) -> CheckResult:
        """Compares the files of a complete export with their digests."""
        found = self._read()
        expected = {} if found is None else found["files"]
        assert isinstance(expected, dict)
        present = self._digest_files()
        wrong = [f"{name} is missing" for name in sorted(expected.keys() - present.keys())]
        wrong += [f"{name} is not part of it" for name in sorted(present.keys() - expected.keys())]
        wrong += [
            f"{name} was changed or is damaged"
            for name in sorted(expected.keys() & present.keys())
            if expected[name] != present[name]
        ]
        return CheckResult.from_faults("files", len(expected), wrong, "as written")

    def _digest_files(self) -> dict[str, str]:
        """Returns file to digest; hidden files belong to an unfinished export."""
        names = {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
        return {
            name: compute_file_digest(path)
            for name, path in names.items()
            if name != INVENTORY_FILE and not any(part[0] == "." for part in name.split("/"))
        }

    def _read(self) -> dict[str, object] | None:
        path = self.folder / INVENTORY_FILE
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found["files"], dict) or not isinstance(found["identity"], dict):
                raise TypeError("files and identity must be objects")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TraceError(f"{path} is damaged ({error}). Remove the folder.") from error
        return dict(found)

    def _write(self, files: Mapping[str, str]) -> None:
        content = {"identity": {"format": _FORMAT, **self.identity}, "files": files}
        text = json.dumps(content, indent=1, sort_keys=True) + "\n"
        write_atomic(self.folder / INVENTORY_FILE, text.encode())

    def _check_identity(self, found: Mapping[str, object]) -> None:
        theirs = found["identity"]
        assert isinstance(theirs, dict)
        mine = json.loads(json.dumps({"format": _FORMAT, **self.identity}))
        other = sorted(name for name in {*theirs, *mine} if theirs.get(name) != mine.get(name))
        if other:
            differences = "; ".join(
                f"{name}: {theirs.get(name)!r} there, {mine.get(name)!r} here" for name in other
            )
            raise ConfigError(
                f"{self.folder} holds another export ({differences}). Name another folder "
                "(out=ANOTHER), or remove it."
            )


def digest_episodes(episodes: Sequence[Episode]) -> str:
    """Returns a digest of which episodes an export has and what they are."""
    text = "\n".join(f"{one.row.key} {one.row.arm} {one.row.digest}" for one in episodes)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
