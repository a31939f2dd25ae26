"""perpcore: the capital, risk and scheduling core of hedged perpetual-futures trading.

A binding of libperpcore with nothing but ctypes. See docs/python.md.
"""
from __future__ import annotations

from ._abi import (
    AlertCode, AlertLevel, Api, Cash, Circuit, ClientIdFormat, ColumnType, Component, Durability,
    FlattenKind, Gate, JobState, Kind, LatchKind, LogLevel, Maintenance, Margin, Mode, News,
    OnReject, OrderState, OrderType, Outcome, Pool, Reason, ResultStatus, RuleResult, Sense, Side,
    Status,
    Strategy, System, TickItemKind, TickStatus, Tif,
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
    MonitorState, NakedStats, OrdersStats, PoolStats, PositionStats, RiskStats, UnhedgedStats,
)
from .orders import (
    OrderInfo, OrderOutcome, OrderRequest, Orders, OrdersState, PlacedOrder, Reconciled, Refused,
)
from .positions import Position, Positions
from .risk import Risk
from .scheduler import Scheduler
from .store import Checkpoint, MemoryStore, Record, Row, SqliteStore, Store
from .types import (
    Alert, BaseState, CanReserve, CapitalState, DayFigures, Evaluation, ExchangeSpec,
    ExchangeState, Feasibility, FinishOutcome, Flattened, Headroom, InstrumentSpec, JobReserved,
    Latch, LegEvaluation, Lot, MarketState, ModeLimits, Naked, PoolState, PositionState, Refusal,
    Reservation, Reserved, RiskState, RuleEvaluation, SchedulerState, Statistics, Tier,
    TickItem, TickResult,
)

__all__ = [
    "Alert", "AlertCode", "AlertLevel", "Api", "ArgumentTypeError", "BaseState", "BaseStats",
    "BusyError", "CanReserve", "Capital", "CapitalConfig", "CapitalState", "CapitalStats", "Cash",
    "Change", "Checkpoint", "Circuit", "ClientIdFormat", "ClosedError", "ColumnType", "Component",
    "Config", "ConfigError", "ConflictError", "Core", "CorruptError", "DayFigures", "Durability",
    "Evaluation", "Exchange", "ExchangeSpec", "ExchangeState", "ExchangeStats", "Execution",
    "ExistsError", "Feasibility", "FinishOutcome", "Flattened", "FlattenKind", "funding_payment",
    "funding_rate", "funding_settlements", "Gate", "GlobalStats", "Headroom", "Instrument",
    "InstrumentSpec", "InvalidError", "Job", "JobInfo", "JobReserved", "JobResult", "JobsStats",
    "JobState", "JobStats", "Kind", "Latch", "LatchKind", "Leg", "LegEvaluation", "LegFilled",
    "LegResult", "LibraryError", "library_version", "liquidation_price", "LogLevel", "Lot",
    "Maintenance", "Margin", "Market", "MarketSource", "MarketState", "MemoryStore", "Mode",
    "ModeLimits", "Monitor", "MonitorState", "Naked", "NakedStats", "News", "NoMemoryError",
    "NotFoundError", "OnReject", "Order", "OrderInfo", "OrderOutcome", "OrderRequest", "Orders",
    "OrdersConfig", "OrdersState", "OrdersStats", "OrderState", "OrderType", "Outcome", "PerpError",
    "PlacedOrder", "Pool", "PoolState", "PoolStats", "Position", "Positions", "PositionState",
    "PositionStats", "RangeError", "Reason", "Reconciled", "Record", "Refusal", "Refused", "replay",
    "Reservation", "Reserved", "ResultStatus", "Risk", "RiskConfig", "RiskState", "RiskStats",
    "Row", "RuleAnswer", "RuleEvaluation", "RuleResult", "Scheduler", "SchedulerConfig",
    "SchedulerState", "Sense", "Side", "SqliteStore", "StaleError", "StateError", "Statistics",
    "Status", "Store", "StoreError", "Strategy", "System", "TickItem", "TickItemKind", "TickResult",
    "TickStatus", "Tier", "Tif", "to_datetime", "UnhedgedStats", "Walk", "walk_book", "__version__",
]
