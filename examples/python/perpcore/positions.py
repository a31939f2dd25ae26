"""Positions: what is really open, by the book's fills and by what exchanges report."""
from __future__ import annotations

from ctypes import byref, sizeof
from dataclasses import dataclass
from typing import Any, Optional, Sequence, Tuple, Union

from . import _abi
from ._abi import Cash, Margin, Side
from ._book import ExchangeLike, Instrument
from ._convert import (
    JobId, Money, Time, job_id, member, micros, moment, number, optional_nanoseconds, show, text,
)
from ._library import lib
from ._module import Module
from .errors import ArgumentTypeError
from .types import BaseState, Lot, PositionState


@dataclass(frozen=True)
class Position:
    """A position as its exchange reports it. quantity: signed, base units, 0: none. What is None
    was not given."""

    instrument: Instrument
    quantity: float
    entry_price: Optional[float] = None
    leverage: Optional[float] = None
    liquidation_price: Optional[float] = None
    margin_mode: Union[Margin, str] = Margin.NOT_GIVEN


class Positions(Module):
    """`core.positions`. Nothing trades on an exchange whose account was not reported since the book
    was opened (`config.risk.account_max_age_ms`)."""

    def account(self, exchange: ExchangeLike, positions: Sequence[Position] = (), *, now: Time,
                equity: Optional[Money] = None, time: Optional[Time] = None,
                actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """All open positions of an exchange, and its equity. Instruments that are not named have no
        position. time: the exchange's; None: that of the call."""
        if not isinstance(positions, (list, tuple)):
            raise ArgumentTypeError(
                f"positions: a list or tuple is wanted, not {show(positions)}")
        report = _abi.perp_account_report()
        lib.perp_account_report_init(byref(report))
        report.exchange = self._book.exchange_id(exchange)
        report.time_ns = optional_nanoseconds("time", time)
        if equity is not None:
            report.equity, report.has_equity = micros("equity", equity), 1
        rows = (_abi.perp_position_report * len(positions))()
        for i, position in enumerate(positions):
            self._write(f"positions[{i}]", position, rows[i])
        report.positions, report.n_positions = rows, len(positions)
        self._change(lib.perp_account, self._book.pointer, now, actor, reason, byref(report))

    def report(self, position: Position, *, now: Time, time: Optional[Time] = None,
               actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """One position. time: the exchange's; None: that of the call."""
        row = _abi.perp_position_report()
        self._write("position", position, row)
        self._change(lib.perp_position, self._book.pointer, now, actor, reason, byref(row),
                     optional_nanoseconds("time", time))

    def _write(self, name: str, position: Position, out: Any) -> None:
        if not isinstance(position, Position):
            raise ArgumentTypeError(f"{name}: a Position is wanted, not {show(position)}")
        out.instrument = self._book.instrument_id(position.instrument)
        out.margin_mode = member(f"{name}.margin_mode", Margin, position.margin_mode)
        out.quantity = number(f"{name}.quantity", position.quantity)
        for field in ("entry_price", "leverage", "liquidation_price"):
            value = getattr(position, field)
            if value is not None:
                setattr(out, field, number(f"{name}.{field}", value))

    def accept(self, instrument: Instrument, *, now: Time, actor: str, reason: str) -> None:
        """The host knows what drifts of a position, and wants it. What it closed of lots stays
        naked."""
        self._change(lib.perp_accept_position, self._book.pointer, now, actor, reason,
                     self._book.instrument_id(instrument))

    def resolve(self, base: str, *, now: Time, actor: str, reason: str) -> None:
        """A base is squared, or wanted as it is: nothing of it is naked or drift any more."""
        self._change(lib.perp_resolve, self._book.pointer, now, actor, reason, text("base", base))

    def resume_repair(self, base: str, *, now: Time, actor: Optional[str] = None,
                      reason: Optional[str] = None) -> None:
        """Repairs of a base go on at the next tick: after one was cancelled by hand, or without
        waiting for the next try."""
        self._change(lib.perp_resume_repair, self._book.pointer, now, actor, reason,
                     text("base", base))

    # ---- Money and fills that no job made ------------------------------------------------------

    def record_cash(self, exchange: ExchangeLike, kind: Union[Cash, str], amount: Money, *,
                    key: JobId, now: Time, instrument: Optional[Instrument] = None,
                    actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Money that came or went without a trade. amount: signed; it adds to the exchange's pnl of
        the day, funding to its figure of funding too. With an instrument, funding is shared out
        over the jobs that have something open there. The same key again is an ExistsError, or a
        ConflictError where anything differs, and books nothing."""
        self._change(lib.perp_record_cash, self._book.pointer, now, actor, reason,
                     self._book.exchange_id(exchange), member("kind", Cash, kind),
                     micros("amount", amount), byref(job_id("key", key)),
                     _abi.PERP_NO_ID if instrument is None
                     else self._book.instrument_id(instrument))

    def record_fill(self, instrument: Instrument, side: Union[Side, str], quantity: float,
                    price: float, *, key: JobId, now: Time, fee: Money = 0,
                    pnl: Optional[Money] = None, time: Optional[Time] = None,
                    actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """A trade that no job made: by hand, by another bot, a liquidation. pnl None: the book finds
        what it realised. time: of the trade; None: that of the call. The same key again is an
        ExistsError, or a ConflictError where anything differs, and books nothing."""
        fill = _abi.perp_recorded_fill()
        lib.perp_recorded_fill_init(byref(fill))
        fill.instrument = self._book.instrument_id(instrument)
        fill.side = member("side", Side, side)
        fill.quantity = number("quantity", quantity)
        fill.price = number("price", price)
        fill.fee = micros("fee", fee)
        if pnl is not None:
            fill.pnl, fill.has_pnl = micros("pnl", pnl), 1
        fill.time_ns = optional_nanoseconds("time", time)
        fill.key = job_id("key", key)
        self._change(lib.perp_record_fill, self._book.pointer, now, actor, reason, byref(fill))

    # ---- Looking -----------------------------------------------------------------------------

    def query(self, instrument: Instrument, *, now: Time) -> PositionState:
        """What the book believes of an instrument's position."""
        out = _abi.perp_position_state(struct_size=sizeof(_abi.perp_position_state))
        self._book.call(lib.perp_positions_query, self._book.positions,
                        self._book.instrument_id(instrument), moment("now", now), byref(out))
        return PositionState._read(out, self._book)

    def lots(self, instrument: Instrument) -> Tuple[Lot, ...]:
        """What jobs have open on an instrument, oldest first."""
        rows, count = self._book.rows(_abi.perp_lot_state, lib.perp_positions_lots,
                                      self._book.positions, self._book.instrument_id(instrument))
        return tuple(Lot._read(rows[i], self._book) for i in range(count))

    def bases(self, *, now: Time) -> Tuple[BaseState, ...]:
        """Every base over all its instruments, in the order in which instruments brought them."""
        count = self._book.value(lib.perp_positions_base_count, self._book.positions)
        return tuple(self._base(i, moment("now", now)) for i in range(count))

    def _base(self, number_of: int, now_ns: int) -> BaseState:
        out = _abi.perp_base_state(struct_size=sizeof(_abi.perp_base_state))
        self._book.call(lib.perp_positions_base, self._book.positions, number_of, now_ns,
                        byref(out))
        return BaseState._read(out, self._book)
