"""Orders: the gate, what exchanges say, the finish that follows, doubt, and the allow-list."""
from decimal import Decimal

import perpcore
from desk import SECOND, T0, BookTest, Desk, job_id
from perpcore import (
    Gate, JobResult, JobState, OrderRequest, OrderState, OrderType, Outcome, Reason, Side, Tif,
)


def accept(job):
    return Outcome.ACCEPTED


class OrdersTest(BookTest):
    """Job 1 runs: it buys 0.1 on binance and sells as much on okx."""

    options = {"execute": accept}

    def setUp(self):
        super().setUp()
        self.orders = self.core.orders
        self.job = self.desk.run()

    def buy(self, quantity=0.1, price=60001.0, **more):
        return self.orders.place(self.job, 0, quantity, price=price, now=T0, **more)

    def sell(self, quantity=0.1, price=60020.0, **more):
        return self.orders.place(self.job, 1, quantity, price=price, now=T0, **more)

    def fill(self, order, fill_id="t1", quantity=0.1, price=60001.0, **more):
        return self.orders.on_order(order, "fill", fill_id=fill_id, quantity=quantity, price=price,
                                    now=T0, **more)


class Placing(OrdersTest):
    def test_an_order_that_passes_has_a_number_and_a_client_id(self):
        placed = self.buy(0.06)
        self.assertTrue(placed)
        self.assertEqual(placed.order, 1)
        self.assertEqual(placed.client_id, self.orders.client_id("binance", self.job, 0))
        self.assertRegex(placed.client_id, "^[0-9a-f]{32}$")
        self.assertEqual(self.orders.find(placed.client_id), 1)
        for which in (placed, 1, placed.client_id):
            self.assertEqual(self.orders.get(which).order, 1)

    def test_a_refusal_says_what_was_asked_and_what_would_pass(self):
        self.buy(0.06)
        refused = self.buy(0.06)
        self.assertFalse(refused)
        self.assertIsInstance(refused, perpcore.Refused)
        self.assertEqual((refused.reason, refused.asked, refused.unit),
                         (Gate.OVER_LEG, 0.06, "base"))
        self.assertAlmostEqual(refused.limit, 0.04)
        state = self.orders.query(now=T0)
        self.assertEqual((state.open, state.kept, state.placed_today, state.placed_total), (1,) * 4)
        self.assertEqual(state.refused_today, {Gate.OVER_LEG: 1})
        self.assertEqual((state.in_doubt, state.fills_today, state.unhedged_jobs), (0, 0, 0))
        self.assertIsNone(state.unhedged_since_ns)
        self.assertEqual(state.foreign, ())

    def test_all_that_was_asked_for_is_shown(self):
        info = self.orders.get(self.sell(0.04, 60030.0, tif="post_only", reduce_only=True))
        self.assertEqual(
            (info.job_id, info.leg, info.attempt, info.exchange.name, info.instrument, info.side),
            (self.job, 1, 1, "okx", self.desk.btc[1], Side.SELL))
        self.assertEqual((info.type, info.tif, info.reduce_only, info.limit_price, info.quantity),
                         (OrderType.LIMIT, Tif.POST_ONLY, True, 60030.0, 0.04))
        self.assertEqual((info.state, info.filled, info.price, info.placed_ns, info.ended_ns),
                         (OrderState.NEW, 0.0, None, T0, None))
        self.assertEqual((info.cancel_requested, info.overfilled, info.exchange_id, info.text),
                         (False, False, "", ""))
        self.assertFalse(info.ended)
        market = self.orders.get(self.sell(0.01, None))
        self.assertEqual((market.type, market.tif, market.limit_price, market.attempt),
                         (OrderType.MARKET, Tif.IOC, None, 2))
        self.assertEqual(market.client_id, self.orders.client_id("okx", self.job, 1, 2))

    def test_many_have_each_its_own_answer(self):
        job = self.job
        made = self.orders.place_many([
            OrderRequest(job, 0, 0.1, 60001.0), OrderRequest(job, 0, 0.1, 60001.0),
            OrderRequest(job_id(9), 0, 0.1), OrderRequest(job, 1, 0.1, tif="ioc"),
        ], now=T0)
        self.assertEqual([bool(one) for one in made[:2]], [True, False])
        self.assertEqual(made[1].reason, Gate.OVER_LEG)
        self.assertIsInstance(made[2], perpcore.NotFoundError)
        self.assertIn("requests[2]", made[2].message)
        self.assertEqual(made[3].order, 2)
        self.assertEqual(self.orders.list(), (1, 2))
        self.assertEqual(self.orders.place_many((), now=T0), ())

    def test_the_executor_is_told_of_each_leg_what_its_next_order_is_called(self):
        told = []
        desk = Desk(execute=told.append)
        self.addCleanup(desk.core.close)
        job = desk.run()
        self.assertEqual([leg.attempt for leg in told[0].orders], [1, 1])
        self.assertEqual([leg.reduce_only for leg in told[0].orders], [False, False])
        for i, leg in enumerate(told[0].orders):
            self.assertEqual(leg.client_id, desk.core.orders.client_id(leg.exchange, job, i))
            self.assertEqual(leg.limit_price,
                             desk.core.orders.collar(leg.instrument, leg.side, now=T0))

    def test_the_collar_says_how_far_a_price_may_go(self):
        highest = self.orders.collar(self.desk.btc[0], "buy", now=T0)
        self.assertAlmostEqual(highest, 60000.5 * 1.01, places=6)
        self.assertGreater(
            self.orders.collar(self.desk.btc[0], Side.BUY, now=T0, reduce_only=True), 65000)
        refused = self.buy(price=highest + 1)
        self.assertEqual((refused.reason, refused.limit), (Gate.PRICE_COLLAR, highest))
        self.assertTrue(self.buy(price=highest))
        with self.assertRaises(perpcore.StateError):
            self.orders.collar(self.desk.btc[0], "buy", now=T0 + 3600 * SECOND)


class Told(OrdersTest):
    def test_fills_count_at_once_and_only_once(self):
        buy, today = self.buy(), lambda: self.core.capital.snapshot("binance").today
        said = self.orders.on_order(buy, "accepted", exchange_id="A-7", now=T0)
        self.assertEqual((said.order, said.state, said.finished), (1, OrderState.OPEN, None))
        self.assertEqual(self.fill(buy, "t1", 0.04, fee=Decimal("0.25")).state, OrderState.OPEN)
        self.assertEqual(self.core.positions.query(self.desk.btc[0], now=T0).quantity, 0.04)
        with self.assertRaises(perpcore.ExistsError):
            self.fill(buy, "t1", 0.04, fee=Decimal("0.25"))
        with self.assertRaises(perpcore.ConflictError):
            self.fill(buy, "t1", 0.05)
        self.assertEqual(today().fees, Decimal("0.25"))
        said = self.fill(buy.client_id, "t2", 0.06, 60002.0, fee=Decimal("-0.05"), pnl=3,
                         time=T0 - 5)
        self.assertEqual(said.state, OrderState.FILLED)
        info = self.orders.get(buy)
        self.assertTrue(info.ended)
        self.assertEqual((info.filled, info.fees, info.pnl, info.exchange_id, info.ended_ns),
                         (0.1, Decimal("0.2"), 3, "A-7", T0))
        self.assertAlmostEqual(info.price, 60001.6)
        self.assertEqual(info.volume, Decimal("6000.16"))
        with self.assertRaises(perpcore.ExistsError):
            self.orders.on_order(buy, "cancelled", now=T0)
        state = self.orders.query(now=T0)
        self.assertEqual((state.fills_today, state.unhedged_jobs, state.unhedged_since_ns),
                         (2, 1, T0))
        self.assertAlmostEqual(float(state.unhedged_usd), 6000, delta=1)

    def test_totals_tell_what_came_in_all(self):
        buy = self.buy()
        for filled, price in ((0.04, 60001.0), (0.1, 60001.6)):
            self.orders.on_order(buy, "total", quantity=filled, price=price, fee=1, now=T0)
        info = self.orders.get(buy)
        self.assertEqual((info.state, info.fees), (OrderState.FILLED, 1))
        with self.assertRaises(perpcore.StaleError):
            self.orders.on_order(buy, "total", quantity=0.05, price=60001.0, now=T0)
        with self.assertRaises(perpcore.InvalidError):
            self.fill(buy)

    def test_ends_have_the_words_of_the_exchange(self):
        for kind in ("cancelled", "expired", "declined", "rejected"):
            order = self.buy()
            self.assertEqual(self.orders.on_order(order, kind, text="by you", now=T0).state.text,
                             kind)
            self.assertEqual(self.orders.get(order).text, "by you")

    def test_a_fill_that_an_end_carries_is_not_lost_in_silence(self):
        order = self.buy()
        for name, value in (("quantity", 0.05), ("price", 1.0), ("fill_id", "t"), ("fee", 1),
                            ("pnl", 1), ("time", T0)):
            with self.assertRaisesRegex(perpcore.InvalidError, name):
                self.orders.on_order(order, "cancelled", now=T0, **{name: value})
        self.assertEqual(self.orders.get(order).state, OrderState.NEW)

    def test_trades_as_ccxt_lists_them_are_told_once(self):
        order = self.buy()
        trades = [
            {"id": "a", "amount": 0.04, "price": 60001.0, "timestamp": T0 // 10**6 - 1,
             "fee": {"cost": 0.25, "currency": "USDT"}},
            {"id": "b", "amount": 0.02, "price": 60002.0, "fee": None},
        ]
        self.assertEqual([made.state for made in self.orders.fills(order, trades, now=T0)],
                         [OrderState.OPEN] * 2)
        trades.append({"id": "c", "amount": 0.04, "price": 60003.0,
                       "fees": [{"cost": 0.001, "currency": "BNB"}]})
        with self.assertRaisesRegex(perpcore.InvalidError, r"trades\[2\].*BNB"):
            self.orders.fills(order, trades, now=T0)
        made = self.orders.fills(order, trades, now=T0, usd_of={"BNB": 600})
        self.assertEqual([one.state for one in made], [OrderState.FILLED])
        self.assertEqual(self.orders.get(order).fees, Decimal("0.85"))

    def test_a_job_is_finished_from_its_orders(self):
        buy, sell = self.buy(), self.sell()
        self.fill(buy)
        with self.assertRaises(perpcore.StateError):
            self.core.scheduler.finish(self.job, from_orders=True, now=T0)
        self.assertEqual(self.orders.list(live=True), (2,))
        self.orders.cancel_sent(sell, now=T0)
        self.assertTrue(self.orders.get(sell).cancel_requested)
        self.fill(sell, price=60020.0)
        for result in (JobResult(), JobResult(pnl=5)):
            with self.assertRaises(perpcore.InvalidError):
                self.core.scheduler.finish(self.job, result, now=T0)
        with self.assertRaises(perpcore.InvalidError):
            self.core.scheduler.finish(self.job, JobResult("failed"), from_orders=True, now=T0)
        out = self.core.scheduler.finish(self.job, from_orders=True, now=T0)
        self.assertEqual(out.state, JobState.OPEN)
        self.assertEqual([leg.filled for leg in self.core.scheduler.job(self.job).legs], [0.1] * 2)

    def test_a_job_without_orders_is_not_finished_from_them(self):
        with self.assertRaisesRegex(perpcore.InvalidError, "from_orders"):
            self.core.scheduler.finish(self.job, from_orders=True, now=T0)

    def test_with_auto_finish_the_last_fill_finishes_the_job(self):
        config = perpcore.Config()
        config.orders.auto_finish = True
        desk = Desk(config, execute=accept)
        self.addCleanup(desk.core.close)
        job, orders = desk.run(), desk.core.orders
        placed = [orders.place(job, leg, 0.1, now=T0) for leg in (0, 1)]
        said = [orders.on_order(one, "fill", fill_id="t", quantity=0.1, price=60010.0, now=T0)
                for one in placed]
        self.assertEqual([one.finished for one in said], [None, JobState.OPEN])


    def test_the_time_of_a_late_fill_says_whether_a_report_had_it(self):
        config = perpcore.Config()
        config.capital.drift_tolerance_usd = Decimal(1_000_000)  # so that nothing latches
        for time, left in ((T0 + 5 * SECOND, 0.0), (None, 0.1)):
            desk = Desk(config, execute=accept)
            self.addCleanup(desk.core.close)
            orders, job, now = desk.core.orders, desk.run(), T0 + 10 * SECOND
            order = orders.place(job, 0, 0.1, price=60001.0, now=T0)
            orders.on_order(order, "cancelled", now=T0)
            desk.core.scheduler.finish(job, from_orders=True, now=T0)
            desk.core.positions.account(
                "binance", [perpcore.Position(desk.btc[0], 0.1)], now=now)
            orders.on_order(order, "fill", fill_id="t", quantity=0.1, price=60001.0, now=now,
                            time=time)
            state = desk.core.positions.query(desk.btc[0], now=now)
            self.assertAlmostEqual(state.unexplained, left)


class Doubt(OrdersTest):
    def test_an_order_in_doubt_is_settled_by_what_the_exchange_says(self):
        buy, sell = self.buy(), self.sell()
        self.orders.on_order(buy, "unknown", now=T0)
        self.assertEqual(self.orders.list("in_doubt"), (1,))
        self.assertEqual(self.orders.list(OrderState.IN_DOUBT, exchange="okx"), ())
        self.assertEqual(self.orders.list(live=True, exchange="okx"), (2,))
        self.assertEqual(self.orders.list(job=self.job), (1, 2))
        with self.assertRaises(perpcore.NotFoundError):
            self.orders.list(job=job_id(9))
        with self.assertRaises(perpcore.InvalidError):
            self.orders.list("open", live=True)
        self.core.scheduler.finish(self.job, JobResult("unknown"), now=T0)
        with self.assertRaises(perpcore.StateError):
            self.buy()
        with self.assertRaises(perpcore.StateError):
            self.orders.settled(self.job, now=T0)
        self.orders.on_order(buy, "rejected", text="not found", now=T0)
        self.orders.settled(self.job, now=T0)
        self.assertEqual(self.core.scheduler.job(self.job).state, JobState.RUNNING)
        self.assertEqual(self.buy().order, 3)

    def test_a_list_of_open_orders_shows_what_is_missing_and_what_is_foreign(self):
        first, second = self.buy(0.04), self.buy(0.06)
        self.sell()
        found = self.orders.reconcile("binance", [first.client_id, "other"], time=T0 + 1, now=T0)
        self.assertEqual((found.in_doubt, found.foreign), ((second.order,), ("other",)))
        state = self.orders.query(now=T0)
        self.assertEqual((state.in_doubt, state.foreign), (1, (self.desk.binance,)))
        found = self.orders.reconcile("binance", [first.client_id], time=T0 + 1, now=T0)
        self.assertEqual((found.in_doubt, found.foreign), ((), ()))
        self.assertEqual(self.orders.query(now=T0).foreign, ())

    def test_none_is_lost_where_more_are_missing_than_there_was_room_for(self):
        desk = Desk(execute=accept)
        self.addCleanup(desk.core.close)
        for instrument in desk.btc:
            desk.core.update_instrument(instrument, qty_step=0.001, now=T0)
        orders, job, placed = desk.core.orders, desk.run(), []

        def place_meanwhile(*, now):  # as another thread may between the count and the call
            state = query(now=now)
            for _ in range(65):
                placed.append(orders.place(job, 0, 0.001, price=60001.0, now=now).order)
            return state

        query, orders.query = orders.query, place_meanwhile
        found = orders.reconcile("binance", [], time=T0 + 1, now=T0)
        self.assertEqual((found.in_doubt, len(placed)), (tuple(placed), 65))


class Exchanges(BookTest):
    options = {"execute": accept}

    def test_an_exchange_says_how_it_wants_client_ids(self):
        plain = self.core.exchange_spec("okx")
        self.assertEqual((plain.client_id_format, plain.client_id_prefix, plain.order_rate_per_s,
                          plain.order_burst), (perpcore.ClientIdFormat.HEX, "", 0.0, 1))
        shapes = {"hex": "[0-9a-f]{32}", "0x": "0x[0-9a-f]{32}", "b32": "[a-z2-7]{26}",
                  "uuid": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "u32": ""}
        for name, shape in shapes.items():
            exchange = self.core.add_exchange(f"with {name}", client_id_format=name,
                                              client_id_prefix="desk-1")
            spec = self.core.exchange_spec(exchange)
            self.assertEqual((str(spec.client_id_format), spec.client_id_prefix), (name, "desk-1"))
            self.assertRegex(self.core.orders.client_id(exchange, job_id(1), 0),
                             f"^desk-1{shape}$" if shape else "^$")
        with self.assertRaises(perpcore.InvalidError):
            self.core.add_exchange("x", client_id_prefix="no spaces")

    def test_an_exchange_says_how_many_messages_it_takes(self):
        self.core.add_exchange("z", order_rate_per_s=5.0, order_burst=10)
        spec = self.core.exchange_spec("z")
        self.assertEqual((spec.order_rate_per_s, spec.order_burst), (5.0, 10))
        self.core.update_exchange("binance", order_rate_per_s=2.0, order_burst=1, now=T0)
        job = self.desk.run()
        self.assertTrue(self.core.orders.place(job, 0, 0.01, price=60001.0, now=T0))
        refused = self.core.orders.place(job, 0, 0.01, price=60001.0, now=T0)
        self.assertEqual((refused.reason, refused.limit, refused.unit),
                         (Gate.ORDER_RATE, 5e8, "ns"))
        with self.assertRaises(perpcore.InvalidError):  # it raises a limit
            self.core.update_exchange("binance", order_burst=2, now=T0)
        self.core.update_exchange("binance", order_burst=2, now=T0, actor="ann", reason="more")
        self.assertTrue(self.core.orders.place(job, 0, 0.01, price=60001.0, now=T0))


class Latches(BookTest):
    def test_what_is_latched_says_since_when_and_what_lifts_it(self):
        config = perpcore.Config()
        config.risk.strategy_failures = 1
        desk = Desk(config, execute=lambda job: Outcome.REFUSED)
        self.addCleanup(desk.core.close)
        self.assertEqual(desk.core.risk.latches(), ())
        desk.run()
        latch, = desk.core.risk.latches()
        self.assertEqual((latch.kind, latch.since_ns, latch.strategy, latch.instrument, latch.base),
                         (perpcore.LatchKind.STRATEGY, T0, perpcore.Strategy.WASH, None, None))
        self.assertEqual(latch.lifted_by, "reset_strategy")
        self.assertTrue(latch.by)


class Allowed(BookTest):
    def test_once_there_is_a_row_what_no_row_names_is_refused(self):
        risk = self.core.risk
        signed = {"now": T0, "actor": "ann", "reason": "a test"}

        def why():
            return risk.evaluate(self.desk.job(), now=T0).reason

        self.assertEqual(why(), Reason.NONE)
        risk.allow("ETH/*", now=T0)
        self.assertEqual(why(), Reason.NOT_ALLOWED)
        with self.assertRaises(perpcore.InvalidError):
            risk.allow("BTC/*", now=T0)
        risk.allow("BTC/USDT:USDT", exchange="okx", strategy="wash", **signed)
        self.assertEqual(why(), Reason.NOT_ALLOWED)  # of the other leg
        risk.allow("BTC/*", exchange=self.desk.binance, **signed)
        self.assertEqual(why(), Reason.NONE)
        self.assertEqual(risk.evaluate(self.desk.job(strategy="arb"), now=T0).reason,
                         Reason.NOT_ALLOWED)
        with self.assertRaises(perpcore.NotFoundError):
            risk.allow("BTC/*", False, now=T0)
        risk.allow("BTC/*", False, exchange="binance", now=T0)
        self.assertEqual(why(), Reason.NOT_ALLOWED)
