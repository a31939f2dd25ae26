"""Clients that trade under all faults, lose their connections and die; then quiet, and the books must agree.

FAKE_SEED=N goes over another run; the seed is printed where it fails."""

import http.client
import json
import os
import random
import socket
import threading
import time
import unittest
from decimal import Decimal

import books
from client import Closed, Exchange, Refused

SEED = int(os.environ.get("FAKE_SEED", "1"))
LEAST_S, MOST_S = 3, 60  # it goes on until every fault has happened


class Trader(threading.Thread):
    """Places and cancels; what it asked for is in `asked`, and what it was told was taken in `taken`."""

    def __init__(self, exchange, name, number):
        super().__init__()
        self.venue = exchange.venue(name)
        self.number = number
        self.random = random.Random(SEED * 100 + number)
        self.asked, self.taken, self.trades = set(), {}, {}
        self.error = None
        self.stops = False

    def run(self):
        try:
            stream = None
            i = 0
            while not self.stops:
                try:
                    stream = stream or self.venue.stream()
                    self.trade(f"{self.number}-{i}")
                    self.listen(stream)
                except Closed:
                    stream = None
                except (Refused, ConnectionError, http.client.HTTPException):
                    pass
                i += 1
            if stream is not None:
                stream.socket.close()
        except Exception as error:  # shown by the test
            self.error = error

    def trade(self, client_id):
        symbol = self.random.choice(["BTCUSDT", "SOLUSDT"])
        bid, ask = self.venue.quote(symbol)
        side = self.random.choice(["BUY", "SELL"])
        tif = self.random.choice(["GTC", "IOC", "FOK", "GTX"])
        quantity = self.random.choice(["0.05", "0.3"]) if symbol == "BTCUSDT" else self.random.choice(["20", "200"])
        self.asked.add(client_id)
        reduces = "true" if self.random.random() < 0.2 else None
        order = self.venue.place(side, quantity, bid if side == "BUY" else ask, tif, symbol, client_id, reduceOnly=reduces)
        self.taken[client_id] = Decimal(order["executedQty"])
        if self.random.random() < 0.7:
            self.venue.cancel(client_id, symbol)

    def listen(self, stream):
        for message in stream.rest(0.002):
            o = message.get("o", {})
            if o.get("x") == "TRADE":
                told = (o["c"], o["l"], o["L"], o["n"])
                assert self.trades.setdefault(o["t"], told) == told, "one trade, told in two ways"


class Chaos(unittest.TestCase):
    def test_the_books_agree_after_all_faults(self):
        with Exchange("--seed", SEED, "--faults", "all", "--speed", 20, "--balance", 100000000) as exchange:
            script = {"base": "all", "lag_ms": 200, "delay_ms": 300, "down": 0.002, "down_ms": 200, "rate_limit": 0.01,
                      "rate_ms": 100, "late_fill": 0.3, "late_ms": 300, "ws_drop": 0.03, "unknown_error": 0.05}
            exchange.control(faults=script)
            traders = [Trader(exchange, name, i) for i, name in enumerate(["alpha", "alpha", "alpha", "beta"])]
            for trader in traders:
                trader.start()
            # Others connect, ask for something and die.
            source = random.Random(SEED)
            start = time.monotonic()
            while time.monotonic() < start + MOST_S:
                faults = exchange.call("GET", "/audit?orders=0")["venues"]["alpha"]["faults"]
                if time.monotonic() > start + LEAST_S and all(faults.values()):
                    break
                with socket.create_connection(("127.0.0.1", exchange.port)) as connection:
                    request = (b"POST /alpha/fapi/v1/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.01 HTTP/1.1\r\n"
                               b"Host: x\r\nContent-Length: 0\r\n\r\n")
                    connection.sendall(request[:source.randrange(len(request) + 1)])
                time.sleep(0.01)
            for trader in traders:
                trader.stops = True
            for trader in traders:
                trader.join()
                self.assertIsNone(trader.error, f"FAKE_SEED={SEED}")
            exchange.control(settle=True, market="stop")
            audit = exchange.call("GET", "/audit")["venues"]
            for name in ("alpha", "beta"):
                books.check(self, audit[name], name)
                self.assertEqual(books.cost_free(audit[name]), 0)
                self.assertEqual((audit[name]["counts"]["waiting"], audit[name]["down"]), (0, False))
                self.assertEqual(audit[name]["counts"]["duplicates"], 0)
                self.clients_agree(audit[name], [t for t in traders if t.venue.name == name])
                positions = exchange.call("GET", f"/{name}/fapi/v3/positionRisk")
                self.assertEqual({p["symbol"]: p["positionAmt"] for p in positions if Decimal(p["positionAmt"])},
                                 {p["symbol"]: p["positionAmt"] for p in audit[name]["positions"]})
            self.assertEqual([name for name, times in faults.items() if times == 0], [], f"FAKE_SEED={SEED}")

    def clients_agree(self, audit, traders):
        orders = {order["clientOrderId"]: order for order in audit["orders"]}
        trades = {trade["id"]: trade for trade in audit["trades"]}
        asked = set().union(*(trader.asked for trader in traders))
        self.assertEqual({name for name in orders if not name.startswith("fx-")} - asked, set())
        for trader in traders:
            for name, filled in trader.taken.items():
                self.assertGreaterEqual(Decimal(orders[name]["executedQty"]), filled)
            for number, told in trader.trades.items():
                trade = trades[number]
                self.assertEqual(told, (trade["clientOrderId"], trade["qty"], trade["price"], trade["commission"]))
        self.assertGreater(len(trades), 10)


if __name__ == "__main__":
    unittest.main()
