"""An executor: what becomes of dispatched jobs on exchanges that lose answers, lag and refuse.

It runs against build/bin/fake_exchange (docs/fake-exchange.md):

    build/bin/fake_exchange --faults light &      # says its address
    python3 executor.py --jobs 20 http://127.0.0.1:PORT/alpha http://127.0.0.1:PORT/beta

Kill it and start it again: it goes on where it was. It keeps nothing that the book has: `work`
reads a job, its orders and their fills from the book, each time, and does the next thing that is
due. So a restart is no case of its own, and what it does not expect simply ends the program.

Here is what is the same for every exchange; executor_venue.py has the dialect of one, which it
polls: a real one hears of fills from a stream, too.
"""
from __future__ import annotations

import argparse
import asyncio
import math
import time
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Coroutine, Dict, List, Optional, Sequence, Set

import perpcore
from executor_jobs import is_done, make_jobs
from executor_venue import (
    CERTAIN_NS, ENDS, ID_USED, MS, NOT_THERE, NOTHING_TO_REDUCE, WOULD_TAKE, Declined, Lost, Symbol,
    Venue,
)
from perpcore import (
    Core, Execution, Gate, Instrument, JobInfo, JobResult, JobState, Leg, News, OrderInfo,
    OrderState, Outcome, Side, SqliteStore, Tif,
)

ASK_S, STEP_S, TICK_S, CANCEL_AGAIN_S = 0.2, 0.02, 0.05, 1.0
REPRICE_NS, PAUSE_NS, GIVE_UP_NS = 400 * MS, 200 * MS, 10_000 * MS
MOST_TRIES = 60
WORKING_REACH, CLOSING_REACH = 5e-4, 5e-3  # how far through the market a taker may go


def floor_to(value: float, step: float) -> float:
    return round(math.floor(value / step + 1e-6) * step, 9)


def ceil_to(value: float, step: float) -> float:
    return round(math.ceil(value / step - 1e-6) * step, 9)


@dataclass
class Standing:
    """A leg now, from its orders. live: the one that has not ended; stuck: nothing would come of
    another. waits: by leg, until when the gate wants none."""

    number: int
    leg: Leg
    symbol: Symbol
    orders: List[OrderInfo]
    killed: bool
    waits: Dict[int, int]

    def __post_init__(self) -> None:
        self.filled = sum(o.filled for o in self.orders)
        self.live = next((o for o in self.orders if not o.ended), None)
        in_vain = sum(o.text.startswith(str(NOTHING_TO_REDUCE)) for o in self.orders)
        self.stuck = self.killed or len(self.orders) >= MOST_TRIES or in_vain >= 2
        self.sign = 1 if self.leg.side is Side.BUY else -1

    def pauses(self, now: int) -> bool:
        """Whether the gate, the exchange or the market has just said no."""
        last = self.orders[-1] if self.orders else None
        said_no = last is not None and last.state > OrderState.CANCELLED and (
            now < (last.ended_ns or 0) + PAUSE_NS)
        return said_no or now < max(self.waits.get(self.number, 0), self.symbol.venue.quiet_ns)


class Executor:
    """A coroutine for each job that runs, for each order that has not ended, and two for each
    exchange. All call the book on one thread: between two awaits nothing changes."""

    def __init__(self, store: str, urls: Sequence[str], patience_s: float) -> None:
        self.core = Core(store=SqliteStore(store), execute=self.execute, on_alert=self.on_alert)
        self.venues = [Venue(self.core, url, store) for url in urls]
        self.patience_ns = int(patience_s * 1e9)
        self.symbols: Dict[Instrument, Symbol] = {}
        self.tasks: Set[asyncio.Task[None]] = set()
        self.failure: Optional[BaseException] = None
        self.followed: Set[int] = set()
        self.cancelling: Set[int] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.ended)

    def ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = self.failure or task.exception()

    def execute(self, job: Execution) -> Outcome:
        """Runs inside tick, where nothing may wait."""
        self.spawn(self.work(job.job_id))
        return Outcome.ACCEPTED

    def on_alert(self, alert: perpcore.Alert) -> None:
        print(f"{alert.level} {alert.code} {'on' if alert.active else 'off'}: {alert.message}",
              flush=True)

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
        legs = []
        for number, leg in enumerate(job.legs):
            symbol = self.symbols[leg.instrument]
            killed = self.core.market.query_exchange(symbol.venue.name, now=now).killed
            its = [order for order in orders if order.leg == number]
            legs.append(Standing(number, leg, symbol, its, killed, waits))
        age = now - (info.started_ns or now)
        closing = (info.cancel_asked or age > self.patience_ns or any(leg.stuck for leg in legs))
        makers = [leg for leg in legs if leg.leg.maker and not closing]
        share = min(1.0, max(leg.filled / leg.leg.quantity for leg in makers or legs))
        coarse = max(leg.symbol.step for leg in legs)
        done = []
        for at in legs:
            target = at.leg.quantity
            if closing:
                target = min(target, ceil_to(share * target, coarse))
            elif makers and at not in makers:
                target *= share
            done.append(self.step_leg(info, at, target, closing, now))
        rests = self.core.orders.list(job=job.job_id, live=True)
        if not rests and (all(done) or age > self.patience_ns + GIVE_UP_NS):
            nothing = None if orders else JobResult("nothing")
            self.core.scheduler.finish(job.job_id, nothing, from_orders=not nothing, now=now)

    def step_leg(self, info: JobInfo, at: Standing, target: float, closing: bool,
                 now: int) -> bool:
        """True: nothing more is to be done of the leg. While one order may still fill there is no
        second: the next one is for what is left when all fills of the first are known."""
        leg, symbol, live = at.leg, at.symbol, at.live
        quote = self.core.market.query(leg.instrument, now=now)
        own, other = (quote.bid, quote.ask) if at.sign > 0 else (quote.ask, quote.bid)
        if live is not None:
            old = now - live.placed_ns > REPRICE_NS and own and own != live.limit_price
            if live.tif is Tif.POST_ONLY and live.state is OrderState.OPEN and (closing or old):
                self.cancel(live, now)
            return False
        needs, left = (floor_to(goal - at.filled, symbol.step) for goal in (target, leg.quantity))
        enough = max(symbol.least, symbol.step) * (1 - 1e-6)
        if not info.reduce_only and own:
            enough = max(enough, symbol.min_notional / (own * 0.98))
        if needs < enough or at.stuck:
            return closing or left < enough
        if at.pauses(now) or own is None or other is None:
            return False
        if leg.maker and not closing:
            return self.place(info, at, needs, own, Tif.POST_ONLY, now)
        reach = CLOSING_REACH if closing or info.is_repair else WORKING_REACH
        try:
            collar = self.core.orders.collar(leg.instrument, leg.side, now=now,
                                             reduce_only=info.reduce_only)
        except perpcore.StateError:
            return False  # the market is not known
        price = at.sign * min(at.sign * other * (1 + at.sign * reach), at.sign * collar)
        return self.place(info, at, needs, price, Tif.IOC, now)

    def place(self, info: JobInfo, at: Standing, quantity: float, price: float, tif: Tif,
              now: int) -> bool:
        """Asks the gate, and sends what it lets pass. True: nothing more is to be done."""
        price = (floor_to if at.sign > 0 else ceil_to)(price, at.symbol.tick)
        placed = self.core.orders.place(info.job.job_id, at.number, quantity, price=price, tif=tif,
                                        now=now)
        if placed:
            self.follow(self.core.orders.get(placed), True)
            return False
        at.symbol.venue.counts[f"refused_{placed.reason}"] += 1
        naked = floor_to(placed.limit, at.symbol.step)
        if placed.reason is Gate.OVER_LEG and info.is_repair and naked < quantity:
            return naked <= 0 or self.place(info, at, naked, price, tif, now)  # all that is left
        exact = placed.reason is Gate.ORDER_RATE  # its limit says when the next may go
        at.waits[at.number] = now + (int(placed.limit) if exact else PAUSE_NS)
        return placed.reason in (Gate.MIN_QTY, Gate.MIN_NOTIONAL)

    # ---- An order ------------------------------------------------------------------------------

    def follow(self, order: OrderInfo, is_new: bool) -> None:
        if order.order not in self.followed:
            self.followed.add(order.order)
            self.spawn(self.live(order, is_new))

    async def live(self, order: OrderInfo, is_new: bool) -> None:
        """Sends a new order, once, and asks what became of it until it has ended. One that the book
        had before this program began is only asked for: it may have been sent, or not."""
        if is_new:
            await self.send(order)
        while not self.core.orders.get(order.order).ended:
            await self.ask(order)
            await asyncio.sleep(ASK_S)
        self.followed.discard(order.order)

    async def send(self, order: OrderInfo) -> None:
        venue = self.symbols[order.instrument].venue
        venue.counts["sent"] += 1
        try:
            said = await venue.send(order)
        except Lost:
            venue.counts["lost"] += 1
            venue.tell(order.order, News.UNKNOWN)
        except Declined as no:
            if no.code == ID_USED:  # so it is there
                venue.tell(order.order, News.UNKNOWN)
            else:
                venue.tell(order.order, News.DECLINED if no.code == WOULD_TAKE else News.REJECTED,
                           text=str(no))
        else:
            await self.learn(order, said)

    async def ask(self, order: OrderInfo) -> None:
        """"No such order" is believed when it was asked later than the order could have come."""
        venue, asked_ns = self.symbols[order.instrument].venue, time.time_ns()
        try:
            said = await venue.about("GET", order)
        except Lost:
            return
        except Declined as no:
            known = self.core.orders.get(order.order)
            if (no.code == NOT_THERE and asked_ns > order.placed_ns + CERTAIN_NS
                    and not known.exchange_id and not known.filled):
                venue.counts["not_there"] += 1
                venue.tell(order.order, News.REJECTED, text="not found there")
            return
        await self.learn(order, said)

    async def learn(self, order: OrderInfo, said: Dict[str, Any]) -> None:
        """An end is told only when all that the exchange says was filled is booked: else its job
        could finish without its last fill."""
        symbol, number = self.symbols[order.instrument], order.order
        venue, known = symbol.venue, self.core.orders.get(number)
        executed = float(said["executedQty"]) * (1 - 1e-9)
        venue.ours[said["orderId"]] = number
        if said["status"] != "REJECTED" and (
                known.state in (OrderState.NEW, OrderState.IN_DOUBT) or not known.exchange_id):
            venue.tell(number, News.ACCEPTED, exchange_id=str(said["orderId"]))
        if executed > known.filled:
            await venue.sweep(symbol)
        if said["status"] in ENDS and self.core.orders.get(number).filled >= executed:
            venue.tell(number, ENDS[said["status"]])

    def cancel(self, order: OrderInfo, now: int) -> None:
        if order.order not in self.cancelling:
            self.cancelling.add(order.order)
            self.core.orders.cancel_sent(order.order, now=now)
            self.spawn(self.take_back(order))

    async def take_back(self, order: OrderInfo) -> None:
        """A cancel that was lost or came too late changes nothing: the order is asked for anyway,
        and cancelled again where it is still there."""
        venue = self.symbols[order.instrument].venue
        venue.counts["cancels"] += 1
        try:
            await self.learn(order, await venue.about("DELETE", order))
        except (Lost, Declined):
            await asyncio.sleep(CANCEL_AGAIN_S)
        self.cancelling.discard(order.order)

    # ---- The loop ------------------------------------------------------------------------------

    async def run(self, names: Sequence[str], most: int) -> None:
        for venue in self.venues:
            await venue.open(names)
            self.symbols.update((s.instrument, s) for s in venue.symbols.values())
        jobs, doubts = self.core.scheduler.list("running"), self.core.orders.list("in_doubt")
        print(f"in doubt: {len(jobs)} jobs, {len(doubts)} orders", flush=True)
        for venue in self.venues:
            self.spawn(venue.feed())
            self.spawn(venue.rounds())
        for job in jobs:
            self.spawn(self.work(job))
        pairs = [[v.symbols[name].instrument for v in self.venues] for name in names]
        while not await self.is_over(most):
            if self.failure is not None:
                raise self.failure
            make_jobs(self.core, pairs, most)
            self.core.scheduler.tick(now=time.time_ns(), items=False)
            await asyncio.sleep(TICK_S)

    async def is_over(self, most: int) -> bool:
        """All is done, and still is when the exchanges have been looked at once more."""
        return (is_done(self.core, most) and all([await v.look() for v in self.venues])
                and is_done(self.core, most))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--store", default="executor.db")
    options.add_argument("--jobs", type=int, default=20, help="so many are made in all")
    options.add_argument("--patience", type=float, default=5,
                         help="seconds until makers are taken back; longer than a lost order takes")
    options.add_argument("--symbols", default="BTCUSDT,ETHUSDT")
    options.add_argument("venues", nargs=2, metavar="http://HOST:PORT/VENUE")
    given = options.parse_args()
    executor = Executor(given.store, given.venues, given.patience)
    with executor.core as core:
        asyncio.run(executor.run(given.symbols.split(","), given.jobs))
        core.check()
        counts: Counter[str] = sum((v.counts for v in executor.venues), Counter())
        print(", ".join(f"{name} {n}" for name, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
