"""Jobs as a host makes them, as an executor gets them, and how they went."""
from __future__ import annotations

import uuid
from ctypes import byref, cast, create_string_buffer, c_void_p, string_at
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar, Dict, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import JobState, Reason, ResultStatus, Side, Strategy
from ._book import Book, Exchange, Instrument
from ._convert import (
    JobId, Money, Time, as_uuid, flag, i64, job_id, member, micros, nanoseconds, number,
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
    """A hedge job: legs that belong together. `Core.fill_hedge` fills two legs.

    The strategy `wash` is hedged turnover between different exchanges; only its name is
    historical, it is never wash trading. notional: USD of one side. est_volume None: the sum of
    the legs. ttl_ms None: the configured default, 0: never expires. max_run_ms 0: never overdue.
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
    max_run_ms: int = 0
    priority: int = 0
    metadata: bytes = b""

    def __init__(
        self, job_id: JobId, strategy: Union[Strategy, str], notional: Money,
        legs: Sequence[Leg] = (), expected_edge_bps: float = 0.0,
        est_volume: Optional[Money] = None, holding_hours: float = 0.0,
        created_at: Optional[Time] = None, ttl_ms: Optional[int] = None, max_run_ms: int = 0,
        priority: int = 0, metadata: bytes = b"",
    ) -> None:
        self.__dict__.update(
            job_id=as_uuid("job_id", job_id),
            strategy=(strategy if type(strategy) is Strategy
                      else member("strategy", Strategy, strategy)),
            notional=notional, legs=legs, expected_edge_bps=expected_edge_bps,
            est_volume=est_volume, holding_hours=holding_hours, created_at=created_at,
            ttl_ms=ttl_ms, max_run_ms=max_run_ms, priority=priority, metadata=metadata,
        )

    def _struct(self, book: Book) -> Any:
        """A perp_job, which refers to this Job's metadata."""
        out = _abi.perp_job()
        lib.perp_job_init(byref(out))
        out.job_id = job_id("job_id", self.job_id)
        out.strategy = member("strategy", Strategy, self.strategy)
        out.notional = micros("notional", self.notional)
        out.expected_edge_bps = number("expected_edge_bps", self.expected_edge_bps)
        out.holding_hours = number("holding_hours", self.holding_hours)
        if self.est_volume is not None:
            out.est_volume = given_micros("est_volume", self.est_volume)
        out.created_at_ns = optional_nanoseconds("created_at", self.created_at)
        if self.ttl_ms is not None:
            out.ttl_ms = whole("ttl_ms", self.ttl_ms, 0, 2**63 - 1)
        out.max_run_ms = i64("max_run_ms", self.max_run_ms)
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
            max_run_ms=source.max_run_ms,
            priority=source.priority,
            metadata=metadata,
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
class JobInfo(Struct):
    """A job of the scheduler. held: in flight and used, in all. unresolved: partial and not yet
    squared. job: as submitted, defaults filled in, without its metadata
    (Scheduler.job_metadata)."""

    _struct: ClassVar[Any] = _abi.perp_job_info
    _made: ClassVar[Dict[str, Converter]] = {
        "repairs_job": lambda source, book: (
            to_uuid(source.repairs_job) if source.is_repair else None
        ),
        "job": lambda source, book: Job._of_struct(source.job, book),
    }

    state: JobState
    last_refusal: Reason
    overdue: bool
    unresolved: bool
    is_repair: bool
    repair_attempts: int
    reduce_only: bool
    repairs_job: Optional[uuid.UUID]
    held: Decimal
    score: Optional[float]
    submitted_ns: Optional[int]
    started_ns: Optional[int]
    ended_ns: Optional[int]
    pnl: Decimal
    volume: Decimal
    fees: Decimal
    order: int
    job: Job


@dataclass(frozen=True)
class Order(Struct):
    """One leg as the executor gets it. price: the one that the decision was made on."""

    _struct: ClassVar[Any] = _abi.perp_order

    exchange: Exchange
    instrument: Instrument
    side: Side
    maker: bool
    quantity: float
    price: float
    leverage: float
    notional: Decimal


@dataclass(frozen=True)
class Execution(Struct):
    """A job to execute now. reduce_only: orders must not open or turn a position. repairs_job: the
    job whose position this one squares, where it is a repair."""

    _struct: ClassVar[Any] = _abi.perp_execution
    _made: ClassVar[Dict[str, Converter]] = {
        "repairs_job": lambda source, book: (
            to_uuid(source.repairs_job) if source.is_repair else None
        ),
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
    repairs_job: Optional[uuid.UUID]
    notional: Decimal
    now_ns: int
    orders: Tuple[Order, ...]
    metadata: bytes


@dataclass(frozen=True)
class LegResult:
    """How a leg went. filled: base units; price: the average. time None: that of finish."""

    filled: float
    price: float = 0.0
    fee: Money = 0
    pnl: Money = 0
    time: Optional[Time] = None


@dataclass(frozen=True)
class JobResult:
    """How a job went: by leg, or in all (pnl, volume, fees; what is left out is 0), or neither.
    hold: the position stays open."""

    status: Union[ResultStatus, str] = ResultStatus.COMPLETED
    legs: Sequence[LegResult] = field(default=())
    pnl: Optional[Money] = None
    volume: Optional[Money] = None
    fees: Optional[Money] = None
    hold: bool = False

    def _struct(self) -> Any:
        out = _abi.perp_job_result()
        lib.perp_job_result_init(byref(out))
        out.status = member("status", ResultStatus, self.status)
        out.hold = flag("hold", self.hold)
        if out.status == ResultStatus.UNKNOWN and self._has_figures():
            raise InvalidError("result: one that is unknown has neither legs nor figures; finish "
                               "again with them when they are known")
        for name in ("pnl", "volume", "fees"):
            value = getattr(self, name)
            if value is not None:
                setattr(out, name, micros(name, value))
                out.has_totals = 1
        if not isinstance(self.legs, (list, tuple)):
            raise ArgumentTypeError(f"legs: a list or tuple is wanted, not {show(self.legs)}")
        if len(self.legs) > _abi.PERP_MAX_LEGS:
            raise InvalidError(f"legs: {len(self.legs)}, at most {_abi.PERP_MAX_LEGS}")
        out.n_legs = len(self.legs)
        for i, leg in enumerate(self.legs):
            if not isinstance(leg, LegResult):
                raise ArgumentTypeError(f"legs[{i}]: a LegResult is wanted, not {show(leg)}")
            row = out.legs[i]
            row.filled = number(f"legs[{i}].filled", leg.filled)
            row.price = number(f"legs[{i}].price", leg.price)
            row.fee = micros(f"legs[{i}].fee", leg.fee)
            row.pnl = micros(f"legs[{i}].pnl", leg.pnl)
            row.time_ns = (
                _abi.PERP_TIME_NONE if leg.time is None
                else nanoseconds(f"legs[{i}].time", leg.time)
            )
        return out

    def _has_figures(self) -> bool:
        return bool(self.legs) or any(
            value is not None for value in (self.pnl, self.volume, self.fees)
        )


def as_job(job: Job) -> Job:
    """What a host gave for a job."""
    if not isinstance(job, Job):
        raise ArgumentTypeError(f"job: a Job is wanted, not {show(job)}")
    return job
