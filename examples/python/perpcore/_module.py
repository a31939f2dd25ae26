"""What the modules of a core have in common."""
from __future__ import annotations

from typing import Any, List, Optional

from . import _abi
from ._book import Book, NotCopied
from ._convert import Time, moment, text
from ._library import lib

_free_calls: List[Any] = []


class Module(NotCopied):
    """A part of a core. It does not keep the core alive: a call after the core has gone is a
    ClosedError. `_kept` are the host's functions, which a running call must keep."""

    def __init__(self, book: Book, kept: Any) -> None:
        self._book = book
        self._kept = kept

    def _change(self, function: Any, handle: Any, now: Time, actor: Optional[str],
                reason: Optional[str], *arguments: Any) -> None:
        """A call that changes the book: function(handle, call, ...)."""
        # Structs are used again, but never by two calls at once: pop and append are atomic.
        try:
            call = _free_calls.pop()
        except IndexError:
            call = _abi.perp_call()
            lib.perp_call_init(call)
        call.now_ns = moment("now", now)
        call.actor = None if actor is None else text("actor", actor, 127)
        call.reason = None if reason is None else text("reason", reason, 255)
        self._book.change(function, handle, call, *arguments)
        _free_calls.append(call)
