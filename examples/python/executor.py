"""An executor: what becomes of dispatched jobs on exchanges that lose answers, lag and refuse.

It runs against build/bin/fake_exchange, whose dialect is that of Binance's USD-M futures:

    build/bin/fake_exchange --faults light &      # says its address
    python3 executor.py --jobs 20 http://127.0.0.1:PORT/alpha http://127.0.0.1:PORT/beta

Kill it and start it again: it goes on where it was. It keeps nothing that the book has. `work` reads
a job, its orders and their fills from the book, each time, and does the next thing that is due; so a
restart is no case of its own. What it does not expect ends the program, for the same reason.

It polls and signs nothing: a real one hears fills from a stream too, and signs in `Venue.call`.
"""
from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import math
import os
import random
import time
import urllib.parse
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Coroutine, Dict, List, Optional, Sequence, Set, Tuple

import perpcore
from perpcore import (
    Api, Core, Execution, Gate, Instrument, Job, JobInfo, JobResult, JobState, Leg, News, OrderInfo,
    OrderState, Outcome, Position, Refused, Side, SqliteStore, Tif,
)

MS = 1_000_000
WINDOW_MS = 1000  # an exchange takes no order that is older, however its request lagged
CERTAIN_NS = (WINDOW_MS + 750) * MS  # later than this, "no such order" is the truth
NOT_THERE, WOULD_TAKE, NOTHING_TO_REDUCE, ID_USED, UNKNOWN = -2013, -5022, -2022, -4116, -1000
ENDS = {"CANCELED": News.CANCELLED, "EXPIRED": News.EXPIRED, "REJECTED": News.REJECTED}
TIFS = {Tif.GTC: "GTC", Tif.IOC: "IOC", Tif.FOK: "FOK", Tif.POST_ONLY: "GTX"}
ASK_S, STEP_S, ROUND_S = 0.2, 0.02, 0.1
REPRICE_NS, PAUSE_NS, OVER_NS, GIVE_UP_NS = 400 * MS, 200 * MS, 2000 * MS, 10_000 * MS
MOST_TRIES = 60


class Lost(Exception):
    """No answer, or one that says nothing: it was carried out or not, nobody knows."""


class Declined(Exception):
    """The exchange answered, and said no."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code


def floor_to(value: float, step: float) -> float:
    return round(math.floor(value / step + 1e-6) * step, 9)


def ceil_to(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-6) * step, 9)


@dataclass
class Symbol:
    """What is traded. cursor: the last trade up to which all are booked; one that is lost costs
    time and no more, since the book knows each trade."""

    venue: Venue
    name: str
    instrument: Instrument
    tick: float
    step: float
    least: float
    min_notional: float
    cursor: int = 0


class Venue:
    """An exchange, and its dialect as far as requests go."""

    def __init__(self, core: Core, url: str) -> None:
        parts = urllib.parse.urlsplit(url)
        self.core, self.host, self.name = core, parts.netloc, parts.path.strip("/")
        self.threads = ThreadPoolExecutor(16)
        self.symbols: List[Symbol] = []
        self.ours: Dict[int, Optional[int]] = {}  # its ids of orders; None: of somebody else
        self.quiet_ns = 0
        self.silent = 0  # answers in a row that did not come

    def _send(self, method: str, target: str) -> Tuple[int, bytes, float]:
        # A fresh connection each: a client that repeats a request by itself, because a kept one
        # turned out to be closed, sends an order twice.
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request(method, target)
            answer = connection.getresponse()
            return answer.status, answer.read(), float(answer.headers.get("Retry-After") or 1)
        finally:
            connection.close()

    async def call(self, method: str, path: str, **params: Any) -> Any:
        target = f"/{self.name}/fapi/v1/{path}?{urllib.parse.urlencode(params)}"
        try:
            status, body, retry_s = await asyncio.get_running_loop().run_in_executor(
                self.threads, self._send, method, target)
            said = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.answered(False)
            raise Lost(f"{method} {path}: {error!r}") from None
        self.answered(True)
        if status == 200:
            return said
        if status == 429:
            self.quiet_ns = time.time_ns() + int(retry_s * 1e9)
        if said.get("code", UNKNOWN) == UNKNOWN:
            raise Lost(f"{method} {path}: {said}")
        raise Declined(said["code"], said["msg"])

    def answered(self, did: bool) -> None:
        """The gate lets nothing pass to an exchange that is down."""
        was, self.silent = self.silent, 0 if did else self.silent + 1
        if self.symbols and (self.silent == 3 or (did and was >= 3)):
            self.core.market.on_status(self.name, time.time_ns(), Api.UP if did else Api.DOWN)

    async def insist(self, path: str, **params: Any) -> Any:
        """Asks until there is an answer."""
        while True:
            try:
                return await self.call("GET", path, **params)
            except (Lost, Declined):
                await asyncio.sleep(ASK_S)

    async def open(self, names: Sequence[str]) -> None:
        """Tells the book what the exchange says of itself."""
        fees = await self.insist("commissionRate", symbol=names[0])
        self.core.add_exchange(
            self.name, margin_mode="cross", order_rate_per_s=20, order_burst=3,
            maker_fee_bps=round(float(fees["makerCommissionRate"]) * 1e4, 2),
            taker_fee_bps=round(float(fees["takerCommissionRate"]) * 1e4, 2))
        for row in (await self.insist("exchangeInfo"))["symbols"]:
            if row["symbol"] not in names:
                continue
            has = {f["filterType"]: f for f in row["filters"]}
            tick, lot = float(has["PRICE_FILTER"]["tickSize"]), has["LOT_SIZE"]
            step, least = float(lot["stepSize"]), float(lot["minQty"])
            notional = Decimal(has["MIN_NOTIONAL"]["notional"])
            instrument = self.core.add_instrument(
                self.name, f"{row['baseAsset']}/USDT:USDT", qty_step=step, price_tick=tick,
                min_qty=least, min_notional=notional)
            self.symbols.append(
                Symbol(self, row["symbol"], instrument, tick, step, least, float(notional)))
        for number in self.core.orders.list(exchange=self.name):  # trades name orders by them
            exchange_id = self.core.orders.get(number).exchange_id
            if exchange_id:
                self.ours[int(exchange_id)] = number


@dataclass
class Standing:
    """A leg now, from its orders. stuck: nothing will come of another one."""

    number: int
    leg: Leg
    symbol: Symbol
    orders: List[OrderInfo]

    def __post_init__(self) -> None:
        self.filled = sum(o.filled for o in self.orders)
        self.live = next((o for o in self.orders if not o.ended), None)
        self.stuck = len(self.orders) >= MOST_TRIES or 2 <= sum(
            o.text.startswith(str(NOTHING_TO_REDUCE)) for o in self.orders)
        self.sign = 1 if self.leg.side is Side.BUY else -1

    def pauses(self, now: int) -> bool:
        """Whether the market or the exchange has just said no."""
        last = self.orders[-1] if self.orders else None
        return last is not None and last.state > OrderState.CANCELLED and (
            now < (last.ended_ns or 0) + PAUSE_NS)


class Executor:
    """Coroutines: one for each job that runs, one for each order that has not ended, and two for
    each exchange. All of them call the book on one thread, so between two awaits nothing changes."""

    def __init__(self, store: str, patience_s: float) -> None:
        self.core = Core(store=SqliteStore(store), execute=self.execute)
        self.cursors, self.patience_ns = store + ".cursors", int(patience_s * 1e9)
        self.symbols: Dict[Instrument, Symbol] = {}
        self.tasks: Set[asyncio.Task[None]] = set()
        self.failure: Optional[BaseException] = None
        self.followed: Set[int] = set()
        self.cancelling: Set[int] = set()
        self.counts: Counter[str] = Counter()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.over)

    def over(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = self.failure or task.exception()

    def execute(self, job: Execution) -> Outcome:
        """Runs inside tick, where nothing may wait."""
        self.spawn(self.work(job.job_id))
        return Outcome.ACCEPTED

    # ---- A job ---------------------------------------------------------------------------------

    async def work(self, job: uuid.UUID) -> None:
        """Does what is due, until the job has ended. One in doubt runs on once all its orders have
        been asked for."""
        waits: Dict[int, int] = {}
        while True:
            info = self.core.scheduler.job(job)
            if info.state not in (JobState.RUNNING, JobState.IN_DOUBT):
                return
            orders = [self.core.orders.get(n) for n in self.core.orders.list(job=job)]
            for order in orders:
                if not order.ended:
                    self.follow(order, False)
            if info.state is JobState.RUNNING:
                self.step(info, orders, waits)
            elif not any(o.state is OrderState.IN_DOUBT for o in orders):
                self.core.orders.settled(job, now=time.time_ns())
            await asyncio.sleep(STEP_S)

    def step(self, info: JobInfo, orders: List[OrderInfo], waits: Dict[int, int]) -> None:
        """Makers rest, takers follow what they have filled. Closing, because time is up, somebody
        cancels or kills, makers are taken back and every leg goes to where the furthest is, in
        steps of the coarser exchange."""
        now, job = time.time_ns(), info.job
        legs = [Standing(i, leg, self.symbols[leg.instrument], [o for o in orders if o.leg == i])
                for i, leg in enumerate(job.legs)]
        killed = any(self.core.market.query_exchange(leg.symbol.venue.name, now=now).killed
                     for leg in legs)
        age = now - (info.started_ns or now)
        closing = (killed or info.cancel_asked or age > self.patience_ns
                   or any(leg.stuck for leg in legs))
        makers = [leg for leg in legs if leg.leg.maker and not closing]
        share = min(1.0, max(leg.filled / leg.leg.quantity for leg in makers or legs))
        coarse = max(leg.symbol.step for leg in legs)
        done = True
        for leg in legs:
            target = leg.leg.quantity
            if closing:
                target = min(target, ceil_to(share * target, coarse))
            elif makers and leg not in makers:
                target *= share
            ended = self.step_leg(info, leg, target, closing, killed, now, waits)
            done = done and ended
        if (done or age > self.patience_ns + GIVE_UP_NS) and not self.core.orders.list(job=job.job_id, live=True):
            self.core.scheduler.finish(
                job.job_id, None if orders else JobResult("nothing"), from_orders=bool(orders),
                now=now)

    def step_leg(self, info: JobInfo, leg: Standing, target: float, closing: bool, killed: bool,
                 now: int, waits: Dict[int, int]) -> bool:
        """True: nothing more is to be done of the leg. While one order may still fill there is no
        second: the next one is for what is left when all fills of the first are known."""
        quote = self.core.market.query(leg.leg.instrument, now=now)
        own, other = (quote.bid, quote.ask) if leg.sign > 0 else (quote.ask, quote.bid)
        symbol, live = leg.symbol, leg.live
        rests = leg.leg.maker and not closing
        if live is not None:
            old = now - live.placed_ns > REPRICE_NS and own and own != live.limit_price
            if live.tif is Tif.POST_ONLY and live.state is OrderState.OPEN and (closing or old):
                self.cancel(live, now)
            return False
        needs, left = (floor_to(q - leg.filled, symbol.step) for q in (target, leg.leg.quantity))
        enough = max(symbol.least, symbol.step) * (1 - 1e-6)
        if not info.reduce_only and own:
            enough = max(enough, symbol.min_notional / (own * 0.98))
        if needs < enough or killed or leg.stuck:
            return closing or left < enough
        if (now < max(waits.get(leg.number, 0), symbol.venue.quiet_ns) or leg.pauses(now)
                or own is None or other is None):
            return False
        price = own
        if not rests:
            reach = 5e-4
            if closing or info.is_repair:
                reach = 5e-3
            price = other * (1 + leg.sign * reach)
            try:
                collar = self.core.orders.collar(leg.leg.instrument, leg.leg.side, now=now,
                                                 reduce_only=info.reduce_only)
            except perpcore.StateError:
                return False  # the market is not known
            price = leg.sign * min(leg.sign * price, leg.sign * collar)
        price = (floor_to if leg.sign > 0 else ceil_to)(price, symbol.tick)
        return self.place(info, leg, needs, price, Tif.POST_ONLY if rests else Tif.IOC, now, waits)

    def place(self, info: JobInfo, leg: Standing, quantity: float, price: float, tif: Tif, now: int,
              waits: Dict[int, int]) -> bool:
        """Asks the gate, and sends what it lets pass. True: nothing more is to be done."""
        placed = self.core.orders.place(info.job.job_id, leg.number, quantity, price=price, tif=tif,
                                        now=now)
        if not placed and placed.reason is Gate.OVER_LEG and info.is_repair:
            quantity = floor_to(placed.limit, leg.symbol.step)  # of what was naked, this is left
            if quantity <= 0:
                return True
            placed = self.core.orders.place(info.job.job_id, leg.number, quantity, price=price,
                                            tif=tif, now=now)
        if placed:
            self.follow(self.core.orders.get(placed), True)
            return False
        self.counts[f"refused_{placed.reason}"] += 1
        exact = placed.reason is Gate.ORDER_RATE  # its limit says when the next may go
        waits[leg.number] = now + (int(placed.limit) if exact else PAUSE_NS)
        return placed.reason in (Gate.MIN_QTY, Gate.MIN_NOTIONAL)

    # ---- An order ------------------------------------------------------------------------------

    def follow(self, order: OrderInfo, is_new: bool) -> None:
        if order.order not in self.followed:
            self.followed.add(order.order)
            self.spawn(self.live(order, is_new))

    async def live(self, order: OrderInfo, is_new: bool) -> None:
        """Sends a new order, once, and asks what became of it until it has ended. One that the book
        had before this program began is only asked for: it may or may not have been sent."""
        if is_new:
            await self.send(order)
        while not self.core.orders.get(order.order).ended:
            await self.ask(order)
            await asyncio.sleep(ASK_S)
        self.followed.discard(order.order)

    async def send(self, order: OrderInfo) -> None:
        symbol = self.symbols[order.instrument]
        self.counts["sent"] += 1
        try:
            said = await symbol.venue.call(
                "POST", "order", symbol=symbol.name, side=order.side.text.upper(), type="LIMIT",
                quantity=f"{order.quantity:.6f}", price=f"{order.limit_price:.6f}",
                timeInForce=TIFS[order.tif], reduceOnly=str(order.reduce_only).lower(),
                newClientOrderId=order.client_id, timestamp=order.placed_ns // MS,
                recvWindow=WINDOW_MS)
        except Lost:
            self.counts["lost"] += 1
            self.tell(order.order, News.UNKNOWN)
        except Declined as no:
            if no.code == ID_USED:  # it is there: an answer was lost
                self.tell(order.order, News.UNKNOWN)
            else:
                self.tell(order.order, News.DECLINED if no.code == WOULD_TAKE else News.REJECTED,
                          text=str(no))
        else:
            await self.learn(symbol, order.order, said)

    async def ask(self, order: OrderInfo) -> None:
        symbol, asked_ns = self.symbols[order.instrument], time.time_ns()
        try:
            said = await symbol.venue.call("GET", "order", symbol=symbol.name,
                                           origClientOrderId=order.client_id)
        except Lost:
            return
        except Declined as no:
            now = self.core.orders.get(order.order)
            if (no.code == NOT_THERE and asked_ns > order.placed_ns + CERTAIN_NS
                    and not now.exchange_id and not now.filled):
                self.counts["not_there"] += 1
                self.tell(order.order, News.REJECTED, text="not found there")
            return
        await self.learn(symbol, order.order, said)

    async def learn(self, symbol: Symbol, number: int, said: Dict[str, Any]) -> None:
        """An end is told only when all that the exchange says was filled is booked: else its job
        could finish without its last fill."""
        order, executed = self.core.orders.get(number), float(said["executedQty"]) * (1 - 1e-9)
        symbol.venue.ours[said["orderId"]] = number
        if said["status"] != "REJECTED" and (
                order.state in (OrderState.NEW, OrderState.IN_DOUBT) or not order.exchange_id):
            self.tell(number, News.ACCEPTED, exchange_id=str(said["orderId"]))
        if executed > order.filled:
            await self.sweep(symbol)
        if said["status"] in ENDS and self.core.orders.get(number).filled >= executed:
            self.tell(number, ENDS[said["status"]])

    def tell(self, order: int, kind: News, **more: Any) -> None:
        """What comes twice, late, or after the end changes nothing."""
        try:
            self.core.orders.on_order(order, kind, now=time.time_ns(), **more)
            self.counts[kind.text] += 1
        except perpcore.ExistsError:
            self.counts["told_before"] += 1

    def cancel(self, order: OrderInfo, now: int) -> None:
        if order.order not in self.cancelling:
            self.cancelling.add(order.order)
            self.core.orders.cancel_sent(order.order, now=now)
            self.spawn(self.take_back(order.order, self.symbols[order.instrument], order.client_id))

    async def take_back(self, number: int, symbol: Symbol, client_id: str) -> None:
        """Whatever comes of it: an order whose cancel was lost or too late is asked for anyway."""
        self.counts["cancels"] += 1
        try:
            said = await symbol.venue.call("DELETE", "order", symbol=symbol.name,
                                           origClientOrderId=client_id)
            await self.learn(symbol, number, said)
        except (Lost, Declined):
            await asyncio.sleep(ASK_S)
        self.cancelling.discard(number)

    # ---- An exchange ---------------------------------------------------------------------------

    async def sweep(self, symbol: Symbol) -> bool:
        """Books all trades since the last that is known to be booked, also those that came while
        this program was dead, or after their order's end. False: not all of them yet."""
        rows: List[Dict[str, Any]] = []
        try:
            while not rows or len(rows) == 1000:
                rows = await symbol.venue.call("GET", "userTrades", symbol=symbol.name, limit=1000,
                                               fromId=symbol.cursor + 1)
                for row in rows:
                    number = await self.order_of(symbol, row["orderId"])
                    if number is not None:
                        self.tell(number, News.FILL, fill_id=str(row["id"]),
                                  quantity=float(row["qty"]), price=float(row["price"]),
                                  fee=Decimal(row["commission"]), pnl=Decimal(row["realizedPnl"]),
                                  time=row["time"] * MS)
                    symbol.cursor = max(symbol.cursor, row["id"])
                if not rows:
                    break
        except (Lost, Declined):
            return False
        return True

    async def order_of(self, symbol: Symbol, exchange_id: int) -> Optional[int]:
        """Trades name orders by the exchange's ids: of one whose answer was lost it is asked."""
        ours = symbol.venue.ours
        if exchange_id not in ours:
            said = await symbol.venue.call("GET", "order", symbol=symbol.name, orderId=exchange_id)
            try:
                ours[exchange_id] = self.core.orders.find(said["clientOrderId"])
            except perpcore.NotFoundError:
                ours[exchange_id] = None
        return ours[exchange_id]

    async def feed(self, venue: Venue) -> None:
        while True:
            for row in await venue.insist("ticker/bookTicker"):
                for symbol in venue.symbols:
                    if symbol.name == row["symbol"]:
                        self.core.market.on_quote(
                            symbol.instrument, time.time_ns(), float(row["bidPrice"]),
                            float(row["bidQty"]), float(row["askPrice"]), float(row["askQty"]))
            await asyncio.sleep(ROUND_S)

    async def rounds(self, venue: Venue) -> None:
        n = 0
        while True:
            for symbol in venue.symbols:
                await self.sweep(symbol)
            if n % 20 == 0:
                await self.look(venue)
            n += 1
            await asyncio.sleep(ROUND_S)

    async def look(self, venue: Venue) -> bool:
        """Reports the account, and holds the open orders against the book's. An account that has
        fills which the book has not heard of makes it guess whose they are: so its trades are asked
        for in between. False: not all of it could be done."""
        try:
            sent = time.time_ns()
            account = await venue.call("GET", "account")
            came = time.time_ns()
            for symbol in venue.symbols:
                if not await self.sweep(symbol):
                    return False
            if came - sent > 500 * MS:
                return False  # it says little about its time
            rows = {row["symbol"]: row for row in account["positions"]}
            self.core.positions.account(
                venue.name, [Position(s.instrument, float(rows[s.name]["positionAmt"]),
                                      float(rows[s.name]["entryPrice"]) or None)
                             for s in venue.symbols],
                equity=Decimal(account["totalMarginBalance"]), time=(sent + came) // 2,
                now=time.time_ns())
            sent = time.time_ns()
            listed = await venue.call("GET", "openOrders")
            found = self.core.orders.reconcile(
                venue.name, [row["clientOrderId"] for row in listed], time=sent,
                now=time.time_ns())
            for row in listed:  # had ended here and is there: taken back, if it is ours
                if row["clientOrderId"] in found.foreign and row["orderId"] in venue.ours:
                    await venue.call("DELETE", "order", symbol=row["symbol"],
                                     orderId=row["orderId"])
        except (Lost, Declined, perpcore.StaleError):
            return False
        return True

    # ---- The demo around it --------------------------------------------------------------------

    def make_jobs(self, most: int) -> None:
        """Of each symbol some hedges, then what closes them: jobs of both directions can't run in
        one book at once."""
        scheduler, now = self.core.scheduler, time.time_ns()
        at_work = {self.symbols[leg.instrument].name for state in ("pending", "running")
                   for job in scheduler.list(state) for leg in scheduler.job(job).job.legs}
        four: List[Optional[uuid.UUID]] = [None] * 4
        pairs: Dict[str, List[Instrument]] = {}
        for symbol in self.symbols.values():
            pairs.setdefault(symbol.name, []).append(symbol.instrument)
        for name, pair in pairs.items():
            if name in at_work:
                continue
            opened = [job for state in ("open", "partial") for job in scheduler.list(state)
                      if scheduler.job(job).job.legs[0].instrument in pair]
            for closes in opened or four:
                if scheduler.query().submitted_total >= most:
                    return
                try:
                    if closes is None:
                        job = self.core.fill_hedge(
                            Job(uuid.uuid4(), "wash", random.randint(700, 2000),
                                expected_edge_bps=50.0), *random.sample(pair, 2), now=now)
                    else:
                        job = self.core.fill_exit(closes, uuid.uuid4(), now=now)
                except (perpcore.StateError, perpcore.NotFoundError):
                    return  # no quote yet, or nothing is left of it
                maker = random.randrange(3)  # of two: one in three jobs has none
                legs = [replace(leg, maker=i == maker) for i, leg in enumerate(job.legs)]
                scheduler.submit(replace(job, legs=legs), now=now)

    def is_done(self, most: int) -> bool:
        state = self.core.scheduler.query()
        return (state.submitted_total >= most and state.pending + state.running == 0
                and not any(b.is_naked for b in self.core.positions.bases(now=time.time_ns())))

    def keep_cursors(self) -> None:
        with open(self.cursors + ".new", "w", encoding="utf-8") as out:
            json.dump({f"{s.venue.name} {s.name}": s.cursor for s in self.symbols.values()}, out)
        os.replace(self.cursors + ".new", self.cursors)

    async def run(self, venues: Sequence[Venue], names: Sequence[str], most: int) -> None:
        for venue in venues:
            await venue.open(names)
            self.symbols.update((s.instrument, s) for s in venue.symbols)
        if os.path.exists(self.cursors):
            with open(self.cursors, encoding="utf-8") as kept:
                cursors = json.load(kept)
            for symbol in self.symbols.values():
                symbol.cursor = cursors.get(f"{symbol.venue.name} {symbol.name}", 0)
        jobs, doubts = self.core.scheduler.list("running"), self.core.orders.list("in_doubt")
        print(f"in doubt: {len(jobs)} jobs, {len(doubts)} orders", flush=True)
        for venue in venues:
            self.spawn(self.feed(venue))
            self.spawn(self.rounds(venue))
        for job in jobs:
            self.spawn(self.work(job))
        while not (self.is_done(most) and all([await self.look(v) for v in venues])
                   and self.is_done(most)):
            if self.failure is not None:
                raise self.failure
            self.make_jobs(most)
            self.core.scheduler.tick(now=time.time_ns(), items=False)
            self.keep_cursors()
            await asyncio.sleep(ROUND_S / 2)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--store", default="executor.db")
    options.add_argument("--jobs", type=int, default=20, help="so many are made in all")
    options.add_argument("--patience", type=float, default=2, help="seconds that makers rest")
    options.add_argument("--symbols", default="BTCUSDT,ETHUSDT")
    options.add_argument("venues", nargs=2, metavar="http://HOST:PORT/VENUE")
    given = options.parse_args()
    executor = Executor(given.store, given.patience)
    with executor.core as core:
        asyncio.run(executor.run([Venue(core, url) for url in given.venues],
                                 given.symbols.split(","), given.jobs))
        core.check()
        print(", ".join(f"{name} {n}" for name, n in sorted(executor.counts.items())))


main()
