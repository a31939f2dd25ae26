"""The host's functions as C functions. What a host's function raises never reaches C: the answer
stays the safe one that the library has preset, and the error is logged."""
from __future__ import annotations

import inspect
import logging
import math
import threading
from ctypes import byref, sizeof, string_at
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union
from uuid import UUID

from . import _abi
from ._abi import JobState, LogLevel, Outcome, Sense
from ._book import Book, Exchange, Instrument, logger
from ._convert import decoded, member, moment, number, show, to_uuid, whole
from ._library import lib
from .errors import ArgumentTypeError
from .job import Execution, Job
from .types import Alert, Evaluation

Execute = Callable[[Execution], Union[Outcome, str, None]]
OnLegRisk = Callable[[str, float], None]
OnKill = Callable[[Optional[Exchange], Tuple[UUID, ...]], None]
OnJobEnd = Callable[[UUID, JobState], None]
OnCancel = Callable[[UUID], None]
OnUnhedged = Callable[[UUID, str, float], None]
Clock = Callable[[], Optional[int]]
OnAlert = Callable[[Alert], None]
Log = Callable[[LogLevel, str], None]

Ask = Callable[[Job, Evaluation], "RuleAnswer"]

# A quote as a source gives it: (time, bid, bid_size, ask, ask_size); a book: (time, bids, asks).
Quote = Tuple[int, float, float, float, float]
Depth = Tuple[int, Sequence[Tuple[float, float]], Sequence[Tuple[float, float]]]

_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG, LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING, LogLevel.ERROR: logging.ERROR,
}


def as_function(name: str, function: Any) -> None:
    """What a host gave to be called."""
    if not callable(function):
        raise ArgumentTypeError(f"{name}: a function is wanted, not {show(function)}")
    if inspect.iscoroutinefunction(function):
        raise ArgumentTypeError(f"{name}: a coroutine function would never run; start a "
                                "task in a plain function")


@dataclass(frozen=True)
class RuleAnswer:
    """What a rule of the host answers about a job.

    sense: which value fails, one above, at least, below, at most the limit, or one that is true.
    value, limit: None and NaN: not known, and the rule fails. until_ns: from then on the answer may
    differ without any other change.
    """

    value: Optional[float]
    limit: Optional[float] = None
    sense: Union[Sense, str] = Sense.ABOVE
    until_ns: Optional[int] = None

    @classmethod
    def not_held(cls, until_ns: Optional[int] = None) -> RuleAnswer:
        """The rule does not concern the job."""
        return cls(None, None, Sense.NOT_HELD, until_ns)


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
             on_unhedged: Optional[OnUnhedged], clock: Optional[Clock]) -> None:
        """Puts the host's callbacks into a perp_callbacks."""
        link = self.link
        hooks: Tuple[Tuple[str, Any, Any], ...] = (
            ("execute", execute, _execute), ("on_leg_risk", on_leg_risk, _on_leg_risk),
            ("on_kill", on_kill, _on_kill), ("on_alert", on_alert, _on_alert),
            ("log", log or _to_logging, _log), ("on_job_end", on_job_end, _on_job_end),
            ("on_cancel", on_cancel, _on_cancel), ("on_unhedged", on_unhedged, _on_unhedged),
            ("clock", clock, _clock),
        )
        for name, function, make in hooks:
            if function is None:
                continue
            as_function(name, function)
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


def _clock(link: Link, function: Clock) -> Any:
    def clock(user: Any, now_ns: Any) -> None:
        now = link.run("clock", ask)
        if now is not None:
            now_ns[0] = now

    def ask() -> Optional[int]:
        now = function()  # of any clock: what a moment may not be, it may
        return None if now is None else whole("clock", now, -(2**63) + 1, 2**63 - 1)

    return clock


def optional_moment(name: str, value: Optional[int]) -> Optional[int]:
    """A time, or None."""
    return None if value is None else moment(name, value)


def known_or_nan(name: str, value: Optional[float]) -> float:
    """What a rule measured. Where it is not known, the library's word for that."""
    if value is None or value != value:
        return math.nan
    if isinstance(value, bool):  # of a rule that fails where something is true
        return float(value)
    return value if value in (math.inf, -math.inf) else number(name, value)


def ask_of_rule(link: Link, name: str, function: Ask) -> Any:
    """The C function of a rule of the host."""

    def ask(job: Any, so_far: Any, out: Any) -> None:
        book: Any = link.book
        metadata = string_at(job.metadata, job.metadata_size) if job.metadata_size else b""
        answer = function(Job._of_struct(job, book, metadata), Evaluation._read(so_far, book))
        if not isinstance(answer, RuleAnswer):
            raise ArgumentTypeError(f"rule {name}: a RuleAnswer is wanted, not {show(answer)}")
        value, limit = known_or_nan("value", answer.value), known_or_nan("limit", answer.limit)
        sense = member("sense", Sense, answer.sense)
        until = optional_moment("until_ns", answer.until_ns)
        out.value, out.limit, out.sense = value, limit, sense
        if until is not None:
            out.until_ns = until

    return lambda user, job, so_far, out: link.run(
        f"of the rule {name}", ask, job.contents, so_far.contents, out.contents)


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
