"""What calls cost from Python, in nanoseconds: python3 bench.py

Each line is the best of twenty runs, which is the cost without what else the machine did.
"""
import time
import uuid
from decimal import Decimal
from typing import Callable

import perpcore
from perpcore import Job, JobResult, Leg, Outcome

NOW = 1_700_000_000_000_000_000


def best(call: Callable[[], object], count: int) -> int:
    """Nanoseconds a call, of the quickest of twenty runs."""
    runs = []
    for _ in range(20):
        start = time.perf_counter_ns()
        for _ in range(count):
            call()
        runs.append((time.perf_counter_ns() - start) // count)
    return min(runs)


def main() -> None:
    config = perpcore.Config()
    config.capital.max_total_notional_ppm = 1_000_000
    with perpcore.Core(config, execute=lambda job: Outcome.ACCEPTED) as core:
        btc = []
        for i, name in enumerate(("binance", "okx")):
            core.add_exchange(name)
            btc.append(core.add_instrument(name, "BTC/USDT:USDT", qty_step=0.01))
            core.positions.account(name, equity=100_000, now=NOW)
            core.market.on_quote(btc[i], NOW, 60000.0 + 20 * i, 8.0, 60001.0 + 20 * i, 8.0)
        okx = core.exchange("okx")
        legs = (Leg(btc[0], "buy", 0.1), Leg(btc[1], "sell", 0.1))
        job = Job(uuid.UUID(int=0), "wash", Decimal(6050), legs, expected_edge_bps=12.0)
        ids = iter(range(1, 1_000_000))
        bids = [(60000.0 - i, 1.0) for i in range(10)]
        asks = [(60001.0 + i, 1.0) for i in range(10)]

        def quote() -> None:
            core.market.on_quote(btc[0], NOW, 60000.0, 8.0, 60001.0, 8.0)

        def reserve() -> None:
            core.capital.release(core.capital.reserve(okx, "arb", 5, now=NOW).id, now=NOW)

        def round_trip() -> None:
            new = Job(uuid.UUID(int=next(ids)), "wash", 6050, legs, expected_edge_bps=12.0)
            core.scheduler.submit(new, now=NOW)
            core.scheduler.tick(now=NOW)
            core.scheduler.finish(new.job_id, JobResult(flat=True), now=NOW)

        def submit() -> None:
            new = Job(uuid.UUID(int=next(ids)), "wash", 6050, legs, expected_edge_bps=12.0)
            core.scheduler.submit(new, now=NOW)
            core.scheduler.cancel(new.job_id, now=NOW)

        for name, call, count in (
            ("on_quote", quote, 2_000),
            ("on_book, 10 levels a side",
             lambda: core.market.on_book(btc[0], NOW, bids, asks), 400),
            ("evaluate", lambda: core.risk.evaluate(job, now=NOW), 400),
            ("reserve and release", reserve, 400),
            ("submit and cancel", submit, 400),
            ("tick with nothing to do", lambda: core.scheduler.tick(now=NOW), 400),
            ("submit, tick, execute, finish", round_trip, 100),
            ("capital.snapshot", lambda: core.capital.snapshot(okx), 400),
            ("market.query", lambda: core.market.query(btc[0], now=NOW), 400),
            ("monitor.snapshot", lambda: core.monitor.snapshot(now=NOW), 100),
        ):
            print(f"{name:32}{best(call, count):>10,} ns")
        core.check()


if __name__ == "__main__":
    main()
