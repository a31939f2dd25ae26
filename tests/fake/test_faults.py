"""Each fault is shown to happen, alone, and the audit tells of it."""

import json
import threading
import time
import unittest
from decimal import Decimal

import books
from client import Closed, Exchange, Refused


class Faults(unittest.TestCase):
    def setUp(self):
        self.exchange = Exchange("--manual")
        self.venue = self.exchange.venue()
        self.bid, self.ask = self.venue.quote()

    def tearDown(self):
        self.exchange.control(settle=True)
        audit = self.exchange.audit()
        books.check(self, audit)
        self.assertEqual(audit["counts"]["waiting"], 0)
        self.assertEqual(self.exchange.stop(), (0, ""))

    def script(self, **faults):
        self.exchange.control(faults=faults)

    def count(self, name):
        return self.exchange.audit()["faults"][name]

    def known(self, client_id):
        """Whether the exchange has such an order, by the audit."""
        return client_id in [order["clientOrderId"] for order in self.exchange.audit()["orders"]]

    def refused(self, code, call, status=400):
        with self.assertRaises(Refused) as caught:
            call()
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code))
        return caught.exception

    def rest(self, client_id):
        return self.venue.place("BUY", "0.1", round(self.bid - 100, 1), client_id=client_id)

    def test_an_answer_lost_before_leaves_nothing_and_the_id_free(self):
        self.script(lost_before=1)
        with self.assertRaises(ConnectionError):
            self.rest("a")
        self.assertFalse(self.known("a"))
        self.refused(-2013, lambda: self.venue.order("a"))  # what only reads is not lost so
        self.script()
        self.rest("a")
        self.script(lost_before=1)
        with self.assertRaises(ConnectionError):
            self.venue.cancel("a")
        self.assertEqual(self.venue.order("a")["status"], "NEW")
        self.assertEqual(self.count("lost_before"), 2)

    def test_an_answer_lost_after_has_been_carried_out(self):
        self.script(lost_after=1)
        with self.assertRaises(ConnectionError):
            self.rest("a")
        self.assertTrue(self.known("a"))
        with self.assertRaises(ConnectionError):
            self.venue.order("a")
        with self.assertRaises(ConnectionError):
            self.venue.cancel("a")
        self.script()
        self.assertEqual(self.venue.order("a")["status"], "CANCELED")
        self.refused(-4116, lambda: self.rest("a"))
        self.assertEqual(self.count("lost_after"), 3)

    def test_an_unknown_error_is_carried_out_half_of_the_time(self):
        self.script(unknown_error=1)
        for i in range(60):
            self.refused(-1000, lambda: self.rest(f"a{i}"), 503)
        taken = len(self.exchange.audit()["orders"])
        self.assertTrue(15 < taken < 45, taken)
        self.assertEqual(self.count("unknown_error"), 60)

    def test_what_is_rejected_or_declined_is_remembered_as_that(self):
        self.script(reject=1)
        self.refused(-2010, lambda: self.rest("a"))
        self.script(decline=1)
        self.refused(-5022, lambda: self.venue.place("BUY", "0.1", self.bid, "GTX", client_id="b"))
        self.rest("c")  # only post only is declined
        orders = {o["clientOrderId"]: (o["status"], o["code"]) for o in self.exchange.audit()["orders"]}
        self.assertEqual(orders, {"a": ("REJECTED", -2010), "b": ("REJECTED", -5022), "c": ("NEW", 0)})
        self.assertEqual((self.count("reject"), self.count("decline")), (1, 1))

    def test_partial_finds_less_than_the_book_shows(self):
        self.script(partial=1)
        less = 0
        for i in range(20):
            order = self.venue.place("BUY", "0.05", self.ask, "IOC", client_id=f"a{i}")
            self.assertGreater(Decimal(order["executedQty"]), 0)
            less += order["status"] == "EXPIRED"
            self.exchange.control(advance_ms=100)
            self.ask = self.venue.quote()[1]
        self.assertEqual(less, self.count("partial"))
        self.assertGreater(less, 15)
        self.assertEqual(self.venue.place("BUY", "0.05", self.ask, "FOK", client_id="f")["executedQty"], "0.000")

    def test_a_cancel_loses_the_race_in_whole_or_in_part(self):
        self.script(cancel_race=1)
        ends = []
        for i in range(40):
            self.rest(f"a{i}")
            try:
                self.venue.cancel(f"a{i}")
            except Refused as refused:
                self.assertEqual(refused.code, -2011)
            order = self.venue.order(f"a{i}")
            self.assertGreater(Decimal(order["executedQty"]), 0)
            ends.append(order["status"])
        self.assertEqual(set(ends), {"FILLED", "CANCELED"})
        self.assertEqual(self.count("cancel_race"), 40)

    def test_a_late_fill_comes_after_the_cancel_was_answered(self):
        self.script(late_fill=1, late_ms=5000)
        with self.venue.stream() as stream:
            self.rest("a")
            answer = self.venue.cancel("a")
            self.assertEqual((answer["status"], answer["executedQty"]), ("CANCELED", "0.000"))
            self.assertEqual(self.venue.order("a")["executedQty"], "0.000")
            self.assertEqual(self.exchange.audit()["counts"]["waiting"], 1)
            self.exchange.control(market="stop", advance_ms=5001)
            order = self.venue.order("a")
            self.assertEqual(order["status"], "CANCELED")
            self.assertGreater(Decimal(order["executedQty"]), 0)
            row = self.exchange.audit()["orders"][0]
            self.assertEqual((row["late"], len(row["trades"])), (True, 1))
            kinds = [m["o"]["x"] for m in stream.rest() if m["e"] == "ORDER_TRADE_UPDATE"]
            self.assertEqual(kinds, ["NEW", "CANCELED", "TRADE"])

    def test_settling_brings_late_fills_at_once(self):
        self.script(late_fill=1, late_ms=600000)
        self.rest("a")
        self.venue.cancel("a")
        self.exchange.control(settle=True)
        self.assertGreater(Decimal(self.venue.order("a")["executedQty"]), 0)
        self.rest("b")
        self.venue.cancel("b")
        self.assertEqual(self.exchange.audit()["counts"]["waiting"], 0)

    def test_a_query_may_be_behind_for_a_while_and_no_longer(self):
        self.script(stale_query=1, stale_ms=700)
        self.rest("a")
        self.refused(-2013, lambda: self.venue.order("a"))
        self.refused(-2011, lambda: self.venue.cancel("a"))
        self.exchange.control(market="stop", advance_ms=699)
        self.refused(-2013, lambda: self.venue.order("a"))
        self.exchange.control(advance_ms=1)
        self.assertEqual(self.venue.order("a")["status"], "NEW")
        self.assertEqual(self.count("stale_query"), 3)

    def test_too_many_requests_for_a_while(self):
        self.script(rate_limit=1, rate_ms=3000)
        refused = self.refused(-1003, lambda: self.rest("a"), 429)
        self.assertIn(refused.headers["Retry-After"], "1234")
        self.script()
        self.refused(-1003, lambda: self.venue.order("a"), 429)
        self.assertEqual(self.venue.quote(), (self.bid, self.ask))  # the market's data is free
        self.exchange.control(advance_ms=3001)
        self.assertFalse(self.known("a"))
        self.rest("a")
        self.assertEqual(self.count("rate_limit"), 1)

    def test_a_venue_that_is_down_answers_nothing_of_use_and_comes_back(self):
        answers = set()
        for _ in range(12):
            with self.venue.stream() as stream:
                self.exchange.control(down_ms=1000)
                self.assertTrue(self.exchange.audit()["down"])
                with self.assertRaises(Closed):
                    stream.next()
            for call in (self.venue.quote, lambda: self.rest("a"), self.venue.stream):
                try:
                    call()
                    self.fail("it answers")
                except Refused as refused:
                    self.assertEqual((refused.status, refused.code), (503, None))
                    answers.add(503)
                except (ConnectionError, Closed):
                    answers.add("closed")
            self.exchange.control(advance_ms=1000)
        self.assertEqual(answers, {503, "closed"})
        self.assertFalse(self.known("a"))
        self.rest("a")

    def test_the_script_takes_a_venue_down(self):
        self.script(down=1, down_ms=10000)
        self.exchange.control(advance_ms=100)
        audit = self.exchange.audit()
        self.assertEqual((audit["down"], audit["faults"]["down"]), (True, 1))
        self.exchange.control(settle=True)
        self.assertFalse(self.exchange.audit()["down"])

    # ---- news ----

    def news(self, stream, seconds=0.3):
        return [m for m in stream.rest(seconds) if m["e"] == "ORDER_TRADE_UPDATE"]

    def test_news_comes_twice_with_the_same_trade(self):
        self.script(repeat=1, delay_ms=500)
        with self.venue.stream() as stream:
            self.venue.place("BUY", "0.05", self.ask, "IOC", client_id="a")
            self.exchange.control(market="stop", advance_ms=600)
            trades = [m for m in self.news(stream) if m["o"]["x"] == "TRADE"]
            self.assertEqual(len(trades), 2)
            self.assertEqual(trades[0], trades[1])
            self.assertEqual(trades[0]["o"]["t"], self.venue.trades()[0]["id"])
            self.assertEqual(self.count("repeat"), self.exchange.audit()["counts"]["news"])

    def test_news_is_passed_by_what_came_after_it(self):
        self.script(reorder=1)
        with self.venue.stream() as stream:
            self.rest("a")
            self.script()
            self.venue.cancel("a")
            self.assertEqual([m["o"]["x"] for m in self.news(stream)], ["CANCELED", "NEW"])
            # Where nothing follows it comes after a second.
            self.script(reorder=1)
            self.rest("b")
            self.assertEqual(self.news(stream), [])
            self.exchange.control(market="stop", advance_ms=1000)
            self.assertEqual([m["o"]["x"] for m in self.news(stream)], ["NEW"])
            self.assertEqual(self.count("reorder"), 2)

    def test_news_is_delayed_and_settling_brings_it(self):
        self.script(delay=1, delay_ms=600000)
        with self.venue.stream() as stream:
            self.rest("a")
            self.venue.cancel("a")
            self.assertEqual(self.news(stream), [])
            self.assertEqual(self.exchange.audit()["counts"]["waiting"], 2)
            self.exchange.control(settle=True)
            self.assertEqual({m["o"]["x"] for m in self.news(stream)}, {"NEW", "CANCELED"})

    def test_streams_are_cut_and_what_was_to_come_is_lost(self):
        self.script(ws_drop=1)
        stream = self.venue.stream()
        self.rest("a")
        with self.assertRaises(Closed) as caught:
            stream.next()
        self.assertIsNone(caught.exception.code)
        self.script()
        with self.venue.stream() as again:
            self.venue.cancel("a")
            self.assertEqual([m["o"]["x"] for m in self.news(again)], ["CANCELED"])
        counts = self.exchange.audit()["counts"]
        self.assertEqual((self.count("ws_drop"), counts["undelivered"], counts["delivered"]), (1, 1, 1))


class Lag(unittest.TestCase):
    """With a clock that goes."""

    def test_answers_come_late_and_others_are_not_held_up(self):
        with Exchange() as exchange:
            venue = exchange.venue()
            venue.place("BUY", "0.01", "40000", client_id="a")
            exchange.control(faults={"lag": 1, "lag_ms": 1500})
            took = []

            def ask():
                start = time.monotonic()
                venue.order("a")
                took.append(time.monotonic() - start)

            threads = [threading.Thread(target=ask) for _ in range(20)]
            start = time.monotonic()
            for thread in threads:
                thread.start()
            venue.quote()
            exchange.audit()
            self.assertLess(time.monotonic() - start, 1.4)
            for thread in threads:
                thread.join()
            self.assertEqual(len(took), 20)
            self.assertGreater(max(took), 0.7)
            self.assertEqual(exchange.audit()["faults"]["lag"], 20)

    def test_a_lagging_order_is_taken_though_its_client_has_died_but_not_past_its_window(self):
        with Exchange() as exchange:
            venue = exchange.venue()
            exchange.control(faults={"lag": 1, "lag_ms": 600000})
            import http.client
            dead = []
            for i in range(30):
                connection = http.client.HTTPConnection("127.0.0.1", exchange.port)
                stamp = venue.call("GET", "time")["serverTime"] - (4000 if i % 2 else 0)
                connection.request("POST", "/alpha/fapi/v1/order",
                                   "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=40000"
                                   f"&newClientOrderId=a{i}&timestamp={stamp}&recvWindow=4500")
                dead.append(connection)
            end = time.monotonic() + 10
            while exchange.audit()["faults"]["lag"] < 30 and time.monotonic() < end:
                time.sleep(0.02)
            for connection in dead:
                connection.close()
            first = exchange.audit()
            now = {o["clientOrderId"] for o in first["orders"]}
            self.assertTrue(5 < len(now) < 25, now)
            time.sleep(0.6)
            exchange.control(settle=True)
            audit = exchange.audit()
            late = {o["clientOrderId"] for o in audit["orders"]} - now
            self.assertGreater(len(late), 0)
            self.assertTrue(all(int(name[1:]) % 2 == 0 for name in late), late)
            self.assertGreater(audit["counts"]["too_late"], 0)
            self.assertEqual(len(now) + len(late) + audit["counts"]["too_late"], 30)
            self.assertEqual(venue.place("BUY", "0.01", "40000")["status"], "NEW")

    def test_it_ends_while_requests_lag(self):
        with Exchange("--manual", "--faults", "none") as exchange:
            exchange.control(faults={"lag": 1, "lag_ms": 600000})
            threads = []
            for i in range(10):
                threads.append(threading.Thread(target=self.asks, args=(exchange,)))
                threads[-1].start()
            while exchange.audit()["faults"]["lag"] < 10:
                time.sleep(0.01)
        for thread in threads:
            thread.join()

    @staticmethod
    def asks(exchange):
        try:
            exchange.venue().call("GET", "openOrders")
        except (ConnectionError, OSError):
            pass


class Scripts(unittest.TestCase):
    def test_a_script_is_read_whole_or_refused_with_the_field(self):
        with Exchange("--manual") as exchange:
            for wrong, field in [({"faults": "most"}, "faults"), ({"faults": {"lost": 1}}, "lost"),
                                 ({"faults": {"reject": 2}}, "reject"), ({"faults": {"reject": -1}}, "reject"),
                                 ({"faults": {"lag_ms": "1"}}, "lag_ms"), ({"faults": {"base": "x"}}, "base"),
                                 ({"faults": 3}, "faults"), ({"venue": "gamma"}, "venue"), ({"settle": 1}, "settle"),
                                 ({"down_ms": 0}, "down_ms"), ({"market": "pause"}, "market"),
                                 ({"move": {"symbol": "X", "bps": 1}}, "symbol"),
                                 ({"move": {"symbol": "BTCUSDT", "bps": 1e9}}, "bps"),
                                 ({"advance_ms": 1e12}, "advance_ms"), ({"hurry": True}, "hurry")]:
                with self.assertRaises(Refused) as caught:
                    exchange.control(faults={"reject": 1}) if wrong is None else exchange.control(**wrong)
                self.assertEqual(caught.exception.status, 400)
                self.assertIn(field, caught.exception.args[1]["msg"])
            # What came before the wrong field is not done either.
            with self.assertRaises(Refused):
                exchange.control(faults={"reject": 1}, hurry=1)
            exchange.venue().place("BUY", "0.01", "40000")

    def test_files_and_profiles(self):
        import tempfile
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"base": "light", "reject": 1}, file)
            file.flush()
            with Exchange("--manual", "--faults", file.name) as exchange:
                with self.assertRaises(Refused):
                    exchange.venue().place("BUY", "0.01", "40000")
            for name in ("none", "light", "all"):
                with Exchange("--manual", "--faults", name):
                    pass
            file.seek(0)
            file.write("[")
            file.flush()
            with self.assertRaises(RuntimeError):
                Exchange("--faults", file.name)


if __name__ == "__main__":
    unittest.main()
