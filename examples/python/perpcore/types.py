"""What the library shows: frozen dataclasses, each made from one of its structs.

What is not known is None. Money is Decimal, times are int nanoseconds since the Unix epoch.
"""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Tuple

from . import _abi
from ._abi import (
    AlertCode, AlertLevel, Api, Circuit, ClientIdFormat, Component, FlattenKind, JobState, Kind,
    LatchKind, Margin, Mode, Pool, Reason, RuleResult, Sense, Strategy, TickItemKind, TickStatus,
)
from ._book import Exchange, Instrument
from ._convert import decoded, to_uuid, usd
from ._struct import Converter, Struct


def several(name: str, count: str, cls: Any) -> Converter:
    """An array of which as many entries are given as another field says."""

    def read(source: Any, book: Any) -> Tuple[Any, ...]:
        rows = getattr(source, name)
        there = min(getattr(source, count), len(rows))
        return tuple(cls._read(rows[i], book) for i in range(there))

    return read


def uuid_if(given: str, name: str) -> Converter:
    """A UUID that another field says is there."""
    return lambda source, book: to_uuid(getattr(source, name)) if getattr(source, given) else None


@dataclass(frozen=True)
class ModeLimits(Struct):
    """The limits that a mode presets."""

    _struct: ClassVar[Any] = _abi.perp_mode_limits

    min_edge_bps: float
    max_acceptable_loss_bps: float
    volatility_threshold: float
    max_latency_ms: float
    max_funding_carry_bps: float
    max_slippage_bps: float
    max_spread_ratio: float
    max_leverage: float
    min_safety_score: float
    safety_weight: float
    volume_weight: float


# ---- Capital -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refusal(Struct):
    """What the ledger said no to. limit: the most that this check would have let pass."""

    _struct: ClassVar[Any] = _abi.perp_refusal

    reason: Reason
    exchange: Exchange
    pool: Pool
    asked: Decimal
    limit: Decimal

    @classmethod
    def _given(cls, source: Any, book: Any) -> Optional[Refusal]:
        """None where the ledger said yes."""
        return cls._read(source, book) if source.reason else None


@dataclass(frozen=True)
class PoolState(Struct):
    """One of the pools of an exchange."""

    _struct: ClassVar[Any] = _abi.perp_pool_state

    budget: Decimal
    in_flight: Decimal
    used: Decimal
    available: Decimal
    utilisation: float


@dataclass(frozen=True)
class DayFigures(Struct):
    """What was booked on a day."""

    _struct: ClassVar[Any] = _abi.perp_day_figures

    pnl: Decimal
    volume: Decimal
    fees: Decimal
    funding: Decimal


@dataclass(frozen=True)
class CapitalState(Struct):
    """The ledger of one exchange. The pool `wash` is for hedged turnover between exchanges; only
    its name is historical, it is never wash trading."""

    _struct: ClassVar[Any] = _abi.perp_capital_state

    safe_mode: bool
    equity: Decimal
    high_water: Decimal
    drawdown: float
    day_start_equity: Decimal
    today: DayFigures
    yesterday: DayFigures
    total_in_flight: Decimal
    total_used: Decimal
    overcommitted: Decimal
    aside: Decimal
    has_aside: bool
    last_update_ns: Optional[int]
    pools: Dict[Pool, PoolState]


@dataclass(frozen=True)
class Reservation(Struct):
    """A live reservation: reserved = in_flight + used + released. job_id: the job that holds it."""

    _struct: ClassVar[Any] = _abi.perp_reservation
    _made: ClassVar[Dict[str, Converter]] = {"job_id": uuid_if("has_job", "job_id")}

    id: int
    exchange: Exchange
    pool: Pool
    reserved: Decimal
    in_flight: Decimal
    used: Decimal
    released: Decimal
    job_id: Optional[uuid.UUID]


@dataclass(frozen=True)
class CanReserve:
    """What can_reserve_for_job gives: why not, or None. True where it could be reserved."""

    refusal: Optional[Refusal]

    def __bool__(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True)
class Reserved:
    """What reserve gives: an id, or why not. True where it was reserved."""

    id: int
    refusal: Optional[Refusal]

    def __bool__(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True)
class JobReserved:
    """What reserve_for_job gives: an id for each exchange in the order of the legs, or why not."""

    ids: Tuple[int, ...]
    refusal: Optional[Refusal]

    def __bool__(self) -> bool:
        return self.refusal is None


@dataclass(frozen=True)
class Headroom:
    """The largest amount that reserve would let pass, and the check that bounds it."""

    amount: Decimal
    bound_by: Reason


# ---- Market --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MarketState(Struct):
    """What is known of an instrument."""

    _struct: ClassVar[Any] = _abi.perp_market_state

    has_quote: bool
    bid: Optional[float]
    bid_size: Optional[float]
    ask: Optional[float]
    ask_size: Optional[float]
    mid: Optional[float]
    spread_bps: Optional[float]
    spread_baseline_bps: Optional[float]
    volatility: Optional[float]
    fast: bool
    continuous_funding: bool
    funding_rate: Optional[float]
    funding_interval_h: Optional[float]
    next_funding_ns: Optional[int]
    last: Optional[float]
    mark: Optional[float]
    quote_time_ns: Optional[int]


# ---- Positions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class PositionState(Struct):
    """What the book believes of a position. quantity: signed, base units; foreign: of it, what is
    no job's. known: it and its exchange were reported, not too long ago. unexplained: what reports
    showed and no fill explains; latched: it is above drift_tolerance_usd; lost: of it, what closed
    lots. in_doubt: a report that would end a hedge waits for a second one."""

    _struct: ClassVar[Any] = _abi.perp_position_state

    known: bool
    reported: bool
    latched: bool
    in_doubt: bool
    n_lots: int
    quantity: float
    entry_price: Optional[float]
    foreign: float
    unexplained: float
    lost: float
    leverage: float
    liquidation_price: float
    margin_mode: Margin
    report_time_ns: Optional[int]


@dataclass(frozen=True)
class Lot(Struct):
    """The open part of a job's leg. price: the average of its fills; used: its capital."""

    _struct: ClassVar[Any] = _abi.perp_lot_state

    job_id: uuid.UUID
    leg: int
    quantity: float
    price: float
    used: Decimal


@dataclass(frozen=True)
class BaseState(Struct):
    """A base over all its instruments. naked: what has no other side; to_square: of it, what no
    running job is to fill. repair: that waits, runs or is in doubt; tries: repairs in a row that
    did not do; stopped: one was cancelled by hand. since_ns None: it is not naked."""

    _struct: ClassVar[Any] = _abi.perp_base_state
    _made: ClassVar[Dict[str, Converter]] = {"repair": uuid_if("has_repair", "repair")}

    is_naked: bool
    base: str
    net: float
    gross: float
    naked: float
    to_square: float
    stopped: bool
    tries: int
    repair: Optional[uuid.UUID]
    next_try_ns: Optional[int]
    since_ns: Optional[int]


@dataclass(frozen=True)
class Flattened(Struct):
    """What flatten made of a position. kind `job`: job_id reduces it, by quantity; else why there is
    no job."""

    _struct: ClassVar[Any] = _abi.perp_flatten_item
    _made: ClassVar[Dict[str, Converter]] = {
        "job_id": lambda source, book: (
            to_uuid(source.job_id) if source.kind == FlattenKind.JOB else None
        ),
    }

    kind: FlattenKind
    instrument: Instrument
    job_id: Optional[uuid.UUID]
    quantity: float


# ---- Exchanges -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExchangeState(Struct):
    """How an exchange answers, and what runs there."""

    _struct: ClassVar[Any] = _abi.perp_exchange_state

    api: Api
    circuit: Circuit
    delayed: bool
    killed: bool
    latency_samples: int
    latency_mean_ms: Optional[float]
    latency_p50_ms: Optional[float]
    latency_p99_ms: Optional[float]
    open_positions: int
    concurrent_jobs: int
    running_notional: Decimal


# ---- Risk ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LegEvaluation(Struct):
    """What was found for one leg, and what it was held against."""

    _struct: ClassVar[Any] = _abi.perp_leg_evaluation

    exchange: Exchange
    instrument: Instrument
    price: Optional[float]
    mid: Optional[float]
    slippage_bps: Optional[float]
    fee_bps: float
    funding_rate: Optional[float]
    funding_settlements: float
    volatility: Optional[float]
    latency_ms: Optional[float]
    spread_bps: Optional[float]
    spread_baseline_bps: Optional[float]
    depth: Optional[float]
    leverage: float
    position: float
    entry_price: Optional[float]
    liquidation_price: Optional[float]
    liquidation_distance: Optional[float]
    quote_age_ns: Optional[int]
    settlement_distance_ns: Optional[int]


@dataclass(frozen=True)
class RuleEvaluation(Struct):
    """What one rule measured, of the worst leg, and the limit that it was held against.

    leg: None for a rule of the book or of the job as a whole. core.risk.describe_json says what
    the value is, its unit, and which way the rule fails.
    """

    _struct: ClassVar[Any] = _abi.perp_rule_evaluation
    _made: ClassVar[Dict[str, Converter]] = {
        "leg": lambda source, book: None if source.leg == _abi.PERP_NO_ID else source.leg,
    }

    value: Optional[float]
    limit: Optional[float]
    result: RuleResult
    leg: Optional[int]


def _rules(source: Any, book: Any) -> Dict[Reason, RuleEvaluation]:
    return {
        Reason(number): RuleEvaluation._read(rule, book)
        for number, rule in enumerate(source.rules)
        if rule.result
    }


def _reasons(source: Any, book: Any) -> FrozenSet[Reason]:
    bits = source.reasons
    return frozenset(
        Reason(i if i < _OWN_RULES else i + 16) for i in range(bits.bit_length()) if bits >> i & 1
    )


_OWN_RULES = 40  # PERP_REASON_RULES_END: the bits of the host's are those from the 48th on


def _senses(source: Any, book: Any) -> Dict[Reason, Sense]:
    return {
        Reason(Reason.HOST_1 + i): Sense(sense)
        for i, sense in enumerate(source.host_senses[:]) if sense
    }


@dataclass(frozen=True)
class Evaluation(Struct):
    """May a job run, and every number behind the answer. True where it may."""

    _struct: ClassVar[Any] = _abi.perp_evaluation
    _made: ClassVar[Dict[str, Converter]] = {
        "reasons": _reasons,
        "capital": lambda source, book: Refusal._given(source.capital, book),
        "legs": several("legs", "n_legs", LegEvaluation),
        "rules": _rules,
        "host_senses": _senses,
    }

    accepted: bool
    reason: Reason
    override_used: bool
    reasons: FrozenSet[Reason]
    reducing: bool
    safety_score: Optional[float]
    volume_score: Optional[float]
    final_score: Optional[float]
    components: Dict[Component, float]
    cost_bps: Optional[float]
    carry_bps: Optional[float]
    funding_bps: Optional[float]
    expected_edge_bps: float
    edge_bps: Optional[float]
    drawdown: float
    daily_loss: Decimal
    daily_loss_limit: Optional[Decimal]
    consecutive_failures: int
    mode: Mode
    limits: ModeLimits
    capital: Optional[Refusal]
    legs: Tuple[LegEvaluation, ...]
    rules: Dict[Reason, RuleEvaluation]  # those that were held against the job
    host_senses: Dict[Reason, Sense]  # of the rules of the host: what they answered

    def __bool__(self) -> bool:
        return self.accepted


@dataclass(frozen=True)
class RiskState(Struct):
    """Mode, switches, failures and losses. override_job: the one job that it is for."""

    _struct: ClassVar[Any] = _abi.perp_risk_state
    _made: ClassVar[Dict[str, Converter]] = {
        "override_job": uuid_if("override_has_job", "override_job"),
        "override_until_ns": lambda source, book: (
            source.override_until_ns if source.override_on else None
        ),
    }

    mode: Mode
    consecutive_failures: int
    auto_halt: bool
    killed: bool
    override_on: bool
    override_until_ns: Optional[int]
    daily_loss_reached: bool
    override_job: Optional[uuid.UUID]
    daily_loss: Decimal
    daily_loss_limit: Optional[Decimal]
    loss_usd: Decimal
    loss_scaled: Decimal
    scaled_start: Decimal
    peak: Decimal
    equity: Decimal
    drawdown: float
    rejected_today: Dict[Reason, int]


@dataclass(frozen=True)
class Latch(Struct):
    """What stays until a person lifts it. strategy, instrument, base: of what it is, else None. by:
    what made it; lifted_by: the call that lifts it."""

    _struct: ClassVar[Any] = _abi.perp_latch
    _made: ClassVar[Dict[str, Converter]] = {
        "strategy": lambda source, book: (
            Strategy(source.strategy) if source.kind == LatchKind.STRATEGY else None
        ),
        "instrument": lambda source, book: (
            None if source.instrument == _abi.PERP_NO_ID else book.instrument(source.instrument)
        ),
        "base": lambda source, book: decoded(source.base) or None,
    }

    kind: LatchKind
    since_ns: Optional[int]
    strategy: Optional[Strategy]
    instrument: Optional[Instrument]
    base: Optional[str]
    by: str
    lifted_by: str


# ---- Scheduler -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Naked(Struct):
    """Quantity of a base that was filled on one side only: positive long, negative short."""

    _struct: ClassVar[Any] = _abi.perp_naked

    base: str
    quantity: float


@dataclass(frozen=True)
class TickItem(Struct):
    """One thing that a tick did. dispatch: the number of the dispatch, of a job that was dispatched
    or withdrawn."""

    _struct: ClassVar[Any] = _abi.perp_tick_item

    kind: TickItemKind
    reason: Reason
    job_id: uuid.UUID
    dispatch: int


@dataclass(frozen=True)
class TickResult(Struct):
    """What a tick did. looked_at: how many decisions were made anew; the others stood."""

    _struct: ClassVar[Any] = _abi.perp_tick_result
    _made: ClassVar[Dict[str, Converter]] = {
        "items": lambda source, book: tuple(
            TickItem._read(source.items[i], book) for i in range(source.n_items)
        ),
    }

    status: TickStatus
    items: Tuple[TickItem, ...]
    evaluated: int
    dispatched: int
    withdrawn: int
    expired: int
    overdue: int
    refused: int
    skipped: int
    pending: int
    running: int
    looked_at: int
    refused_by: Dict[Reason, int]
    skipped_by: Dict[Reason, int]


@dataclass(frozen=True)
class FinishOutcome(Struct):
    """How a job ended. naked: of a partial job, what its own legs left of each base."""

    _struct: ClassVar[Any] = _abi.perp_finish_outcome
    _made: ClassVar[Dict[str, Converter]] = {
        "naked": several("naked", "n_naked", Naked),
    }

    state: JobState
    naked: Tuple[Naked, ...]


@dataclass(frozen=True)
class SchedulerState(Struct):
    """Counts of jobs."""

    _struct: ClassVar[Any] = _abi.perp_scheduler_state

    paused: bool
    store_failed: bool
    pending: int
    running: int
    in_doubt: int
    open: int
    partial: int
    submitted_today: int
    dispatched_today: int
    ended_today: Dict[JobState, int]
    submitted_total: int
    dispatched_total: int
    ended_total: Dict[JobState, int]


# ---- Core ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alert(Struct):
    """Something that a person should know. active: raised, else cleared."""

    _struct: ClassVar[Any] = _abi.perp_alert

    code: AlertCode
    level: AlertLevel
    active: bool
    since_ns: Optional[int]
    subject: str
    message: str


@dataclass(frozen=True)
class Statistics(Struct):
    """What the library met since open. events: the number of the last change."""

    _struct: ClassVar[Any] = _abi.perp_core_stats

    late_calls: int
    stale_events: int
    rejected_events: int
    allocated_bytes: int
    allocations: int
    events: int


@dataclass(frozen=True)
class Feasibility(Struct):
    """The largest job of a strategy that the limits could let pass on two exchanges; and, with
    perfect market data, the best safety score, the least cost (fees alone) and the least edge that
    a job must expect (None: they trade no common base, or of any). never_for: why no job can ever
    pass; Reason.NONE where one can."""

    _struct: ClassVar[Any] = _abi.perp_feasibility

    strategy: Strategy
    first: Exchange
    second: Exchange
    bound_by: Reason
    largest: Decimal
    smallest: Optional[Decimal]
    safety_score: Optional[float]
    min_safety_score: float
    cost_bps: Optional[float]
    least_edge_bps: Optional[float]
    never_for: Reason


@dataclass(frozen=True)
class Tier(Struct):
    """A row of a maintenance-margin table, by notional in USD. cap of the last row: no position may
    grow above it (sys.float_info.max: none)."""

    _struct: ClassVar[Any] = _abi.perp_tier

    floor: float
    cap: float
    mmr: float
    amount: float = 0.0
    max_leverage: float = 0.0


@dataclass(frozen=True)
class ExchangeSpec(Struct):
    """An exchange as it was added. A limit that is None is the scheduler's."""

    _struct: ClassVar[Any] = _abi.perp_exchange_spec
    _made: ClassVar[Dict[str, Converter]] = {
        "max_concurrent": lambda source, book: (
            None if source.max_concurrent == _abi.PERP_NO_ID else source.max_concurrent
        ),
        "max_notional": lambda source, book: (
            None if source.max_notional < 0 else usd(source.max_notional)
        ),
    }

    name: str
    venue: str
    margin_mode: Margin
    taker_fee_bps: float
    maker_fee_bps: float
    liquidation_fee_bps: float
    max_concurrent: Optional[int]
    max_notional: Optional[Decimal]
    client_id_format: ClientIdFormat
    client_id_prefix: str
    order_rate_per_s: float
    order_burst: int


FEE_OF_EXCHANGE = -1e300  # PERP_FEE_OF_EXCHANGE


def _fee(bps: float) -> Optional[float]:
    return None if bps == FEE_OF_EXCHANGE else bps


@dataclass(frozen=True)
class InstrumentSpec(Struct):
    """An instrument as it was added, or updated since. Fees None: the exchange's."""

    _struct: ClassVar[Any] = _abi.perp_instrument_spec
    _made: ClassVar[Dict[str, Converter]] = {
        "tiers": lambda source, book: tuple(
            Tier._read(source.tiers[i], book) for i in range(source.n_tiers)
        ),
        "taker_fee_bps": lambda source, book: _fee(source.taker_fee_bps),
        "maker_fee_bps": lambda source, book: _fee(source.maker_fee_bps),
    }

    exchange: Exchange
    symbol: str
    base: str
    contract: str
    quote: str
    kind: Kind
    pulled: bool
    qty_step: float
    price_tick: float
    min_qty: float
    min_notional: Decimal
    funding_interval_h: float
    can_borrow: bool
    max_position_usd: Optional[Decimal]
    taker_fee_bps: Optional[float]
    maker_fee_bps: Optional[float]
    tiers: Tuple[Tier, ...]
