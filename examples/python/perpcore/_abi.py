"""The headers of libperpcore for ctypes. Written by tests/python/generate.py."""
from __future__ import annotations

from ctypes import (
    CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int, c_int32, c_int64,
    c_size_t, c_uint8, c_uint32, c_uint64, c_void_p,
)
from typing import Any, Dict, Tuple

from ._listed import Listed

VERSION = "0.2.0"
VERSION_NUMBER = 200

PERP_ALERT_COUNT = 25
PERP_ALL_EXCHANGES = 4294967295
PERP_ALL_STRATEGIES = 4294967295
PERP_API_COUNT = 3
PERP_CASH_COUNT = 6
PERP_CIRCUIT_COUNT = 3
PERP_CLIENT_ID_FORMAT_COUNT = 5
PERP_COMPONENT_COUNT = 7
PERP_JOB_STATE_COUNT = 11
PERP_KIND_COUNT = 3
PERP_LONG_SIZE = 128
PERP_MARGIN_COUNT = 2
PERP_MAX_ATTEMPTS = 255
PERP_MAX_CLIENT_PREFIX = 12
PERP_MAX_COMPONENTS = 16
PERP_MAX_EXCHANGES = 64
PERP_MAX_GATES = 32
PERP_MAX_HOST_RULES = 16
PERP_MAX_INSTRUMENTS = 16384
PERP_MAX_JOB_STATES = 16
PERP_MAX_LEGS = 8
PERP_MAX_LEVELS = 32
PERP_MAX_METADATA = 1024
PERP_MAX_PLACED = 64
PERP_MAX_REASONS = 80
PERP_MAX_TIERS = 256
PERP_MODE_COUNT = 3
PERP_MONITOR_ALERTS = 64
PERP_MONITOR_BASES = 32
PERP_MONITOR_CHANGES = 1024
PERP_MONITOR_FAST = 64
PERP_MONITOR_POSITIONS = 64
PERP_MONITOR_RECENT = 20
PERP_MONITOR_RUNNING = 64
PERP_MONITOR_TOP_PENDING = 10
PERP_MONITOR_UNHEDGED = 32
PERP_NAME_SIZE = 64
PERP_NEWS_COUNT = 8
PERP_NO_ID = 4294967295
PERP_ORDER_NOT_ENDED = 254
PERP_ORDER_STATE_COUNT = 8
PERP_ORDER_TYPE_COUNT = 2
PERP_POOL_COUNT = 3
PERP_SIDE_COUNT = 2
PERP_STRATEGY_COUNT = 3
PERP_SYSTEM_COUNT = 5
PERP_TIF_COUNT = 4
PERP_TIME_NONE = -9223372036854775808
PERP_USD = 1000000
PERP_VERSION_MAJOR = 0
PERP_VERSION_MINOR = 2
PERP_VERSION_PATCH = 0


class Status(Listed):
    """enum perp_status"""

    OK = 0
    INVALID = -1
    RANGE = -2
    NOT_FOUND = -3
    EXISTS = -4
    CONFLICT = -5
    STATE = -6
    STALE = -7
    CONFIG = -8
    NOMEM = -9
    STORE = -10
    BUSY = -11
    CORRUPT = -12


class Pool(Listed):
    """enum perp_pool"""

    WASH = 0
    ARB = 1
    RESERVE = 2


class Strategy(Listed):
    """enum perp_strategy"""

    WASH = 0
    ARB = 1
    HEDGE_REBALANCE = 2


class Side(Listed):
    """enum perp_side"""

    BUY = 0
    SELL = 1


class Mode(Listed):
    """enum perp_mode"""

    CONSERVATIVE = 0
    BALANCED = 1
    AGGRESSIVE = 2


class Kind(Listed):
    """enum perp_kind"""

    PERP = 0
    SPOT = 1
    FUTURE = 2


class Margin(Listed):
    """enum perp_margin"""

    ISOLATED = 0
    CROSS = 1
    NOT_GIVEN = 255


class Cash(Listed):
    """enum perp_cash"""

    FUNDING = 0
    INTEREST = 1
    REBATE = 2
    LIQUIDATION = 3
    DELEVERAGING = 4
    OTHER = 5


class Api(Listed):
    """enum perp_api"""

    UP = 0
    DEGRADED = 1
    DOWN = 2


class Circuit(Listed):
    """enum perp_circuit"""

    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2


class JobState(Listed):
    """enum perp_job_state"""

    PENDING = 0
    RUNNING = 1
    IN_DOUBT = 2
    OPEN = 3
    PARTIAL = 4
    COMPLETED = 5
    FAILED = 6
    REJECTED = 7
    EXPIRED = 8
    CANCELLED = 9
    CLOSED = 10


class Reason(Listed):
    """enum perp_reason"""

    NONE = 0
    KILLED = 1
    SELF_TRADE = 2
    BLACKLISTED = 3
    NOT_ALLOWED = 37
    UNRESOLVED_LEG = 4
    POSITION_DRIFT = 26
    EXCHANGE_DOWN = 5
    NO_ACCOUNT_DATA = 27
    NO_MARKET_DATA = 6
    STALE_QUOTE = 7
    NOTIONAL_MISMATCH = 8
    EXCHANGE_LIMITS = 28
    POSITION_LIMIT = 29
    DAILY_LOSS = 9
    LIQUIDATION_DISTANCE = 10
    ACCOUNT_LEVERAGE = 30
    NO_INVENTORY = 31
    INSUFFICIENT_CAPITAL = 11
    AUTO_HALT = 12
    STRATEGY_HALT = 35
    UNHEDGED = 36
    EDGE_TOO_SMALL = 13
    NOT_REBALANCING = 14
    COST_EXCEEDS_EDGE = 15
    FUNDING_CARRY = 16
    FUNDING_BLACKOUT = 17
    DEPEG = 32
    INSUFFICIENT_DEPTH = 18
    SLIPPAGE = 19
    SPREAD_BLOWOUT = 20
    FAST_MARKET = 21
    LATENCY = 22
    LEVERAGE = 23
    NET_EXPOSURE = 33
    GROSS_EXPOSURE = 34
    DRAWDOWN = 24
    LOW_SAFETY = 25
    SAFE_MODE = 40
    SINGLE_LIMIT = 41
    TOTAL_LIMIT = 42
    INSUFFICIENT = 43
    GLOBAL_CONCURRENCY = 44
    NOT_REDUCING = 45
    EXCHANGE_CONCURRENCY = 46
    EXCHANGE_NOTIONAL = 47
    DISPATCH_RATE = 48
    PAUSED = 55
    STORE_FAILED = 56
    HANDOVER_LATE = 57
    DECLINED = 58
    CANCELLED = 59
    HOST_1 = 64
    HOST_2 = 65
    HOST_3 = 66
    HOST_4 = 67
    HOST_5 = 68
    HOST_6 = 69
    HOST_7 = 70
    HOST_8 = 71
    HOST_9 = 72
    HOST_10 = 73
    HOST_11 = 74
    HOST_12 = 75
    HOST_13 = 76
    HOST_14 = 77
    HOST_15 = 78
    HOST_16 = 79


class Sense(Listed):
    """enum perp_sense"""

    NONE = 0
    ABOVE = 1
    AT_LEAST = 2
    BELOW = 3
    AT_MOST = 4
    IS_TRUE = 5
    NOT_HELD = 6


class OrderType(Listed):
    """enum perp_order_type"""

    LIMIT = 0
    MARKET = 1


class Tif(Listed):
    """enum perp_tif"""

    GTC = 0
    IOC = 1
    FOK = 2
    POST_ONLY = 3
    DEFAULT = 255


class OrderState(Listed):
    """enum perp_order_state"""

    NEW = 0
    OPEN = 1
    IN_DOUBT = 2
    FILLED = 3
    CANCELLED = 4
    EXPIRED = 5
    DECLINED = 6
    REJECTED = 7


class News(Listed):
    """enum perp_news"""

    ACCEPTED = 0
    FILL = 1
    TOTAL = 2
    CANCELLED = 3
    EXPIRED = 4
    DECLINED = 5
    REJECTED = 6
    UNKNOWN = 7


class ClientIdFormat(Listed):
    """enum perp_client_id_format"""

    HEX = 0
    HEX_0X = 1
    UUID = 2
    B32 = 3
    U32 = 4


class Gate(Listed):
    """enum perp_gate"""

    NONE = 0
    KILLED = 1
    EXCHANGE_DOWN = 2
    OVER_LEG = 3
    QTY_STEP = 4
    MIN_QTY = 5
    MIN_NOTIONAL = 6
    PRICE_TICK = 7
    NO_REFERENCE = 8
    PRICE_COLLAR = 9
    ORDER_VALUE = 10
    ORDER_RATE = 11
    REPEATED = 12


class Component(Listed):
    """enum perp_component"""

    FUNDING = 0
    SPREAD = 1
    VOLATILITY = 2
    LATENCY = 3
    LEVERAGE = 4
    DRAWDOWN = 5
    FAILURES = 6


class AlertCode(Listed):
    """enum perp_alert_code"""

    FEED_SILENT = 0
    EXCHANGE_DOWN = 1
    CIRCUIT_OPEN = 2
    DELAYED = 3
    AUTO_HALT = 4
    DAILY_LOSS = 5
    NAKED_BASE = 6
    JOB_OVERDUE = 7
    JOB_IN_DOUBT = 8
    OVERRIDE_ON = 9
    SAFE_MODE = 10
    OVERCOMMITTED = 11
    STORE_FAILED = 12
    INFEASIBLE = 13
    POSITION_DRIFT = 14
    POSITION_IN_DOUBT = 15
    REPAIR_SHORT = 16
    CLOCK_AHEAD = 17
    UNHEDGED = 18
    STRATEGY_HALT = 19
    OVERFILLED = 20
    LATE_FILL = 21
    FOREIGN_ORDER = 22
    ORDER_IN_DOUBT = 23
    WAL_HELD = 24


class AlertLevel(Listed):
    """enum perp_level_of_alert"""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class Threading(Listed):
    """enum perp_threading"""

    SERIALIZED = 0
    NONE = 1


class LogLevel(Listed):
    """enum perp_log_level"""

    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class ColumnType(Listed):
    """enum perp_column_type"""

    NULL = 0
    INTEGER = 1
    NUMBER = 2
    TEXT = 3


class Outcome(Listed):
    """enum perp_outcome"""

    IN_DOUBT = 0
    ACCEPTED = 1
    REFUSED = 2
    DECLINED = 3


class Durability(Listed):
    """enum perp_durability"""

    EVERY = 0
    BATCH = 1


class OnReject(Listed):
    """enum perp_on_reject"""

    KEEP = 0
    DROP = 1


class System(Listed):
    """enum perp_system"""

    RUNNING = 0
    MANUAL_OVERRIDE = 1
    PAUSED = 2
    HALTED = 3
    KILLED = 4


class RuleResult(Listed):
    """enum perp_rule_result"""

    NOT_HELD = 0
    PASSES = 1
    FAILS = 2


class LatchKind(Listed):
    """enum perp_latch_kind"""

    HALT = 0
    STRATEGY = 1
    DRIFT = 2
    REPAIR = 3


class Maintenance(Listed):
    """enum perp_maintenance"""

    AT_LIQUIDATION = 0
    AT_ENTRY = 1


class TickItemKind(Listed):
    """enum perp_tick_item_kind"""

    DISPATCHED = 0
    EXPIRED = 1
    OVERDUE = 2
    REFUSED = 3
    SKIPPED = 4
    REPAIR = 5
    WITHDRAWN = 6


class TickStatus(Listed):
    """enum perp_tick_status"""

    OK = 0
    PAUSED = 1
    KILLED = 2


class ResultStatus(Listed):
    """enum perp_result_status"""

    COMPLETED = 0
    FAILED = 1
    UNKNOWN = 2
    NOTHING = 3


class FlattenKind(Listed):
    """enum perp_flatten_kind"""

    JOB = 0
    NO_PRICE = 1
    MIN_QTY = 2
    NOTHING = 3


class perp_uuid(Structure):
    _fields_ = [
        ("bytes", c_uint8 * 16),
    ]


class perp_call(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("now_ns", c_int64),
        ("actor", c_char_p),
        ("reason", c_char_p),
    ]


class perp_refusal(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reason", c_uint32),
        ("exchange", c_uint32),
        ("pool", c_uint32),
        ("asked", c_int64),
        ("limit", c_int64),
        ("reserved", c_uint64 * 2),
    ]


class perp_pool_state(Structure):
    _fields_ = [
        ("budget", c_int64),
        ("in_flight", c_int64),
        ("used", c_int64),
        ("available", c_int64),
        ("utilisation", c_double),
    ]


class perp_day_figures(Structure):
    _fields_ = [
        ("pnl", c_int64),
        ("volume", c_int64),
        ("fees", c_int64),
        ("funding", c_int64),
    ]


class perp_capital_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("safe_mode", c_uint32),
        ("equity", c_int64),
        ("high_water", c_int64),
        ("drawdown", c_double),
        ("day_start_equity", c_int64),
        ("today", perp_day_figures),
        ("yesterday", perp_day_figures),
        ("total_in_flight", c_int64),
        ("total_used", c_int64),
        ("overcommitted", c_int64),
        ("aside", c_int64),
        ("has_aside", c_uint32),
        ("reserved", c_uint32),
        ("last_update_ns", c_int64),
        ("pools", perp_pool_state * 3),
    ]


class perp_reservation(Structure):
    _fields_ = [
        ("id", c_uint64),
        ("exchange", c_uint32),
        ("pool", c_uint32),
        ("reserved", c_int64),
        ("in_flight", c_int64),
        ("used", c_int64),
        ("released", c_int64),
        ("has_job", c_uint32),
        ("reserved0", c_uint32),
        ("job_id", perp_uuid),
    ]


class perp_record(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("pool", c_uint32),
        ("seq", c_uint64),
        ("time_ns", c_int64),
        ("kind", c_char_p),
        ("job_id", POINTER(perp_uuid)),
        ("exchange", c_char_p),
        ("reservation", c_uint64),
        ("amount", c_int64),
        ("pnl", c_int64),
        ("volume", c_int64),
        ("fees", c_int64),
        ("actor", c_char_p),
        ("reason", c_char_p),
        ("detail", c_char_p),
        ("data", c_void_p),
        ("size", c_size_t),
        ("outcome", c_char_p),
        ("chain", c_uint64),
    ]


class perp_column(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_uint32),
        ("reserved", c_uint32),
        ("integer", c_int64),
        ("number", c_double),
        ("text", c_char_p),
    ]


class perp_row(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_keys", c_uint32),
        ("n_columns", c_uint32),
        ("reserved", c_uint32),
        ("table", c_char_p),
        ("columns", POINTER(perp_column)),
    ]


perp_loader_checkpoint = CFUNCTYPE(None, c_void_p, c_uint64, c_uint64, c_void_p, c_size_t, POINTER(c_int))
perp_loader_record = CFUNCTYPE(None, c_void_p, c_uint64, c_void_p, c_size_t, POINTER(c_int))


class perp_loader(Structure):
    _fields_ = [
        ("user", c_void_p),
        ("checkpoint", perp_loader_checkpoint),
        ("record", perp_loader_record),
    ]


class perp_store_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("wal_held", c_uint32),
        ("wal_bytes", c_uint64),
        ("wal_limit_bytes", c_uint64),
    ]


perp_store_more_begin_staged = CFUNCTYPE(None, c_void_p, POINTER(c_int))
perp_store_more_sync = CFUNCTYPE(None, c_void_p, POINTER(c_int))
perp_store_more_state = CFUNCTYPE(None, c_void_p, POINTER(perp_store_state))


class perp_store_more(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("begin_staged", perp_store_more_begin_staged),
        ("sync", perp_store_more_sync),
        ("state", perp_store_more_state),
    ]


perp_store_begin = CFUNCTYPE(None, c_void_p, POINTER(c_int))
perp_store_append = CFUNCTYPE(None, c_void_p, POINTER(perp_record), POINTER(c_int))
perp_store_commit = CFUNCTYPE(None, c_void_p, POINTER(c_int))
perp_store_rollback = CFUNCTYPE(None, c_void_p)
perp_store_load = CFUNCTYPE(None, c_void_p, c_uint32, POINTER(perp_loader), POINTER(c_int))
perp_store_checkpoint = CFUNCTYPE(None, c_void_p, c_uint64, c_int64, c_uint64, c_void_p, c_size_t, POINTER(c_int))
perp_store_message = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
perp_store_close = CFUNCTYPE(None, c_void_p)
perp_store_row = CFUNCTYPE(None, c_void_p, POINTER(perp_row), POINTER(c_int))


class perp_store(Structure):
    _fields_ = [
        ("user", c_void_p),
        ("begin", perp_store_begin),
        ("append", perp_store_append),
        ("commit", perp_store_commit),
        ("rollback", perp_store_rollback),
        ("load", perp_store_load),
        ("checkpoint", perp_store_checkpoint),
        ("message", perp_store_message),
        ("close", perp_store_close),
        ("row", perp_store_row),
        ("more", POINTER(perp_store_more)),
        ("reserved", c_void_p * 2),
    ]


class perp_sqlite_options(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("read_only", c_uint32),
        ("keep_events", c_uint64),
        ("vfs", c_char_p),
        ("create", c_uint32),
        ("wal_limit_mb", c_uint32),
        ("verify_events", c_uint64),
    ]


perp_allocator_allocate = CFUNCTYPE(c_void_p, c_void_p, c_size_t)
perp_allocator_release = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)


class perp_allocator(Structure):
    _fields_ = [
        ("user", c_void_p),
        ("allocate", perp_allocator_allocate),
        ("release", perp_allocator_release),
    ]


class perp_order(Structure):
    _fields_ = [
        ("exchange", c_uint32),
        ("instrument", c_uint32),
        ("side", c_uint32),
        ("maker", c_uint32),
        ("quantity", c_double),
        ("price", c_double),
        ("leverage", c_double),
        ("notional", c_int64),
        ("limit_price", c_double),
        ("reduce_only", c_uint32),
        ("attempt", c_uint32),
        ("client_id", c_char * 64),
    ]


class perp_execution(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("strategy", c_uint32),
        ("job_id", perp_uuid),
        ("reduce_only", c_uint32),
        ("is_repair", c_uint32),
        ("dispatch", c_uint64),
        ("notional", c_int64),
        ("now_ns", c_int64),
        ("n_orders", c_uint32),
        ("metadata_size", c_uint32),
        ("orders", POINTER(perp_order)),
        ("metadata", c_void_p),
    ]


class perp_naked(Structure):
    _fields_ = [
        ("base", c_char * 64),
        ("quantity", c_double),
    ]


class perp_alert(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("code", c_uint32),
        ("level", c_uint32),
        ("active", c_uint32),
        ("since_ns", c_int64),
        ("subject", c_char * 64),
        ("message", c_char * 192),
        ("reserved", c_uint64 * 2),
    ]


perp_callbacks_execute = CFUNCTYPE(None, c_void_p, POINTER(perp_execution), POINTER(c_uint32))
perp_callbacks_on_leg_risk = CFUNCTYPE(None, c_void_p, c_char_p, c_double)
perp_callbacks_on_kill = CFUNCTYPE(None, c_void_p, c_uint32, POINTER(perp_uuid), c_uint32)
perp_callbacks_on_alert = CFUNCTYPE(None, c_void_p, POINTER(perp_alert))
perp_callbacks_log = CFUNCTYPE(None, c_void_p, c_uint32, c_char_p)
perp_callbacks_clock = CFUNCTYPE(None, c_void_p, POINTER(c_int64))
perp_callbacks_on_job_end = CFUNCTYPE(None, c_void_p, POINTER(perp_uuid), c_uint32)
perp_callbacks_on_cancel = CFUNCTYPE(None, c_void_p, POINTER(perp_uuid))
perp_callbacks_on_unhedged = CFUNCTYPE(None, c_void_p, POINTER(perp_uuid), c_char_p, c_double)


class perp_callbacks(Structure):
    _fields_ = [
        ("user", c_void_p),
        ("execute", perp_callbacks_execute),
        ("on_leg_risk", perp_callbacks_on_leg_risk),
        ("on_kill", perp_callbacks_on_kill),
        ("on_alert", perp_callbacks_on_alert),
        ("log", perp_callbacks_log),
        ("clock", perp_callbacks_clock),
        ("on_job_end", perp_callbacks_on_job_end),
        ("on_cancel", perp_callbacks_on_cancel),
        ("on_unhedged", perp_callbacks_on_unhedged),
        ("reserved", c_void_p * 2),
    ]


class perp_capital_config(Structure):
    _fields_ = [
        ("wash_ppm", c_uint32),
        ("arb_ppm", c_uint32),
        ("reserve_ppm", c_uint32),
        ("max_single_reserve_ppm", c_uint32),
        ("max_total_notional_ppm", c_uint32),
        ("drawdown_limit_ppm", c_uint32),
        ("safe_mode_pools", c_uint32),
        ("day_offset_minutes", c_int32),
        ("max_equity_jump_ppm", c_uint32),
        ("key_memory_h", c_uint32),
        ("drift_tolerance_usd", c_int64),
        ("drift_window_ms", c_int64),
        ("reserved", c_uint64 * 5),
    ]


class perp_mode_limits(Structure):
    _fields_ = [
        ("min_edge_bps", c_double),
        ("max_acceptable_loss_bps", c_double),
        ("volatility_threshold", c_double),
        ("max_latency_ms", c_double),
        ("max_funding_carry_bps", c_double),
        ("max_slippage_bps", c_double),
        ("max_spread_ratio", c_double),
        ("max_leverage", c_double),
        ("min_safety_score", c_double),
        ("safety_weight", c_double),
        ("volume_weight", c_double),
        ("reserved", c_uint64 * 5),
    ]


class perp_risk_config(Structure):
    _fields_ = [
        ("mode", c_uint32),
        ("max_consecutive_failures", c_uint32),
        ("min_liquidation_distance", c_double),
        ("daily_loss_limit_pct", c_double),
        ("daily_loss_limit_usd", c_int64),
        ("max_drawdown_pct", c_double),
        ("blackout_minutes", c_double),
        ("max_quote_age_ms", c_int64),
        ("daily_volume_target", c_int64),
        ("volume_reference_usd", c_int64),
        ("default_leverage", c_double),
        ("circuit_failures", c_uint32),
        ("reserved", c_uint32),
        ("circuit_cooldown_ms", c_int64),
        ("latency_max_age_ms", c_int64),
        ("override_ttl_ms", c_int64),
        ("max_override_ttl_ms", c_int64),
        ("spread_half_life_s", c_double),
        ("volatility_window_s", c_uint32),
        ("reserved2", c_uint32),
        ("notional_tolerance", c_double),
        ("weights", c_double * 16),
        ("modes", perp_mode_limits * 3),
        ("account_max_age_ms", c_int64),
        ("max_account_leverage", c_double),
        ("max_net_exposure_usd", c_int64),
        ("max_gross_exposure_usd", c_int64),
        ("max_depeg_bps", c_double),
        ("max_ahead_ms", c_int64),
        ("max_unhedged_usd", c_int64),
        ("strategy_failures", c_uint32),
        ("reserved4", c_uint32),
        ("reserved3", c_uint64 * 8),
    ]


class perp_scheduler_config(Structure):
    _fields_ = [
        ("max_global_concurrent_jobs", c_uint32),
        ("max_concurrent_per_exchange", c_uint32),
        ("max_notional_per_exchange", c_int64),
        ("default_ttl_ms", c_int64),
        ("on_reject", c_uint32),
        ("history_size", c_uint32),
        ("max_dispatch_per_minute", c_uint32),
        ("auto_repair", c_uint32),
        ("hedge_tolerance", c_double),
        ("leg_risk_usd", c_int64),
        ("leg_risk_tolerance", c_double),
        ("rebalance_pool", c_uint32),
        ("id_memory_h", c_uint32),
        ("aging_per_minute", c_double),
        ("default_max_run_ms", c_int64),
        ("max_handover_ms", c_int64),
        ("repair_backoff_ms", c_int64),
        ("reserved2", c_uint64 * 4),
    ]


class perp_orders_config(Structure):
    _fields_ = [
        ("max_unhedged_ms", c_int64),
        ("price_collar_bps", c_double),
        ("max_order_usd", c_int64),
        ("repeat_limit", c_uint32),
        ("auto_finish", c_uint32),
        ("repeat_window_ms", c_int64),
        ("reserved", c_uint64 * 6),
    ]


class perp_config(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("threading", c_uint32),
        ("allocator", perp_allocator),
        ("callbacks", perp_callbacks),
        ("store", perp_store),
        ("durability", c_uint32),
        ("config_wins", c_uint32),
        ("checkpoint_every", c_uint64),
        ("capital", perp_capital_config),
        ("risk", perp_risk_config),
        ("scheduler", perp_scheduler_config),
        ("orders", perp_orders_config),
        ("actor", c_char_p),
        ("reason", c_char_p),
    ]


class perp_exchange_spec(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("margin_mode", c_uint32),
        ("name", c_char * 64),
        ("venue", c_char * 64),
        ("taker_fee_bps", c_double),
        ("maker_fee_bps", c_double),
        ("liquidation_fee_bps", c_double),
        ("max_concurrent", c_uint32),
        ("client_id_format", c_uint32),
        ("max_notional", c_int64),
        ("order_rate_per_s", c_double),
        ("order_burst", c_uint32),
        ("reserved", c_uint32),
        ("client_id_prefix", c_char * 64),
        ("reserved2", c_uint64 * 8),
    ]


class perp_tier(Structure):
    _fields_ = [
        ("floor", c_double),
        ("cap", c_double),
        ("mmr", c_double),
        ("amount", c_double),
        ("max_leverage", c_double),
    ]


class perp_instrument_spec(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("exchange", c_uint32),
        ("symbol", c_char * 64),
        ("base", c_char * 64),
        ("contract", c_char * 64),
        ("quote", c_char * 64),
        ("kind", c_uint32),
        ("pulled", c_uint32),
        ("qty_step", c_double),
        ("price_tick", c_double),
        ("min_qty", c_double),
        ("min_notional", c_int64),
        ("funding_interval_h", c_double),
        ("n_tiers", c_uint32),
        ("can_borrow", c_uint32),
        ("tiers", POINTER(perp_tier)),
        ("max_position_usd", c_int64),
        ("taker_fee_bps", c_double),
        ("maker_fee_bps", c_double),
        ("reserved", c_uint64 * 8),
    ]


class perp_core_stats(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("late_calls", c_uint64),
        ("stale_events", c_uint64),
        ("rejected_events", c_uint64),
        ("allocated_bytes", c_uint64),
        ("allocations", c_uint64),
        ("events", c_uint64),
    ]


class perp_feasibility(Structure):
    _fields_ = [
        ("strategy", c_uint32),
        ("first", c_uint32),
        ("second", c_uint32),
        ("bound_by", c_uint32),
        ("largest", c_int64),
        ("smallest", c_int64),
        ("safety_score", c_double),
        ("min_safety_score", c_double),
        ("cost_bps", c_double),
        ("least_edge_bps", c_double),
        ("never_for", c_uint32),
        ("reserved", c_uint32),
    ]


class perp_quote(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
        ("bid", c_double),
        ("bid_size", c_double),
        ("ask", c_double),
        ("ask_size", c_double),
    ]


class perp_book_level(Structure):
    _fields_ = [
        ("price", c_double),
        ("size", c_double),
    ]


class perp_book(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("n_bids", c_uint32),
        ("n_asks", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
        ("bids", POINTER(perp_book_level)),
        ("asks", POINTER(perp_book_level)),
    ]


class perp_trade(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
        ("price", c_double),
        ("size", c_double),
    ]


class perp_mark(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
        ("price", c_double),
    ]


class perp_funding(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("continuous", c_uint32),
        ("time_ns", c_int64),
        ("rate", c_double),
        ("interval_h", c_double),
        ("next_ns", c_int64),
    ]


class perp_latency(Structure):
    _fields_ = [
        ("exchange", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
        ("ms", c_double),
    ]


class perp_exchange_status(Structure):
    _fields_ = [
        ("exchange", c_uint32),
        ("api", c_uint32),
        ("time_ns", c_int64),
    ]


class perp_rate(Structure):
    _fields_ = [
        ("quote", c_char * 64),
        ("time_ns", c_int64),
        ("usd", c_double),
    ]


class perp_withdrawal(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("reserved", c_uint32),
        ("time_ns", c_int64),
    ]


class perp_book_buffer(Structure):
    _fields_ = [
        ("time_ns", c_int64),
        ("n_bids", c_uint32),
        ("n_asks", c_uint32),
        ("bids", perp_book_level * 32),
        ("asks", perp_book_level * 32),
    ]


perp_market_source_quote = CFUNCTYPE(None, c_void_p, c_uint32, c_int64, POINTER(perp_quote), POINTER(c_uint32))
perp_market_source_book = CFUNCTYPE(None, c_void_p, c_uint32, c_int64, POINTER(perp_book_buffer), POINTER(c_uint32))


class perp_market_source(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("user", c_void_p),
        ("quote", perp_market_source_quote),
        ("book", perp_market_source_book),
    ]


class perp_market_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("has_quote", c_uint32),
        ("bid", c_double),
        ("bid_size", c_double),
        ("ask", c_double),
        ("ask_size", c_double),
        ("mid", c_double),
        ("spread_bps", c_double),
        ("spread_baseline_bps", c_double),
        ("volatility", c_double),
        ("fast", c_uint32),
        ("continuous_funding", c_uint32),
        ("funding_rate", c_double),
        ("funding_interval_h", c_double),
        ("next_funding_ns", c_int64),
        ("last", c_double),
        ("mark", c_double),
        ("quote_time_ns", c_int64),
    ]


class perp_exchange_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("api", c_uint32),
        ("circuit", c_uint32),
        ("delayed", c_uint32),
        ("killed", c_uint32),
        ("latency_samples", c_uint32),
        ("latency_mean_ms", c_double),
        ("latency_p50_ms", c_double),
        ("latency_p99_ms", c_double),
        ("open_positions", c_uint32),
        ("concurrent_jobs", c_uint32),
        ("running_notional", c_int64),
    ]


class perp_one_job(Structure):
    _fields_ = [
        ("given", c_uint32),
        ("job_id", perp_uuid),
    ]


class perp_monitor_global(Structure):
    _fields_ = [
        ("system_status", c_uint32),
        ("risk_mode", c_uint32),
        ("today_volume_usd", c_int64),
        ("today_fees_usd", c_int64),
        ("today_pnl_usd", c_int64),
        ("daily_loss_limit", c_int64),
        ("daily_loss_used", c_int64),
        ("equity_usd", c_int64),
        ("drawdown", c_double),
        ("today_net_usd", c_int64),
        ("today_funding_usd", c_int64),
        ("reserved", c_uint64 * 2),
    ]


class perp_monitor_pool(Structure):
    _fields_ = [
        ("budget", c_int64),
        ("in_flight", c_int64),
        ("used", c_int64),
        ("available", c_int64),
        ("reserved", c_uint64 * 2),
    ]


class perp_monitor_capital(Structure):
    _fields_ = [
        ("pools", perp_monitor_pool * 3),
        ("exchange", c_char * 64),
        ("equity", c_int64),
        ("wash_used", c_int64),
        ("wash_budget", c_int64),
        ("arb_used", c_int64),
        ("arb_budget", c_int64),
        ("reserve_used", c_int64),
        ("reserve_size", c_int64),
        ("total_in_flight", c_int64),
        ("total_used", c_int64),
        ("overcommitted", c_int64),
        ("safe_mode", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_exchange(Structure):
    _fields_ = [
        ("delayed", c_uint32),
        ("reserved0", c_uint32),
        ("api_latency_ms", c_double),
        ("latency_p50_ms", c_double),
        ("latency_p99_ms", c_double),
        ("open_positions_count", c_uint64),
        ("concurrent_jobs_count", c_uint64),
        ("max_concurrent_jobs", c_uint64),
        ("running_notional", c_int64),
        ("max_notional", c_int64),
        ("circuit", c_uint32),
        ("status", c_uint32),
        ("safe_mode", c_uint32),
        ("killed", c_uint32),
        ("order_rate_left", c_double),
        ("reserved", c_uint64 * 3),
    ]


class perp_monitor_jobs(Structure):
    _fields_ = [
        ("running_jobs_count", c_uint64),
        ("in_doubt_jobs_count", c_uint64),
        ("open_jobs_count", c_uint64),
        ("unresolved_jobs_count", c_uint64),
        ("pending_jobs_count", c_uint64),
        ("submitted_today", c_uint64),
        ("dispatched_today", c_uint64),
        ("completed_today", c_uint64),
        ("failed_today", c_uint64),
        ("partial_today", c_uint64),
        ("rejected_today", c_uint64),
        ("expired_today", c_uint64),
        ("cancelled_today", c_uint64),
        ("submitted_total", c_uint64),
        ("dispatched_total", c_uint64),
        ("completed_total", c_uint64),
        ("failed_total", c_uint64),
        ("partial_total", c_uint64),
        ("rejected_total", c_uint64),
        ("expired_total", c_uint64),
        ("cancelled_total", c_uint64),
        ("reserved", c_uint64 * 8),
    ]


class perp_monitor_job(Structure):
    _fields_ = [
        ("max_run_ms", c_int64),
        ("reserved0", c_uint32),
        ("n_legs", c_uint32),
        ("instruments", c_uint32 * 8),
        ("job_id", perp_uuid),
        ("strategy", c_uint32),
        ("symbol", c_char * 64),
        ("state", c_uint32),
        ("notional", c_int64),
        ("score", c_double),
        ("priority", c_int32),
        ("last_refusal", c_uint32),
        ("is_repair", c_uint32),
        ("overdue", c_uint32),
        ("submitted", c_int64),
        ("started", c_int64),
        ("ended", c_int64),
        ("pnl", c_int64),
        ("volume", c_int64),
        ("fees", c_int64),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_position(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("n_lots", c_uint32),
        ("base", c_char * 64),
        ("quantity", c_double),
        ("entry", c_double),
        ("mark", c_double),
        ("unrealised", c_double),
        ("liquidation_price", c_double),
        ("liquidation_distance", c_double),
        ("foreign", c_double),
        ("unexplained", c_double),
        ("reported", c_int64),
        ("latched", c_uint32),
        ("in_doubt", c_uint32),
        ("known", c_uint32),
        ("reserved0", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_naked(Structure):
    _fields_ = [
        ("quantity", c_double),
        ("usd", c_double),
        ("since", c_int64),
        ("reserved", c_uint64 * 2),
    ]


class perp_monitor_base(Structure):
    _fields_ = [
        ("base", c_char * 64),
        ("naked", perp_monitor_naked),
        ("net", c_double),
        ("gross", c_double),
        ("to_square", c_double),
        ("next_try", c_int64),
        ("tries", c_uint64),
        ("repair", perp_one_job),
        ("is_naked", c_uint32),
        ("repairs_stopped", c_uint32),
        ("reserved0", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_orders(Structure):
    _fields_ = [
        ("open", c_uint64),
        ("in_doubt", c_uint64),
        ("placed_today", c_uint64),
        ("fills_today", c_uint64),
        ("refused_today", c_uint64),
        ("placed_total", c_uint64),
        ("unhedged_jobs_count", c_uint64),
        ("unhedged_usd", c_int64),
        ("unhedged_since", c_int64),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_unhedged(Structure):
    _fields_ = [
        ("job_id", perp_uuid),
        ("base", c_char * 64),
        ("quantity", c_double),
        ("usd", c_double),
        ("since", c_int64),
        ("reserved", c_uint64 * 2),
    ]


class perp_monitor_risk(Structure):
    _fields_ = [
        ("consecutive_failures", c_uint64),
        ("auto_halt", c_uint32),
        ("manual_override", c_uint32),
        ("override_until", c_int64),
        ("override_job", perp_one_job),
        ("killed", c_uint32),
        ("reserved", c_uint64 * 4),
    ]


class perp_monitor_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_exchanges", c_uint32),
        ("seq", c_uint64),
        ("now_ns", c_int64),
        ("last_update_ns", c_int64),
        ("global", perp_monitor_global),
        ("jobs", perp_monitor_jobs),
        ("risk", perp_monitor_risk),
        ("refusals", c_uint64 * 80),
        ("n_running", c_uint32),
        ("n_top_pending", c_uint32),
        ("n_recent_completed", c_uint32),
        ("n_alerts", c_uint32),
        ("n_fast_markets", c_uint32),
        ("reserved", c_uint32),
        ("top_pending", perp_monitor_job * 10),
        ("recent_completed", perp_monitor_job * 20),
        ("running_jobs", perp_monitor_job * 64),
        ("alerts", perp_alert * 64),
        ("fast_markets", c_uint32 * 64),
        ("capital", perp_monitor_capital * 64),
        ("exchanges", perp_monitor_exchange * 64),
        ("n_positions", c_uint32),
        ("n_bases", c_uint32),
        ("positions", perp_monitor_position * 64),
        ("bases", perp_monitor_base * 32),
        ("orders", perp_monitor_orders),
        ("order_refusals", c_uint64 * 32),
        ("foreign_orders", c_uint64),
        ("n_unhedged", c_uint32),
        ("reserved1", c_uint32),
        ("unhedged", perp_monitor_unhedged * 32),
    ]


class perp_change(Structure):
    _fields_ = [
        ("seq", c_uint64),
        ("time_ns", c_int64),
        ("kind", c_char_p),
        ("exchange", c_uint32),
        ("has_job", c_uint32),
        ("job_id", perp_uuid),
    ]


class perp_order_request(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("leg", c_uint32),
        ("type", c_uint32),
        ("tif", c_uint32),
        ("reduce_only", c_uint32),
        ("reserved", c_uint32),
        ("price", c_double),
        ("quantity", c_double),
        ("job_id", perp_uuid),
    ]


class perp_order_answer(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_int32),
        ("gate", c_uint32),
        ("reserved", c_uint32),
        ("order", c_uint64),
        ("asked", c_double),
        ("limit", c_double),
        ("client_id", c_char * 64),
    ]


class perp_order_news(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_uint32),
        ("order", c_uint64),
        ("client_id", c_char_p),
        ("exchange_id", c_char_p),
        ("fill_id", c_char_p),
        ("text", c_char_p),
        ("quantity", c_double),
        ("price", c_double),
        ("fee", c_int64),
        ("pnl", c_int64),
        ("time_ns", c_int64),
        ("has_pnl", c_uint32),
        ("reserved", c_uint32),
    ]


class perp_order_outcome(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_uint32),
        ("order", c_uint64),
        ("finished", c_uint32),
        ("becomes", c_uint32),
    ]


class perp_reconciled(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("capacity", c_uint32),
        ("n_in_doubt", c_uint32),
        ("foreign_capacity", c_uint32),
        ("n_foreign", c_uint32),
        ("reserved", c_uint32),
        ("in_doubt", POINTER(c_uint64)),
        ("foreign", POINTER(c_uint32)),
    ]


class perp_order_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("leg", c_uint32),
        ("order", c_uint64),
        ("job_id", perp_uuid),
        ("attempt", c_uint32),
        ("type", c_uint32),
        ("tif", c_uint32),
        ("state", c_uint32),
        ("side", c_uint32),
        ("reduce_only", c_uint32),
        ("cancel_requested", c_uint32),
        ("overfilled", c_uint32),
        ("exchange", c_uint32),
        ("instrument", c_uint32),
        ("limit_price", c_double),
        ("quantity", c_double),
        ("filled", c_double),
        ("price", c_double),
        ("volume", c_int64),
        ("fees", c_int64),
        ("pnl", c_int64),
        ("placed_ns", c_int64),
        ("ended_ns", c_int64),
        ("client_id", c_char * 64),
        ("exchange_id", c_char * 64),
        ("text", c_char * 128),
    ]


class perp_order_filter(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_uint32),
        ("exchange", c_uint32),
        ("has_job", c_uint32),
        ("job_id", perp_uuid),
    ]


class perp_orders_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("open", c_uint32),
        ("in_doubt", c_uint32),
        ("kept", c_uint32),
        ("placed_today", c_uint64),
        ("fills_today", c_uint64),
        ("placed_total", c_uint64),
        ("refused_today", c_uint64 * 32),
        ("unhedged_jobs", c_uint32),
        ("reserved", c_uint32),
        ("unhedged_usd", c_int64),
        ("unhedged_since_ns", c_int64),
        ("foreign", c_uint64),
    ]


class perp_position_report(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("margin_mode", c_uint32),
        ("quantity", c_double),
        ("entry_price", c_double),
        ("leverage", c_double),
        ("liquidation_price", c_double),
    ]


class perp_account_report(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("exchange", c_uint32),
        ("time_ns", c_int64),
        ("has_equity", c_uint32),
        ("n_positions", c_uint32),
        ("equity", c_int64),
        ("positions", POINTER(perp_position_report)),
    ]


class perp_recorded_fill(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("instrument", c_uint32),
        ("side", c_uint32),
        ("has_pnl", c_uint32),
        ("quantity", c_double),
        ("price", c_double),
        ("fee", c_int64),
        ("pnl", c_int64),
        ("time_ns", c_int64),
        ("key", perp_uuid),
    ]


class perp_position_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("known", c_uint32),
        ("reported", c_uint32),
        ("latched", c_uint32),
        ("in_doubt", c_uint32),
        ("n_lots", c_uint32),
        ("quantity", c_double),
        ("entry_price", c_double),
        ("foreign", c_double),
        ("unexplained", c_double),
        ("lost", c_double),
        ("leverage", c_double),
        ("liquidation_price", c_double),
        ("margin_mode", c_uint32),
        ("reserved", c_uint32),
        ("report_time_ns", c_int64),
    ]


class perp_lot_state(Structure):
    _fields_ = [
        ("job_id", perp_uuid),
        ("leg", c_uint32),
        ("reserved", c_uint32),
        ("quantity", c_double),
        ("price", c_double),
        ("used", c_int64),
    ]


class perp_base_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("is_naked", c_uint32),
        ("base", c_char * 64),
        ("net", c_double),
        ("gross", c_double),
        ("naked", c_double),
        ("to_square", c_double),
        ("has_repair", c_uint32),
        ("stopped", c_uint32),
        ("tries", c_uint32),
        ("reserved", c_uint32),
        ("repair", perp_uuid),
        ("next_try_ns", c_int64),
        ("since_ns", c_int64),
    ]


class perp_leg_evaluation(Structure):
    _fields_ = [
        ("exchange", c_uint32),
        ("instrument", c_uint32),
        ("price", c_double),
        ("mid", c_double),
        ("slippage_bps", c_double),
        ("fee_bps", c_double),
        ("funding_rate", c_double),
        ("funding_settlements", c_double),
        ("volatility", c_double),
        ("latency_ms", c_double),
        ("spread_bps", c_double),
        ("spread_baseline_bps", c_double),
        ("depth", c_double),
        ("leverage", c_double),
        ("position", c_double),
        ("entry_price", c_double),
        ("liquidation_price", c_double),
        ("liquidation_distance", c_double),
        ("quote_age_ns", c_int64),
        ("settlement_distance_ns", c_int64),
    ]


class perp_rule_evaluation(Structure):
    _fields_ = [
        ("value", c_double),
        ("limit", c_double),
        ("result", c_uint32),
        ("leg", c_uint32),
    ]


class perp_evaluation(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("accepted", c_uint32),
        ("reason", c_uint32),
        ("override_used", c_uint32),
        ("reasons", c_uint64),
        ("reducing", c_uint32),
        ("n_legs", c_uint32),
        ("safety_score", c_double),
        ("volume_score", c_double),
        ("final_score", c_double),
        ("components", c_double * 16),
        ("cost_bps", c_double),
        ("carry_bps", c_double),
        ("funding_bps", c_double),
        ("expected_edge_bps", c_double),
        ("edge_bps", c_double),
        ("drawdown", c_double),
        ("daily_loss", c_int64),
        ("daily_loss_limit", c_int64),
        ("consecutive_failures", c_uint32),
        ("mode", c_uint32),
        ("limits", perp_mode_limits),
        ("capital", perp_refusal),
        ("legs", perp_leg_evaluation * 8),
        ("rules", perp_rule_evaluation * 80),
        ("host_senses", c_uint32 * 16),
    ]


class perp_rule_answer(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("sense", c_uint32),
        ("value", c_double),
        ("limit", c_double),
        ("until_ns", c_int64),
    ]


class perp_leg(Structure):
    _fields_ = [
        ("instrument", c_uint32),
        ("side", c_uint32),
        ("quantity", c_double),
        ("notional", c_int64),
        ("leverage", c_double),
        ("maker", c_uint32),
        ("reserved", c_uint32),
    ]


class perp_job(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("strategy", c_uint32),
        ("job_id", perp_uuid),
        ("notional", c_int64),
        ("est_volume", c_int64),
        ("expected_edge_bps", c_double),
        ("holding_hours", c_double),
        ("created_at_ns", c_int64),
        ("ttl_ms", c_int64),
        ("max_run_ms", c_int64),
        ("priority", c_int32),
        ("n_legs", c_uint32),
        ("legs", perp_leg * 8),
        ("metadata", c_void_p),
        ("metadata_size", c_uint32),
        ("reserved", c_uint32),
        ("closes", perp_uuid),
    ]


perp_host_rule_ask = CFUNCTYPE(None, c_void_p, POINTER(perp_job), POINTER(perp_evaluation), POINTER(perp_rule_answer))


class perp_host_rule(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("hard", c_uint32),
        ("repairs_pass", c_uint32),
        ("reason", c_uint32),
        ("name", c_char_p),
        ("value", c_char_p),
        ("unit", c_char_p),
        ("ask", perp_host_rule_ask),
        ("user", c_void_p),
        ("reserved", c_uint64 * 4),
    ]


class perp_risk_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_uint32),
        ("consecutive_failures", c_uint32),
        ("auto_halt", c_uint32),
        ("killed", c_uint32),
        ("override_on", c_uint32),
        ("override_until_ns", c_int64),
        ("override_has_job", c_uint32),
        ("daily_loss_reached", c_uint32),
        ("override_job", perp_uuid),
        ("daily_loss", c_int64),
        ("daily_loss_limit", c_int64),
        ("loss_usd", c_int64),
        ("loss_scaled", c_int64),
        ("scaled_start", c_int64),
        ("peak", c_int64),
        ("equity", c_int64),
        ("drawdown", c_double),
        ("rejected_today", c_uint64 * 80),
    ]


class perp_latch(Structure):
    _fields_ = [
        ("kind", c_uint32),
        ("strategy", c_uint32),
        ("instrument", c_uint32),
        ("reserved", c_uint32),
        ("since_ns", c_int64),
        ("base", c_char * 64),
        ("by", c_char_p),
        ("lifted_by", c_char_p),
    ]


class perp_liquidation(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("maintenance", c_uint32),
        ("side", c_uint32),
        ("reserved", c_uint32),
        ("quantity", c_double),
        ("entry_price", c_double),
        ("wallet_balance", c_double),
        ("maintenance_rate", c_double),
        ("maintenance_amount", c_double),
        ("liquidation_fee_rate", c_double),
        ("other_maintenance", c_double),
        ("other_upnl", c_double),
    ]


class perp_walk(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("price", c_double),
        ("worst", c_double),
        ("filled", c_double),
        ("slippage_bps", c_double),
    ]


class perp_tick_item(Structure):
    _fields_ = [
        ("kind", c_uint32),
        ("reason", c_uint32),
        ("job_id", perp_uuid),
        ("dispatch", c_uint64),
    ]


class perp_tick_result(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_uint32),
        ("want_items", c_uint32),
        ("n_items", c_uint32),
        ("items", POINTER(perp_tick_item)),
        ("evaluated", c_uint32),
        ("dispatched", c_uint32),
        ("expired", c_uint32),
        ("overdue", c_uint32),
        ("refused", c_uint32),
        ("skipped", c_uint32),
        ("pending", c_uint32),
        ("running", c_uint32),
        ("refused_by", c_uint32 * 80),
        ("skipped_by", c_uint32 * 80),
        ("capacity", c_uint32),
        ("withdrawn", c_uint32),
        ("looked_at", c_uint32),
        ("reserved", c_uint32),
        ("allocator", perp_allocator),
    ]


class perp_leg_result(Structure):
    _fields_ = [
        ("filled", c_double),
        ("price", c_double),
        ("fee", c_int64),
        ("pnl", c_int64),
        ("time_ns", c_int64),
        ("has_pnl", c_uint32),
        ("known", c_uint32),
    ]


class perp_job_result(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_uint32),
        ("n_legs", c_uint32),
        ("has_totals", c_uint32),
        ("flat", c_uint32),
        ("from_orders", c_uint32),
        ("dispatch", c_uint64),
        ("pnl", c_int64),
        ("volume", c_int64),
        ("fees", c_int64),
        ("legs", perp_leg_result * 8),
    ]


class perp_finish_outcome(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_uint32),
        ("n_naked", c_uint32),
        ("reserved", c_uint32),
        ("naked", perp_naked * 8),
    ]


class perp_flatten_item(Structure):
    _fields_ = [
        ("kind", c_uint32),
        ("instrument", c_uint32),
        ("job_id", perp_uuid),
        ("quantity", c_double),
    ]


class perp_flatten_result(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("capacity", c_uint32),
        ("count", c_uint32),
        ("reserved", c_uint32),
        ("items", POINTER(perp_flatten_item)),
    ]


class perp_limits(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("max_global_concurrent_jobs", c_uint32),
        ("max_dispatch_per_minute", c_uint32),
        ("exchange", c_uint32),
        ("max_concurrent", c_uint32),
        ("reserved", c_uint32),
        ("max_notional", c_int64),
    ]


class perp_job_info(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_uint32),
        ("last_refusal", c_uint32),
        ("overdue", c_uint32),
        ("n_lots", c_uint32),
        ("is_repair", c_uint32),
        ("balanced", c_uint32),
        ("reduce_only", c_uint32),
        ("cancel_asked", c_uint32),
        ("last_skip", c_uint32),
        ("legs", perp_leg_result * 8),
        ("held", c_int64),
        ("score", c_double),
        ("submitted_ns", c_int64),
        ("started_ns", c_int64),
        ("ended_ns", c_int64),
        ("unhedged_since_ns", c_int64),
        ("dispatch", c_uint64),
        ("pnl", c_int64),
        ("volume", c_int64),
        ("fees", c_int64),
        ("order", c_uint64),
        ("job", perp_job),
    ]


class perp_scheduler_state(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("paused", c_uint32),
        ("store_failed", c_uint32),
        ("pending", c_uint32),
        ("running", c_uint32),
        ("in_doubt", c_uint32),
        ("open", c_uint32),
        ("partial", c_uint32),
        ("submitted_today", c_uint64),
        ("dispatched_today", c_uint64),
        ("ended_today", c_uint64 * 16),
        ("submitted_total", c_uint64),
        ("dispatched_total", c_uint64),
        ("ended_total", c_uint64 * 16),
    ]


FUNCTIONS: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {
    "perp_call_init": (None, (POINTER(perp_call),)),
    "perp_status_string": (c_char_p, (c_int,)),
    "perp_reason_string": (c_char_p, (c_uint32,)),
    "perp_pool_string": (c_char_p, (c_uint32,)),
    "perp_strategy_string": (c_char_p, (c_uint32,)),
    "perp_side_string": (c_char_p, (c_uint32,)),
    "perp_mode_string": (c_char_p, (c_uint32,)),
    "perp_kind_string": (c_char_p, (c_uint32,)),
    "perp_margin_string": (c_char_p, (c_uint32,)),
    "perp_cash_string": (c_char_p, (c_uint32,)),
    "perp_api_string": (c_char_p, (c_uint32,)),
    "perp_circuit_string": (c_char_p, (c_uint32,)),
    "perp_job_state_string": (c_char_p, (c_uint32,)),
    "perp_component_string": (c_char_p, (c_uint32,)),
    "perp_alert_string": (c_char_p, (c_uint32,)),
    "perp_order_type_string": (c_char_p, (c_uint32,)),
    "perp_tif_string": (c_char_p, (c_uint32,)),
    "perp_order_state_string": (c_char_p, (c_uint32,)),
    "perp_news_string": (c_char_p, (c_uint32,)),
    "perp_client_id_format_string": (c_char_p, (c_uint32,)),
    "perp_gate_string": (c_char_p, (c_uint32,)),
    "perp_gate_unit": (c_char_p, (c_uint32,)),
    "perp_version_string": (c_char_p, ()),
    "perp_version_number": (c_uint32, ()),
    "perp_uuid_parse": (c_int, (c_char_p, c_size_t, POINTER(perp_uuid),)),
    "perp_uuid_format": (None, (POINTER(perp_uuid), c_void_p,)),
    "perp_capital_update_equity": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64,)),
    "perp_capital_transfer": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, c_uint32,)),
    "perp_capital_correct": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, POINTER(c_int64),)),
    "perp_capital_set_day_offset": (c_int, (c_void_p, POINTER(perp_call), c_int32,)),
    "perp_capital_set_safe_mode": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_uint32,)),
    "perp_capital_record_pnl": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, c_int64, c_int64, POINTER(perp_uuid),)),
    "perp_capital_reserve": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_uint32, c_int64, POINTER(perp_uuid), POINTER(c_uint64), POINTER(perp_refusal),)),
    "perp_capital_reserve_for_wash": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, POINTER(perp_uuid), POINTER(c_uint64), POINTER(perp_refusal),)),
    "perp_capital_reserve_for_arb": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, POINTER(perp_uuid), POINTER(c_uint64), POINTER(perp_refusal),)),
    "perp_capital_confirm": (c_int, (c_void_p, POINTER(perp_call), c_uint64, c_int64,)),
    "perp_capital_release": (c_int, (c_void_p, POINTER(perp_call), c_uint64, c_int64,)),
    "perp_capital_can_reserve_for_job": (c_int, (c_void_p, POINTER(perp_job), POINTER(perp_refusal),)),
    "perp_capital_reserve_for_job": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_job), POINTER(c_uint64), POINTER(c_uint32), POINTER(perp_refusal),)),
    "perp_capital_headroom": (c_int, (c_void_p, c_uint32, c_uint32, POINTER(c_int64), POINTER(c_uint32),)),
    "perp_capital_snapshot": (c_int, (c_void_p, c_uint32, POINTER(perp_capital_state),)),
    "perp_capital_reservations": (c_int, (c_void_p, c_uint32, POINTER(perp_reservation), c_uint32, POINTER(c_uint32),)),
    "perp_store_sync": (c_int, (c_void_p,)),
    "perp_sqlite_options_init": (None, (POINTER(perp_sqlite_options),)),
    "perp_store_sqlite_open": (c_int, (c_char_p, POINTER(perp_sqlite_options), POINTER(perp_store),)),
    "perp_store_memory_open": (c_int, (POINTER(perp_store),)),
    "perp_config_init": (None, (POINTER(perp_config),)),
    "perp_config_from_json": (c_int, (c_char_p, c_size_t, POINTER(perp_config),)),
    "perp_config_check": (c_int, (POINTER(perp_config),)),
    "perp_config_to_json": (c_int, (POINTER(perp_config), c_void_p, c_size_t, POINTER(c_size_t),)),
    "perp_core_open": (c_int, (POINTER(perp_config), POINTER(c_void_p),)),
    "perp_core_replay": (c_int, (POINTER(perp_config), c_uint64, CFUNCTYPE(None, c_void_p, c_void_p, c_uint64), c_void_p, POINTER(c_void_p),)),
    "perp_core_flush": (c_int, (c_void_p,)),
    "perp_core_flush_async": (c_int, (c_void_p, POINTER(c_uint64),)),
    "perp_core_durable": (c_int, (c_void_p, POINTER(c_uint64),)),
    "perp_core_checkpoint": (c_int, (c_void_p,)),
    "perp_core_close": (c_int, (c_void_p,)),
    "perp_core_error": (c_char_p, (c_void_p,)),
    "perp_core_check": (c_int, (c_void_p,)),
    "perp_core_hash": (c_uint64, (c_void_p,)),
    "perp_core_capital": (c_void_p, (c_void_p,)),
    "perp_core_market": (c_void_p, (c_void_p,)),
    "perp_core_positions": (c_void_p, (c_void_p,)),
    "perp_core_risk": (c_void_p, (c_void_p,)),
    "perp_core_scheduler": (c_void_p, (c_void_p,)),
    "perp_core_config": (c_int, (c_void_p, POINTER(perp_config),)),
    "perp_core_clock": (c_int64, (c_void_p,)),
    "perp_core_advance": (c_int, (c_void_p, POINTER(perp_call),)),
    "perp_core_reconfigure": (c_int, (c_void_p, POINTER(perp_call), c_char_p, c_size_t,)),
    "perp_exchange_spec_init": (None, (POINTER(perp_exchange_spec),)),
    "perp_exchange_add": (c_int, (c_void_p, POINTER(perp_exchange_spec), POINTER(c_uint32),)),
    "perp_instrument_spec_init": (None, (POINTER(perp_instrument_spec),)),
    "perp_instrument_add": (c_int, (c_void_p, POINTER(perp_instrument_spec), POINTER(c_uint32),)),
    "perp_exchange_update": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_exchange_spec),)),
    "perp_instrument_update": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_instrument_spec),)),
    "perp_exchange_find": (c_int, (c_void_p, c_char_p, POINTER(c_uint32),)),
    "perp_instrument_find": (c_int, (c_void_p, c_uint32, c_char_p, POINTER(c_uint32),)),
    "perp_exchange_get": (c_int, (c_void_p, c_uint32, POINTER(perp_exchange_spec),)),
    "perp_instrument_get": (c_int, (c_void_p, c_uint32, POINTER(perp_instrument_spec),)),
    "perp_exchange_count": (c_uint32, (c_void_p,)),
    "perp_instrument_count": (c_uint32, (c_void_p,)),
    "perp_core_statistics": (c_int, (c_void_p, POINTER(perp_core_stats),)),
    "perp_core_feasibility": (c_int, (c_void_p, POINTER(perp_feasibility), c_uint32, POINTER(c_uint32),)),
    "perp_market_on_quote": (c_int, (c_void_p, POINTER(perp_quote),)),
    "perp_market_on_book": (c_int, (c_void_p, POINTER(perp_book),)),
    "perp_market_on_trade": (c_int, (c_void_p, POINTER(perp_trade),)),
    "perp_market_on_mark": (c_int, (c_void_p, POINTER(perp_mark),)),
    "perp_market_on_funding": (c_int, (c_void_p, POINTER(perp_funding),)),
    "perp_market_on_latency": (c_int, (c_void_p, POINTER(perp_latency),)),
    "perp_market_on_status": (c_int, (c_void_p, POINTER(perp_exchange_status),)),
    "perp_market_on_rate": (c_int, (c_void_p, POINTER(perp_rate),)),
    "perp_market_on_withdraw": (c_int, (c_void_p, POINTER(perp_withdrawal),)),
    "perp_market_set_source": (c_int, (c_void_p, POINTER(perp_market_source),)),
    "perp_market_query": (c_int, (c_void_p, c_uint32, c_int64, POINTER(perp_market_state),)),
    "perp_market_query_exchange": (c_int, (c_void_p, c_uint32, c_int64, POINTER(perp_exchange_state),)),
    "perp_system_string": (c_char_p, (c_uint32,)),
    "perp_monitor_snapshot": (c_int, (c_void_p, c_int64, POINTER(perp_monitor_state),)),
    "perp_monitor_json": (c_int, (c_void_p, c_int64, c_void_p, c_size_t, POINTER(c_size_t),)),
    "perp_monitor_alerts": (c_int, (c_void_p, c_int64, POINTER(perp_alert), c_uint32, POINTER(c_uint32),)),
    "perp_monitor_watch": (c_int, (c_void_p, c_int64,)),
    "perp_monitor_changes": (c_int, (c_void_p, c_uint64, POINTER(perp_change), c_uint32, POINTER(c_uint32),)),
    "perp_core_orders": (c_void_p, (c_void_p,)),
    "perp_order_request_init": (None, (POINTER(perp_order_request),)),
    "perp_order_answer_init": (None, (POINTER(perp_order_answer),)),
    "perp_orders_place": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_order_request), POINTER(perp_order_answer),)),
    "perp_orders_place_many": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_order_request), c_uint32, POINTER(perp_order_answer),)),
    "perp_order_news_init": (None, (POINTER(perp_order_news),)),
    "perp_orders_tell": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_order_news), POINTER(perp_order_outcome),)),
    "perp_orders_cancel_sent": (c_int, (c_void_p, POINTER(perp_call), c_uint64,)),
    "perp_orders_settled": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid),)),
    "perp_reconciled_init": (None, (POINTER(perp_reconciled),)),
    "perp_orders_reconcile": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, POINTER(c_char_p), c_uint32, POINTER(perp_reconciled),)),
    "perp_orders_get": (c_int, (c_void_p, c_uint64, POINTER(perp_order_info),)),
    "perp_orders_find": (c_int, (c_void_p, c_char_p, POINTER(c_uint64),)),
    "perp_order_filter_init": (None, (POINTER(perp_order_filter),)),
    "perp_orders_list": (c_int, (c_void_p, POINTER(perp_order_filter), POINTER(c_uint64), c_uint32, POINTER(c_uint32),)),
    "perp_orders_client_id": (c_int, (c_void_p, c_uint32, POINTER(perp_uuid), c_uint32, c_uint32, c_void_p,)),
    "perp_orders_collar": (c_int, (c_void_p, c_uint32, c_uint32, c_uint32, c_int64, POINTER(c_double),)),
    "perp_orders_query": (c_int, (c_void_p, c_int64, POINTER(perp_orders_state),)),
    "perp_account_report_init": (None, (POINTER(perp_account_report),)),
    "perp_account": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_account_report),)),
    "perp_position": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_position_report), c_int64,)),
    "perp_accept_position": (c_int, (c_void_p, POINTER(perp_call), c_uint32,)),
    "perp_resolve": (c_int, (c_void_p, POINTER(perp_call), c_char_p,)),
    "perp_resume_repair": (c_int, (c_void_p, POINTER(perp_call), c_char_p,)),
    "perp_record_cash": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_uint32, c_int64, POINTER(perp_uuid), c_uint32,)),
    "perp_recorded_fill_init": (None, (POINTER(perp_recorded_fill),)),
    "perp_record_fill": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_recorded_fill),)),
    "perp_positions_query": (c_int, (c_void_p, c_uint32, c_int64, POINTER(perp_position_state),)),
    "perp_positions_lots": (c_int, (c_void_p, c_uint32, POINTER(perp_lot_state), c_uint32, POINTER(c_uint32),)),
    "perp_positions_base_count": (c_uint32, (c_void_p,)),
    "perp_positions_base": (c_int, (c_void_p, c_uint32, c_int64, POINTER(perp_base_state),)),
    "perp_evaluation_init": (None, (POINTER(perp_evaluation),)),
    "perp_risk_evaluate": (c_int, (c_void_p, c_int64, POINTER(perp_job), POINTER(perp_evaluation),)),
    "perp_evaluation_json": (c_int, (c_void_p, POINTER(perp_evaluation), c_void_p, c_size_t, POINTER(c_size_t),)),
    "perp_rule_answer_init": (None, (POINTER(perp_rule_answer),)),
    "perp_host_rule_init": (None, (POINTER(perp_host_rule),)),
    "perp_risk_add_rule": (c_int, (c_void_p, POINTER(perp_host_rule),)),
    "perp_risk_rule_changed": (c_int, (c_void_p, c_uint32,)),
    "perp_risk_reason_string": (c_char_p, (c_void_p, c_uint32,)),
    "perp_risk_record_success": (c_int, (c_void_p, POINTER(perp_call), c_uint32,)),
    "perp_risk_record_failure": (c_int, (c_void_p, POINTER(perp_call), c_uint32,)),
    "perp_risk_reset_halt": (c_int, (c_void_p, POINTER(perp_call),)),
    "perp_risk_reset_strategy": (c_int, (c_void_p, POINTER(perp_call), c_uint32,)),
    "perp_risk_set_mode": (c_int, (c_void_p, POINTER(perp_call), c_uint32,)),
    "perp_risk_manual_override": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_int64, POINTER(perp_uuid),)),
    "perp_risk_blacklist": (c_int, (c_void_p, POINTER(perp_call), c_char_p, c_uint32,)),
    "perp_risk_allow": (c_int, (c_void_p, POINTER(perp_call), c_char_p, c_uint32, c_uint32, c_uint32,)),
    "perp_risk_halt_instrument": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_uint32,)),
    "perp_risk_set_collateral": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_char_p, c_double, c_double,)),
    "perp_risk_query": (c_int, (c_void_p, POINTER(perp_risk_state),)),
    "perp_risk_latches": (c_int, (c_void_p, POINTER(perp_latch), c_uint32, POINTER(c_uint32),)),
    "perp_risk_describe_json": (c_int, (c_void_p, c_void_p, c_size_t, POINTER(c_size_t),)),
    "perp_liquidation_price": (c_int, (POINTER(perp_liquidation), POINTER(c_double),)),
    "perp_walk_book": (c_int, (c_uint32, POINTER(perp_book_level), c_uint32, c_double, POINTER(perp_walk),)),
    "perp_funding_payment": (c_int, (c_uint32, c_double, c_double, c_double, POINTER(c_double),)),
    "perp_funding_rate": (c_int, (c_double, c_double, c_double, c_double, c_double, POINTER(c_double),)),
    "perp_funding_settlements": (c_int, (POINTER(perp_funding), c_int64, c_int64, POINTER(c_double),)),
    "perp_job_init": (None, (POINTER(perp_job),)),
    "perp_job_from_json": (c_int, (c_void_p, c_char_p, c_size_t, POINTER(perp_job), c_void_p,)),
    "perp_job_fill_hedge": (c_int, (c_void_p, c_int64, c_uint32, c_uint32, POINTER(perp_job),)),
    "perp_job_fill_exit": (c_int, (c_void_p, c_int64, POINTER(perp_uuid), c_double, POINTER(perp_job),)),
    "perp_scheduler_submit": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_job),)),
    "perp_scheduler_cancel": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid),)),
    "perp_tick_result_init": (None, (POINTER(perp_tick_result),)),
    "perp_tick_result_free": (None, (POINTER(perp_tick_result),)),
    "perp_scheduler_tick": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_tick_result),)),
    "perp_job_result_init": (None, (POINTER(perp_job_result),)),
    "perp_scheduler_finish": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid), POINTER(perp_job_result), POINTER(perp_finish_outcome),)),
    "perp_scheduler_progress": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid), POINTER(perp_leg_result), c_uint32,)),
    "perp_scheduler_amend": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid), POINTER(perp_leg_result), c_uint32,)),
    "perp_scheduler_close": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid), c_int64, c_int64, c_int64,)),
    "perp_scheduler_requeue": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_uuid),)),
    "perp_flatten_result_init": (None, (POINTER(perp_flatten_result),)),
    "perp_scheduler_flatten": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_char_p, POINTER(perp_uuid), POINTER(perp_flatten_result),)),
    "perp_scheduler_pause": (c_int, (c_void_p, POINTER(perp_call),)),
    "perp_scheduler_resume": (c_int, (c_void_p, POINTER(perp_call),)),
    "perp_scheduler_kill": (c_int, (c_void_p, POINTER(perp_call), c_uint32, c_uint32, POINTER(perp_uuid), c_uint32, POINTER(c_uint32),)),
    "perp_limits_init": (None, (POINTER(perp_limits),)),
    "perp_scheduler_set_limits": (c_int, (c_void_p, POINTER(perp_call), POINTER(perp_limits),)),
    "perp_scheduler_job": (c_int, (c_void_p, POINTER(perp_uuid), POINTER(perp_job_info),)),
    "perp_scheduler_evaluate": (c_int, (c_void_p, c_int64, POINTER(perp_uuid), POINTER(perp_evaluation),)),
    "perp_scheduler_job_metadata": (c_int, (c_void_p, POINTER(perp_uuid), c_void_p, c_size_t, POINTER(c_size_t),)),
    "perp_scheduler_list": (c_int, (c_void_p, c_uint32, POINTER(perp_uuid), c_uint32, POINTER(c_uint32),)),
    "perp_scheduler_query": (c_int, (c_void_p, POINTER(perp_scheduler_state),)),
}
