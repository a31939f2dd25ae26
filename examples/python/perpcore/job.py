"""Jobs as a host makes them, as an executor gets them, and how they went."""
from __future__ import annotations

import uuid
from ctypes import byref, cast, create_string_buffer, c_void_p, string_at
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar, Dict, Mapping, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import JobState, Reason, ResultStatus, Side, Strategy
from ._book import Book, Exchange, Instrument
from ._convert import (
    JobId, Money, Time, as_uuid, flag, job_id, member, micros, number,
    optional_nanoseconds, show, to_uuid, usd, whole,
)
from ._library import lib
from ._struct import Converter, Struct
from .errors import ArgumentTypeError, InvalidError, PerpError


# The two that a host makes most take texts and hold what they mean, so that what is read from
# them has one type. They are frozen: __init__ writes to __dict__.


@dataclass(frozen=True, init=False)
class Leg:
    """One side of a job on one exchange. quantity: base units. What is None is the job's notional,
    or the configured default leverage. maker: rests in the book instead of taking."""

    instrument: Instrument
    side: Side
    quantity: float
    notional: Optional[Money] = None
    leverage: Optional[float] = None
    maker: bool = False

    def __init__(self, instrument: Instrument, side: Union[Side, str], quantity: float,
                 notional: Optional[Money] = None, leverage: Optional[float] = None,
                 maker: bool = False) -> None:
        self.__dict__.update(
            instrument=instrument,
            side=side if type(side) is Side else member("side", Side, side),
            quantity=quantity, notional=notional, leverage=leverage, maker=maker,
        )


@dataclass(frozen=True, init=False)
class Job:
    """A hedge job: legs that belong together. `Core.fill_hedge` fills two legs, `Core.fill_exit`
    makes the job that closes what another one has open.

    The strategy `wash` is hedged turnover between different exchanges; only its name is
    historical, it is never wash trading. notional: USD of one side. est_volume None: the sum of
    the legs. ttl_ms None: the configured default, 0: never expires. max_run_ms None: the
    configured default, 0: never overdue. closes: an open job whose lots its fills close first.
    """

    job_id: uuid.UUID
    strategy: Strategy
    notional: Money
    legs: Sequence[Leg] = ()
    expected_edge_bps: float = 0.0
    est_volume: Optional[Money] = None
    holding_hours: float = 0.0
    created_at: Optional[Time] = None
    ttl_ms: Optional[int] = None
    max_run_ms: Optional[int] = None
    priority: int = 0
    metadata: bytes = b""
    closes: Optional[uuid.UUID] = None

    def __init__(
        self, job_id: JobId, strategy: Union[Strategy, str], notional: Money,
        legs: Sequence[Leg] = (), expected_edge_bps: float = 0.0,
        est_volume: Optional[Money] = None, holding_hours: float = 0.0,
        created_at: Optional[Time] = None, ttl_ms: Optional[int] = None,
        max_run_ms: Optional[int] = None, priority: int = 0, metadata: bytes = b"",
        closes: Optional[JobId] = None,
    ) -> None:
        self.__dict__.update(
            job_id=as_uuid("job_id", job_id),
            strategy=(strategy if type(strategy) is Strategy
                      else member("strategy", Strategy, strategy)),
            notional=notional, legs=legs, expected_edge_bps=expected_edge_bps,
            est_volume=est_volume, holding_hours=holding_hours, created_at=created_at,
            ttl_ms=ttl_ms, max_run_ms=max_run_ms, priority=priority, metadata=metadata,
            closes=None if closes is None else as_uuid("closes", closes),
        )

    def _struct(self, book: Book) -> Any:
        """A perp_job, which refers to this Job's metadata."""
        out = _abi.perp_job()
        lib.perp_job_init(byref(out))
        out.job_id = job_id("job_id", self.job_id)
        out.strategy = member("strategy", Strategy, self.strategy)
        out.notional = micros("notional", self.notional)
        if self.closes is not None:
            out.closes = job_id("closes", self.closes)
        out.expected_edge_bps = number("expected_edge_bps", self.expected_edge_bps)
        out.holding_hours = number("holding_hours", self.holding_hours)
        if self.est_volume is not None:
            out.est_volume = given_micros("est_volume", self.est_volume)
        out.created_at_ns = optional_nanoseconds("created_at", self.created_at)
        if self.ttl_ms is not None:
            out.ttl_ms = whole("ttl_ms", self.ttl_ms, 0, 2**63 - 1)
        if self.max_run_ms is not None:
            out.max_run_ms = whole("max_run_ms", self.max_run_ms, 0, 2**63 - 1)
        out.priority = whole("priority", self.priority, -(2**31), 2**31 - 1)
        if not isinstance(self.legs, (list, tuple)):
            raise ArgumentTypeError(f"legs: a list or tuple is wanted, not {show(self.legs)}")
        if len(self.legs) > _abi.PERP_MAX_LEGS:
            raise InvalidError(f"legs: {len(self.legs)}, at most {_abi.PERP_MAX_LEGS}")
        out.n_legs = len(self.legs)
        for i, leg in enumerate(self.legs):
            try:
                fill_leg(leg, out.legs[i], book)
            except PerpError as error:
                raise type(error)(f"legs[{i}].{error}") from None
        if not isinstance(self.metadata, bytes):
            raise ArgumentTypeError(f"metadata: bytes are wanted, not {show(self.metadata)}")
        if self.metadata:
            out.metadata_size = whole("metadata", len(self.metadata), 0, 2**32 - 1)
            kept = create_string_buffer(self.metadata, len(self.metadata))
            out.metadata = cast(kept, c_void_p)
            out.kept = kept  # as long as the struct lives
        return out

    @classmethod
    def _of_struct(cls, source: Any, book: Book, metadata: bytes = b"") -> Job:
        created, ttl = source.created_at_ns, source.ttl_ms
        return cls(
            job_id=to_uuid(source.job_id),
            strategy=Strategy(source.strategy),
            notional=usd(source.notional),
            legs=tuple(leg_of(source.legs[i], book) for i in range(source.n_legs)),
            expected_edge_bps=source.expected_edge_bps,
            est_volume=None if source.est_volume < 0 else usd(source.est_volume),
            holding_hours=source.holding_hours,
            created_at=None if created == _abi.PERP_TIME_NONE else created,
            ttl_ms=None if ttl < 0 else ttl,
            max_run_ms=None if source.max_run_ms < 0 else source.max_run_ms,
            priority=source.priority,
            metadata=metadata,
            closes=to_uuid(source.closes) if any(source.closes.bytes) else None,
        )


def given_micros(name: str, value: Money) -> int:
    """Money that may not be negative, because -1 stands for "not given" in the struct."""
    amount = micros(name, value)
    if amount < 0:
        raise InvalidError(f"{name}: {show(value)} is negative")
    return amount


def fill_leg(leg: Leg, out: Any, book: Book) -> None:
    if not isinstance(leg, Leg):
        raise ArgumentTypeError(f"leg: a Leg is wanted, not {show(leg)}")
    out.instrument = book.instrument_id(leg.instrument)
    out.side = member("side", Side, leg.side)
    out.quantity = number("quantity", leg.quantity)
    if leg.notional is not None:
        out.notional = micros("notional", leg.notional)
        if out.notional == 0:
            raise InvalidError("notional: 0; leave it out for that of the job")
    if leg.leverage is not None:
        out.leverage = number("leverage", leg.leverage)
        if out.leverage == 0:
            raise InvalidError("leverage: 0; leave it out for the default")
    out.maker = flag("maker", leg.maker)


def leg_of(source: Any, book: Book) -> Leg:
    return Leg(
        instrument=book.instrument(source.instrument),
        side=Side(source.side),
        quantity=source.quantity,
        notional=usd(source.notional) if source.notional else None,
        leverage=source.leverage or None,
        maker=source.maker != 0,
    )


@dataclass(frozen=True)
class LegFilled(Struct):
    """What was told of a leg so far, in all. price: the average of its fills. pnl: what closing
    fills realised, before fees."""

    _struct: ClassVar[Any] = _abi.perp_leg_result

    filled: float
    price: float
    fee: Decimal
    pnl: Decimal


@dataclass(frozen=True)
class JobInfo(Struct):
    """A job of the scheduler. n_lots: what of it is open. balanced: its buys and sells agree.
    legs: what was told of each. held: in flight and used, in all. last_skip: why a tick passed it
    over. unhedged_since_ns: since when its legs have filled unequally. job: as submitted, defaults
    filled in, without its metadata (Scheduler.job_metadata)."""

    _struct: ClassVar[Any] = _abi.perp_job_info
    _made: ClassVar[Dict[str, Converter]] = {
        "legs": lambda source, book: tuple(
            LegFilled._read(source.legs[i], book) for i in range(source.job.n_legs)
        ),
        "job": lambda source, book: Job._of_struct(source.job, book),
    }

    state: JobState
    last_refusal: Reason
    overdue: bool
    n_lots: int
    is_repair: bool
    balanced: bool
    reduce_only: bool
    cancel_asked: bool
    last_skip: Reason
    dispatch: int
    legs: Tuple[LegFilled, ...]
    held: Decimal
    score: Optional[float]
    submitted_ns: Optional[int]
    started_ns: Optional[int]
    ended_ns: Optional[int]
    unhedged_since_ns: Optional[int]
    pnl: Decimal
    volume: Decimal
    fees: Decimal
    order: int
    job: Job


@dataclass(frozen=True)
class Order(Struct):
    """One leg as the executor gets it. price: the one that the decision was made on. limit_price:
    the furthest that the collar lets pass, before it is rounded to the tick; None: no reference is
    fresh. client_id: what the next order of the leg, its attempt-th, is called (`Orders.place`
    gives the same); "": it is known once placed. reduce_only: it must not open or turn a
    position."""

    _struct: ClassVar[Any] = _abi.perp_order
    _made: ClassVar[Dict[str, Converter]] = {
        "limit_price": lambda source, book: source.limit_price or None,
    }

    exchange: Exchange
    instrument: Instrument
    side: Side
    maker: bool
    quantity: float
    price: float
    leverage: float
    notional: Decimal
    limit_price: Optional[float]
    reduce_only: bool
    attempt: int
    client_id: str


@dataclass(frozen=True)
class Execution(Struct):
    """A job to execute now. reduce_only: orders must not open or turn a position. is_repair: it
    squares what is naked of a base. dispatch: the number of this dispatch, which an answer may
    carry."""

    _struct: ClassVar[Any] = _abi.perp_execution
    _made: ClassVar[Dict[str, Converter]] = {
        "orders": lambda source, book: tuple(
            Order._read(source.orders[i], book) for i in range(source.n_orders)
        ),
        "metadata": lambda source, book: (
            string_at(source.metadata, source.metadata_size) if source.metadata_size else b""
        ),
    }

    job_id: uuid.UUID
    strategy: Strategy
    reduce_only: bool
    is_repair: bool
    dispatch: int
    notional: Decimal
    now_ns: int
    orders: Tuple[Order, ...]
    metadata: bytes


@dataclass(frozen=True)
class LegResult:
    """What became of a leg so far, in all since the job was dispatched first. filled: base units;
    price: the average. pnl None: the library books what was realised. time: of the last fill;
    None: that of the call. known False: nothing is known of this leg (only where the status is
    unknown)."""

    filled: float = 0.0
    price: float = 0.0
    fee: Money = 0
    pnl: Optional[Money] = None
    time: Optional[Time] = None
    known: bool = True

    def _write(self, name: str, out: Any) -> None:
        out.filled = number(f"{name}.filled", self.filled)
        out.price = number(f"{name}.price", self.price)
        out.fee = micros(f"{name}.fee", self.fee)
        if self.pnl is not None:
            out.pnl, out.has_pnl = micros(f"{name}.pnl", self.pnl), 1
        out.time_ns = optional_nanoseconds(f"{name}.time", self.time)
        out.known = flag(f"{name}.known", self.known)


    @classmethod
    def from_order(cls, order: Mapping[str, Any],
                   usd_of: Optional[Mapping[str, Money]] = None) -> LegResult:
        """What an order has come to so far, from its structure as CCXT unifies it: `filled` and
        `average` (else `cost` by `filled`), what `fees` or `fee` cost in all, and
        `lastTradeTimestamp`, which CCXT gives in milliseconds. A fee is rounded half away from zero
        to six decimals. usd_of: what one unit of a fee's currency is worth in USD; without it only
        fees in USD, USDT, USDC and the like are taken."""
        if not isinstance(order, Mapping):
            raise ArgumentTypeError(f"order: a mapping is wanted, not {show(order)}")
        filled = number("order['filled']", order.get("filled") or 0.0)
        price = order.get("average")
        if price is None and filled > 0 and order.get("cost"):
            price = number("order['cost']", order["cost"]) / filled
        if price is None and filled > 0:
            raise InvalidError("order: it is filled, and has neither `average` nor `cost`")
        stamp = order.get("lastTradeTimestamp")
        if stamp is not None:
            stamp = whole("order['lastTradeTimestamp']", stamp, 0, _MOST_MS) * 1_000_000
        return cls(filled=filled, price=number("order['average']", price or 0.0),
                   fee=fees_of(order, usd_of or {}), time=stamp)


LegLike = Union[LegResult, Mapping[str, Any]]

_MOST_MS = (2**63 - 1) // 1_000_000
_DOLLARS = frozenset(("USD", "USDT", "USDC", "BUSD", "TUSD", "FDUSD", "USDE", "DAI"))
_MICRO = Decimal("0.000001")


def fees_of(order: Mapping[str, Any], usd_of: Mapping[str, Money]) -> Decimal:
    """What the fees of an order cost in all, in USD."""
    fees = order.get("fees") or ([order["fee"]] if order.get("fee") else [])
    total = Decimal(0)
    for fee in fees:
        cost, currency = fee.get("cost"), fee.get("currency")
        if not cost:
            continue
        if currency in usd_of:
            worth = Decimal(usd_of[currency])
        elif currency in _DOLLARS:
            worth = Decimal(1)
        else:
            raise InvalidError(f"order: a fee in {show(currency)}; usd_of says what it is worth")
        # As the float is written: 0.1 is 0.1.
        total += Decimal(str(cost)) * worth
    if not total.is_finite():
        raise InvalidError(f"order: fees of {show(total)}")
    return total.quantize(_MICRO, ROUND_HALF_UP)


def write_legs(legs: Sequence[LegLike], out: Any) -> int:
    """Puts the results of legs into an array of C and returns how many they are."""
    if not isinstance(legs, (list, tuple)):
        raise ArgumentTypeError(f"legs: a list or tuple is wanted, not {show(legs)}")
    if len(legs) > _abi.PERP_MAX_LEGS:
        raise InvalidError(f"legs: {len(legs)}, at most {_abi.PERP_MAX_LEGS}")
    for i, leg in enumerate(legs):
        if isinstance(leg, Mapping):
            try:
                leg = LegResult.from_order(leg)
            except PerpError as error:
                raise type(error)(f"legs[{i}]: {error}") from None
        if not isinstance(leg, LegResult):
            raise ArgumentTypeError(f"legs[{i}]: a LegResult is wanted, not {show(leg)}")
        leg._write(f"legs[{i}]", out[i])
    return len(legs)


@dataclass(frozen=True)
class JobResult:
    """How a job went: by leg (each a LegResult, or an order of CCXT), or in all (pnl, volume, fees;
    what is left out is 0), or neither.
    flat: with figures in all, the job opened and closed within itself; else what it filled is
    open until another job has closed it. dispatch: the number of the dispatch that this answers;
    None: not said."""

    status: Union[ResultStatus, str] = ResultStatus.COMPLETED
    legs: Sequence[LegLike] = field(default=())
    pnl: Optional[Money] = None
    volume: Optional[Money] = None
    fees: Optional[Money] = None
    flat: bool = False
    dispatch: Optional[int] = None

    def _struct(self) -> Any:
        out = _abi.perp_job_result()
        lib.perp_job_result_init(byref(out))
        out.status = member("status", ResultStatus, self.status)
        out.flat = flag("flat", self.flat)
        if self.dispatch is not None:
            out.dispatch = whole("dispatch", self.dispatch, 1, 2**64 - 1)
        for name in ("pnl", "volume", "fees"):
            value = getattr(self, name)
            if value is not None:
                setattr(out, name, micros(name, value))
                out.has_totals = 1
        out.n_legs = write_legs(self.legs, out.legs)
        return out


def as_job(job: Job) -> Job:
    """What a host gave for a job."""
    if not isinstance(job, Job):
        raise ArgumentTypeError(f"job: a Job is wanted, not {show(job)}")
    return job
