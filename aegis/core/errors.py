"""Every way in which AEGIS refuses to go on, one class per cause.

A message says what was given, where, what is allowed, and what to do. ``exit_code`` is what the
command line returns: 2 the user's input, 3 the machine lacks something, 4 the data cannot support
what was asked, 5 a promise of ours was broken (please report).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from difflib import get_close_matches

_SHOWN = 300
"""Characters of a message's content that an error repeats."""


class AegisError(Exception):
    """Base of all errors that AEGIS raises on purpose."""

    exit_code = 2

    def __reduce__(self) -> tuple[Callable[..., AegisError], tuple[type[AegisError], str]]:
        # Subclasses take apart what they say; in another process it is said already.
        return rebuild_error, (type(self), str(self))


def rebuild_error(kind: type[AegisError], text: str) -> AegisError:
    """Returns an error that says a text, whatever its class takes.

    Args:
        kind: Its class.
        text: The whole message.
    """
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    return error


class UnknownNameError(AegisError):
    """Raised when a name (suite, task, policy, layer, option) does not exist.

    Args:
        kind: What is named, for example ``"layer"``.
        given: The name that was given.
        allowed: The names that exist.
        where: The file, key path or object that should have it.
    """

    def __init__(self, kind: str, given: object, allowed: Iterable[object], where: str) -> None:
        names = [str(name) for name in allowed]
        close = get_close_matches(str(given), names, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        super().__init__(f"Unknown {kind} '{given}' in {where}.{hint} Allowed: {', '.join(names)}.")


class ConfigError(AegisError):
    """Raised when a configuration cannot be what the user meant."""


class ContractError(AegisError):
    """Raised when a message is not what the contract with a robot says, or says nothing usable.

    Args:
        topic: Topic it came on, or is to go to.
        field: Field that is wrong.
        given: What was found there.
        allowed: What the contract expects.
    """

    def __init__(self, topic: str, field: str, given: object, allowed: str) -> None:
        shown = str(given)
        if len(shown) > _SHOWN:  # Whoever sent it may have sent anything.
            shown = f"{shown[:_SHOWN]} ..."
        super().__init__(f"{topic}: {field} is {shown}; the contract expects {allowed}.")


class MessageError(AegisError):
    """Raised when the other end of a socket sends what cannot be read, or cannot be used.

    Args:
        field: Field that is wrong.
        given: What was found there.
        allowed: What may stand there.
        sender: Who sent it; empty where that is not known.
    """

    exit_code = 3

    def __init__(self, field: str, given: object, allowed: str, sender: str = "") -> None:
        self.field, self.allowed = field, allowed
        self.given = str(given)
        if len(self.given) > _SHOWN:  # Whoever sent it may have sent anything.
            self.given = f"{self.given[:_SHOWN]} ..."
        start = f"{sender}: " if sender else ""
        super().__init__(f"{start}{field} is {self.given}; allowed: {allowed}.")

    def name_sender(self, sender: str) -> MessageError:
        """Returns the same error with the name of who sent the message."""
        return MessageError(self.field, self.given, self.allowed, sender)


class PluginError(AegisError):
    """Raised when a world, policy, detector, gate or switch breaks a promise of its protocol.

    Args:
        where: The protocol's member and the class, for example ``"World.observe of MyWorld"``.
        promise: What is promised.
        given: What came instead.
        allowed: What may come.
        remedy: What to do.
    """

    def __init__(self, where: str, promise: str, given: object, allowed: str, remedy: str) -> None:
        super().__init__(f"{where}: {promise}. Got: {given}. Allowed: {allowed}. {remedy}.")


class EmbodimentError(AegisError):
    """Raised when an embodiment is inconsistent, or something else belongs to another one."""


class ConventionError(AegisError):
    """Raised when a policy and a robot mean different things by the same numbers or pictures."""


class ShapeError(AegisError):
    """Raised when an array has another shape or type than its contract says."""


class NonFiniteError(AegisError):
    """Raised when an action, image or state holds NaN or infinity where none may be."""


class CheckpointError(AegisError):
    """Raised when a checkpoint is missing, truncated, or of another architecture."""


class AssetError(AegisError):
    """Raised when an asset pack is missing or incomplete."""

    exit_code = 3


class MachineError(AegisError):
    """Raised when the machine lacks a library, a device, disk space or memory."""

    exit_code = 3


class AbsentAnswerError(AegisError):
    """Raised when a policy did not answer and nobody said what to do then."""

    exit_code = 3


class StuckPolicyError(AegisError):
    """Raised when the program was to end and a policy had to be given up while it thought."""

    exit_code = 3


class CalibrationError(AegisError):
    """Raised when the data cannot support a fit or a calibration."""

    exit_code = 4


class StudyKilledError(AegisError):
    """Raised when a kill criterion of a study's plan stops it; what was played stays."""

    exit_code = 4


class PairingError(AegisError):
    """Raised when arms of a unit differ before their first trigger."""

    exit_code = 5


class BusyFolderError(AegisError):
    """Raised when another process writes into a folder.

    Args:
        folder: The folder.
        holder: Who writes into it, and since when.
        advice: What to do.
    """

    def __init__(self, folder: object, holder: str, advice: str) -> None:
        super().__init__(f"{folder} is in use by {holder}. {advice}.")


class TraceError(AegisError):
    """Raised when a recorded trace or run directory is damaged or of another version."""


class LockError(AegisError):
    """Raised when something that a study was locked with has changed."""


class SnapshotError(AegisError):
    """Raised when a snapshot is damaged, or belongs to another model, episode or version."""


class StartStateError(AegisError):
    """Raised when no admissible start state exists for an episode key."""


class EpisodeError(AegisError):
    """Raised when an episode died of an error that nobody raised on purpose; its text follows."""

    exit_code = 5


class InterruptedRunError(AegisError):
    """Raised when the user stopped a run; what was finished is on disk and is not repeated."""

    exit_code = 130
