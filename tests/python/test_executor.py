"""The executor of the examples: against an exchange that loses answers, lags and refuses, and with
a death in the middle, the book ends as the exchange's own audit."""
import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import urllib.parse

import perpcore

from desk import BUILD, needs_sqlite

PROGRAM = os.path.join(os.path.dirname(BUILD), "bin", "fake_exchange")
EXECUTOR = os.path.abspath("examples/python/executor.py")
JOBS = 20
PATIENCE_S = 60 * int(os.environ.get("CK_TIMEOUT_MULTIPLIER", "1"))
# Light, and more of what an executor is for, so that a short run has its share.
FAULTS = {"base": "light", "lost_before": 0.02, "lost_after": 0.05, "unknown_error": 0.02,
          "reject": 0.03, "decline": 0.05, "partial": 0.1, "cancel_race": 0.1,
          "stale_query": 0.5}
# By how an order ended there, how it may have ended in the book.
STATES = {"FILLED": ["filled"], "CANCELED": ["cancelled"], "EXPIRED": ["expired"],
          "REJECTED": ["rejected", "declined"], "NEW": [], "PARTIALLY_FILLED": []}


class Exchange:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM, "--seed", "7"], stdout=subprocess.PIPE,
                                        encoding="utf-8")
        self.url = self.process.stdout.readline().strip()

    def close(self):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE_S)

    def ask(self, method, path, **body):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc)
        try:
            connection.request(method, path, json.dumps(body) if body else None)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def audit(self):
        return self.ask("GET", "/audit")["venues"]


@needs_sqlite
@unittest.skipUnless(os.access(PROGRAM, os.X_OK), "needs the program fake_exchange")
class Executor(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.store = os.path.join(folder.name, "book.db")
        self.exchange = Exchange()
        self.addCleanup(self.exchange.close)
        self.running = None
        self.addCleanup(self.kill)

    def start(self):
        self.running = subprocess.Popen(
            [sys.executable, "-W", "error", EXECUTOR, "--store", self.store, "--jobs", str(JOBS),
             f"{self.exchange.url}/alpha", f"{self.exchange.url}/beta"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            env=dict(os.environ, PYTHONPATH=os.path.dirname(EXECUTOR)))

    def kill(self):
        if self.running is not None:
            self.running.kill()
            return self.running.communicate(timeout=PATIENCE_S)[0]

    def wait_for(self, seen):
        """seen: what must have happened on any venue, by its audit."""
        until = time.monotonic() + PATIENCE_S
        while not any(seen(venue["faults"]) for venue in self.exchange.audit().values()):
            if time.monotonic() > until or self.running.poll() is not None:
                self.fail(self.kill())
            time.sleep(0.02)

    def kill_with_an_open_order(self):
        """It is held still while the exchange is asked, so that it dies as it was seen."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.running.poll() is None:
            self.running.send_signal(signal.SIGSTOP)
            orders = [o for venue in self.exchange.audit().values() for o in venue["orders"]]
            if len(orders) >= JOBS and any(o["status"] == "NEW" for o in orders):
                said = self.kill()
                self.assertNotIn("late_fill", said)
                return
            self.running.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        self.fail(f"no order was open: {self.kill()}")

    def test_killed_and_started_again_the_book_ends_as_the_exchange(self):
        # At first no answer to an order comes, whether it was taken or not.
        self.exchange.ask("POST", "/control",
                          faults={"lost_before": 0.5, "unknown_error": 1, "stale_query": 1})
        self.start()
        self.wait_for(lambda faults: faults["lost_before"] > 1 and faults["unknown_error"] > 1)
        self.exchange.ask("POST", "/control", faults=FAULTS)
        self.kill_with_an_open_order()
        with contextlib.closing(sqlite3.connect(self.store)) as store:
            before = store.execute("SELECT count(*) FROM orders").fetchone()[0]
        self.start()
        said = self.running.communicate(timeout=PATIENCE_S)[0]
        self.assertEqual(self.running.returncode, 0, said)
        self.assertRegex(said, r"^in doubt: [1-9]\d* jobs, [1-9]\d* orders\n")
        self.assertNotIn("late_fill", said)
        sent = int(re.search(r"\bsent (\d+)", said).group(1))

        self.exchange.ask("POST", "/control", settle=True, market="stop")
        audit = self.exchange.audit()
        self.compare_rows(audit, before + sent)
        self.compare_positions(audit)

    def test_what_rests_is_taken_back_when_somebody_cancels_or_kills(self):
        import executor

        def cancel(scheduler):
            scheduler.cancel(scheduler.list("running")[0], now=time.time_ns())

        def kill(scheduler):
            scheduler.kill(now=time.time_ns())

        async def rest(host, act):
            running = asyncio.ensure_future(host.run(["BTCUSDT"], 1))
            while not any(host.core.orders.get(n).state is perpcore.OrderState.OPEN
                          for n in host.core.orders.list()):
                self.assertFalse(running.done())
                await asyncio.sleep(0.02)
            act(host.core.scheduler)
            await asyncio.wait_for(running, PATIENCE_S)

        self.exchange.ask("POST", "/control", market="stop")  # nothing that rests is filled
        urls = [f"{self.exchange.url}/{name}" for name in ("alpha", "beta")]
        for act in (cancel, kill):
            with self.subTest(act.__name__), unittest.mock.patch(
                    "executor_jobs.random.randrange", return_value=0):  # the first leg rests
                host = executor.Executor(f"{self.store}.{act.__name__}", urls, 1e6)
                with host.core as core:
                    asyncio.run(rest(host, act))
                    states = [core.orders.get(n).state.text for n in core.orders.list()]
                    self.assertEqual(states, ["cancelled"])
        for venue in self.exchange.audit().values():
            self.assertLessEqual({o["status"] for o in venue["orders"]}, {"CANCELED"})

    def compare_rows(self, audit, orders):
        """Orders and fills as the store has them. orders: so many, if each was sent once."""
        store = sqlite3.connect(self.store)
        self.addCleanup(store.close)
        self.assertEqual(store.execute("SELECT count(*) FROM orders").fetchone()[0], orders)
        never = {row[0] for row in store.execute(
            "SELECT client_id FROM orders WHERE text = 'not found there'")}
        there = {o["clientOrderId"] for venue in audit.values() for o in venue["orders"]}
        self.assertEqual(never & there, set())
        for what in ("orders WHERE text = 'not found there'", "orders WHERE cancel_requested",
                     "orders WHERE attempt > 1", "refusals WHERE refused_by = 'order_rate'"):
            self.assertGreater(store.execute(f"SELECT count(*) FROM {what}").fetchone()[0], 0, what)
        for name, venue in audit.items():
            with self.subTest(venue=name):
                self.assertEqual(venue["counts"]["duplicates"], 0)  # client ids sent twice
                self.assertEqual(venue["counts"]["malformed"], 0)
                booked = store.execute(
                    "SELECT fill_id, client_id, fills.quantity, fills.price,"
                    " fee FROM fills JOIN orders ON number = order_number"
                    " WHERE fills.exchange = ?", (name,)).fetchall()
                traded = [(str(t["id"]), t["clientOrderId"], float(t["qty"]), float(t["price"]),
                           round(float(t["commission"]) * 1e6)) for t in venue["trades"]]
                self.assertGreater(len(traded), JOBS // 2)
                self.assertEqual(sorted(booked), sorted(traded))
                known = dict(store.execute(
                    "SELECT client_id, state FROM orders WHERE exchange = ?", (name,)))
                for order in venue["orders"]:
                    state = known.pop(order["clientOrderId"])
                    self.assertIn(state, STATES[order["status"]], order)
                self.assertLessEqual(set(known.values()), {"rejected"})  # the others never came

    def compare_positions(self, audit):
        with perpcore.Core(store=perpcore.SqliteStore(self.store)) as core:
            now = time.time_ns()
            core.check()
            self.assertEqual(core.scheduler.query().submitted_total, JOBS)
            for state in ("pending", "running", "in_doubt"):
                self.assertEqual(core.scheduler.list(state), ())
            self.assertEqual(core.orders.list(live=True), ())
            self.assertFalse([b for b in core.positions.bases(now=now) if b.is_naked])
            believed = {(i.exchange.name, i.symbol[:3]): core.positions.query(i, now=now).quantity
                        for i in core.instruments}
            real = {(name, row["symbol"][:3]): float(row["positionAmt"])
                    for name, venue in audit.items() for row in venue["positions"]}
            self.assertEqual({where: round(q, 9) for where, q in believed.items() if q}, real)


if __name__ == "__main__":
    unittest.main()
