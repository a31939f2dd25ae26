"""The exceptions: one class for each status of the library.

A refusal ("the rules say no") is a result and never an exception. An exception means misuse, bad
input or a fault, and the call that raised it has changed nothing.
"""
from __future__ import annotations

from typing import Any, ClassVar, Dict, Type

from ._abi import Status


class PerpError(Exception):
    """Base of all errors of this package. `str(error)` is the library's message."""

    status: ClassVar[Status] = Status.INVALID

    @property
    def message(self) -> str:
        """One line: what, which value, which limit."""
        return str(self.args[0]) if self.args else ""


class InvalidError(PerpError, ValueError):
    """A malformed or inconsistent argument: NaN, a crossed book, a missing actor, ..."""


class ArgumentTypeError(InvalidError, TypeError):
    """An argument of the wrong type, a float where money is meant for one."""


class RangeError(PerpError, ValueError):
    """A number outside what is possible: an amount not above 0, a time too far ahead, ..."""

    status = Status.RANGE


class NotFoundError(PerpError, LookupError):
    """No such exchange, instrument or reservation, or no job in the state the call is for."""

    status = Status.NOT_FOUND


class ExistsError(PerpError):
    """The key is known, with the same content."""

    status = Status.EXISTS

    #: The reservation that has the key, where the call was a reservation.
    reservation: int = 0


class ConflictError(PerpError):
    """The key is known, with other content."""

    status = Status.CONFLICT


class StateError(PerpError, RuntimeError):
    """Not now: a reservation that a job holds, a call that a callback may not make, ..."""

    status = Status.STATE


class ClosedError(StateError):
    """The core is closed."""


class StaleError(PerpError):
    """A market event older than the last of its kind."""

    status = Status.STALE


class ConfigError(PerpError, ValueError):
    """A configuration value; the message has the path of the field."""

    status = Status.CONFIG


class NoMemoryError(PerpError, MemoryError):
    """Out of memory; the book is as it was."""

    status = Status.NOMEM


class StoreError(PerpError):
    """The store failed; memory and disk agree, and dispatch is paused until resume."""

    status = Status.STORE


class BusyError(PerpError):
    """The store has another writer."""

    status = Status.BUSY


class CorruptError(PerpError):
    """A broken invariant or store: the book can be read, and no longer changed."""

    status = Status.CORRUPT


class LibraryError(ImportError):
    """libperpcore can't be found, or is not the one that this package was made for."""


_CLASSES: Dict[int, Type[PerpError]] = {
    int(cls.status): cls
    for cls in (
        InvalidError, RangeError, NotFoundError, ExistsError, ConflictError, StateError,
        StaleError, ConfigError, NoMemoryError, StoreError, BusyError, CorruptError,
    )
}


def error_of(status: int, message: str) -> PerpError:
    """The exception for what a call returned."""
    cls: Any = _CLASSES.get(status)
    if cls is None:
        return PerpError(f"status {status}: {message}")
    error: PerpError = cls(message or Status(status).text)
    return error
