"""A session for valgrind: opens, trades and closes as many cores as it is told.

usage: session.py COUNT
"""
import gc
import os
import sys
import tempfile
import uuid
from decimal import Decimal

import perpcore
from perpcore import (
    Core, Job, JobResult, LegResult, MarketSource, MemoryStore, Outcome, SqliteStore, Store,
)

NOW = 1_700_000_000_000_000_000


class Books(MarketSource):
    def quote(self, instrument, now_ns):
        return NOW, 60000.0, 8.0, 60001.0, 8.0


class Quiet(Store):
    def begin(self):
        pass

    def append(self, record):
        pass

    def commit(self):
        pass

    def rollback(self):
        pass


def fails(*what):
    raise ValueError("a callback that fails")


def trade(store, number):
    """A book with all kinds of calls, also those that fail."""
    def execute(job):
        core.check()
        return Outcome.ACCEPTED

    core = Core(store=store, execute=execute, on_alert=fails, on_kill=fails, log=fails)
    with core:
        books = []
        for i, name in enumerate(("binance", "okx")):
            core.add_exchange(name)
            books.append(core.add_instrument(name, "BTC/USDT:USDT", qty_step=0.01,
                                             pulled=number % 2 == 1))
            core.positions.account(name, equity=Decimal("100000.25"), now=NOW)
            core.market.on_book(books[i], NOW, [(60000.0, 8.0)], [(60001.0, 8.0)])
        core.market.set_source(Books())
        for key in range(4):
            job = Job(uuid.UUID(int=key + 1), "wash", 6050, expected_edge_bps=12.0,
                      metadata=b"metadata")
            job = core.fill_hedge(job, *books, now=NOW)
            core.risk.evaluate(job, now=NOW)
            core.scheduler.submit(job, now=NOW, actor="ann", reason="session")
            core.scheduler.tick(now=NOW)
            if key < 3:
                core.scheduler.finish(job.job_id, JobResult(legs=[
                    LegResult(0.1, 60001.0, fee=3), LegResult(0.1 if key < 2 else 0.0, 60000.0)]),
                    now=NOW)
        core.capital.reserve("okx", "arb", 5, now=NOW, key=uuid.UUID(int=7))
        for wrong in (lambda: core.exchange("nowhere"), lambda: core.scheduler.tick(now=1.5),
                      lambda: core.capital.transfer("okx", Decimal("NaN"), now=NOW),
                      lambda: core.scheduler.submit(job, now=NOW)):
            try:
                wrong()
            except perpcore.PerpError:
                pass
        core.scheduler.kill(now=NOW)
        core.monitor.snapshot(now=NOW)
        core.monitor.json(now=NOW)
        core.monitor.alerts(now=NOW)
        core.monitor.changes(core.statistics.events - 5)
        core.feasibility()
        core.check()


def main():
    import logging

    logging.getLogger("perpcore").addHandler(logging.NullHandler())
    logging.getLogger("perpcore").propagate = False
    with tempfile.TemporaryDirectory() as folder:
        for number in range(int(sys.argv[1])):
            kind = number % 4
            store = None
            if kind == 1:
                store = MemoryStore()
            elif kind == 2:
                store = Quiet()
            elif kind == 3 and number < 20:
                try:
                    store = SqliteStore(os.path.join(folder, f"{number}.db"))
                    Core(store=store).close()
                except perpcore.StateError:
                    store = None  # a library without SQLite
            trade(store, number)
    left = Core()  # closed when the program ends
    left.add_exchange("okx")
    gc.collect()
    print(f"{sys.argv[1]} cores opened, traded and closed")


main()
