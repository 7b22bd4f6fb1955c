"""Lifecycle: states of a driver as ROS 2 has them, and a fault that stays until it is reset.

Pure: a status and a request go in, a status and an answer come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Life(Enum):
    """State of a driver."""

    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    ACTIVE = "active"
    FAULT = "fault"
    FINALIZED = "finalized"


class Request(Enum):
    """What a person or a program may ask of a driver."""

    CONFIGURE = "configure"
    CLEANUP = "cleanup"
    ENABLE = "enable"
    DISABLE = "disable"
    RESET = "reset"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Status:
    """State of a driver, and why it is in fault.

    Attributes:
        life: The state.
        fault: First cause of the fault; empty where there is none.
    """

    life: Life
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """What came of a request.

    Attributes:
        status: The status after it.
        granted: Whether it was carried out.
        reason: Why not; empty if it was.
    """

    status: Status
    granted: bool
    reason: str = ""


_MOVES = {
    (Life.UNCONFIGURED, Request.CONFIGURE): Life.INACTIVE,
    (Life.INACTIVE, Request.CLEANUP): Life.UNCONFIGURED,
    (Life.INACTIVE, Request.ENABLE): Life.ACTIVE,
    (Life.ACTIVE, Request.DISABLE): Life.INACTIVE,
    (Life.FAULT, Request.RESET): Life.INACTIVE,
}
_NEEDS_NO_TROUBLE = (Request.ENABLE, Request.RESET)


def answer_request(status: Status, request: Request, trouble: str) -> RequestAnswer:
    """Carries out a request, or says why not.

    Args:
        status: The status.
        request: What is asked for.
        trouble: What is wrong at the moment; empty for nothing. With it a driver is neither enabled
            nor reset.
    """
    if request is Request.SHUTDOWN:
        return RequestAnswer(Status(Life.FINALIZED, status.fault), granted=True)
    after = _MOVES.get((status.life, request))
    if after is None:
        allowed = [one.value for life, one in _MOVES if life is status.life]
        cause = f" ({status.fault})" if status.fault else ""
        return RequestAnswer(
            status,
            granted=False,
            reason=f"cannot {request.value} while {status.life.value}{cause}; allowed: "
            f"{', '.join([*allowed, Request.SHUTDOWN.value])}",
        )
    if trouble and request in _NEEDS_NO_TROUBLE:
        return RequestAnswer(status, granted=False, reason=trouble)
    return RequestAnswer(Status(after), granted=True)


def raise_fault(status: Status, cause: str) -> Status:
    """Returns the status after something went wrong: a fault, if the robot was being driven.

    The first cause stays until a reset.
    """
    if status.life is not Life.ACTIVE:
        return status
    return Status(Life.FAULT, cause)
