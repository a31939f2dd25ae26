"""The whole state in one piece, for people and programs that watch."""
from __future__ import annotations

import uuid
from ctypes import sizeof
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Dict, List, Optional, Tuple

from . import _abi
from ._abi import Api, Circuit, Gate, JobState, Mode, Pool, Reason, Strategy, System
from ._book import Exchange, Instrument
from ._convert import Time, moment, to_uuid, u64
from ._library import lib
from ._module import Module
from ._struct import Converter, Struct
from .types import Alert, several, uuid_if


@dataclass(frozen=True)
class Change(Struct):
    """One change of the book, by number."""

    _struct: ClassVar[Any] = _abi.perp_change
    _made: ClassVar[Dict[str, Converter]] = {"job_id": uuid_if("has_job", "job_id")}

    seq: int
    time_ns: Optional[int]
    kind: str
    exchange: Optional[Exchange]
    job_id: Optional[uuid.UUID]


@dataclass(frozen=True)
class GlobalStats(Struct):
    """The whole book."""

    _struct: ClassVar[Any] = _abi.perp_monitor_global

    system_status: System
    risk_mode: Mode
    today_volume_usd: Decimal
    today_fees_usd: Decimal
    today_pnl_usd: Decimal
    daily_loss_limit: Optional[Decimal]
    daily_loss_used: Decimal
    equity_usd: Decimal
    drawdown: Optional[float]
    today_net_usd: Decimal
    today_funding_usd: Decimal


@dataclass(frozen=True)
class PoolStats(Struct):
    """One pool of an exchange."""

    _struct: ClassVar[Any] = _abi.perp_monitor_pool

    budget: Decimal
    in_flight: Decimal
    used: Decimal
    available: Decimal


@dataclass(frozen=True)
class CapitalStats(Struct):
    """The ledger of an exchange; ..._used is in flight and used."""

    _struct: ClassVar[Any] = _abi.perp_monitor_capital

    exchange: str
    equity: Decimal
    wash_used: Decimal
    wash_budget: Decimal
    arb_used: Decimal
    arb_budget: Decimal
    reserve_used: Decimal
    reserve_size: Decimal
    total_in_flight: Decimal
    total_used: Decimal
    overcommitted: Decimal
    safe_mode: bool
    pools: Dict[Pool, PoolStats]


@dataclass(frozen=True)
class ExchangeStats(Struct):
    """How an exchange answers, and what runs there."""

    _struct: ClassVar[Any] = _abi.perp_monitor_exchange

    api_latency_ms: Optional[float]
    latency_p50_ms: Optional[float]
    latency_p99_ms: Optional[float]
    open_positions_count: int
    concurrent_jobs_count: int
    max_concurrent_jobs: int
    running_notional: Decimal
    max_notional: Decimal
    circuit: Circuit
    status: Api
    safe_mode: bool
    killed: bool
    order_rate_left: Optional[float]
    delayed: bool


@dataclass(frozen=True)
class JobsStats(Struct):
    """Counts of jobs."""

    _struct: ClassVar[Any] = _abi.perp_monitor_jobs

    running_jobs_count: int
    in_doubt_jobs_count: int
    open_jobs_count: int
    unresolved_jobs_count: int
    pending_jobs_count: int
    submitted_today: int
    dispatched_today: int
    completed_today: int
    failed_today: int
    partial_today: int
    rejected_today: int
    expired_today: int
    cancelled_today: int
    submitted_total: int
    dispatched_total: int
    completed_total: int
    failed_total: int
    partial_total: int
    rejected_total: int
    expired_total: int
    cancelled_total: int


@dataclass(frozen=True)
class JobStats(Struct):
    """A job as the monitor lists it. symbol is that of the first leg."""

    _struct: ClassVar[Any] = _abi.perp_monitor_job
    _made: ClassVar[Dict[str, Converter]] = {
        "instruments": lambda source, book: tuple(
            book.instrument(source.instruments[i]) for i in range(source.n_legs)
        ),
    }

    job_id: uuid.UUID
    strategy: Strategy
    symbol: str
    state: JobState
    notional: Decimal
    score: Optional[float]
    priority: int
    last_refusal: Reason
    is_repair: bool
    overdue: bool
    submitted: Optional[int]
    started: Optional[int]
    ended: Optional[int]
    pnl: Decimal
    volume: Decimal
    fees: Decimal
    max_run_ms: int
    instruments: Tuple[Instrument, ...]


@dataclass(frozen=True)
class PositionStats(Struct):
    """What is open on an instrument, or unexplained there. mark: the mark, else the mid; n_lots:
    `core.positions.lots` gives them."""

    _struct: ClassVar[Any] = _abi.perp_monitor_position

    base: str
    quantity: float
    entry: Optional[float]
    mark: Optional[float]
    unrealised: Optional[float]
    liquidation_price: Optional[float]
    liquidation_distance: Optional[float]
    foreign: float
    unexplained: float
    reported: Optional[int]
    latched: bool
    in_doubt: bool
    known: bool
    instrument: Instrument
    n_lots: int


@dataclass(frozen=True)
class NakedStats(Struct):
    """What of a base has no other side. since: None while it is within the tolerance."""

    _struct: ClassVar[Any] = _abi.perp_monitor_naked

    quantity: float
    usd: Optional[float]
    since: Optional[int]


@dataclass(frozen=True)
class BaseStats(Struct):
    """A base over all its instruments. repair: the job that repairs it."""

    _struct: ClassVar[Any] = _abi.perp_monitor_base
    _made: ClassVar[Dict[str, Converter]] = {
        "naked": lambda source, book: NakedStats._read(source.naked, book),
        "repair": lambda source, book: (
            to_uuid(source.repair.job_id) if source.repair.given else None
        ),
    }

    base: str
    net: float
    gross: float
    to_square: float
    next_try: Optional[int]
    tries: int
    repair: Optional[uuid.UUID]
    is_naked: bool
    repairs_stopped: bool
    naked: NakedStats


@dataclass(frozen=True)
class OrdersStats(Struct):
    """Orders, where the library keeps them, and the running jobs that are unhedged."""

    _struct: ClassVar[Any] = _abi.perp_monitor_orders

    open: int
    in_doubt: int
    placed_today: int
    fills_today: int
    refused_today: int
    placed_total: int
    unhedged_jobs_count: int
    unhedged_usd: Decimal
    unhedged_since: Optional[int]


@dataclass(frozen=True)
class UnhedgedStats(Struct):
    """A running job whose legs have filled unequally: of the base that has most of it how much has
    no other side, and what all of it is worth."""

    _struct: ClassVar[Any] = _abi.perp_monitor_unhedged

    job_id: uuid.UUID
    base: str
    quantity: float
    usd: Optional[float]
    since: int


@dataclass(frozen=True)
class RiskStats(Struct):
    """Switches and failures. override_job: the one job that the override is for."""

    _struct: ClassVar[Any] = _abi.perp_monitor_risk
    _made: ClassVar[Dict[str, Converter]] = {
        "override_job": lambda source, book: (
            to_uuid(source.override_job.job_id) if source.override_job.given else None
        ),
    }

    consecutive_failures: int
    auto_halt: bool
    manual_override: bool
    override_until: Optional[int]
    override_job: Optional[uuid.UUID]
    killed: bool


def _by_exchange(name: str, cls: Any) -> Converter:
    return lambda source, book: {
        book.exchange(i).name: cls._read(getattr(source, name)[i], book)
        for i in range(source.n_exchanges)
    }


@dataclass(frozen=True)
class MonitorState(Struct):
    """The whole state. n_... counts all there are; the tuples hold as many as the library lists.
    seq: the newest change in it, what Monitor.changes goes on from."""

    _struct: ClassVar[Any] = _abi.perp_monitor_state
    _made: ClassVar[Dict[str, Converter]] = {
        "global_stats": lambda source, book: GlobalStats._read(getattr(source, "global"), book),
        "top_pending": several("top_pending", "n_top_pending", JobStats),
        "recent_completed": several("recent_completed", "n_recent_completed", JobStats),
        "running_jobs": several("running_jobs", "n_running", JobStats),
        "alerts": several("alerts", "n_alerts", Alert),
        "fast_markets": lambda source, book: tuple(
            book.instrument(i)
            for i in source.fast_markets[: min(source.n_fast_markets, _abi.PERP_MONITOR_FAST)]
        ),
        "positions": several("positions", "n_positions", PositionStats),
        "bases": several("bases", "n_bases", BaseStats),
        "orders": lambda source, book: OrdersStats._read(source.orders, book),
        "unhedged": several("unhedged", "n_unhedged", UnhedgedStats),
        "foreign_orders": lambda source, book: tuple(
            book.exchange(i)
            for i in range(_abi.PERP_MAX_EXCHANGES)
            if source.foreign_orders >> i & 1
        ),
        "capital": _by_exchange("capital", CapitalStats),
        "exchanges": _by_exchange("exchanges", ExchangeStats),
    }

    seq: int
    now_ns: int
    last_update_ns: Optional[int]
    global_stats: GlobalStats
    jobs: JobsStats
    risk: RiskStats
    refusals: Dict[Reason, int]
    n_running: int
    n_alerts: int
    n_fast_markets: int
    n_positions: int
    n_bases: int
    n_unhedged: int
    top_pending: Tuple[JobStats, ...]
    recent_completed: Tuple[JobStats, ...]
    running_jobs: Tuple[JobStats, ...]
    alerts: Tuple[Alert, ...]
    fast_markets: Tuple[Instrument, ...]
    capital: Dict[str, CapitalStats]
    exchanges: Dict[str, ExchangeStats]
    positions: Tuple[PositionStats, ...]
    bases: Tuple[BaseStats, ...]
    orders: OrdersStats
    order_refusals: Dict[Gate, int]
    foreign_orders: Tuple[Exchange, ...]
    unhedged: Tuple[UnhedgedStats, ...]


class Monitor(Module):
    """`core.monitor`."""

    def snapshot(self, *, now: Time) -> MonitorState:
        """The state. All that belongs to the book is of one moment."""
        try:
            out = _free_states.pop()
        except IndexError:
            out = _abi.perp_monitor_state(struct_size=sizeof(_abi.perp_monitor_state))
        try:
            self._book.call(lib.perp_monitor_snapshot, self._book.pointer,
                            moment("now", now), out)
            return MonitorState._read(out, self._book)
        finally:
            _free_states.append(out)

    def json(self, *, now: Time) -> str:
        """The state as JSON, with all running jobs, alerts and markets."""
        return self._book.json(lib.perp_monitor_json, self._book.pointer, moment("now", now))

    def alerts(self, *, now: Time) -> Tuple[Alert, ...]:
        """The alerts that stand now, the most severe first."""
        rows, count = self._book.rows(_abi.perp_alert, lib.perp_monitor_alerts,
                                      self._book.pointer, moment("now", now))
        return tuple(Alert._read(rows[i], self._book) for i in range(count))

    def watch(self, *, now: Time) -> None:
        """Tells `on_alert` of the alerts that come from feeds or with time (an exchange is down, a
        feed is silent): what is new since the last call, and what is over. Belongs into the
        host's loop; other alerts are told with the change that raises them. StateError: from
        inside a callback."""
        self._book.call(lib.perp_monitor_watch, self._book.pointer, moment("now", now))

    def changes(self, after_seq: int) -> Tuple[Change, ...]:
        """The changes after that number, oldest first. RangeError: some of them are no longer
        kept (the last 1,024 are); take a snapshot and go on from its seq."""
        rows, count = self._book.rows(_abi.perp_change, lib.perp_monitor_changes,
                                      self._book.pointer, u64("after_seq", after_seq))
        return tuple(Change._read(rows[i], self._book) for i in range(count))


# A state is some 90 KB; it is used again, but never by two calls at once.
_free_states: List[Any] = []
