"""Capital: per exchange equity, three pools, reservations, today's figures, safe mode."""
from __future__ import annotations

from ctypes import byref, c_int64, c_uint32, c_uint64, sizeof
from typing import Any, Optional, Tuple, Union

from . import _abi
from ._abi import Pool, Reason
from ._book import ExchangeLike
from ._convert import JobId, Money, Time, flag, job_id, member, micros, u64, usd, whole
from ._library import lib
from ._module import Module
from .errors import ExistsError, RangeError
from .job import Job, as_job
from .types import CanReserve, CapitalState, Headroom, JobReserved, Refusal, Reservation, Reserved


class Capital(Module):
    """`core.capital`. The pool `wash` is for hedged turnover between exchanges; only its name is
    historical, it is never wash trading."""

    def update_equity(self, exchange: ExchangeLike, equity: Money, *, now: Time,
                      actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Sets an exchange's equity and its budgets; what is committed stays."""
        self._change(lib.perp_capital_update_equity, self._book.capital, now, actor, reason,
                     self._book.exchange_id(exchange), micros("equity", equity))

    def transfer(self, exchange: ExchangeLike, amount: Money, *, now: Time,
                 in_equity: bool = False, actor: Optional[str] = None,
                 reason: Optional[str] = None) -> None:
        """A deposit, or a withdrawal (negative): no gain and no loss. in_equity: the equity report
        came first, so only the marks move."""
        self._change(lib.perp_capital_transfer, self._book.capital, now, actor, reason,
                     self._book.exchange_id(exchange), micros("amount", amount),
                     flag("in_equity", in_equity))

    def correct(self, exchange: ExchangeLike, day_start: Money, *, now: Time, actor: str,
                reason: str, high_water: Optional[Money] = None) -> None:
        """Sets the start of the day and the high-water mark (not given: the larger of the equity
        and day_start), and looks at the daily loss anew, after equity reports and transfers
        crossed each other."""
        self._change(lib.perp_capital_correct, self._book.capital, now, actor, reason,
                     self._book.exchange_id(exchange), micros("day_start", day_start),
                     None if high_water is None
                     else byref(c_int64(micros("high_water", high_water))))

    def set_day_offset(self, minutes: int, *, now: Time, actor: str, reason: str) -> None:
        """When days begin: at 00:00 UTC and so many minutes, -1439 to 1439, from the next boundary
        on."""
        self._change(lib.perp_capital_set_day_offset, self._book.capital, now, actor, reason,
                     whole("minutes", minutes, -(2**31), 2**31 - 1))

    def set_safe_mode(self, exchange: ExchangeLike, enabled: bool, *, now: Time,
                      actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Safe mode by hand. Off takes actor and reason."""
        self._change(lib.perp_capital_set_safe_mode, self._book.capital, now, actor, reason,
                     self._book.exchange_id(exchange), flag("enabled", enabled))

    def record_pnl(self, exchange: ExchangeLike, *, pnl: Money, volume: Money, fees: Money,
                   now: Time, key: Optional[JobId] = None, actor: Optional[str] = None,
                   reason: Optional[str] = None) -> None:
        """Adds to today's figures. pnl is before fees. The same key again is an ExistsError, or a
        ConflictError where anything differs, and books nothing."""
        self._change(lib.perp_capital_record_pnl, self._book.capital, now, actor, reason,
                     self._book.exchange_id(exchange), micros("pnl", pnl),
                     micros("volume", volume), micros("fees", fees),
                     None if key is None else byref(job_id("key", key)))

    # ---- Reservations ------------------------------------------------------------------------

    def reserve(self, exchange: ExchangeLike, pool: Union[Pool, str], amount: Money, *, now: Time,
                key: Optional[JobId] = None, actor: Optional[str] = None,
                reason: Optional[str] = None) -> Reserved:
        """Reserves an amount. The same key again is an ExistsError that has the reservation, or a
        ConflictError where exchange, pool or amount differ."""
        return self._reserve(lib.perp_capital_reserve, now, actor, reason, key,
                             self._book.exchange_id(exchange), int(member("pool", Pool, pool)),
                             micros("amount", amount))

    def reserve_for_wash(self, exchange: ExchangeLike, amount: Money, *, now: Time,
                         key: Optional[JobId] = None, actor: Optional[str] = None,
                         reason: Optional[str] = None) -> Reserved:
        """As reserve, in the pool for hedged turnover between exchanges."""
        return self._reserve(lib.perp_capital_reserve_for_wash, now, actor, reason, key,
                             self._book.exchange_id(exchange), micros("amount", amount))

    def reserve_for_arb(self, exchange: ExchangeLike, amount: Money, *, now: Time,
                        key: Optional[JobId] = None, actor: Optional[str] = None,
                        reason: Optional[str] = None) -> Reserved:
        """As reserve, in the pool for arbitrage."""
        return self._reserve(lib.perp_capital_reserve_for_arb, now, actor, reason, key,
                             self._book.exchange_id(exchange), micros("amount", amount))

    def _reserve(self, function: Any, now: Time, actor: Optional[str], reason: Optional[str],
                 key: Optional[JobId], *arguments: Any) -> Reserved:
        found = c_uint64()
        refusal = _refusal()
        try:
            self._change(function, self._book.capital, now, actor, reason, *arguments,
                         None if key is None else byref(job_id("key", key)), byref(found),
                         byref(refusal))
        except ExistsError as error:
            error.reservation = found.value
            raise
        return Reserved(found.value, Refusal._given(refusal, self._book))

    def confirm(self, reservation: int, amount: Optional[Money] = None, *, now: Time,
                actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """In flight to used. None: all that is in flight."""
        self._change(lib.perp_capital_confirm, self._book.capital, now, actor, reason,
                     u64("reservation", reservation), _part(amount))

    def release(self, reservation: int, amount: Optional[Money] = None, *, now: Time,
                actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """Gives back, from what is in flight first. None: all that is left."""
        self._change(lib.perp_capital_release, self._book.capital, now, actor, reason,
                     u64("reservation", reservation), _part(amount))

    def can_reserve_for_job(self, job: Job) -> CanReserve:
        """Whether what a job needs could be reserved now, and why not."""
        refusal = _refusal()
        self._book.call(lib.perp_capital_can_reserve_for_job, self._book.capital,
                        byref(as_job(job)._struct(self._book)), byref(refusal))
        return CanReserve(Refusal._given(refusal, self._book))

    def reserve_for_job(self, job: Job, *, now: Time, actor: Optional[str] = None,
                        reason: Optional[str] = None) -> JobReserved:
        """Reserves by hand what a job needs of each of its exchanges, all or nothing."""
        ids = (c_uint64 * _abi.PERP_MAX_LEGS)()
        count = c_uint32()
        refusal = _refusal()
        self._change(lib.perp_capital_reserve_for_job, self._book.capital, now, actor, reason,
                     byref(as_job(job)._struct(self._book)), ids, byref(count), byref(refusal))
        return JobReserved(tuple(ids[: count.value]), Refusal._given(refusal, self._book))

    # ---- Looking -----------------------------------------------------------------------------

    def headroom(self, exchange: ExchangeLike, pool: Union[Pool, str]) -> Headroom:
        """The largest amount that reserve would let pass now."""
        amount, bound = c_int64(), c_uint32()
        self._book.call(lib.perp_capital_headroom, self._book.capital,
                        self._book.exchange_id(exchange), int(member("pool", Pool, pool)),
                        byref(amount), byref(bound))
        return Headroom(usd(amount.value), Reason(bound.value))

    def snapshot(self, exchange: ExchangeLike) -> CapitalState:
        """The ledger of an exchange."""
        out = _abi.perp_capital_state(struct_size=sizeof(_abi.perp_capital_state))
        self._book.call(lib.perp_capital_snapshot, self._book.capital,
                        self._book.exchange_id(exchange), byref(out))
        return CapitalState._read(out, self._book)

    def reservations(self, exchange: Optional[ExchangeLike] = None) -> Tuple[Reservation, ...]:
        """The live reservations of an exchange, or of all, by id."""
        rows, count = self._book.rows(
            _abi.perp_reservation, lib.perp_capital_reservations, self._book.capital,
            self._book.exchange_or_all(exchange),
        )
        return tuple(Reservation._read(rows[i], self._book) for i in range(count))


def _refusal() -> Any:
    return _abi.perp_refusal(struct_size=sizeof(_abi.perp_refusal))


def _part(amount: Optional[Money]) -> int:
    """A part of a reservation; 0 stands for all of it in the library, and None here."""
    if amount is None:
        return 0
    value = micros("amount", amount)
    if value == 0:
        raise RangeError("amount: 0; leave it out for all of it")
    return value
