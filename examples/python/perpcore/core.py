"""One trading book: opening, closing, its exchanges and instruments, its clock, its checks."""
from __future__ import annotations

import threading
import weakref
from ctypes import byref, c_uint32, c_uint64, c_void_p, cast, create_string_buffer, sizeof, string_at
from dataclasses import replace
from types import TracebackType
from typing import Any, Callable, Optional, Sequence, Tuple, Type, TypeVar, Union

from . import _abi
from ._abi import ClientIdFormat, Durability, Kind, Margin, Strategy
from ._book import Book, Exchange, ExchangeLike, Instrument, NotCopied, check
from ._convert import (
    JobId, Money, Time, flag, member, micros, moment, number, show, text, u32, u64, whole,
)
from ._convert import job_id as c_job_id
from ._hooks import (
    Clock, Execute, Hooks, Log, OnAlert, OnCancel, OnJobEnd, OnKill, OnLegRisk, OnUnhedged,
)
from ._library import lib
from ._module import Module
from ._struct import write
from .capital import Capital
from .config import Config
from .errors import ArgumentTypeError, ExistsError, StoreError
from .job import Job, as_job, given_micros
from .market import Market
from .monitor import Monitor
from .orders import Orders
from .positions import Positions
from .risk import Risk
from .scheduler import Scheduler
from .store import AnyStore
from .types import ExchangeSpec, Feasibility, InstrumentSpec, Statistics, Tier


class Core(NotCopied):
    """A trading book. Use it in a `with` statement, or call close: either frees it at once.

    execute gets each job that is dispatched, on the thread that called tick, and answers with an
    Outcome; None, and whatever it raises, mean "in doubt". on_leg_risk(base, quantity),
    on_kill(exchange, jobs), on_job_end(job, state), on_cancel(job),
    on_unhedged(job, base, quantity), on_alert(alert) and log(level, message) tell what happened;
    without log, messages go to the logger "perpcore". clock() gives the host's own time in
    nanoseconds of any clock that runs evenly, time.monotonic_ns for one (None: not known): what
    waited longer than max_handover_ms to be handed over is withdrawn.
    Callbacks may call the core, but neither tick nor close it.

    durability BATCH: tick, flush and close make what was changed so far durable at once.
    config_wins: where the store has a configuration, the one given here holds from now on, stored
    as a change by actor and for reason, which it then takes; without it the stored one holds.
    """

    def __init__(
        self, config: Optional[Config] = None, *, store: Optional[AnyStore] = None,
        execute: Optional[Execute] = None, on_leg_risk: Optional[OnLegRisk] = None,
        on_kill: Optional[OnKill] = None, on_alert: Optional[OnAlert] = None,
        log: Optional[Log] = None, durability: Union[Durability, str] = Durability.EVERY,
        config_wins: bool = False, actor: Optional[str] = None, reason: Optional[str] = None,
        checkpoint_every: Optional[int] = None,
        on_job_end: Optional[OnJobEnd] = None, on_cancel: Optional[OnCancel] = None,
        on_unhedged: Optional[OnUnhedged] = None, clock: Optional[Clock] = None,
    ) -> None:
        given = config_struct(config)
        given.durability = member("durability", Durability, durability)
        given.config_wins = flag("config_wins", config_wins)
        given.actor = text("actor", actor) if actor is not None else None
        given.reason = text("reason", reason) if reason is not None else None
        if checkpoint_every is not None:
            given.checkpoint_every = u64("checkpoint_every", checkpoint_every)
        hooks = Hooks()
        hooks.fill(given.callbacks, execute, on_leg_risk, on_kill, on_alert, log, on_job_end,
                   on_cancel, on_unhedged, clock)
        pointer = c_void_p()
        book: Optional[Book] = None
        try:
            if store is not None:
                as_store(store)._attach(given, hooks, False)
            status = lib.perp_core_open(byref(given), byref(pointer))
            raise_of_open(status, hooks)
            book = Book(pointer.value or 0, closed=hooks.over)
            if store is not None:
                store._opened(book)
            self._take(book, hooks)
        except BaseException:  # also Ctrl-C, which may come anywhere
            abandon(book, pointer, hooks)
            raise

    def _take(self, book: Book, hooks: Hooks) -> None:
        self._book = book
        # The modules know the book and the host's functions, not this object: there is no cycle
        # that would keep it alive.
        self._hooks = hooks
        self._finalizer = weakref.finalize(self, book.release)
        self._finalizer.atexit = False  # the book sees to that
        book.interrupts = hooks.link.interrupts
        if not book.read_only:
            hooks.attach(book)
        self._capital = Capital(book, hooks)
        self._market = Market(book, hooks)
        self._positions = Positions(book, hooks)
        self._risk = Risk(book, hooks)
        self._scheduler = Scheduler(book, hooks)
        self._orders = Orders(book, hooks)
        self._monitor = Monitor(book, hooks)
        self._module = Module(book, hooks)

    @property
    def capital(self) -> Capital:
        """Equity, pools, reservations."""
        return self._capital

    @property
    def market(self) -> Market:
        """Feeds, and what is known of the market."""
        return self._market

    @property
    def positions(self) -> Positions:
        """What is really open."""
        return self._positions

    @property
    def risk(self) -> Risk:
        """May a job run, and why not."""
        return self._risk

    @property
    def scheduler(self) -> Scheduler:
        """Jobs."""
        return self._scheduler

    @property
    def orders(self) -> Orders:
        """The orders of running jobs."""
        return self._orders

    @property
    def monitor(self) -> Monitor:
        """The whole state."""
        return self._monitor

    # ---- Closing -----------------------------------------------------------------------------

    def close(self) -> None:
        """Makes what waits durable and frees the book. Waits for calls that run on other threads;
        later ones are ClosedError. Again: nothing happens. From a callback: StateError. Where what
        waits could not be stored, the core is closed all the same and StoreError is raised."""
        try:
            self._book.close()
        finally:
            if self._book.closed.is_set():
                self._finalizer.detach()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._book.closing

    def __enter__(self: C) -> C:
        self._book.refuse()
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def __repr__(self) -> str:
        if self.closed:
            return "<perpcore.Core, closed>"
        return f"<perpcore.Core, {len(self.exchanges)} exchanges>"

    # ---- Exchanges and instruments -------------------------------------------------------------

    def add_exchange(
        self, name: str, *, venue: str = "", margin_mode: Union[Margin, str] = Margin.ISOLATED,
        taker_fee_bps: Optional[float] = None, maker_fee_bps: Optional[float] = None,
        liquidation_fee_bps: float = 0.0,
        max_concurrent: Optional[int] = None, max_notional: Optional[Money] = None,
        client_id_format: Union[ClientIdFormat, str] = ClientIdFormat.HEX,
        client_id_prefix: str = "", order_rate_per_s: float = 0.0, order_burst: int = 1,
    ) -> Exchange:
        """Adds an exchange, or one account on it. There already with the same content: that one,
        so that a host may add all of its own at every start; with other content: ConflictError.
        Two with the same venue may never trade with each other. client_id_format,
        client_id_prefix: how it wants client ids of orders written. order_rate_per_s: so many
        orders and cancels a second (0: off), order_burst of them at once."""
        spec = _abi.perp_exchange_spec()
        lib.perp_exchange_spec_init(byref(spec))
        spec.name = text("name", name, _abi.PERP_NAME_SIZE - 1)
        spec.venue = text("venue", venue, _abi.PERP_NAME_SIZE - 1)
        spec.margin_mode = member("margin_mode", Margin, margin_mode)
        if taker_fee_bps is not None:
            spec.taker_fee_bps = number("taker_fee_bps", taker_fee_bps)
        if maker_fee_bps is not None:
            spec.maker_fee_bps = number("maker_fee_bps", maker_fee_bps)
        spec.liquidation_fee_bps = number("liquidation_fee_bps", liquidation_fee_bps)
        if max_concurrent is not None:
            spec.max_concurrent = u32("max_concurrent", max_concurrent)
        if max_notional is not None:
            spec.max_notional = given_micros("max_notional", max_notional)
        spec.client_id_format = member("client_id_format", ClientIdFormat, client_id_format)
        spec.client_id_prefix = text("client_id_prefix", client_id_prefix, _abi.PERP_NAME_SIZE - 1)
        spec.order_rate_per_s = number("order_rate_per_s", order_rate_per_s)
        spec.order_burst = u32("order_burst", order_burst)
        found = c_uint32()
        self._add(lib.perp_exchange_add, spec, found)
        return self._book.exchange(found.value)

    def add_instrument(
        self, exchange: ExchangeLike, symbol: str, *, base: str = "", contract: str = "",
        quote: str = "",
        kind: Union[Kind, str] = Kind.PERP, pulled: bool = False, qty_step: float = 0.0,
        price_tick: float = 0.0, min_qty: float = 0.0, min_notional: Money = 0,
        funding_interval_h: float = 8.0, tiers: Sequence[Tier] = (), can_borrow: bool = False,
        max_position_usd: Optional[Money] = None, taker_fee_bps: Optional[float] = None,
        maker_fee_bps: Optional[float] = None,
    ) -> Instrument:
        """Adds an order book of an exchange. Use CCXT's names: `BTC/USDT` is the spot and
        `BTC/USDT:USDT` the linear perpetual. Fees that are not given are the exchange's. There
        already: as add_exchange."""
        spec = _abi.perp_instrument_spec()
        lib.perp_instrument_spec_init(byref(spec))
        spec.exchange = self._book.exchange_id(exchange)
        for field, value in (("symbol", symbol), ("base", base), ("contract", contract),
                             ("quote", quote)):
            setattr(spec, field, text(field, value, _abi.PERP_NAME_SIZE - 1))
        spec.kind = member("kind", Kind, kind)
        spec.pulled = flag("pulled", pulled)
        spec.qty_step = number("qty_step", qty_step)
        spec.price_tick = number("price_tick", price_tick)
        spec.min_qty = number("min_qty", min_qty)
        spec.min_notional = micros("min_notional", min_notional)
        spec.funding_interval_h = number("funding_interval_h", funding_interval_h)
        spec.can_borrow = flag("can_borrow", can_borrow)
        if max_position_usd is not None:
            spec.max_position_usd = micros("max_position_usd", max_position_usd)
        self._numbers(spec, taker_fee_bps=taker_fee_bps, maker_fee_bps=maker_fee_bps)
        spec.tiers, spec.n_tiers = self._tiers(tiers), len(tiers)
        found = c_uint32()
        self._add(lib.perp_instrument_add, spec, found)
        return self._book.instrument(found.value)

    def update_exchange(
        self, exchange: ExchangeLike, *, now: Time, margin_mode: Union[Margin, str, None] = None,
        taker_fee_bps: Optional[float] = None, maker_fee_bps: Optional[float] = None,
        liquidation_fee_bps: Optional[float] = None, max_concurrent: Optional[int] = None,
        max_notional: Optional[Money] = None, order_rate_per_s: Optional[float] = None,
        order_burst: Optional[int] = None, actor: Optional[str] = None,
        reason: Optional[str] = None,
    ) -> None:
        """Sets what is given of an exchange, for all that is decided from now on. Raising a limit
        takes actor and reason."""
        spec = _abi.perp_exchange_spec()
        lib.perp_exchange_spec_init(byref(spec))
        self._book.call(lib.perp_exchange_get, self._book.pointer,
                        self._book.exchange_id(exchange), byref(spec))
        if margin_mode is not None:
            spec.margin_mode = member("margin_mode", Margin, margin_mode)
        self._numbers(spec, taker_fee_bps=taker_fee_bps, maker_fee_bps=maker_fee_bps,
                      liquidation_fee_bps=liquidation_fee_bps, order_rate_per_s=order_rate_per_s)
        if order_burst is not None:
            spec.order_burst = u32("order_burst", order_burst)
        if max_concurrent is not None:
            spec.max_concurrent = u32("max_concurrent", max_concurrent)
        if max_notional is not None:
            spec.max_notional = given_micros("max_notional", max_notional)
        self._module._change(lib.perp_exchange_update, self._book.pointer, now, actor, reason,
                             byref(spec))

    def update_instrument(
        self, instrument: Instrument, *, now: Time, qty_step: Optional[float] = None,
        price_tick: Optional[float] = None, min_qty: Optional[float] = None,
        min_notional: Optional[Money] = None, funding_interval_h: Optional[float] = None,
        tiers: Optional[Sequence[Tier]] = None, can_borrow: Optional[bool] = None,
        max_position_usd: Optional[Money] = None, taker_fee_bps: Optional[float] = None,
        maker_fee_bps: Optional[float] = None, actor: Optional[str] = None,
        reason: Optional[str] = None,
    ) -> None:
        """Sets what is given of an instrument, for all that is decided from now on. Raising
        max_position_usd takes actor and reason."""
        spec = _abi.perp_instrument_spec()
        lib.perp_instrument_spec_init(byref(spec))
        self._book.call(lib.perp_instrument_get, self._book.pointer,
                        self._book.instrument_id(instrument), byref(spec))
        self._numbers(spec, qty_step=qty_step, price_tick=price_tick, min_qty=min_qty,
                      funding_interval_h=funding_interval_h, taker_fee_bps=taker_fee_bps,
                      maker_fee_bps=maker_fee_bps)
        if min_notional is not None:
            spec.min_notional = micros("min_notional", min_notional)
        if can_borrow is not None:
            spec.can_borrow = flag("can_borrow", can_borrow)
        if max_position_usd is not None:
            spec.max_position_usd = micros("max_position_usd", max_position_usd)
        if tiers is not None:
            spec.tiers, spec.n_tiers = self._tiers(tiers), len(tiers)
        self._module._change(lib.perp_instrument_update, self._book.pointer, now, actor, reason,
                             byref(spec))

    @staticmethod
    def _numbers(spec: Any, **given: Optional[float]) -> None:
        for field, value in given.items():
            if value is not None:
                setattr(spec, field, number(field, value))

    @staticmethod
    def _tiers(tiers: Sequence[Tier]) -> Any:
        if not isinstance(tiers, (list, tuple)) or not all(isinstance(t, Tier) for t in tiers):
            raise ArgumentTypeError(f"tiers: a list of Tier is wanted, not {show(tiers)}")
        rows = (_abi.perp_tier * len(tiers))()
        for i, tier in enumerate(tiers):
            write(f"tiers[{i}]", tier, rows[i])
        return rows

    def _add(self, function: Any, spec: Any, found: Any) -> None:
        try:
            self._book.change(function, self._book.pointer, byref(spec), byref(found))
        except ExistsError:
            pass  # the same content: found is its id

    def exchange(self, name: str) -> Exchange:
        """The exchange of a name."""
        if not isinstance(name, str):
            raise ArgumentTypeError(f"name: a str is wanted, not {show(name)}")
        return self._book.exchange(self._book.exchange_id(name))

    def instrument(self, exchange: ExchangeLike, symbol: str) -> Instrument:
        """The instrument of a symbol."""
        found = c_uint32()
        self._book.call(lib.perp_instrument_find, self._book.pointer,
                        self._book.exchange_id(exchange), text("symbol", symbol), byref(found))
        return self._book.instrument(found.value)

    @property
    def exchanges(self) -> Tuple[Exchange, ...]:
        """All exchanges, in the order they were added."""
        count = self._book.value(lib.perp_exchange_count, self._book.pointer)
        return tuple(self._book.exchange(i) for i in range(count))

    @property
    def instruments(self) -> Tuple[Instrument, ...]:
        """All instruments, in the order they were added."""
        count = self._book.value(lib.perp_instrument_count, self._book.pointer)
        return tuple(self._book.instrument(i) for i in range(count))

    def exchange_spec(self, exchange: ExchangeLike) -> ExchangeSpec:
        """An exchange as it was added."""
        spec = _abi.perp_exchange_spec()
        lib.perp_exchange_spec_init(byref(spec))
        self._book.call(lib.perp_exchange_get, self._book.pointer,
                        self._book.exchange_id(exchange), byref(spec))
        return ExchangeSpec._read(spec, self._book)

    def instrument_spec(self, instrument: Instrument) -> InstrumentSpec:
        """An instrument as it was added."""
        spec = _abi.perp_instrument_spec()
        lib.perp_instrument_spec_init(byref(spec))
        self._book.call(lib.perp_instrument_get, self._book.pointer,
                        self._book.instrument_id(instrument), byref(spec))
        return InstrumentSpec._read(spec, self._book)

    # ---- Jobs ----------------------------------------------------------------------------------

    def fill_hedge(self, job: Job, first: Instrument, second: Instrument, *, now: Time) -> Job:
        """The job with two legs of its notional: buys where the executable price net of fees is
        lower. Both quantities are the same, rounded down to both steps, and the notional becomes
        what that is worth."""
        out = replace(as_job(job), legs=())._struct(self._book)
        self._book.call(lib.perp_job_fill_hedge, self._book.pointer, moment("now", now),
                        self._book.instrument_id(first), self._book.instrument_id(second),
                        byref(out))
        filled = Job._of_struct(out, self._book)
        return replace(job, legs=filled.legs, notional=filled.notional)

    def fill_exit(self, closes: JobId, job_id: JobId, *, now: Time, fraction: float = 1.0,
                  priority: int = 0, metadata: bytes = b"") -> Job:
        """The job that closes what an open job has open, or a fraction of it, rounded down to whole
        steps. job_id: its own, a new one. NotFoundError: nothing is open."""
        given = Job(job_id, Strategy.HEDGE_REBALANCE, 1, priority=priority, metadata=metadata)
        out = given._struct(self._book)
        self._book.call(lib.perp_job_fill_exit, self._book.pointer, moment("now", now),
                        byref(c_job_id("closes", closes)), number("fraction", fraction),
                        byref(out))
        filled = Job._of_struct(out, self._book)
        return replace(filled, metadata=metadata)

    def job_from_json(self, source: str) -> Job:
        """Reads a job as JSON. InvalidError has the field."""
        data = text("job", source)
        out = _abi.perp_job()
        lib.perp_job_init(byref(out))
        metadata = create_string_buffer(_abi.PERP_MAX_METADATA)
        self._book.call(lib.perp_job_from_json, self._book.pointer, data, len(data), byref(out),
                        metadata)
        return Job._of_struct(out, self._book, string_at(metadata, out.metadata_size))

    # ---- The book --------------------------------------------------------------------------------

    def flush(self) -> None:
        """With Durability.BATCH: makes all changes so far durable."""
        self._book.change(lib.perp_core_flush, self._book.pointer)

    def flush_async(self) -> int:
        """The same without waiting for the disk: hands all changes so far to the store, and returns
        the number of the last one, which is durable once `durable` has reached it. `sync` on
        another thread, or the next tick or flush, brings that about."""
        seq = c_uint64()
        self._book.change(lib.perp_core_flush_async, self._book.pointer, byref(seq))
        return seq.value

    @property
    def durable(self) -> int:
        """The number of the event up to which all is on disk; without a store, of the last one."""
        seq = c_uint64()
        self._book.call(lib.perp_core_durable, self._book.pointer, byref(seq))
        return seq.value

    def sync(self) -> None:
        """Waits until all is on disk that flush_async handed to the store before. For a thread of
        its own, beside those that trade: other calls go on meanwhile. StoreError: the disk failed,
        and nothing more is durable than before; the next flush or tick writes it again."""
        self._book.change(lib.perp_store_sync, self._book.pointer)

    def checkpoint(self) -> None:
        """Writes a checkpoint, so that opening need not read the records before it."""
        self._book.change(lib.perp_core_checkpoint, self._book.pointer)

    def check(self) -> None:
        """Checks every invariant of the book. CorruptError names the first that is broken."""
        self._book.call(lib.perp_core_check, self._book.pointer)

    @property
    def hash(self) -> int:
        """A hash of all that is stored; equal books have equal hashes, also across a restart."""
        return int(self._book.value(lib.perp_core_hash, self._book.pointer))

    @property
    def config(self) -> Config:
        """The configuration in force, with limits that were changed since open."""
        out = _abi.perp_config()
        lib.perp_config_init(byref(out))
        self._book.call(lib.perp_core_config, self._book.pointer, byref(out))
        return Config._of_struct(out)

    @property
    def clock(self) -> Optional[int]:
        """The latest time of a call that changed the book; None before the first."""
        now = int(self._book.value(lib.perp_core_clock, self._book.pointer))
        return None if now == _abi.PERP_TIME_NONE else now

    def reconfigure(self, changes: str, *, now: Time, actor: str, reason: str) -> None:
        """Changes settings while the book is open, all or nothing: JSON as Config.from_json reads
        it, with just what changes."""
        data = text("changes", changes)
        self._module._change(lib.perp_core_reconfigure, self._book.pointer, now, actor, reason,
                             data, len(data))

    def advance(self, *, now: Time, actor: str, reason: str) -> None:
        """Sets the clock at once, however far ahead, and also back."""
        self._module._change(lib.perp_core_advance, self._book.pointer, now, actor, reason)

    @property
    def statistics(self) -> Statistics:
        """What the library met since open."""
        out = _abi.perp_core_stats(struct_size=sizeof(_abi.perp_core_stats))
        self._book.call(lib.perp_core_statistics, self._book.pointer, byref(out))
        return Statistics._read(out, self._book)

    def feasibility(self) -> Tuple[Feasibility, ...]:
        """For each strategy and pair of exchanges the largest job that the limits could let
        pass, and what bounds it."""
        rows, count = self._book.rows(_abi.perp_feasibility, lib.perp_core_feasibility,
                                      self._book.pointer)
        return tuple(Feasibility._read(rows[i], self._book) for i in range(count))


C = TypeVar("C", bound=Core)


def raise_of_open(status: int, hooks: Hooks) -> None:
    """Raises why a core could not be opened."""
    interrupt = hooks.link.interrupts.pop(threading.get_ident(), None)
    if interrupt is not None:
        raise interrupt
    try:
        check(status)
    except StoreError as error:
        said = hooks.store_text()
        if said in str(error):
            raise
        raise StoreError(f"{error}: {said}") from None


def abandon(book: Optional[Book], pointer: Any, hooks: Hooks) -> None:
    """Frees what was opened when opening did not come to its end."""
    if book is not None:
        book.release()
    else:
        lib.perp_core_close(pointer)
        hooks.over.set()


def config_struct(config: Optional[Config]) -> Any:
    """A perp_config of a Config, or of the defaults."""
    if config is None:
        config = Config()
    if not isinstance(config, Config):
        raise ArgumentTypeError(f"config: a Config is wanted, not {show(config)}")
    return config._struct()


def as_store(store: AnyStore) -> AnyStore:
    """What a host gave for a store."""
    if not isinstance(store, AnyStore):
        raise ArgumentTypeError(f"store: a store is wanted, not {show(store)}")
    return store


def replay(store: AnyStore, to_seq: Optional[int] = None, *, config: Optional[Config] = None,
           visit: Optional[Callable[[Core, int], None]] = None) -> Core:
    """The book as it was after record to_seq (None: after the last), made from the store's records
    from the first on. It is not attached to the store. visit(core, seq) is called after each
    record with the book as it is then, which may only be read and only during the call; what it
    raises ends the replay and is raised here."""
    given = config_struct(config)
    last = 0 if to_seq is None else whole("to_seq", to_seq, 1, 2**64 - 1)
    hooks = Hooks()
    hooks.fill(given.callbacks, *[None] * 9)
    visitor = Visitor(visit) if visit is not None else None
    function: Any = _VISIT(visitor.see) if visitor else cast(c_void_p(), _VISIT)
    pointer = c_void_p()
    book: Optional[Book] = None
    try:
        as_store(store)._attach(given, hooks, True)
        status = lib.perp_core_replay(byref(given), last, function, None, byref(pointer))
        if visitor:
            visitor.leave()
        raise_of_open(status, hooks)
        book = Book(pointer.value or 0)
        out = Core.__new__(Core)
        out._take(book, hooks)
    except BaseException:
        abandon(book, pointer, hooks)
        raise
    finally:
        hooks.over.set()  # the book goes on without the store
    return out


_VISIT = _abi.FUNCTIONS["perp_core_replay"][1][2]


class Visitor:
    """Shows the book of a replay to a function of the host, for reading."""

    def __init__(self, function: Callable[[Core, int], None]) -> None:
        if not callable(function):
            raise ArgumentTypeError(f"visit: a function is wanted, not {show(function)}")
        self.function = function
        self.shown: Optional[Core] = None
        self.raised: Optional[BaseException] = None

    def see(self, user: Any, pointer: int, seq: int) -> None:
        if self.raised is not None:
            return
        try:
            if self.shown is None:
                self.shown = Core.__new__(Core)
                self.shown._take(Book(pointer, read_only=True), Hooks())
                self.shown._book.callback_threads.append(threading.get_ident())
            self.shown._book.visiting = threading.get_ident()
            self.function(self.shown, seq)
        except BaseException as error:  # goes on in the caller of replay
            self.raised = error
        finally:
            if self.shown is not None:
                self.shown._book.visiting = None

    def leave(self) -> None:
        """The replay is over."""
        if self.shown is not None:
            self.shown._book.release()
        if self.raised is not None:
            raise self.raised
