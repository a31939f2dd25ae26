"""Risk: may this job run, and why not."""
from __future__ import annotations

from ctypes import byref, sizeof
from typing import Any, List, Optional, Tuple, Union

from . import _abi
from ._abi import Mode, Reason, Strategy
from ._book import ExchangeLike, Instrument
from ._convert import JobId, Time, decoded, flag, job_id, member, moment, number, text, whole
from ._hooks import Ask, as_function, ask_of_rule
from ._library import lib
from ._module import Module
from .job import Job, as_job
from .types import Evaluation, Latch, RiskState


class Risk(Module):
    """`core.risk`."""

    def evaluate(self, job: Job, *, now: Time) -> Evaluation:
        """May the job run, and every number behind the answer. Changes nothing."""
        out = self._evaluated(job, now)
        try:
            return Evaluation._read(out, self._book)
        finally:
            _free_evaluations.append(out)

    def evaluate_json(self, job: Job, *, now: Time) -> str:
        """As evaluate, as the JSON that the store and the console show."""
        out = self._evaluated(job, now)
        try:
            return self._book.json(lib.perp_evaluation_json, self._book.pointer, byref(out))
        finally:
            _free_evaluations.append(out)

    def _evaluated(self, job: Job, now: Time) -> Any:
        given = as_job(job)._struct(self._book)
        try:
            out = _free_evaluations.pop()
        except IndexError:
            out = _abi.perp_evaluation()
        lib.perp_evaluation_init(out)
        self._book.call(lib.perp_risk_evaluate, self._book.risk, moment("now", now), given,
                        out)
        return out

    def add_rule(self, name: str, ask: Ask, *, hard: bool = False, repairs_pass: bool = True,
                 value: Optional[str] = None, unit: Optional[str] = None) -> Reason:
        """Adds a rule of the host, before the first job and tick; its number in this book.

        ask(job, so_far) gets the job and what the library found so far, and answers with a
        RuleAnswer; anything else, and whatever it raises, refuses the job. It is called while the
        book is locked: it must be quick, and must not call back (what changes the book or evaluates
        raises StateError there). hard: nothing overrides it. repairs_pass: False only of a hard
        rule. name, value (what is measured) and unit: a to z, 0 to 9 and "_", a letter first.
        """
        as_function("ask", ask)
        out = _abi.perp_host_rule()
        lib.perp_host_rule_init(byref(out))
        out.name = text("name", name)
        out.hard, out.repairs_pass = flag("hard", hard), flag("repairs_pass", repairs_pass)
        out.value = None if value is None else text("value", value)
        out.unit = None if unit is None else text("unit", unit)
        out.ask = _abi.perp_host_rule_ask(ask_of_rule(self._kept.link, name, ask))
        self._book.change(lib.perp_risk_add_rule, self._book.risk, byref(out))
        self._kept.keep(out.ask)
        return Reason(out.reason)

    def rule_changed(self, rule: Reason) -> None:
        """What that rule of the host answers may differ from now on. Any thread may say so."""
        self._book.call(lib.perp_risk_rule_changed, self._book.risk,
                        int(member("rule", Reason, rule)))

    def reason_name(self, reason: Reason) -> str:
        """The name of a reason in this book: of a rule of the host its own."""
        return decoded(self._book.value(lib.perp_risk_reason_string, self._book.risk,
                                        int(member("reason", Reason, reason))))

    def record_success(self, exchange: Optional[ExchangeLike] = None, *, now: Time,
                       actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """A result that the host saw outside a job; with an exchange its circuit counts too."""
        self._change(lib.perp_risk_record_success, self._book.risk, now, actor, reason,
                     self._book.exchange_or_all(exchange))

    def record_failure(self, exchange: Optional[ExchangeLike] = None, *, now: Time,
                       actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """As record_success, of what failed."""
        self._change(lib.perp_risk_record_failure, self._book.risk, now, actor, reason,
                     self._book.exchange_or_all(exchange))

    def reset_halt(self, *, now: Time, actor: str, reason: str) -> None:
        """Clears the halt and the failure count."""
        self._change(lib.perp_risk_reset_halt, self._book.risk, now, actor, reason)

    def reset_strategy(self, strategy: Union[Strategy, str], *, now: Time, actor: str,
                       reason: str) -> None:
        """As reset_halt, of a strategy that strategy_failures in a row have halted."""
        self._change(lib.perp_risk_reset_strategy, self._book.risk, now, actor, reason,
                     int(member("strategy", Strategy, strategy)))

    def set_mode(self, mode: Union[Mode, str], *, now: Time, actor: Optional[str] = None,
                 reason: Optional[str] = None) -> None:
        """Another mode. A looser one takes actor and reason."""
        self._change(lib.perp_risk_set_mode, self._book.risk, now, actor, reason,
                     int(member("mode", Mode, mode)))

    def override_on(self, *, now: Time, actor: str, reason: str, ttl_ms: Optional[int] = None,
                    for_job: Optional[JobId] = None) -> None:
        """Soft rules pass until the time is over, for all jobs or for one. ttl_ms None: the
        configured default."""
        ttl = _abi.PERP_TIME_NONE
        if ttl_ms is not None:
            ttl = whole("ttl_ms", ttl_ms, 1, 2**63 - 1)
        self._change(lib.perp_risk_manual_override, self._book.risk, now, actor, reason, 1, ttl,
                     None if for_job is None else byref(job_id("for_job", for_job)))

    def override_off(self, *, now: Time, actor: Optional[str] = None,
                     reason: Optional[str] = None) -> None:
        """Soft rules hold again."""
        self._change(lib.perp_risk_manual_override, self._book.risk, now, actor, reason, 0,
                     _abi.PERP_TIME_NONE, None)

    def blacklist(self, symbol: str, enabled: bool = True, *, now: Time,
                  actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """A blacklisted symbol trades on no exchange. Off takes actor and reason."""
        self._change(lib.perp_risk_blacklist, self._book.risk, now, actor, reason,
                     text("symbol", symbol), flag("enabled", enabled))

    def allow(self, pattern: str, enabled: bool = True, *, now: Time,
              exchange: Optional[ExchangeLike] = None,
              strategy: Union[Strategy, str, None] = None, actor: Optional[str] = None,
              reason: Optional[str] = None) -> None:
        """The allow-list: once it has a row, a leg that no row names is refused (`not_allowed`).
        pattern: a symbol, or a base and a slash and a star: "BTC/*". exchange, strategy None: any.
        Every row but the first, and taking away the last, takes actor and reason. A row that is
        there stays; taking away one that is not is a NotFoundError."""
        which = _abi.PERP_ALL_STRATEGIES
        if strategy is not None:
            which = int(member("strategy", Strategy, strategy))
        self._change(lib.perp_risk_allow, self._book.risk, now, actor, reason,
                     text("pattern", pattern), self._book.exchange_or_all(exchange), which,
                     flag("enabled", enabled))

    def halt_instrument(self, instrument: Instrument, enabled: bool = True, *, now: Time,
                        actor: Optional[str] = None, reason: Optional[str] = None) -> None:
        """A halted instrument takes no new risk. Off takes actor and reason."""
        self._change(lib.perp_risk_halt_instrument, self._book.risk, now, actor, reason,
                     self._book.instrument_id(instrument), flag("enabled", enabled))

    def set_collateral(self, exchange: ExchangeLike, base: str, quantity: float, *, now: Time,
                       haircut: float = 0.0, actor: Optional[str] = None,
                       reason: Optional[str] = None) -> None:
        """What an account holds in a base itself, which is margin that moves with it: quantity in
        base units, of which the haircut (0..1) does not count. Replaces what was said before."""
        self._change(lib.perp_risk_set_collateral, self._book.risk, now, actor, reason,
                     self._book.exchange_id(exchange), text("base", base),
                     number("quantity", quantity), number("haircut", haircut))

    def query(self) -> RiskState:
        """Mode, switches, failures and losses."""
        out = _abi.perp_risk_state(struct_size=sizeof(_abi.perp_risk_state))
        self._book.call(lib.perp_risk_query, self._book.risk, byref(out))
        return RiskState._read(out, self._book)

    def latches(self) -> Tuple[Latch, ...]:
        """All that is latched: the halt, strategies, drift, repairs."""
        rows, count = self._book.rows(_abi.perp_latch, lib.perp_risk_latches, self._book.risk)
        return tuple(Latch._read(rows[i], self._book) for i in range(count))

    def describe_json(self) -> str:
        """The rules with the limits in force and how often each fired today, as JSON."""
        return self._book.json(lib.perp_risk_describe_json, self._book.risk)


# Evaluations are some 3 KB; they are used again, but never by two calls at once.
_free_evaluations: List[Any] = []

