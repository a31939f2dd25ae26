"""The life of orders on a quiet exchange whose clock stands."""

import hashlib
import hmac
import json
import unittest
from decimal import Decimal

import books
from client import Exchange, Refused


class Orders(unittest.TestCase):
    def setUp(self):
        self.exchange = Exchange("--manual", "--venues", "alpha,beta")
        self.venue = self.exchange.venue()
        self.bid, self.ask = self.venue.quote()

    def tearDown(self):
        audit = self.exchange.audit()
        books.check(self, audit)
        self.assertEqual(books.cost_free(audit), 0)
        self.assertEqual(self.exchange.stop(), (0, ""))

    def refused(self, code, *args, status=400, **params):
        with self.assertRaises(Refused) as caught:
            self.venue.call(*args, **params)
        self.assertEqual((caught.exception.status, caught.exception.code), (status, code), (args, params))

    def place_refused(self, code, **changed):
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
                 "price": "50000", **changed}
        self.refused(code, "POST", "order", **order)

    def test_an_ioc_takes_what_is_there_up_to_its_price_and_the_rest_expires(self):
        depth = self.venue.call("GET", "depth", symbol="BTCUSDT")
        first, second = (Decimal(row[1]) for row in depth["asks"][:2])
        limit = depth["asks"][1][0]
        order = self.venue.place("BUY", first + second + 1, limit, "IOC", client_id="a")
        self.assertEqual((order["status"], Decimal(order["executedQty"])), ("EXPIRED", first + second))
        trades = self.venue.trades(orderId=order["orderId"])
        self.assertEqual([(t["price"], Decimal(t["qty"]), t["maker"]) for t in trades],
                         [(depth["asks"][0][0], first, False), (limit, second, False)])
        self.assertEqual(Decimal(order["cumQuote"]), sum(Decimal(t["quoteQty"]) for t in trades))
        # What was taken is gone until the market moves.
        after = self.venue.call("GET", "depth", symbol="BTCUSDT")
        self.assertEqual(after["asks"], depth["asks"][2:])
        self.assertEqual(self.venue.quote()[1], float(depth["asks"][2][0]))
        self.exchange.control(advance_ms=100)
        self.assertEqual(len(self.venue.call("GET", "depth", symbol="BTCUSDT")["asks"]), 10)

    def test_a_market_order_takes_and_what_the_book_does_not_have_expires(self):
        self.venue.call("POST", "leverage", symbol="BTCUSDT", leverage=125)
        order = self.venue.place("SELL", "100", client_id="m")
        self.assertEqual((order["status"], order["type"], order["price"]), ("EXPIRED", "MARKET", "0.0"))
        self.assertEqual(len(self.venue.trades(orderId=order["orderId"])), 10)
        self.assertEqual(self.venue.call("GET", "depth", symbol="BTCUSDT")["bids"], [])
        self.assertEqual(self.venue.place("SELL", "1", client_id="n")["executedQty"], "0.000")

    def test_fill_or_kill_is_all_or_nothing(self):
        self.assertEqual(self.venue.place("BUY", "50", self.ask, "FOK", client_id="a")["executedQty"], "0.000")
        order = self.venue.place("BUY", "0.01", self.ask, "FOK", client_id="b")
        self.assertEqual((order["status"], order["executedQty"]), ("FILLED", "0.010"))

    def test_post_only_rests_or_is_refused_and_remembered(self):
        with self.assertRaises(Refused) as caught:
            self.venue.place("BUY", "0.01", self.ask, "GTX", client_id="a")
        self.assertEqual(caught.exception.code, -5022)
        self.assertEqual(self.venue.order("a")["status"], "REJECTED")
        self.assertEqual(self.venue.place("BUY", "0.01", self.bid, "GTX", client_id="b")["status"], "NEW")
        self.assertEqual(self.exchange.audit()["counts"]["remembered"], 1)

    def test_a_resting_order_is_filled_in_parts_as_maker_at_its_own_price(self):
        self.venue.place("BUY", "3", self.bid, client_id="a")
        seen = set()
        for _ in range(600):
            self.exchange.control(advance_ms=100)
            order = self.venue.order("a")
            seen.add(order["status"])
            if order["status"] == "FILLED":
                break
        self.assertEqual(seen, {"NEW", "PARTIALLY_FILLED", "FILLED"})
        trades = self.venue.trades()
        self.assertGreater(len(trades), 1)
        self.assertTrue(all(t["maker"] and float(t["price"]) == self.bid for t in trades))

    def test_a_move_through_the_price_fills_and_one_away_does_not(self):
        self.venue.place("SELL", "0.05", round(self.ask + 30, 1), client_id="a")
        self.exchange.control(move={"symbol": "BTCUSDT", "bps": -50})
        self.assertEqual(self.venue.order("a")["status"], "NEW")
        self.exchange.control(move={"symbol": "BTCUSDT", "bps": 100})
        order = self.venue.order("a")
        self.assertEqual((order["status"], float(order["avgPrice"])), ("FILLED", round(self.ask + 30, 1)))

    def test_a_stopped_market_fills_nothing(self):
        self.venue.place("SELL", "0.05", self.ask, client_id="a")
        self.exchange.control(market="stop", move={"symbol": "BTCUSDT", "bps": 100}, advance_ms=60000)
        self.assertEqual(self.venue.order("a")["status"], "NEW")
        self.exchange.control(market="go", advance_ms=100)
        self.assertEqual(self.venue.order("a")["status"], "FILLED")

    def test_a_cancel_ends_it_once(self):
        self.venue.place("BUY", "0.01", "50000", client_id="a")
        self.assertEqual([o["clientOrderId"] for o in self.venue.call("GET", "openOrders")], ["a"])
        self.assertEqual(self.venue.cancel("a")["status"], "CANCELED")
        self.assertEqual(self.venue.call("GET", "openOrders", symbol="BTCUSDT"), [])
        self.refused(-2011, "DELETE", "order", symbol="BTCUSDT", origClientOrderId="a")
        self.refused(-2011, "DELETE", "order", symbol="BTCUSDT", origClientOrderId="unknown")
        self.assertEqual(self.exchange.audit()["counts"]["cancelled"], 1)

    def test_all_open_orders_of_a_symbol_are_cancelled(self):
        for i in range(5):
            self.venue.place("BUY", "0.01", 50000 + i, client_id=f"b{i}")
        self.venue.place("BUY", "0.1", 2000, symbol="ETHUSDT", client_id="e")
        self.venue.cancel("b2")
        self.venue.call("DELETE", "allOpenOrders", symbol="BTCUSDT")
        self.assertEqual([o["clientOrderId"] for o in self.venue.call("GET", "openOrders")], ["e"])

    def test_a_client_id_is_known_for_ever(self):
        self.venue.place("BUY", "0.01", "50000", client_id="a")
        same = dict(symbol="BTCUSDT", side="SELL", type="LIMIT", timeInForce="IOC", quantity="0.02", price="70000",
                    newClientOrderId="a")
        self.refused(-4116, "POST", "order", **same)
        self.venue.cancel("a")
        self.refused(-4116, "POST", "order", **same)
        with self.assertRaises(Refused):
            self.venue.place("BUY", "0.01", self.ask, "GTX", client_id="declined")
        self.refused(-4116, "POST", "order", **{**same, "newClientOrderId": "declined"})
        audit = self.exchange.audit()
        self.assertEqual((audit["counts"]["duplicates"], len(audit["orders"])), (3, 2))
        # Nor is one given that was taken before.
        self.venue.place("BUY", "0.01", "50000", client_id="fx-4")
        self.assertEqual(self.venue.place("BUY", "0.01", "50000")["clientOrderId"], "fx-5")

    def test_venues_are_apart(self):
        self.venue.place("BUY", "0.01", "50000", client_id="a")
        other = self.exchange.venue("beta")
        with self.assertRaises(Refused):
            other.order("a")
        self.assertEqual(other.place("BUY", "0.01", "50000", client_id="a")["orderId"], 1)
        self.exchange.control(venue="beta", down_ms=1000)
        self.assertEqual(self.venue.order("a")["status"], "NEW")

    def test_an_order_is_found_by_its_number_and_only_with_its_symbol(self):
        number = self.venue.place("BUY", "0.01", "50000", client_id="a")["orderId"]
        self.assertEqual(self.venue.call("GET", "order", symbol="BTCUSDT", orderId=number)["clientOrderId"], "a")
        self.refused(-2013, "GET", "order", symbol="ETHUSDT", orderId=number)
        self.refused(-2013, "GET", "order", symbol="BTCUSDT", orderId=number + 1)
        self.refused(-2013, "GET", "order", symbol="BTCUSDT", origClientOrderId="b" * 200)
        self.refused(-1102, "GET", "order", symbol="BTCUSDT")
        self.refused(-1100, "GET", "order", symbol="BTCUSDT", orderId="1e3")

    def test_what_is_wrong_with_an_order_has_its_code_and_nothing_is_taken(self):
        for code, changed in [
                (-1102, {"symbol": None}), (-1121, {"symbol": "XXXUSDT"}), (-1117, {"side": "LONG"}),
                (-1117, {"side": None}), (-1116, {"type": "STOP"}), (-1115, {"timeInForce": None}),
                (-1115, {"timeInForce": "DAY"}), (-1102, {"quantity": None}), (-1102, {"quantity": ""}),
                (-1100, {"quantity": "1e-3"}), (-1100, {"quantity": "-1"}), (-1100, {"quantity": "nan"}),
                (-4003, {"quantity": "0"}), (-4005, {"quantity": "1001"}), (-4005, {"quantity": "9" * 200}),
                (-1111, {"quantity": "0.0015"}), (-1102, {"price": None}), (-1100, {"price": "inf"}),
                (-4001, {"price": "0.0"}), (-4002, {"price": "10000001"}), (-1111, {"price": "50000.05"}),
                (-4164, {"price": "4000"}), (-4061, {"positionSide": "LONG"}), (-4015, {"newClientOrderId": "a b"}),
                (-4015, {"newClientOrderId": "a" * 37}), (-4015, {"newClientOrderId": ""}),
                (-1100, {"reduceOnly": "yes"}), (-1106, {"type": "MARKET"}), (-1100, {"timestamp": "now"})]:
            self.place_refused(code, **changed)
        audit = self.exchange.audit()
        self.assertEqual((audit["orders"], audit["counts"]["malformed"]), ([], 28))
        other = self.exchange.venue("beta")
        for code, changed in [(-4014, {"price": "50000.1"}), (-4023, {"symbol": "SOLUSDT", "quantity": "1.5",
                                                                      "price": "100"})]:
            with self.assertRaises(Refused) as caught:
                other.call("POST", "order", **{"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT",
                                               "timeInForce": "GTC", "quantity": "0.001", "price": "50000", **changed})
            self.assertEqual(caught.exception.code, code)

    def test_a_reduce_only_order_needs_a_position_and_never_goes_past_it(self):
        self.place_refused(-2022, reduceOnly="true")
        self.venue.place("BUY", "0.05", client_id="in")
        self.place_refused(-2022, reduceOnly="true")
        order = self.venue.place("SELL", "0.2", self.bid, "IOC", client_id="out", reduceOnly="true")
        self.assertEqual((order["status"], order["executedQty"]), ("EXPIRED", "0.050"))
        # One that rests ends when its position has gone another way.
        self.venue.place("BUY", "0.05", client_id="again")
        self.venue.place("SELL", "0.05", 90000, client_id="rests", reduceOnly="true")
        self.venue.place("SELL", "0.05", client_id="flat")
        self.exchange.control(advance_ms=100)
        self.assertEqual(self.venue.order("rests")["status"], "EXPIRED")

    def test_no_order_is_taken_after_its_receive_window(self):
        now = self.venue.call("GET", "time")["serverTime"]
        self.place_refused(-1021, timestamp=now - 5001, newClientOrderId="a")
        self.place_refused(-1021, timestamp=now - 101, recvWindow=100)
        self.place_refused(-1021, timestamp=now + 1001)
        self.place_refused(-1131, timestamp=now, recvWindow=60001)
        self.refused(-2013, "GET", "order", symbol="BTCUSDT", origClientOrderId="a")
        self.venue.place("BUY", "0.01", "50000", client_id="a", timestamp=now - 5000)
        self.assertEqual(self.exchange.audit()["counts"]["too_late"], 3)

    def test_margin_must_do(self):
        exchange = Exchange("--manual", "--balance", 1000)
        with exchange:
            venue = exchange.venue()
            with self.assertRaises(Refused) as caught:
                venue.place("BUY", "0.5", client_id="a")
            self.assertEqual(caught.exception.code, -2019)
            self.assertEqual(venue.order("a")["status"], "REJECTED")
            venue.place("BUY", "0.25", client_id="b")
            with self.assertRaises(Refused):
                venue.place("BUY", "0.25", client_id="c")
            venue.place("SELL", "0.25", client_id="d")
            venue.call("POST", "leverage", symbol="BTCUSDT", leverage=100)
            venue.place("BUY", "0.2", client_id="e")
            for leverage in (0, 126, "x", None):
                with self.assertRaises(Refused):
                    venue.call("POST", "leverage", symbol="BTCUSDT", leverage=leverage)

    def test_profit_and_average_are_those_of_the_trades(self):
        self.venue.place("BUY", "0.1", client_id="a")
        self.exchange.control(move={"symbol": "BTCUSDT", "bps": 100})
        self.venue.place("BUY", "0.1", client_id="b")
        self.exchange.control(move={"symbol": "BTCUSDT", "bps": 100})
        self.venue.place("SELL", "0.3", client_id="c")
        a, b, c = (Decimal(self.venue.order(name)["avgPrice"]) for name in "abc")
        trades = self.venue.trades()
        profit = sum(Decimal(t["realizedPnl"]) for t in trades)
        self.assertAlmostEqual(profit, Decimal("0.2") * (sum([c, c]) / 2 - (a + b) / 2), delta=Decimal("0.5"))
        position = self.venue.call("GET", "positionRisk", symbol="BTCUSDT")[0]
        self.assertEqual(position["positionAmt"], "-0.100")
        account = self.venue.call("GET", "account")
        self.assertEqual(Decimal(account["totalMarginBalance"]),
                         Decimal(account["totalWalletBalance"]) + Decimal(account["totalUnrealizedProfit"]))
        self.assertEqual(Decimal(self.venue.call("GET", "balance")[0]["balance"]),
                         1000000 + profit - sum(Decimal(t["commission"]) for t in trades))

    def test_lists_are_paged(self):
        for i in range(30):
            self.venue.place("BUY", "0.001", client_id=f"a{i}")
            self.venue.place("BUY", "0.01", symbol="ETHUSDT", client_id=f"e{i}")
        ids = [t["id"] for t in self.venue.trades(limit=1000)]
        self.assertEqual(len(ids), 30)
        self.assertEqual([t["id"] for t in self.venue.trades(limit=7)], ids[-7:])
        self.assertEqual([t["id"] for t in self.venue.trades(fromId=ids[5], limit=7)], ids[5:12])
        self.assertEqual(self.venue.trades(fromId=ids[-1] + 100), [])
        numbers = [o["orderId"] for o in self.venue.call("GET", "allOrders", symbol="ETHUSDT")]
        self.assertEqual(numbers, list(range(2, 61, 2)))
        self.assertEqual([o["orderId"] for o in self.venue.call("GET", "allOrders", symbol="ETHUSDT", limit=3)],
                         numbers[-3:])
        self.assertEqual([o["orderId"] for o in self.venue.call("GET", "allOrders", symbol="ETHUSDT", orderId=5,
                                                                limit=2)], [6, 8])
        self.refused(-1130, "GET", "userTrades", symbol="BTCUSDT", limit=1001)
        self.refused(-1130, "GET", "userTrades", symbol="BTCUSDT", limit=0)

    def test_what_an_account_is_asked_for_at_the_start_is_answered(self):
        self.assertEqual(self.venue.call("GET", "positionSide/dual"), {"dualSidePosition": False})
        self.venue.call("POST", "positionSide/dual", dualSidePosition="false")
        self.refused(-4067, "POST", "positionSide/dual", dualSidePosition="true")
        self.venue.call("POST", "marginType", symbol="BTCUSDT", marginType="CROSSED")
        self.refused(-4052, "POST", "marginType", symbol="BTCUSDT", marginType="ISOLATED")
        self.assertEqual(self.venue.call("GET", "commissionRate", symbol="BTCUSDT")["takerCommissionRate"], "0.000500")
        self.assertEqual(len(self.venue.call("GET", "leverageBracket")), 4)
        self.assertEqual(self.venue.call("GET", "premiumIndex", symbol="BTCUSDT")["symbol"], "BTCUSDT")
        for symbol in self.venue.call("GET", "exchangeInfo")["symbols"]:
            kinds = {row["filterType"]: row for row in symbol["filters"]}
            self.assertEqual(set(kinds), {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL"})
            bid, ask = self.venue.quote(symbol["symbol"])
            self.assertLess(bid, ask)
        for version in "123":
            self.assertEqual(self.exchange.call("GET", f"/alpha/fapi/v{version}/ping"), {})


class Market(unittest.TestCase):
    def test_the_venues_follow_each_other_and_their_spread_opens_and_closes(self):
        with Exchange("--manual", "--seed", 7) as exchange:
            first, other = exchange.venue(), exchange.venue("beta")
            start, prices, spreads = first.quote()[0], [], []
            for _ in range(400):
                exchange.control(advance_ms=5000)
                a, b = sum(first.quote()) / 2, sum(other.quote()) / 2
                prices.append(a / start)
                spreads.append((b - a) / a * 1e4)
            self.assertGreater(max(prices) - min(prices), 0.005)
            self.assertGreater(max(spreads), 5)
            self.assertLess(min(spreads), -5)
            self.assertLess(max(abs(spread) for spread in spreads), 100)
            self.assertLess(abs(sum(spreads) / len(spreads)), 10)

    def test_the_same_seed_and_requests_give_the_same_answers_and_another_does_not(self):
        def run(seed):
            answers = []
            with Exchange("--manual", "--seed", seed, "--faults", "all") as exchange:
                # Lag would wait for the clock, which nobody moves meanwhile.
                exchange.control(faults={"base": "all", "lag": 0, "down": 0})
                venue = exchange.venue()
                for i in range(150):
                    bid, ask = venue.quote()
                    for call in (lambda: venue.place("BUY", "0.05", ask, ["GTC", "IOC", "GTX"][i % 3], client_id=f"a{i}"),
                                 lambda: venue.cancel(f"a{i}"), lambda: venue.trades(limit=5)):
                        try:
                            answers.append(call())
                        except Refused as refused:
                            answers.append((refused.status, refused.code))
                        except ConnectionError:
                            answers.append("closed")
                    exchange.control(advance_ms=300)
                exchange.control(settle=True)
                answers.append(exchange.call("GET", "/audit"))
                books.check(self, answers[-1]["venues"]["alpha"])
            return json.dumps(answers)

        first = run(5)
        self.assertEqual(first, run(5))
        self.assertNotEqual(first, run(6))

    def test_time_and_market_go_by_themselves_without_manual(self):
        with Exchange("--speed", 20) as exchange:
            venue = exchange.venue()
            before = venue.call("GET", "depth", symbol="BTCUSDT")
            while True:
                after = venue.call("GET", "depth", symbol="BTCUSDT")
                if after["lastUpdateId"] > before["lastUpdateId"] + 20:
                    break
            self.assertNotEqual(before["bids"], after["bids"])
            self.assertGreater(after["E"], before["E"])
            with self.assertRaises(Refused):
                exchange.control(advance_ms=1)


class Keys(unittest.TestCase):
    def test_only_what_is_signed_is_let_in_where_keys_are_given(self):
        with Exchange("--manual", "--key", "K", "--secret", "S") as exchange:
            venue = exchange.venue()
            now = venue.call("GET", "time")["serverTime"]

            def ask(method, query, body="", key="K", secret="S"):
                sign = hmac.new(secret.encode(), (query + body).encode(), hashlib.sha256).hexdigest()
                if body:
                    body += "&signature=" + sign
                else:
                    query += "&signature=" + sign
                path = "/alpha/fapi/v1/order" + ("?" + query if query else "")
                return exchange.call(method, path, body or None, {"X-MBX-APIKEY": key} if key else {})

            order = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=50000&timestamp={now}"
            self.assertEqual(ask("POST", "", order + "&newClientOrderId=a")["status"], "NEW")
            self.assertEqual(ask("POST", order + "&newClientOrderId=b")["status"], "NEW")
            self.assertEqual(ask("GET", f"symbol=BTCUSDT&origClientOrderId=a&timestamp={now}")["status"], "NEW")
            for status, code, key, secret, text in [(401, -2015, None, "S", order), (401, -2015, "k", "S", order),
                                                    (400, -1022, "K", "s", order),
                                                    (400, -1022, "K", "S", order.split("&timestamp")[0])]:
                with self.assertRaises(Refused) as caught:
                    ask("POST", "", text + "&newClientOrderId=c", key, secret)
                self.assertEqual((caught.exception.status, caught.exception.code), (status, code))
            self.assertEqual(len(exchange.audit()["orders"]), 2)


if __name__ == "__main__":
    unittest.main()
