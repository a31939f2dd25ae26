"""The configuration of a core: what the library's defaults are, and what a host changes of it."""
from __future__ import annotations

import copy
import difflib
from ctypes import byref
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, ClassVar, Dict, FrozenSet

from . import _abi
from ._abi import Component, Mode, OnReject, Pool
from ._book import check, json_text
from ._convert import show
from ._convert import text as to_text
from ._library import lib
from ._struct import Converter, Struct, write
from .errors import ArgumentTypeError
from .types import ModeLimits


class _Part(Struct):
    """A part of the configuration. A misspelt name is an error, not a new attribute."""

    def __setattr__(self, name: str, value: Any) -> None:
        names = [field.name for field in fields(self)]
        if name not in names:
            near = "".join(f"; there is '{n}'" for n in difflib.get_close_matches(name, names, 1))
            raise AttributeError(f"{type(self).__name__} has no '{name}'{near}")
        super().__setattr__(name, value)


_POOLS = frozenset(Pool)


def _pools(source: Any, book: Any) -> FrozenSet[Pool]:
    return frozenset(pool for pool in Pool if source.safe_mode_pools >> pool & 1)


@dataclass
class CapitalConfig(_Part):
    """Shares of the equity in parts per million, and the day."""

    _struct: ClassVar[Any] = _abi.perp_capital_config
    _made: ClassVar[Dict[str, Converter]] = {"safe_mode_pools": _pools}

    wash_ppm: int
    arb_ppm: int
    reserve_ppm: int
    max_single_reserve_ppm: int
    max_total_notional_ppm: int
    drawdown_limit_ppm: int
    safe_mode_pools: FrozenSet[Pool]
    day_offset_minutes: int
    max_equity_jump_ppm: int
    key_memory_h: int
    drift_tolerance_usd: Decimal
    drift_window_ms: int


@dataclass
class RiskConfig(_Part):
    """Limits of risk. A limit in USD or minutes that is 0 is off. The limits of a mode are
    replaced as a whole: `dataclasses.replace(config.risk.modes[mode], min_edge_bps=4.0)`."""

    _struct: ClassVar[Any] = _abi.perp_risk_config

    mode: Mode
    max_consecutive_failures: int
    min_liquidation_distance: float
    daily_loss_limit_pct: float
    daily_loss_limit_usd: Decimal
    max_drawdown_pct: float
    blackout_minutes: float
    max_quote_age_ms: int
    daily_volume_target: Decimal
    volume_reference_usd: Decimal
    default_leverage: float
    circuit_failures: int
    circuit_cooldown_ms: int
    latency_max_age_ms: int
    override_ttl_ms: int
    max_override_ttl_ms: int
    spread_half_life_s: float
    volatility_window_s: int
    notional_tolerance: float
    weights: Dict[Component, float]
    modes: Dict[Mode, ModeLimits]
    account_max_age_ms: int
    max_account_leverage: float
    max_net_exposure_usd: Decimal
    max_gross_exposure_usd: Decimal
    max_depeg_bps: float
    max_ahead_ms: int
    max_unhedged_usd: Decimal
    strategy_failures: int


@dataclass
class SchedulerConfig(_Part):
    """Limits of the scheduler."""

    _struct: ClassVar[Any] = _abi.perp_scheduler_config

    max_global_concurrent_jobs: int
    max_concurrent_per_exchange: int
    max_notional_per_exchange: Decimal
    default_ttl_ms: int
    on_reject: OnReject
    history_size: int
    max_dispatch_per_minute: int
    auto_repair: bool
    hedge_tolerance: float
    leg_risk_usd: Decimal
    leg_risk_tolerance: float
    rebalance_pool: Pool
    id_memory_h: int
    aging_per_minute: float
    default_max_run_ms: int
    max_handover_ms: int
    repair_backoff_ms: int


@dataclass
class OrdersConfig(_Part):
    """Limits of orders (`core.orders`), of which max_unhedged_ms holds for every running job. Of
    max_order_usd, repeat_limit and max_unhedged_ms 0 is off."""

    _struct: ClassVar[Any] = _abi.perp_orders_config

    max_unhedged_ms: int
    price_collar_bps: float
    max_order_usd: Decimal
    repeat_limit: int
    auto_finish: bool
    repeat_window_ms: int


class Config:
    """The configuration of a core. `Config()` has the library's defaults; set what differs:

    >>> config = Config()
    >>> config.risk.mode = Mode.CONSERVATIVE
    >>> config.scheduler.max_notional_per_exchange = Decimal("20000")
    """

    capital: CapitalConfig
    risk: RiskConfig
    scheduler: SchedulerConfig
    orders: OrdersConfig

    def __init__(self) -> None:
        self._take(_defaults())

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Reads {"capital": {...}, "risk": {...}, "scheduler": {...}, "orders": {...}}, each part
        optional, over the defaults. ConfigError has the path of an unknown name or a value out of
        range."""
        return cls._of_json(text, _defaults())

    def with_json(self, text: str) -> Config:
        """As from_json, over what this configuration holds. Returns a new one; this one stays."""
        return self._of_json(text, self._struct())

    def to_json(self) -> str:
        """JSON that from_json reads back to the same values."""
        source = byref(self._struct())
        return json_text(lambda *rest: check(lib.perp_config_to_json(source, *rest)))

    def check(self) -> None:
        """Checks ranges and sums, as opening a core does. ConfigError has the path of the field."""
        check(lib.perp_config_check(byref(self._struct())))

    def __setattr__(self, name: str, value: Any) -> None:
        kind = _PARTS.get(name)
        if kind is None:
            raise AttributeError(f"Config has no '{name}'")
        if not isinstance(value, kind):
            raise ArgumentTypeError(
                f"config.{name}: a {kind.__name__} is wanted, not {show(value)}"
            )
        super().__setattr__(name, value)

    def __copy__(self) -> Config:
        return copy.deepcopy(self)  # the parts of a copy are its own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and all(
            getattr(self, part) == getattr(other, part) for part in _PARTS
        )

    def __repr__(self) -> str:
        parts = ", ".join(repr(getattr(self, part)) for part in _PARTS)
        return f"Config({parts})"

    def _struct(self) -> Any:
        """A perp_config with these values."""
        out = _defaults()
        for part in _PARTS:
            write(part, getattr(self, part), getattr(out, part))
        pools = self.capital.safe_mode_pools
        if not isinstance(pools, (frozenset, set)) or not all(
            type(p) is Pool and p in _POOLS for p in pools
        ):
            raise ArgumentTypeError(f"capital.safe_mode_pools: a set of Pool, not {show(pools)}")
        out.capital.safe_mode_pools = sum(1 << pool for pool in pools)
        return out

    def _take(self, source: Any) -> None:
        for part, kind in _PARTS.items():
            setattr(self, part, kind._read(getattr(source, part), None))

    @classmethod
    def _of_struct(cls, source: Any) -> Config:
        out = cls.__new__(cls)
        out._take(source)
        return out

    @classmethod
    def _of_json(cls, text: str, over: Any) -> Config:
        data = to_text("config", text)
        check(lib.perp_config_from_json(data, len(data), byref(over)))
        return cls._of_struct(over)


_PARTS: Dict[str, Any] = {
    "capital": CapitalConfig, "risk": RiskConfig, "scheduler": SchedulerConfig,
    "orders": OrdersConfig,
}


def _defaults() -> Any:
    out = _abi.perp_config()
    lib.perp_config_init(byref(out))
    return out
