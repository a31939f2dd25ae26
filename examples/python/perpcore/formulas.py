"""Formulas that need no core."""
from __future__ import annotations

from ctypes import byref, c_double, sizeof
from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Union

from . import _abi
from ._abi import Maintenance, Side
from ._book import check
from ._convert import Time, member, moment, number
from ._library import lib
from ._struct import Struct
from .market import Levels, funding_struct, levels_of


def liquidation_price(
    side: Union[Side, str], quantity: float, entry_price: float, wallet_balance: float,
    maintenance_rate: float, *, maintenance_amount: float = 0.0, liquidation_fee_rate: float = 0.0,
    other_maintenance: float = 0.0, other_upnl: float = 0.0,
    maintenance: Union[Maintenance, str] = Maintenance.AT_LIQUIDATION,
) -> float:
    """The price at which a position is liquidated. 0 or negative: it can't be."""
    position = _abi.perp_liquidation(
        struct_size=sizeof(_abi.perp_liquidation),
        maintenance=member("maintenance", Maintenance, maintenance),
        side=member("side", Side, side),
        quantity=number("quantity", quantity),
        entry_price=number("entry_price", entry_price),
        wallet_balance=number("wallet_balance", wallet_balance),
        maintenance_rate=number("maintenance_rate", maintenance_rate),
        maintenance_amount=number("maintenance_amount", maintenance_amount),
        liquidation_fee_rate=number("liquidation_fee_rate", liquidation_fee_rate),
        other_maintenance=number("other_maintenance", other_maintenance),
        other_upnl=number("other_upnl", other_upnl),
    )
    return _value(lib.perp_liquidation_price, byref(position))


@dataclass(frozen=True)
class Walk(Struct):
    """What a quantity gets. price: the mean of what is there; worst: the last level touched;
    slippage_bps: of price against the best level."""

    _struct: ClassVar[Any] = _abi.perp_walk

    price: Optional[float]
    worst: Optional[float]
    filled: float
    slippage_bps: Optional[float]


def walk_book(side: Union[Side, str], levels: Levels, quantity: float) -> Walk:
    """Walks levels (price, size), best first, for a quantity."""
    rows = levels_of("levels", levels)
    out = _abi.perp_walk(struct_size=sizeof(_abi.perp_walk))
    check(lib.perp_walk_book(int(member("side", Side, side)), rows, len(rows),
                              number("quantity", quantity), byref(out)))
    return Walk._read(out, None)


def funding_payment(side: Union[Side, str], size: float, price: float, rate: float) -> float:
    """What a position receives at a settlement."""
    return _value(lib.perp_funding_payment, int(member("side", Side, side)), number("size", size),
                  number("price", price), number("rate", rate))


def funding_rate(premium: float, interest: float, *, band: float = 0.0005, divisor: float = 1.0,
                 cap: float = 0.0) -> float:
    """clamp((premium + clamp(interest - premium, +-band)) / divisor, +-cap). A cap of 0: none."""
    return _value(lib.perp_funding_rate, number("premium", premium), number("interest", interest),
                  number("band", band), number("divisor", divisor), number("cap", cap))


def funding_settlements(start: Time, end: Time, *, next_time: Time, interval_h: float = 8.0,
                        continuous: bool = False) -> float:
    """How many settlements lie in (start, end]."""
    funding = funding_struct(0, start, 0.0, next_time, interval_h, continuous)
    return _value(lib.perp_funding_settlements, byref(funding), moment("start", start),
                  moment("end", end))


def _value(function: Any, *arguments: Any) -> float:
    out = c_double()
    check(function(*arguments, byref(out)))
    return out.value
