"""The host's functions as C functions. What a host's function raises never reaches C: the answer
stays the safe one that the library has preset, and the error is logged."""
from __future__ import annotations

import inspect
import logging
import threading
from ctypes import byref, sizeof
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union
from uuid import UUID

from . import _abi
from ._abi import JobState, LogLevel, Outcome
from ._book import Book, Exchange, Instrument, logger
from ._convert import decoded, member, moment, number, show, to_uuid
from ._library import lib
from .errors import ArgumentTypeError
from .job import Execution
from .types import Alert

Execute = Callable[[Execution], Union[Outcome, str, None]]
OnLegRisk = Callable[[str, float], None]
OnKill = Callable[[Optional[Exchange], Tuple[UUID, ...]], None]
OnJobEnd = Callable[[UUID, JobState], None]
OnCancel = Callable[[UUID], None]
OnUnhedged = Callable[[UUID, str, float], None]
OnAlert = Callable[[Alert], None]
Log = Callable[[LogLevel, str], None]

# A quote as a source gives it: (time, bid, bid_size, ask, ask_size); a book: (time, bids, asks).
Quote = Tuple[int, float, float, float, float]
Depth = Tuple[int, Sequence[Tuple[float, float]], Sequence[Tuple[float, float]]]

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG, LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING, LogLevel.ERROR: logging.ERROR,
}


class MarketSource:
    """Base of a host's own books, for `Market.set_source`."""

    def quote(self, instrument: Instrument, now_ns: int) -> Optional[Quote]:
        """(time, bid, bid_size, ask, ask_size) of an instrument, None where there is none."""
        raise NotImplementedError

    def book(self, instrument: Instrument, now_ns: int) -> Optional[Depth]:
        """(time, bids, asks), up to 32 levels (price, size) a side, best first; None: no depth."""
        return None


class Link:
    """Where C functions find the book and the source, which come after them. It refers to no core
    and to no C function, so that there is no cycle."""

    def __init__(self) -> None:
        self.book: Optional[Book] = None
        self.interrupts: Dict[int, BaseException] = {}  # also of what is called during open
        self.source: Optional[MarketSource] = None

    def run(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """A function of the host; None where it failed."""
        book, me = self.book, threading.get_ident()
        if book:
            book.callback_threads.append(me)
        try:
            try:
                return function(*arguments)
            except Exception:
                logger.exception("the callback %s failed", name)
        except BaseException as error:  # KeyboardInterrupt and the like go on in the caller
            self.interrupts[me] = error
        finally:
            if book:
                book.callback_threads.remove(me)
        return None


class Hooks:
    """Keeps the C functions of a core for as long as C may call them."""

    def __init__(self) -> None:
        self.link = Link()
        self.kept: List[Any] = []
        self.over = threading.Event()  # the core is closed, or could not be opened
        self.store_text: Callable[[], str] = str  # what a host's store said of its last failure

    def keep(self, made: Any) -> Any:
        self.kept.append(made)
        return made

    def fill(self, out: Any, execute: Optional[Execute], on_leg_risk: Optional[OnLegRisk],
             on_kill: Optional[OnKill], on_alert: Optional[OnAlert], log: Optional[Log],
             on_job_end: Optional[OnJobEnd], on_cancel: Optional[OnCancel],
             on_unhedged: Optional[OnUnhedged]) -> None:
        """Puts the host's callbacks into a perp_callbacks."""
        link = self.link
        hooks: Tuple[Tuple[str, Any, Any], ...] = (
            ("execute", execute, _execute), ("on_leg_risk", on_leg_risk, _on_leg_risk),
            ("on_kill", on_kill, _on_kill), ("on_alert", on_alert, _on_alert),
            ("log", log or _to_logging, _log), ("on_job_end", on_job_end, _on_job_end),
            ("on_cancel", on_cancel, _on_cancel), ("on_unhedged", on_unhedged, _on_unhedged),
        )
        for name, function, make in hooks:
            if function is None:
                continue
            if not callable(function):
                raise ArgumentTypeError(f"{name}: a function is wanted, not {show(function)}")
            if inspect.iscoroutinefunction(function):
                raise ArgumentTypeError(f"{name}: a coroutine function would never run; start a "
                                        "task in a plain function")
            ctype = getattr(_abi, f"perp_callbacks_{name}")
            setattr(out, name, self.keep(ctype(make(link, function))))

    def attach(self, book: Book) -> None:
        """The book is open: callbacks may look things up in it, and it may ask for quotes."""
        self.link.book = book
        source = _abi.perp_market_source(struct_size=sizeof(_abi.perp_market_source))
        source.quote = self.keep(_abi.perp_market_source_quote(_quote(self.link)))
        source.book = self.keep(_abi.perp_market_source_book(_book(self.link)))
        book.call(lib.perp_market_set_source, book.market, byref(source))

    def set_source(self, book: Book, source: Optional[MarketSource]) -> None:
        """Sets whom the two functions of the market source ask."""
        book.change(lambda: 0)  # refused where any other change would be
        self.link.source = source


def _execute(link: Link, function: Execute) -> Any:
    def ask(job: Any) -> Optional[Outcome]:
        answer = function(Execution._read(job, link.book))
        if answer is None:
            return None
        if not isinstance(answer, (Outcome, str)):
            raise ArgumentTypeError(f"execute: an Outcome is wanted, not {show(answer)}")
        return member("execute", Outcome, answer)

    def execute(user: Any, job: Any, outcome: Any) -> None:
        answer = link.run("execute", ask, job.contents)
        if answer is not None:
            outcome[0] = answer

    return execute


def _on_leg_risk(link: Link, function: OnLegRisk) -> Any:
    def tell(base: bytes, quantity: float) -> None:
        function(decoded(base), quantity)

    return lambda user, *arguments: link.run("on_leg_risk", tell, *arguments)


def _on_kill(link: Link, function: OnKill) -> Any:
    def tell(exchange: int, jobs: Any, n_jobs: int) -> None:
        book: Any = link.book
        function(book.optional_exchange(exchange), tuple(to_uuid(jobs[i]) for i in range(n_jobs)))

    return lambda user, *arguments: link.run("on_kill", tell, *arguments)


def _on_job_end(link: Link, function: OnJobEnd) -> Any:
    def tell(job_id: Any, state: int) -> None:
        function(to_uuid(job_id.contents), JobState(state))

    return lambda user, *arguments: link.run("on_job_end", tell, *arguments)


def _on_cancel(link: Link, function: OnCancel) -> Any:
    def tell(job_id: Any) -> None:
        function(to_uuid(job_id.contents))

    return lambda user, *arguments: link.run("on_cancel", tell, *arguments)


def _on_unhedged(link: Link, function: OnUnhedged) -> Any:
    def tell(job_id: Any, base: bytes, quantity: float) -> None:
        function(to_uuid(job_id.contents), decoded(base), quantity)

    return lambda user, *arguments: link.run("on_unhedged", tell, *arguments)


def _on_alert(link: Link, function: OnAlert) -> Any:
    def tell(alert: Any) -> None:
        function(Alert._read(alert.contents, link.book))

    return lambda user, *arguments: link.run("on_alert", tell, *arguments)


def _log(link: Link, function: Log) -> Any:
    def tell(level: int, message: bytes) -> None:
        function(LogLevel(level), decoded(message))

    return lambda user, *arguments: link.run("log", tell, *arguments)


def _to_logging(level: LogLevel, message: str) -> None:
    logger.log(_LEVELS.get(level, logging.ERROR), "%s", message)


def _quote(link: Link) -> Any:
    def ask(instrument: int, now_ns: int, out: Any) -> bool:
        book: Any = link.book
        found = link.source.quote(book.instrument(instrument), now_ns) if link.source else None
        if found is None:
            return False
        time, bid, bid_size, ask_price, ask_size = found
        out.time_ns = moment("time", time)
        out.bid, out.bid_size = number("bid", bid), number("bid_size", bid_size)
        out.ask, out.ask_size = number("ask", ask_price), number("ask_size", ask_size)
        return True

    def quote(user: Any, instrument: int, now_ns: int, out: Any, have: Any) -> None:
        if link.run("MarketSource.quote", ask, instrument, now_ns, out.contents):
            have[0] = 1

    return quote


def _book(link: Link) -> Any:
    def ask(instrument: int, now_ns: int, out: Any) -> bool:
        book: Any = link.book
        found = link.source.book(book.instrument(instrument), now_ns) if link.source else None
        if found is None:
            return False
        time, bids, asks = found
        out.time_ns = moment("time", time)
        for name, rows, target in (("bids", bids, out.bids), ("asks", asks, out.asks)):
            if len(rows) > len(target):
                raise ArgumentTypeError(f"{name}: {len(rows)} levels, at most {len(target)}")
            for i, (price, size) in enumerate(rows):
                target[i].price, target[i].size = number("price", price), number("size", size)
        out.n_bids, out.n_asks = len(bids), len(asks)
        return True

    def book(user: Any, instrument: int, now_ns: int, out: Any, have: Any) -> None:
        if link.run("MarketSource.book", ask, instrument, now_ns, out.contents):
            have[0] = 1

    return book
