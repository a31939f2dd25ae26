"""Orders: what goes to exchanges for the legs of running jobs, and what came of it."""
from __future__ import annotations

import uuid
from ctypes import (
    POINTER, byref, c_char_p, c_double, c_uint32, c_uint64, cast, create_string_buffer, sizeof,
)
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Dict, List, Literal, Mapping, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import Gate, JobState, News, OrderState, OrderType, Side, Status, Tif
from ._book import Exchange, ExchangeLike, Instrument
from ._convert import (
    JobId, Money, Time, decoded, flag, job_id, member, micros, moment, number,
    optional_nanoseconds, show, u32, u64, whole,
)
from ._convert import text as to_text
from ._library import lib
from ._module import Module
from ._struct import Converter, Struct
from .errors import ArgumentTypeError, ExistsError, InvalidError, PerpError, error_of
from .job import fees_of


@dataclass(frozen=True)
class PlacedOrder:
    """An order that the gate let pass: it is registered, and may be sent under its client_id. order:
    its number. It is true."""

    order: int
    client_id: str

    def __bool__(self) -> Literal[True]:
        return True


@dataclass(frozen=True)
class Refused:
    """Why the gate refused an order. limit: what would just pass (of `order_rate` the nanoseconds
    until the next may go), in unit, as asked. It is false."""

    reason: Gate
    asked: float
    limit: float
    unit: str

    def __bool__(self) -> Literal[False]:
        return False


Answer = Union[PlacedOrder, Refused]
OrderLike = Union[PlacedOrder, int, str]  # its number, or its client id


@dataclass(frozen=True)
class OrderRequest:
    """An order that is to be sent for a leg (from 0) of a running job. price None: a market order.
    tif `default`: a market order is IOC, a limit order GTC. reduce_only: of a job that reduces it
    is always."""

    job: JobId
    leg: int
    quantity: float
    price: Optional[float] = None
    tif: Union[Tif, str] = Tif.DEFAULT
    reduce_only: bool = False

    def _write(self, out: Any) -> None:
        lib.perp_order_request_init(byref(out))
        out.job_id = job_id("job", self.job)
        out.leg = u32("leg", self.leg)
        out.type = OrderType.MARKET
        if self.price is not None:
            out.type, out.price = OrderType.LIMIT, number("price", self.price)
        out.tif = member("tif", Tif, self.tif)
        out.quantity = number("quantity", self.quantity)
        out.reduce_only = flag("reduce_only", self.reduce_only)


@dataclass(frozen=True)
class OrderOutcome(Struct):
    """What the book made of what an exchange said. finished: what the job then is, where it
    finished by itself (`auto_finish`), else None."""

    _struct: ClassVar[Any] = _abi.perp_order_outcome
    _made: ClassVar[Dict[str, Converter]] = {
        "finished": lambda source, book: JobState(source.becomes) if source.finished else None,
    }

    order: int
    state: OrderState
    finished: Optional[JobState]


@dataclass(frozen=True)
class OrderInfo(Struct):
    """All that is known of an order. attempt: the n-th of its leg. limit_price None: a market order.
    price: the average of what was filled, None where nothing was. volume, fees, pnl: as booked.
    exchange_id: the exchange's own id of it, "" where it is not known. text: why it ended."""

    _struct: ClassVar[Any] = _abi.perp_order_info
    _made: ClassVar[Dict[str, Converter]] = {
        "limit_price": lambda source, book: source.limit_price or None,
        "price": lambda source, book: source.price if source.filled else None,
    }

    order: int
    job_id: uuid.UUID
    leg: int
    attempt: int
    exchange: Exchange
    instrument: Instrument
    side: Side
    type: OrderType
    tif: Tif
    state: OrderState
    reduce_only: bool
    cancel_requested: bool
    overfilled: bool
    limit_price: Optional[float]
    quantity: float
    filled: float
    price: Optional[float]
    volume: Decimal
    fees: Decimal
    pnl: Decimal
    placed_ns: int
    ended_ns: Optional[int]
    client_id: str
    exchange_id: str
    text: str

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.state >= OrderState.FILLED


@dataclass(frozen=True)
class Reconciled:
    """What a list of open orders told. in_doubt: numbers of ours that were not listed; foreign:
    client ids that were, and are none of ours."""

    in_doubt: Tuple[int, ...]
    foreign: Tuple[str, ...]


@dataclass(frozen=True)
class OrdersState(Struct):
    """How the desk stands. open: orders that have not ended, in_doubt: of these. unhedged_usd: what
    running jobs have without another side. foreign: the exchanges that list orders which are none
    of ours."""

    _struct: ClassVar[Any] = _abi.perp_orders_state
    _made: ClassVar[Dict[str, Converter]] = {
        "foreign": lambda source, book: tuple(
            book.exchange(i) for i in range(_abi.PERP_MAX_EXCHANGES) if source.foreign >> i & 1
        ),
    }

    open: int
    in_doubt: int
    kept: int
    placed_today: int
    fills_today: int
    placed_total: int
    refused_today: Dict[Gate, int]
    unhedged_jobs: int
    unhedged_usd: Decimal
    unhedged_since_ns: Optional[int]
    foreign: Tuple[Exchange, ...]


def answer_of(answer: Any) -> Answer:
    """What the gate says."""
    if answer.gate:
        return Refused(Gate(answer.gate), answer.asked, answer.limit,
                       decoded(lib.perp_gate_unit(answer.gate)))
    return PlacedOrder(answer.order, decoded(answer.client_id))


class Orders(Module):
    """`core.orders`: the gate before each order, ids that survive a crash, and fills that count at
    once and only once. A host may keep its orders itself and call nothing here."""

    # ---- Placing -------------------------------------------------------------------------------

    def place(self, job: JobId, leg: int, quantity: float, *, now: Time,
              price: Optional[float] = None, tif: Union[Tif, str] = Tif.DEFAULT,
              reduce_only: bool = False, actor: Optional[str] = None,
              reason: Optional[str] = None) -> Answer:
        """Asks the gate for an order (see OrderRequest) and registers it where it passes; send it
        once this has returned. A refusal is a result: `if not placed: print(placed.reason)`."""
        request, answer = _abi.perp_order_request(), _abi.perp_order_answer()
        OrderRequest(job, leg, quantity, price, tif, reduce_only)._write(request)
        lib.perp_order_answer_init(byref(answer))
        self._change(lib.perp_orders_place, self._book.orders, now, actor, reason, byref(request),
                     byref(answer))
        return answer_of(answer)

    def place_many(self, requests: Sequence[OrderRequest], *, now: Time,
                   actor: Optional[str] = None,
                   reason: Optional[str] = None) -> Tuple[Union[Answer, PerpError], ...]:
        """Many (at most 64), decided in their order and stored as one change. Each has its own
        answer; where one makes no sense that is its error, which is not raised."""
        if not isinstance(requests, (list, tuple)):
            raise ArgumentTypeError(f"requests: a list or tuple is wanted, not {show(requests)}")
        rows = (_abi.perp_order_request * len(requests))()
        answers = (_abi.perp_order_answer * len(requests))()
        for i, request in enumerate(requests):
            if not isinstance(request, OrderRequest):
                raise ArgumentTypeError(
                    f"requests[{i}]: an OrderRequest is wanted, not {show(request)}")
            try:
                request._write(rows[i])
            except PerpError as error:
                raise type(error)(f"requests[{i}].{error}") from None
            lib.perp_order_answer_init(byref(answers[i]))
        self._change(lib.perp_orders_place_many, self._book.orders, now, actor, reason, rows,
                     len(requests), answers)
        return tuple(
            error_of(answer.status, f"requests[{i}]: {Status(answer.status)}") if answer.status
            else answer_of(answer)
            for i, answer in enumerate(answers)
        )

    def cancel_sent(self, order: OrderLike, *, now: Time, actor: Optional[str] = None,
                    reason: Optional[str] = None) -> None:
        """A cancel of it was sent: it takes its part of the exchange's message allowance."""
        self._change(lib.perp_orders_cancel_sent, self._book.orders, now, actor, reason,
                     self._number(order))

    # ---- What exchanges say --------------------------------------------------------------------

    def on_order(
        self, order: OrderLike, kind: Union[News, str], *, now: Time,
        quantity: Optional[float] = None, price: Optional[float] = None,
        fill_id: Optional[str] = None, fee: Optional[Money] = None, pnl: Optional[Money] = None,
        time: Optional[Time] = None, exchange_id: Optional[str] = None,
        text: Optional[str] = None, actor: Optional[str] = None, reason: Optional[str] = None,
    ) -> OrderOutcome:
        """Tells what an exchange says of an order; a fill is booked at once.

        `accepted`; `fill`: one trade, with its fill_id, quantity, price and fee; `total`: quantity,
        average price and fee in all so far, for interfaces that report only that; the ends
        `cancelled`, `expired`, `declined` (the market said no) and `rejected` (the exchange did, or
        does not know it), with a text; `unknown`. pnl None: what was realised is booked. time None:
        that of the call. exchange_id: the exchange's own, with whatever it says.

        What was told before is an ExistsError and changes nothing; a fill_id with another quantity
        or price is a ConflictError, a total below the last a StaleError.
        """
        news = _abi.perp_order_news()
        lib.perp_order_news_init(byref(news))
        news.kind = member("kind", News, kind)
        if isinstance(order, str):
            news.client_id = to_text("order", order)
        else:
            news.order = self._number(order)
        fills = news.kind in (News.FILL, News.TOTAL)
        ends = News.CANCELLED <= news.kind <= News.REJECTED
        if text is not None and not ends:
            raise InvalidError(f"text: it is of an end, not of {News(news.kind)}")
        if fills and (quantity is None or price is None):
            raise InvalidError(f"{News(news.kind)}: quantity and price are wanted")
        if not fills:
            for name, given in (("quantity", quantity), ("price", price), ("fill_id", fill_id),
                                ("fee", fee), ("pnl", pnl), ("time", time)):
                if given is not None:
                    raise InvalidError(f"{name}: it is of a fill or total, not of "
                                       f"{News(news.kind)}; tell that first")
        if quantity is not None:
            news.quantity = number("quantity", quantity)
        if price is not None:
            news.price = number("price", price)
        if fee is not None:
            news.fee = micros("fee", fee)
        if pnl is not None:
            news.pnl, news.has_pnl = micros("pnl", pnl), 1
        news.time_ns = optional_nanoseconds("time", time)
        for name, given in (("fill_id", fill_id), ("exchange_id", exchange_id), ("text", text)):
            if given is not None:
                setattr(news, name, to_text(name, given))
        out = _abi.perp_order_outcome(struct_size=sizeof(_abi.perp_order_outcome))
        self._change(lib.perp_orders_tell, self._book.orders, now, actor, reason, byref(news),
                     byref(out))
        return OrderOutcome._read(out, self._book)

    def fills(self, order: OrderLike, trades: Sequence[Mapping[str, Any]], *, now: Time,
              usd_of: Optional[Mapping[str, Money]] = None) -> Tuple[OrderOutcome, ...]:
        """Tells trades of an order as CCXT unifies them (`id`, `amount`, `price`, `fee` or `fees`,
        `timestamp` in milliseconds), in their order; those that are booked already are passed over.
        Returns what came of the others. usd_of: as in LegResult.from_order. Where one raises, those
        before it are booked: tell all of them again."""
        if not isinstance(trades, (list, tuple)):
            raise ArgumentTypeError(f"trades: a list or tuple is wanted, not {show(trades)}")
        if usd_of is not None and not isinstance(usd_of, Mapping):
            raise ArgumentTypeError(f"usd_of: a mapping is wanted, not {show(usd_of)}")
        made: List[OrderOutcome] = []
        for i, trade in enumerate(trades):
            try:
                made.append(self._trade(order, trade, now, usd_of or {}))
            except ExistsError:
                pass
            except PerpError as error:
                raise type(error)(f"trades[{i}]: {error}") from None
        return tuple(made)

    def _trade(self, order: OrderLike, trade: Mapping[str, Any], now: Time,
               usd_of: Mapping[str, Money]) -> OrderOutcome:
        if not isinstance(trade, Mapping):
            raise ArgumentTypeError(f"a mapping is wanted, not {show(trade)}")
        stamp = trade.get("timestamp")
        if stamp is not None:
            stamp = whole("timestamp", stamp, 0, (2**63 - 1) // 1_000_000) * 1_000_000
        return self.on_order(order, News.FILL, now=now, fill_id=trade.get("id"),
                             quantity=trade.get("amount"), price=trade.get("price"),
                             fee=fees_of(trade, usd_of), time=stamp)

    def settled(self, job: JobId, *, now: Time, actor: Optional[str] = None,
                reason: Optional[str] = None) -> None:
        """The exchange was asked about all orders of a job in doubt: it runs on. StateError: one of
        them is in doubt."""
        self._change(lib.perp_orders_settled, self._book.orders, now, actor, reason,
                     byref(job_id("job", job)))

    def reconcile(self, exchange: ExchangeLike, client_ids: Sequence[str], *, time: Time, now: Time,
                  actor: Optional[str] = None, reason: Optional[str] = None) -> Reconciled:
        """The client ids of all orders that an exchange lists as open at a time. Ours that are new
        or open, were placed before it and are not listed are in doubt from then on."""
        if not isinstance(client_ids, (list, tuple)):
            raise ArgumentTypeError(
                f"client_ids: a list or tuple is wanted, not {show(client_ids)}")
        where = self._book.exchange_id(exchange)
        given = (c_char_p * len(client_ids))(
            *(to_text(f"client_ids[{i}]", each) for i, each in enumerate(client_ids)))
        # Room for all that can be missing, and for some that other threads place meanwhile.
        missing = (c_uint64 * (self.query(now=now).open + _abi.PERP_MAX_PLACED))()
        others = (c_uint32 * len(client_ids))()
        out = _abi.perp_reconciled()
        lib.perp_reconciled_init(byref(out))
        out.in_doubt, out.capacity = cast(missing, POINTER(c_uint64)), len(missing)
        out.foreign, out.foreign_capacity = cast(others, POINTER(c_uint32)), len(others)
        self._change(lib.perp_orders_reconcile, self._book.orders, now, actor, reason, where,
                     moment("time", time), given, len(client_ids), byref(out))
        if out.n_in_doubt > len(missing):  # there was not: then all there that are in doubt
            doubt = self.list(OrderState.IN_DOUBT, exchange=exchange)
        else:
            doubt = tuple(missing[:out.n_in_doubt])
        return Reconciled(doubt, tuple(client_ids[i] for i in others[:out.n_foreign]))

    # ---- Looking -------------------------------------------------------------------------------

    def get(self, order: OrderLike) -> OrderInfo:
        """All that is known of an order. It is kept as long as its job is."""
        out = _abi.perp_order_info(struct_size=sizeof(_abi.perp_order_info))
        self._book.call(lib.perp_orders_get, self._book.orders, self._number(order), byref(out))
        return OrderInfo._read(out, self._book)

    def find(self, client_id: str) -> int:
        """The number of the order of a client id."""
        out = c_uint64()
        self._book.call(lib.perp_orders_find, self._book.orders, to_text("client_id", client_id),
                        byref(out))
        return out.value

    def list(self, state: Union[OrderState, str, None] = None, *, job: Optional[JobId] = None,
             exchange: Optional[ExchangeLike] = None, live: bool = False) -> Tuple[int, ...]:
        """Numbers of orders, in their order. live, instead of a state: that have not ended."""
        which = _abi.perp_order_filter()
        lib.perp_order_filter_init(byref(which))
        if flag("live", live):
            if state is not None:
                raise InvalidError("live: a state is given too")
            which.state = _abi.PERP_ORDER_NOT_ENDED
        elif state is not None:
            which.state = member("state", OrderState, state)
        which.exchange = self._book.exchange_or_all(exchange)
        if job is not None:
            which.job_id, which.has_job = job_id("job", job), 1
        rows, count = self._book.rows(c_uint64, lib.perp_orders_list, self._book.orders,
                                      byref(which))
        return tuple(rows[:count])

    def client_id(self, exchange: ExchangeLike, job: JobId, leg: int, attempt: int = 1) -> str:
        """What the n-th order (from 1) of a leg of any job would be called on an exchange; "" where
        that follows from its number, which is known once it is placed."""
        out = create_string_buffer(_abi.PERP_NAME_SIZE)
        self._book.call(lib.perp_orders_client_id, self._book.orders,
                        self._book.exchange_id(exchange), byref(job_id("job", job)),
                        u32("leg", leg), u32("attempt", attempt), out)
        return decoded(out.value)

    def collar(self, instrument: Instrument, side: Union[Side, str], *, now: Time,
               reduce_only: bool = False) -> float:
        """The furthest price that the collar lets pass now, before it is rounded to the tick.
        StateError: no quote or mark is fresh."""
        out = c_double()
        self._book.call(lib.perp_orders_collar, self._book.orders,
                        self._book.instrument_id(instrument), int(member("side", Side, side)),
                        flag("reduce_only", reduce_only), moment("now", now), byref(out))
        return out.value

    def query(self, *, now: Time) -> OrdersState:
        """Counts, refusals of today, and what is unhedged."""
        out = _abi.perp_orders_state(struct_size=sizeof(_abi.perp_orders_state))
        self._book.call(lib.perp_orders_query, self._book.orders, moment("now", now), byref(out))
        return OrdersState._read(out, self._book)

    def _number(self, order: OrderLike) -> int:
        """The number of what a host gave for an order."""
        if isinstance(order, PlacedOrder):
            return order.order
        if isinstance(order, str):
            return self.find(order)
        return u64("order", order)
