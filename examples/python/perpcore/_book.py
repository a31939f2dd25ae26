"""One open book: the gate that every call goes through, and the names of what was added to it.

Nothing here refers to a Core or to callbacks of the host, so that the finalizer of a Core, which
holds a book, keeps neither alive.
"""
from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from ctypes import byref, c_size_t, c_uint32, create_string_buffer
from dataclasses import dataclass
from threading import get_ident
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union

from . import _abi
from ._convert import decoded, show, text
from ._library import lib
from .errors import (
    ArgumentTypeError, ClosedError, InvalidError, PerpError, RangeError, StateError, error_of,
)


logger = logging.getLogger("perpcore")


class NotCopied:
    """Base of what stands for something in C, of which Python can't make another."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise ArgumentTypeError(f"a {type(self).__name__} can't be copied or pickled")


class Handle:
    """Base of what belongs to one core, which has one object for each: equal is the same."""

    def __copy__(self: H) -> H:
        return self

    def __deepcopy__(self: H, memo: Any) -> H:
        return self


H = TypeVar("H", bound=Handle)


@dataclass(frozen=True, eq=False)
class Exchange(Handle):
    """An exchange of one core, from `Core.add_exchange` or `Core.exchange`."""

    id: int
    name: str
    venue: str


@dataclass(frozen=True, eq=False)
class Instrument(Handle):
    """An instrument of one core, from `Core.add_instrument` or `Core.instrument`."""

    id: int
    exchange: Exchange
    symbol: str
    base: str


ExchangeLike = Union[Exchange, str]


def of_core(known: List[Any], handle: Any) -> bool:
    """Whether it is the object that a core has for it, not one of another core or a copy."""
    return handle.id < len(known) and known[handle.id] is handle


class Book:
    """The C core behind a Core, which calls reach only while it is open."""

    def __init__(self, pointer: int, read_only: bool = False,
                 closed: Optional[threading.Event] = None) -> None:
        self.pointer: Optional[int] = pointer
        self.capital: int = lib.perp_core_capital(pointer)
        self.market: int = lib.perp_core_market(pointer)
        self.positions: int = lib.perp_core_positions(pointer)
        self.risk: int = lib.perp_core_risk(pointer)
        self.scheduler: int = lib.perp_core_scheduler(pointer)
        self.orders: int = lib.perp_core_orders(pointer)
        self.read_only = read_only
        self.visiting: Optional[int] = None  # the thread that may read a read-only book now
        self.pid = os.getpid()
        self.closing = False
        self.closed = closed or threading.Event()
        self.failure: Optional[PerpError] = None  # of the last commit, when it was closed
        self.store: Any = None  # a MemoryStore's memory, which must outlive the C core
        self.feeding = threading.RLock()
        self.resources: List[Any] = []  # freed by their functions when the book is closed
        self.callback_threads: List[int] = []
        self.store_threads: List[int] = []
        self.interrupts: Dict[int, BaseException] = {}
        self._running: List[int] = []  # the threads of calls; append and remove are atomic
        # Signal handlers and finalizers may come in between, on the thread that has a lock.
        self._lock = threading.RLock()
        self._exchanges: List[Exchange] = []
        self._instruments: List[Instrument] = []
        _BOOKS.add(self)

    # ---- Calls -------------------------------------------------------------------------------

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """A function that returns a status. Raises what it says."""
        running, me = self._running, get_ident()
        try:
            running.append(me)
            if self.closing or self.store_threads or self.read_only:
                self.refuse()
            status = function(*arguments)
            if status:
                # Kept per thread and per call: nothing of this thread may come between.
                raise error_of(status, decoded(lib.perp_core_error(self.pointer)))
        finally:
            running.remove(me)
            if self.closing:
                self._close_when_idle()
            if self.interrupts:
                self._interrupt()

    def change(self, function: Callable[..., Any], *arguments: Any) -> None:
        """As call, for functions that change the book."""
        if self.read_only:
            raise StateError("this book is shown to a visitor, which may only read")
        self.call(function, *arguments)

    def value(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function that returns a value and can't fail."""
        running, me = self._running, get_ident()
        try:
            running.append(me)
            if self.closing or self.store_threads or self.read_only:
                self.refuse()
            return function(*arguments)
        finally:
            running.remove(me)
            if self.closing:
                self._close_when_idle()

    def refuse(self) -> None:
        """Raises why there may be no call now, if so."""
        if self.pid != os.getpid():
            raise StateError(
                f"this core was opened by process {self.pid}; a forked child can't use it"
            )
        if self.closing:
            raise ClosedError("the core is closed, or its last reference is gone")
        if self.read_only and self.visiting != get_ident():
            raise StateError("the book of a visit can be read only during the visit, on its thread")
        if get_ident() in self.store_threads:
            raise StateError("a store's functions can't call the core that they store for")

    def _interrupt(self) -> None:
        """What was raised in a callback to end the program goes on in the caller."""
        raised = self.interrupts.pop(get_ident(), None)
        if raised is not None:
            raise raised

    # ---- Closing -----------------------------------------------------------------------------

    def close(self) -> None:
        """Refuses new calls, waits for those of other threads and frees the C core. Raises why
        what waited for the store could not be stored."""
        me = get_ident()
        if me in self.callback_threads or me in self.store_threads:
            raise StateError("a core can't be closed from inside one of its callbacks")
        if self.pid != os.getpid():
            return
        self.release()
        if me not in self._running:  # a signal handler may have interrupted a call: it closes
            self.closed.wait()
            self._interrupt()
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure

    def release(self) -> None:
        """Frees the C core now, or in the last call that still runs. Never waits."""
        self.closing = True
        if self.pid == os.getpid():
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._running or self.pid != os.getpid():
            return
        with self._lock:
            pointer, self.pointer = self.pointer, None
        if pointer is None:
            return
        try:
            for free, what in self.resources:
                free(byref(what))
            if not self.read_only:
                status = lib.perp_core_close(pointer)
                if status:  # close says so; in garbage collection the library logs it
                    self.failure = error_of(status, decoded(lib.perp_core_error(None)))
        finally:
            self.closed.set()

    # ---- Names -------------------------------------------------------------------------------

    def exchange(self, exchange_id: int) -> Exchange:
        """The exchange of an id that the library gave."""
        known = self._exchanges
        while len(known) <= exchange_id:
            spec = _abi.perp_exchange_spec()
            lib.perp_exchange_spec_init(byref(spec))
            number = len(known)
            self.call(lib.perp_exchange_get, self.pointer, number, byref(spec))
            name = decoded(spec.name)
            found = Exchange(number, name, decoded(spec.venue) or name)
            with self._lock:
                if len(known) == number:
                    known.append(found)
        return known[exchange_id]

    def instrument(self, instrument_id: int) -> Instrument:
        """The instrument of an id that the library gave."""
        known = self._instruments
        while len(known) <= instrument_id:
            spec = _abi.perp_instrument_spec()
            lib.perp_instrument_spec_init(byref(spec))
            number = len(known)
            self.call(lib.perp_instrument_get, self.pointer, number, byref(spec))
            symbol = decoded(spec.symbol)
            found = Instrument(
                number, self.exchange(spec.exchange), symbol,
                decoded(spec.base) or symbol.split("/")[0],
            )
            with self._lock:
                if len(known) == number:
                    known.append(found)
        return known[instrument_id]

    def optional_exchange(self, exchange_id: int) -> Optional[Exchange]:
        """None for the id that stands for none or all."""
        return None if exchange_id == _abi.PERP_NO_ID else self.exchange(exchange_id)

    def exchange_id(self, exchange: ExchangeLike) -> int:
        """The id of what a host gave: an Exchange of this core, or a name."""
        if type(exchange) is Exchange:
            if not of_core(self._exchanges, exchange):
                raise InvalidError(f"exchange {show(exchange.name)} is one of another core")
            return exchange.id
        if isinstance(exchange, str):
            found = c_uint32()
            self.call(lib.perp_exchange_find, self.pointer, text("exchange", exchange),
                      byref(found))
            return found.value
        raise ArgumentTypeError(
            f"exchange: an Exchange or its name is wanted, not {show(exchange)}"
        )

    def exchange_or_all(self, exchange: Optional[ExchangeLike]) -> int:
        """The id of an exchange, or the one that stands for all."""
        return _abi.PERP_ALL_EXCHANGES if exchange is None else self.exchange_id(exchange)

    def instrument_id(self, instrument: Instrument) -> int:
        """The id of an Instrument of this core."""
        if type(instrument) is Instrument:
            if not of_core(self._instruments, instrument):
                raise InvalidError(f"instrument {show(instrument.symbol)} is one of another core")
            return instrument.id
        raise ArgumentTypeError(f"instrument: an Instrument is wanted, not {show(instrument)}")

    # ---- What several modules need -------------------------------------------------------------

    def rows(self, row: Any, function: Callable[..., Any], *arguments: Any) -> Tuple[Any, int]:
        """Rows of a function that ends with (rows, capacity, &count), and how many there are."""
        capacity = 16
        count = c_uint32()
        while True:
            found = (row * capacity)()
            self.call(function, *arguments, found, capacity, byref(count))
            if count.value <= capacity:
                return found, count.value
            capacity = count.value

    def json(self, function: Callable[..., Any], *arguments: Any) -> str:
        """The text of a function that ends with (buffer, capacity, &length)."""
        return json_text(lambda *rest: self.call(function, *arguments, *rest))


def json_text(call: Callable[..., None]) -> str:
    """call(buffer, capacity, &length) with a buffer that grows until it is enough."""
    length = c_size_t()
    capacity = 4096
    while True:
        buffer = create_string_buffer(capacity)
        length.value = 0
        try:
            call(buffer, capacity, byref(length))
            return decoded(buffer.raw[: length.value])
        except RangeError:
            if length.value < capacity:
                raise
        capacity = length.value + length.value // 8 + 1


def check(status: int) -> None:
    """Raises what a function without a core returned."""
    if status:
        raise error_of(status, decoded(lib.perp_core_error(None)))


_BOOKS: "weakref.WeakSet[Book]" = weakref.WeakSet()


def _forked() -> None:
    """A forked child has a copy of every book and none of its right to the store. Its copies
    refuse all calls and are never closed; their locks may be held by threads it doesn't have."""
    for book in list(_BOOKS):
        book.closing = True
        book.feeding = threading.RLock()
        book._lock = threading.RLock()


# How long the end of the program waits for calls that daemon threads are in.
EXIT_WAIT_S = 5.0


def _at_exit() -> None:
    """Closes what is open when the program ends."""
    books = [book for book in _BOOKS if book.pid == os.getpid()]
    for book in books:
        book.release()
    for book in books:
        if not book.closed.wait(EXIT_WAIT_S):
            logger.error("the program ended inside a call of a daemon thread: a core was not "
                         "closed, and what waited for flush is lost")


os.register_at_fork(after_in_child=_forked)
atexit.register(_at_exit)
