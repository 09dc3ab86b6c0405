"""The errors of edgefer, and the exit status that the command line gives each.

* EdgeferError
  + CheckFailed (1)            a parity, accuracy or self-check did not hold
  + InputError (2)             the caller gave something that cannot be used
    - BundleError              a file that is not an intact bundle
  + MachineError (3)           this machine lacks a library, a device or disk space
    - MissingDependency        a library that one of the extras brings
  + RuntimeLost (70)           the backend is beyond repair; the process has to start again

A message is one line: the thing, what was expected, what was found, what to do.
"""

from __future__ import annotations


def reason(error: BaseException, most: int | None = None) -> str:
    """What another library's error says, on one line, of at most that many characters."""
    return " ".join(str(error).split())[:most]


class EdgeferError(Exception):
    """Base of everything that edgefer raises on purpose."""

    exit_status = 1


class CheckFailed(EdgeferError):
    """Figures that had to agree do not agree."""


class InputError(EdgeferError):
    """A file, option or array that cannot be used."""

    exit_status = 2


class BundleError(InputError):
    """A file that is not an intact edgefer bundle."""


class MachineError(EdgeferError):
    """This machine lacks what the work needs."""

    exit_status = 3


class MissingDependency(MachineError):
    """An optional library is not installed."""


class RuntimeLost(EdgeferError):
    """The inference library reported a state that only a new process leaves."""

    exit_status = 70
