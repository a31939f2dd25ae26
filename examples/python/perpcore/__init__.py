"""perpcore: the capital, risk and scheduling core of hedged perpetual-futures trading.

A binding of libperpcore with nothing but ctypes. See docs/python.md.
"""
from __future__ import annotations

from ._abi import (
    AlertCode, AlertLevel, Api, Cash, Circuit, ColumnType, Component, Durability, FlattenKind,
    JobState, Kind, LogLevel, Maintenance, Margin, Mode, OnReject, Outcome, Pool, Reason,
    ResultStatus, RuleResult, Sense, Side, Status, Strategy, System, TickItemKind, TickStatus,
)
from ._abi import VERSION as __version__
from ._book import Exchange, Instrument
from ._convert import to_datetime
from ._hooks import RuleAnswer
from ._library import library_version
from .capital import Capital
from .config import CapitalConfig, Config, OrdersConfig, RiskConfig, SchedulerConfig
from .core import Core, replay
from .errors import (
    ArgumentTypeError, BusyError, ClosedError, ConfigError, ConflictError, CorruptError,
    ExistsError, InvalidError, LibraryError, NoMemoryError, NotFoundError, PerpError, RangeError,
    StaleError, StateError, StoreError,
)
from .formulas import (
    Walk, funding_payment, funding_rate, funding_settlements, liquidation_price, walk_book,
)
from .job import Execution, Job, JobInfo, JobResult, Leg, LegFilled, LegResult, Order
from .market import Market, MarketSource
from .monitor import (
    BaseStats, CapitalStats, Change, ExchangeStats, GlobalStats, JobsStats, JobStats, Monitor,
    MonitorState, NakedStats, PoolStats, PositionStats, RiskStats,
)
from .positions import Position, Positions
from .risk import Risk
from .scheduler import Scheduler
from .store import Checkpoint, MemoryStore, Record, Row, SqliteStore, Store
from .types import (
    Alert, BaseState, CanReserve, CapitalState, DayFigures, Evaluation, ExchangeSpec,
    ExchangeState, Feasibility, FinishOutcome, Flattened, Headroom, InstrumentSpec, JobReserved,
    LegEvaluation, Lot, MarketState, ModeLimits, Naked, PoolState, PositionState, Refusal,
    Reservation, Reserved, RiskState, RuleEvaluation, SchedulerState, Statistics, Tier,
    TickItem, TickResult,
)

__all__ = [
    "Alert", "AlertCode", "AlertLevel", "Api", "ArgumentTypeError", "BaseState", "BaseStats",
    "BusyError", "CanReserve", "Capital", "CapitalConfig", "CapitalState", "CapitalStats", "Cash",
    "Change", "Checkpoint", "Circuit", "ClosedError", "ColumnType", "Component", "Config",
    "ConfigError", "ConflictError", "Core", "CorruptError", "DayFigures", "Durability",
    "Evaluation", "Exchange", "ExchangeSpec", "ExchangeState", "ExchangeStats", "Execution",
    "ExistsError", "Feasibility", "FinishOutcome", "Flattened", "FlattenKind", "funding_payment",
    "funding_rate", "funding_settlements", "GlobalStats", "Headroom", "Instrument",
    "InstrumentSpec", "InvalidError", "Job", "JobInfo", "JobReserved", "JobResult", "JobsStats",
    "JobState", "JobStats", "Kind", "Leg", "LegEvaluation", "LegFilled", "LegResult",
    "library_version", "LibraryError", "liquidation_price", "LogLevel", "Lot", "Maintenance",
    "Margin", "Market", "MarketSource", "MarketState", "MemoryStore", "Mode", "ModeLimits",
    "Monitor", "MonitorState", "Naked", "NakedStats", "NoMemoryError", "NotFoundError", "OnReject",
    "Order", "OrdersConfig", "Outcome", "PerpError", "Pool", "PoolState", "PoolStats", "Position",
    "Positions", "PositionState", "PositionStats", "RangeError", "Reason", "Record", "Refusal",
    "replay", "Reservation", "Reserved", "ResultStatus", "Risk", "RiskConfig", "RiskState",
    "RiskStats", "Row", "RuleAnswer", "RuleEvaluation", "RuleResult", "Scheduler",
    "SchedulerConfig", "SchedulerState", "Sense", "Side", "SqliteStore", "StaleError", "StateError",
    "Statistics", "Status", "Store", "StoreError", "Strategy", "System", "TickItem", "TickItemKind",
    "TickResult", "TickStatus", "Tier", "to_datetime", "Walk", "walk_book", "__version__",
]
