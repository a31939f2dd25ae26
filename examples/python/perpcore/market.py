"""Market data in, and what is known of it."""
from __future__ import annotations

import struct
from ctypes import byref, sizeof
from typing import Any, List, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import Api
from ._book import ExchangeLike, Instrument
from ._convert import Time, flag, member, moment, number, show, text
from ._hooks import MarketSource
from ._library import lib
from ._module import Module
from .errors import ArgumentTypeError, InvalidError
from .types import ExchangeState, MarketState

Levels = Sequence[Tuple[float, float]]


class Market(Module):
    """`core.market`. Its feed methods may be called from any thread; those of a core take turns.
    An event older than the last of its kind is a StaleError, and counted."""

    def on_quote(self, instrument: Instrument, time: Time, bid: float, bid_size: float,
                 ask: float, ask_size: float) -> None:
        """The best bid and ask. Sizes are in units of the base and may be 0."""
        book = self._book
        try:
            quote = _free_quotes.pop()
        except IndexError:
            quote = _abi.perp_quote()
        quote.instrument = book.instrument_id(instrument)
        quote.time_ns = moment("time", time)
        quote.bid = bid if type(bid) is float else number("bid", bid)
        quote.bid_size = bid_size if type(bid_size) is float else number("bid_size", bid_size)
        quote.ask = ask if type(ask) is float else number("ask", ask)
        quote.ask_size = ask_size if type(ask_size) is float else number("ask_size", ask_size)
        with book.feeding:
            book.change(lib.perp_market_on_quote, book.market, quote)
        _free_quotes.append(quote)

    def on_book(self, instrument: Instrument, time: Time, bids: Levels, asks: Levels) -> None:
        """1 to 32 levels (price, size) a side, best first. Its top is also the quote."""
        bid_rows, ask_rows = levels_of("bids", bids), levels_of("asks", asks)
        self._feed(lib.perp_market_on_book, _abi.perp_book(
            instrument=self._book.instrument_id(instrument), n_bids=len(bid_rows),
            n_asks=len(ask_rows), time_ns=moment("time", time), bids=bid_rows, asks=ask_rows,
        ))

    def on_trade(self, instrument: Instrument, time: Time, price: float,
                 size: float = 0.0) -> None:
        """A trade. size may be 0: not known."""
        self._feed(lib.perp_market_on_trade, _abi.perp_trade(
            instrument=self._book.instrument_id(instrument), time_ns=moment("time", time),
            price=number("price", price), size=number("size", size),
        ))

    def on_mark(self, instrument: Instrument, time: Time, price: float) -> None:
        """The exchange's mark price."""
        self._feed(lib.perp_market_on_mark, _abi.perp_mark(
            instrument=self._book.instrument_id(instrument), time_ns=moment("time", time),
            price=number("price", price),
        ))

    def on_funding(self, instrument: Instrument, time: Time, rate: float, *, next_time: Time,
                   interval_h: float = 8.0, continuous: bool = False) -> None:
        """The rate of an interval as a fraction; positive: longs pay shorts. next_time: a
        settlement; others are whole intervals away."""
        self._feed(lib.perp_market_on_funding, funding_struct(
            self._book.instrument_id(instrument), time, rate, next_time, interval_h, continuous,
        ))

    def on_latency(self, exchange: ExchangeLike, time: Time, ms: float) -> None:
        """How long the exchange took to answer."""
        self._feed(lib.perp_market_on_latency, _abi.perp_latency(
            exchange=self._book.exchange_id(exchange), time_ns=moment("time", time),
            ms=number("ms", ms),
        ))

    def on_status(self, exchange: ExchangeLike, time: Time, api: Union[Api, str]) -> None:
        """Whether the exchange is up."""
        self._feed(lib.perp_market_on_status, _abi.perp_exchange_status(
            exchange=self._book.exchange_id(exchange), time_ns=moment("time", time),
            api=member("api", Api, api),
        ))

    def on_rate(self, quote: str, time: Time, usd: float) -> None:
        """What one unit of a quote currency is worth in USD; 1 until told."""
        self._feed(lib.perp_market_on_rate, _abi.perp_rate(
            quote=text("quote", quote, _abi.PERP_NAME_SIZE - 1), time_ns=moment("time", time),
            usd=number("usd", usd),
        ))

    def on_withdraw(self, instrument: Instrument, time: Time) -> None:
        """The instrument's book is broken: there is no quote and no depth until the next."""
        self._feed(lib.perp_market_on_withdraw, _abi.perp_withdrawal(
            instrument=self._book.instrument_id(instrument), time_ns=moment("time", time),
        ))

    def set_source(self, source: Optional[MarketSource]) -> None:
        """Who is asked for the quotes and books of instruments that were added as `pulled`; None:
        nobody. What it raises is logged, and no quote is taken."""
        if source is not None and (isinstance(source, type)
                                   or not callable(getattr(source, "quote", None))):
            raise ArgumentTypeError(f"source: a MarketSource is wanted, not {show(source)}")
        self._kept.set_source(self._book, source)

    def query(self, instrument: Instrument, *, now: Time) -> MarketState:
        """What is known of an instrument at a time: the later of it and the clock."""
        out = _abi.perp_market_state(struct_size=sizeof(_abi.perp_market_state))
        self._book.call(lib.perp_market_query, self._book.market,
                        self._book.instrument_id(instrument), moment("now", now), byref(out))
        return MarketState._read(out, self._book)

    def query_exchange(self, exchange: ExchangeLike, *, now: Time) -> ExchangeState:
        """How an exchange answers, and what runs there."""
        out = _abi.perp_exchange_state(struct_size=sizeof(_abi.perp_exchange_state))
        self._book.call(lib.perp_market_query_exchange, self._book.market,
                        self._book.exchange_id(exchange), moment("now", now), byref(out))
        return ExchangeState._read(out, self._book)

    def _feed(self, function: Any, event: Any) -> None:
        # The library wants one thread per instrument at a time; ctypes lets several run.
        with self._book.feeding:
            self._book.change(function, self._book.market, event)


_free_quotes: List[Any] = []


def levels_of(name: str, levels: Levels) -> Any:
    """Levels of a book as an array of the library."""
    if not isinstance(levels, (list, tuple)):
        raise ArgumentTypeError(f"{name}: a list of (price, size) is wanted, not {show(levels)}")
    if len(levels) > _abi.PERP_MAX_LEVELS:
        raise InvalidError(f"{name}: {len(levels)} levels, at most {_abi.PERP_MAX_LEVELS}")
    flat: List[float] = []
    for i, level in enumerate(levels):
        if not isinstance(level, (list, tuple)) or len(level) != 2:
            raise ArgumentTypeError(f"{name}[{i}]: (price, size) is wanted, not {show(level)}")
        price, size = level
        if type(price) is not float or type(size) is not float:
            price = number(f"{name}[{i}].price", price)
            size = number(f"{name}[{i}].size", size)
        flat += (price, size)
    data = struct.pack(f"{len(flat)}d", *flat)  # much quicker than a struct for each level
    return (_abi.perp_book_level * len(levels)).from_buffer_copy(data)


def funding_struct(instrument: int, time: Time, rate: float, next_time: Time, interval_h: float,
                   continuous: bool) -> Any:
    return _abi.perp_funding(
        instrument=instrument, continuous=flag("continuous", continuous),
        time_ns=moment("time", time), rate=number("rate", rate),
        interval_h=number("interval_h", interval_h), next_ns=moment("next_time", next_time),
    )


__all__ = ["Levels", "Market", "MarketSource"]
