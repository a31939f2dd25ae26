"""A small book that the tests share: two exchanges, BTC on both, quotes, equity."""
import os
import tempfile
import unittest
import uuid
from decimal import Decimal

import perpcore
from perpcore import Job, Leg, Side

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
BUILD = os.environ["PERPCORE_PYTHON_BUILD"]


def job_id(number):
    return uuid.UUID(int=0x6F1C24A29D3B4B0E8F570A1B2C3D0000 + number)


def with_sqlite():
    """Whether the library was built with its SQLite store."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        try:
            perpcore.Core(store=perpcore.SqliteStore(os.path.join(folder, "probe.db"))).close()
        except perpcore.StateError:
            return False
    return True


needs_sqlite = unittest.skipUnless(with_sqlite(), "needs a library with the SQLite store")


class Desk:
    """A core that is ready to trade, in attributes that read well in tests."""

    def __init__(self, config=None, *, size=8.0, **options):
        self.core = perpcore.Core(config, **options)
        self.now = T0
        self.fill(size)

    def fill(self, size=8.0):
        core = self.core
        self.binance = core.add_exchange("binance")
        self.okx = core.add_exchange("okx")
        self.btc = [core.add_instrument(e, "BTC/USDT:USDT", qty_step=0.01)
                    for e in (self.binance, self.okx)]
        for exchange in (self.binance, self.okx):
            new = core.capital.snapshot(exchange).equity == 0
            core.positions.account(exchange, [
                perpcore.Position(instrument, core.positions.query(instrument, now=self.now).quantity)
                for instrument in self.btc if instrument.exchange is exchange
            ], equity=Decimal(100_000) if new else None, now=self.now)
        self.quote(size)

    def quote(self, size=8.0):
        for i, instrument in enumerate(self.btc):
            self.core.market.on_quote(instrument, self.now, 60000.0 + 20 * i, size,
                                      60001.0 + 20 * i, size)

    def later(self, seconds=1):
        self.now += seconds * SECOND
        self.quote()
        return self.now

    def job(self, number=1, **fields):
        values = dict(job_id=job_id(number), strategy="wash", notional=Decimal(6050),
                      expected_edge_bps=12.0)
        values.update(fields)
        if "legs" not in values:
            values["legs"] = (Leg(self.btc[0], Side.BUY, 0.1), Leg(self.btc[1], Side.SELL, 0.1))
        return Job(**values)

    def run(self, number=1, **fields):
        """Submits a job and ticks; returns its id."""
        job = self.job(number, **fields)
        self.core.scheduler.submit(job, now=self.now)
        self.core.scheduler.tick(now=self.now)
        return job.job_id


class BookTest(unittest.TestCase):
    """A test with a desk of its own, whose book must be sound at the end."""

    options = {}

    def setUp(self):
        self.desk = Desk(**self.options)
        self.core = self.desk.core
        self.addCleanup(self.end)

    def end(self):
        if not self.core.closed:
            self.core.check()
            self.core.close()
