"""A strategy loop with asyncio: a market that moves, a tick every round, orders that are filled
some rounds later by coroutines of their own, and jobs that close what others have open.

The market is generated and the time is counted, so every run prints the same and takes no time.
A real host feeds the market from its streams, takes `now` from time.time_ns(), and awaits the
answers of its exchanges.
"""
import asyncio
import random
import uuid
from decimal import Decimal
from typing import Dict, List, Set

import perpcore
from perpcore import (
    Core, Execution, Instrument, Job, JobResult, JobState, LegResult, Outcome,
)

ROUNDS = 200
HOLD = 10  # rounds; then a position is closed
SECOND = 1_000_000_000


class Desk:
    """One book, its market and its orders."""

    def __init__(self) -> None:
        self.now = 1_700_000_000 * SECOND
        self.random = random.Random(7)
        self.round = asyncio.Condition()
        self.orders: Set["asyncio.Task[None]"] = set()
        self.exits: Dict[uuid.UUID, uuid.UUID] = {}  # of open jobs, while they run
        self.n_exits = 0
        self.core = Core(execute=self.execute, on_alert=self.on_alert,
                         on_leg_risk=self.on_leg_risk, on_job_end=self.on_job_end)
        self.btc: List[Instrument] = []
        for name in ("binance", "okx"):
            self.core.add_exchange(name)
            self.btc.append(self.core.add_instrument(name, "BTC/USDT:USDT", qty_step=0.001))
            self.core.positions.account(name, equity=Decimal(250_000), now=self.now)

    def execute(self, job: Execution) -> Outcome:
        """Runs inside tick: it must not wait, so the orders go to a task."""
        task = asyncio.get_running_loop().create_task(self.send(job))
        self.orders.add(task)
        task.add_done_callback(self.orders.discard)
        return Outcome.ACCEPTED

    async def send(self, job: Execution) -> None:
        """The orders of a job: filled after one to three rounds, at times only in part."""
        async with self.round:
            for _ in range(self.random.randint(1, 3)):
                await self.round.wait()
        legs = []
        for order in job.orders:
            filled = order.quantity
            if self.random.random() < 0.05:
                filled = round(filled / 2, 3)  # whole steps
            fee = Decimal(filled * order.price * 5 / 10_000).quantize(Decimal("0.000001"))
            legs.append(LegResult(filled, order.price, fee=fee))
        self.core.scheduler.finish(job.job_id, JobResult(legs=legs), now=self.now)

    def on_leg_risk(self, base: str, quantity: float) -> None:
        print(f"      {quantity:+.3f} {base} have no other side: a repair follows")

    def on_job_end(self, job: uuid.UUID, state: JobState) -> None:
        for closed in [c for c, exit_id in self.exits.items() if exit_id == job]:
            del self.exits[closed]  # what it left open is closed by another one

    def close(self, hold: int) -> None:
        """Closes what is open for long enough."""
        for open_id in self.core.scheduler.list("open"):
            started = self.core.scheduler.job(open_id).started_ns or self.now
            if open_id in self.exits or self.now - started < hold * SECOND:
                continue
            self.n_exits += 1
            exit_id = uuid.UUID(int=1000 + self.n_exits)
            self.core.scheduler.submit(
                self.core.fill_exit(open_id, exit_id, now=self.now), now=self.now)
            self.exits[open_id] = exit_id

    def on_alert(self, alert: perpcore.Alert) -> None:
        print(f"      {alert.level}: {alert.code} {'on' if alert.active else 'off'}")

    def market(self, price: float) -> None:
        for i, instrument in enumerate(self.btc):
            mid = price + 15.0 * i + self.random.uniform(-10, 10)
            self.core.market.on_quote(instrument, self.now, mid - 0.5, 4.0, mid + 0.5, 4.0)

    def strategy(self, number: int) -> None:
        """A job in one of four rounds, where both books have a price for it."""
        if self.random.random() > 0.25:
            return
        job = Job(uuid.UUID(int=number), "wash", Decimal(6000), expected_edge_bps=12.0)
        try:
            self.core.scheduler.submit(
                self.core.fill_hedge(job, *self.btc, now=self.now), now=self.now)
        except perpcore.PerpError as error:
            print(f"{number:5} not submitted: {error}")

    async def run(self) -> None:
        price = 60_000.0
        number = 0
        scheduler = self.core.scheduler
        while number < ROUNDS or self.orders or scheduler.list("open"):
            number += 1
            self.now += SECOND
            price *= 1 + self.random.gauss(0, 0.00005)
            self.market(price)
            if number <= ROUNDS:
                self.strategy(number)
            self.close(HOLD if number <= ROUNDS else 0)
            scheduler.tick(now=self.now, items=False)
            async with self.round:
                self.round.notify_all()
            for _ in range(3):  # the orders go on
                await asyncio.sleep(0)


async def main() -> None:
    desk = Desk()
    with desk.core as core:
        await desk.run()
        core.check()
        counts = core.scheduler.query()
        volume = sum(core.capital.snapshot(e).today.volume for e in core.exchanges)
        ended = ", ".join(f"{n} {state}" for state, n in counts.ended_today.items())
        print(f"{counts.submitted_today} submitted, {counts.dispatched_today} dispatched: {ended}")
        print(f"hedged turnover today: {volume:,.2f} USD")


asyncio.run(main())
