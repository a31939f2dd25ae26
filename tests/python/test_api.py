"""The API as a host uses it: what goes in comes out, typed and exact."""
import copy
import json
import unittest
from dataclasses import FrozenInstanceError, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import perpcore
from desk import SECOND, T0, BookTest, Desk, job_id
from perpcore import (
    Config, JobResult, JobState, Leg, LegResult, Mode, Pool, Position, Reason, RuleResult, Side,
    TickItemKind, TickStatus,
)


class Money(BookTest):
    def test_every_micro_dollar_comes_back(self):
        for text in ("0.000001", "123456.654321", "35999999999.999999", "0"):
            for _ in range(2):  # a leap is taken when it is said again
                self.core.capital.update_equity("okx", Decimal(text), now=T0)
            self.assertEqual(self.core.capital.snapshot("okx").equity, Decimal(text))

    def test_an_int_is_whole_dollars_and_zeros_at_the_end_are_no_decimals(self):
        for value in (5, Decimal("5.00000000000"), Decimal("5E0")):
            for _ in range(2):
                self.core.capital.update_equity("okx", value, now=T0)
            self.assertEqual(self.core.capital.snapshot("okx").equity, 5)

    def test_the_decimal_context_of_the_host_does_not_matter(self):
        import decimal

        with decimal.localcontext() as context:
            context.prec = 3
            self.core.capital.update_equity("okx", Decimal("123456.654321"), now=T0)
            equity = self.core.capital.snapshot("okx").equity
        self.assertEqual(equity, Decimal("123456.654321"))


class Times(BookTest):
    def test_an_aware_datetime_is_the_same_as_its_nanoseconds(self):
        when = datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc)
        self.core.capital.update_equity("okx", 1, now=when)
        self.assertEqual(self.core.clock, T0 + 123_456_000)
        zone = timezone(timedelta(hours=-5))
        tomorrow = (when + timedelta(1)).astimezone(zone)
        self.core.advance(now=tomorrow, actor="ann", reason="a day later")
        self.assertEqual(self.core.clock, T0 + 123_456_000 + 86_400 * SECOND)
        self.assertEqual(perpcore.to_datetime(T0 + 123_456_789), when)

    def test_a_datetime_that_has_nanoseconds_keeps_them(self):
        class Timestamp(datetime):  # as that of pandas
            nanosecond = 789

        when = Timestamp(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc)
        with perpcore.Core() as core:
            core.add_exchange("okx")
            core.capital.update_equity("okx", 5, now=when)
            self.assertEqual(core.clock, T0 + 123_456_789)

    def test_a_clock_that_never_moved_is_none(self):
        with perpcore.Core() as core:
            self.assertIsNone(core.clock)

    def test_advance_goes_further_than_a_week(self):
        far = T0 + 30 * 86_400 * SECOND
        with self.assertRaises(perpcore.RangeError):
            self.core.capital.update_equity("okx", 1, now=far)
        with self.assertRaises(perpcore.InvalidError):
            self.core.advance(now=far, actor="", reason="")
        self.core.advance(now=far, actor="ann", reason="restart after a month")
        self.assertEqual(self.core.clock, far)


    def test_an_int_of_another_unit_is_refused_wherever_a_time_is_taken(self):
        core, btc = self.core, self.desk.btc
        key = job_id(5)
        open_job = self.desk.run(1)
        core.scheduler.finish(open_job, JobResult(legs=[LegResult(0.1, 60001.0)] * 2), now=T0)
        before = core.hash
        for unit in (10**9, 10**6, 10**3):
            bad = T0 // unit
            legs = [LegResult(0.1, 60001.0, time=bad)] * 2
            calls = {
                "now": lambda: core.scheduler.tick(now=bad),
                "quote": lambda: core.market.on_quote(btc[0], bad, 1.0, 1.0, 2.0, 1.0),
                "funding": lambda: core.market.on_funding(btc[0], bad, 1e-4, next_time=T0),
                "next_time": lambda: core.market.on_funding(btc[0], T0, 1e-4, next_time=bad),
                "account": lambda: core.positions.account("okx", time=bad, now=T0),
                "report": lambda: core.positions.report(Position(btc[0], 0.0), time=bad, now=T0),
                "fill": lambda: core.positions.record_fill(btc[0], "buy", 0.1, 6e4, key=key,
                                                           time=bad, now=T0),
                "created_at": lambda: core.scheduler.submit(self.desk.job(6, created_at=bad),
                                                            now=T0),
                "finish": lambda: core.scheduler.finish(open_job, JobResult(legs=legs), now=T0),
                "progress": lambda: core.scheduler.progress(open_job, legs, now=T0),
                "amend": lambda: core.scheduler.amend(open_job, legs, now=T0),
                "start": lambda: perpcore.funding_settlements(bad, T0, next_time=T0),
                "end": lambda: perpcore.funding_settlements(T0, bad, next_time=T0),
                "next": lambda: perpcore.funding_settlements(T0, T0, next_time=bad),
            }
            for name, call in calls.items():
                with self.subTest(name=name, unit=unit):
                    with self.assertRaisesRegex(perpcore.InvalidError, "nanoseconds"):
                        call()
        self.assertEqual(core.hash, before)


class Orders(BookTest):
    """Legs as CCXT tells of their orders: all that was filled so far."""

    def order(self, filled, average=60000.0, **more):
        return {"id": "7", "status": "open", "filled": filled, "average": average,
                "remaining": 0.1 - filled, **more}

    def test_progress_and_amend_take_orders(self):
        job = self.desk.run()
        scheduler = self.core.scheduler
        scheduler.progress(job, [self.order(0.04, fee={"cost": 0.9, "currency": "USDT"}),
                                 self.order(0.0, None)], now=T0)
        self.assertEqual(scheduler.job(job).legs[0].filled, 0.04)
        self.assertEqual(scheduler.job(job).fees, Decimal("0.9"))
        # The same again, as a poll of the order brings it, changes nothing.
        before = self.core.positions.lots(self.desk.btc[0])
        scheduler.progress(job, [self.order(0.04, fee={"cost": 0.9, "currency": "USDT"}),
                                 self.order(0.0, None)], now=T0)
        self.assertEqual(self.core.positions.lots(self.desk.btc[0]), before)
        with self.assertRaises(perpcore.StaleError):
            scheduler.progress(job, [self.order(0.03), self.order(0.0, None)], now=T0)
        scheduler.finish(job, JobResult(legs=[self.order(0.08, 60001.0), self.order(0.08, 60020.0)]),
                         now=T0)
        # 0.08 at 60,001 in all: the second half came at 60,002.
        self.assertEqual(self.core.positions.lots(self.desk.btc[0])[0].price, 60001.0)
        scheduler.amend(job, [self.order(0.1, 60001.0), self.order(0.1, 60020.0)], now=T0)
        self.assertEqual([leg.filled for leg in scheduler.job(job).legs], [0.1, 0.1])
        self.assertAlmostEqual(
            self.core.positions.query(self.desk.btc[1], now=T0).quantity, -0.1)

    def test_an_order_is_read_as_ccxt_means_it(self):
        read = LegResult.from_order
        self.assertEqual(read({"filled": 0.0, "average": None, "fee": None}), LegResult())
        self.assertEqual(read({"filled": 2, "cost": 100.0}).price, 50.0)
        self.assertEqual(read({"filled": 1.0, "average": 5.0,
                               "lastTradeTimestamp": T0 // 10**6}).time, T0)
        fees = [{"cost": 0.1, "currency": "USDT"}, {"cost": 0.2, "currency": "USDC"}]
        self.assertEqual(read({"filled": 1.0, "average": 5.0, "fees": fees}).fee, Decimal("0.3"))
        bnb = {"filled": 1.0, "average": 5.0, "fee": {"cost": 0.0000015, "currency": "BNB"}}
        self.assertEqual(read(bnb, {"BNB": 1}).fee, Decimal("0.000002"))
        for wrong, said in ((bnb, "BNB"), ({"filled": 1.0}, "average"),
                            ({"filled": 1.0, "average": 5.0,
                              "lastTradeTimestamp": 1.5}, "lastTradeTimestamp")):
            with self.assertRaisesRegex(perpcore.PerpError, said):
                read(wrong)
        with self.assertRaisesRegex(perpcore.PerpError, r"legs\[0\]"):
            self.core.scheduler.progress(self.desk.run(), [bnb, bnb], now=T0)


class Told(BookTest):
    """What the host tells beside jobs: cash, fills of others, and that all is to be left."""

    def test_cash_is_booked_once(self):
        record = self.core.positions.record_cash
        record("okx", "funding", Decimal("-1.5"), key=job_id(1), now=T0,
               instrument=self.desk.btc[1])
        today = self.core.capital.snapshot("okx").today
        self.assertEqual((today.pnl, today.funding), (Decimal("-1.5"), Decimal("-1.5")))
        with self.assertRaises(perpcore.ExistsError):
            record("okx", perpcore.Cash.FUNDING, Decimal("-1.5"), key=job_id(1), now=T0,
                   instrument=self.desk.btc[1])
        with self.assertRaises(perpcore.ConflictError):
            record("okx", "interest", Decimal("-1.5"), key=job_id(1), now=T0)
        self.assertEqual(self.core.capital.snapshot("okx").today.pnl, Decimal("-1.5"))

    def test_a_fill_by_hand_moves_the_position(self):
        btc = self.desk.btc[0]
        fill = dict(key=job_id(1), now=T0, fee=Decimal("0.5"))
        self.core.positions.record_fill(btc, "buy", 0.2, 60000.0, **fill)
        state = self.core.positions.query(btc, now=T0)
        self.assertEqual((state.quantity, state.foreign), (0.2, 0.2))
        with self.assertRaises(perpcore.ExistsError):
            self.core.positions.record_fill(btc, "buy", 0.2, 60000.0, **fill)
        self.core.positions.record_fill(btc, "sell", 0.2, 60010.0, key=job_id(2), now=T0)
        self.assertEqual(self.core.capital.snapshot("binance").today.pnl, 2)
        self.core.positions.record_fill(btc, "sell", 0.1, 60010.0, key=job_id(3), now=T0, pnl=7)
        self.assertEqual(self.core.capital.snapshot("binance").today.pnl, 9)

    def test_the_monitor_shows_positions_bases_and_what_is_left_of_the_day(self):
        btc = self.desk.btc[0]
        state = self.core.monitor.snapshot(now=T0)
        self.assertEqual((state.positions, state.bases, state.n_positions), ((), (), 0))
        self.core.positions.record_fill(btc, "buy", 0.2, 60000.0, key=job_id(1), now=T0,
                                        fee=Decimal("0.5"))
        state = self.core.monitor.snapshot(now=T0)
        (position,) = state.positions
        self.assertEqual((position.instrument, position.base, position.n_lots), (btc, "BTC", 0))
        self.assertEqual((position.quantity, position.entry, position.foreign),
                         (0.2, 60000.0, 0.2))
        self.assertEqual((position.reported, position.known), (T0, True))
        (base,) = state.bases
        self.assertEqual((base.base, base.net, base.gross, base.repair), ("BTC", 0.2, 0.2, None))
        self.assertEqual(base.naked.quantity, self.core.positions.bases(now=T0)[0].naked)
        self.assertEqual(state.global_stats.today_net_usd, Decimal("-0.5"))
        self.assertEqual(state.global_stats.today_funding_usd, 0)

    def test_the_monitor_shows_what_is_unhedged(self):
        state = self.core.monitor.snapshot(now=T0)
        self.assertEqual((state.orders.open, state.orders.unhedged_usd, state.unhedged),
                         (0, 0, ()))
        self.assertIsNone(state.orders.unhedged_since)
        self.assertEqual(state.order_refusals, {})
        self.assertEqual(state.foreign_orders, ())
        self.assertTrue(all(one.order_rate_left is None for one in state.exchanges.values()))

    def test_flatten_leaves_everything(self):
        btc = self.desk.btc[0]
        self.core.positions.record_fill(btc, "buy", 0.2, 60000.0, key=job_id(1), now=T0)
        with self.assertRaises(perpcore.InvalidError):
            self.core.scheduler.flatten(key=job_id(40), now=T0, actor="", reason="")
        got = self.core.scheduler.flatten(key=job_id(40), now=T0, actor="ann", reason="leave")
        self.assertEqual(got, (perpcore.Flattened(perpcore.FlattenKind.JOB, btc, job_id(40), 0.2),))
        self.assertEqual(self.core.scheduler.list("pending"), (job_id(40),))
        with self.assertRaises(perpcore.ExistsError):
            self.core.scheduler.flatten(key=job_id(40), now=T0, actor="ann", reason="leave",
                                        base="BTC")
        self.assertEqual(self.core.scheduler.flatten(key=job_id(50), now=T0, exchange="okx",
                                                     actor="ann", reason="leave"), ())

    def test_days_may_begin_at_another_time(self):
        self.core.capital.set_day_offset(60, now=T0, actor="ann", reason="our day")
        self.assertEqual(self.core.config.capital.day_offset_minutes, 60)
        with self.assertRaises(perpcore.RangeError):
            self.core.capital.set_day_offset(1440, now=T0, actor="ann", reason="our day")


class Capital(BookTest):
    def test_reserve_confirm_release(self):
        capital = self.core.capital
        got = capital.reserve("okx", Pool.WASH, Decimal("100.5"), now=T0, key=job_id(9))
        self.assertTrue(got)
        with self.assertRaises(perpcore.ExistsError) as caught:
            capital.reserve("okx", "wash", Decimal("100.5"), now=T0, key=str(job_id(9)))
        self.assertEqual(caught.exception.reservation, got.id)
        with self.assertRaises(perpcore.ConflictError):
            capital.reserve("okx", "wash", 7, now=T0, key=job_id(9))
        capital.confirm(got.id, Decimal("40.25"), now=T0)
        row, = capital.reservations()
        self.assertEqual((row.in_flight, row.used, row.exchange.name, row.job_id),
                         (Decimal("60.25"), Decimal("40.25"), "okx", None))
        capital.release(got.id, now=T0)
        self.assertEqual(capital.reservations("okx"), ())
        self.assertTrue(capital.reserve_for_arb("okx", 5, now=T0))
        self.assertTrue(capital.reserve_for_wash("okx", 5, now=T0))

    def test_a_refusal_is_a_result_with_its_numbers(self):
        got = self.core.capital.reserve("okx", "wash", 50_000, now=T0)
        self.assertFalse(got)
        self.assertEqual((got.refusal.reason, got.refusal.asked, got.refusal.limit,
                          got.refusal.exchange, got.refusal.pool),
                         (Reason.SINGLE_LIMIT, 50_000, 7_000, self.desk.okx, Pool.WASH))
        self.assertEqual(self.core.capital.headroom("okx", "wash").amount, 7_000)
        self.assertEqual(self.core.capital.headroom("okx", "wash").bound_by, Reason.SINGLE_LIMIT)

    def test_for_a_job_by_hand(self):
        job = self.desk.job()
        self.assertTrue(self.core.capital.can_reserve_for_job(job))
        got = self.core.capital.reserve_for_job(job, now=T0)
        self.assertEqual(len(got.ids), 2)
        large = replace(job, notional=90_000, legs=tuple(
            replace(leg, quantity=1.5) for leg in job.legs))
        self.assertFalse(self.core.capital.can_reserve_for_job(large))
        refusal = self.core.capital.can_reserve_for_job(large).refusal
        self.assertEqual(refusal.reason, Reason.SINGLE_LIMIT)
        self.assertFalse(self.core.capital.reserve_for_job(large, now=T0))

    def test_figures_and_safe_mode(self):
        capital = self.core.capital
        capital.record_pnl("okx", pnl=Decimal("-3.5"), volume=100, fees=Decimal("-0.25"), now=T0)
        capital.transfer("okx", -1000, now=T0)
        capital.set_safe_mode("okx", True, now=T0)
        state = capital.snapshot("okx")
        self.assertEqual((state.today.pnl, state.today.volume, state.today.fees),
                         (Decimal("-3.5"), 100, Decimal("-0.25")))
        self.assertTrue(state.safe_mode)
        self.assertEqual(state.equity, 99_000)
        self.assertEqual(set(state.pools), set(Pool))
        with self.assertRaisesRegex(perpcore.InvalidError, "actor"):
            capital.set_safe_mode("okx", False, now=T0)
        capital.set_safe_mode("okx", False, now=T0, actor="ann", reason="looked at it")
        capital.correct("okx", 99_000, now=T0, actor="ann", reason="crossed")
        with self.assertRaises(FrozenInstanceError):
            state.equity = 5


class Market(BookTest):
    def test_what_is_fed_is_what_is_known(self):
        market, btc = self.core.market, self.desk.btc[0]
        market.on_book(btc, T0, [(59990.0, 1.0), (59980, 2)], [(60010.0, 1.5)])
        market.on_trade(btc, T0, 60005.0, 0.3)
        market.on_mark(btc, T0, 60004.0)
        market.on_funding(btc, T0, 0.0001, next_time=T0 + 3600 * SECOND)
        market.on_rate("USDT", T0, 0.9995)
        market.on_latency("binance", T0, 35.0)
        market.on_status("binance", T0, "degraded")
        state = market.query(btc, now=T0)
        self.assertEqual(
            (state.bid, state.ask, state.ask_size, state.last, state.mark, state.funding_rate,
             state.next_funding_ns),
            (59990.0, 60010.0, 1.5, 60005.0, 60004.0, 0.0001, T0 + 3600 * SECOND))
        exchange = market.query_exchange("binance", now=T0)
        self.assertEqual((exchange.api, exchange.latency_mean_ms, exchange.open_positions),
                         (perpcore.Api.DEGRADED, 35.0, 0))
        market.on_withdraw(btc, T0)
        self.assertFalse(market.query(btc, now=T0).has_quote)

    def test_what_is_not_known_is_none(self):
        state = self.core.market.query(self.desk.btc[0], now=T0)
        self.assertEqual((state.volatility, state.funding_rate, state.next_funding_ns, state.last),
                         (None, None, None, None))
        self.assertIsNone(self.core.market.query_exchange("okx", now=T0).latency_mean_ms)

    def test_an_older_event_is_stale_and_a_crossed_book_invalid(self):
        with self.assertRaises(perpcore.StaleError):
            self.core.market.on_quote(self.desk.btc[0], T0 - 1, 1.0, 1.0, 2.0, 1.0)
        with self.assertRaisesRegex(perpcore.InvalidError, "crossed|bid"):
            self.core.market.on_quote(self.desk.btc[0], T0, 3.0, 1.0, 2.0, 1.0)
        stats = self.core.statistics
        self.assertEqual((stats.stale_events, stats.rejected_events), (1, 1))


class Jobs(BookTest):
    def test_from_submit_to_finish(self):
        scheduler = self.core.scheduler
        job = self.core.fill_hedge(self.desk.job(legs=()), *self.desk.btc, now=T0)
        self.assertEqual([(leg.side, leg.quantity) for leg in job.legs],
                         [(Side.BUY, 0.1), (Side.SELL, 0.1)])
        self.assertEqual(job.notional, Decimal("6000.05"))
        why = self.core.risk.evaluate(job, now=T0)
        self.assertTrue(why.accepted)
        self.assertEqual((why.reason, why.mode, why.capital, len(why.legs)),
                         (Reason.NONE, Mode.BALANCED, None, 2))
        self.assertEqual(why.legs[1].instrument, self.desk.btc[1])
        age = why.rules[Reason.STALE_QUOTE]
        self.assertEqual((age.result, age.limit, age.leg in (0, 1)), (RuleResult.PASSES, 5000, True))
        self.assertIsNone(why.rules[Reason.AUTO_HALT].leg)
        self.assertNotIn(Reason.NOT_REBALANCING, why.rules)
        self.assertEqual(scheduler.submit(job, now=T0), job_id(1))
        with self.assertRaises(perpcore.ExistsError):
            scheduler.submit(job, now=T0)
        with self.assertRaises(perpcore.ConflictError):
            scheduler.submit(replace(job, priority=3), now=T0)
        self.assertEqual(scheduler.list("pending"), (job_id(1),))
        done = scheduler.tick(now=T0)
        self.assertEqual((done.status, done.dispatched, done.running),
                         (TickStatus.OK, 1, 1))
        self.assertEqual([(i.kind, i.job_id, i.dispatch) for i in done.items],
                         [(TickItemKind.DISPATCHED, job_id(1), 1)])
        info = scheduler.job(job_id(1))
        self.assertEqual((info.state, info.held, info.started_ns, info.ended_ns),
                         (JobState.RUNNING, Decimal("12000.1"), T0, None))
        self.assertEqual(info.job.legs[0].instrument, self.desk.btc[0])
        out = scheduler.finish(job_id(1), JobResult(legs=[
            LegResult(0.1, 60001.0, fee=Decimal("3.0001"), pnl=1),
            LegResult(0.1, 60020.0, fee=3)]), now=T0)
        self.assertEqual((out.state, out.naked), (JobState.OPEN, ()))
        info = scheduler.job(job_id(1))
        self.assertEqual((info.pnl, info.volume, info.fees, info.n_lots, info.balanced),
                         (1, Decimal("12002.1"), Decimal("6.0001"), 2, True))
        self.assertEqual([(leg.filled, leg.price, leg.fee, leg.pnl) for leg in info.legs],
                         [(0.1, 60001.0, Decimal("3.0001"), 1), (0.1, 60020.0, 3, 0)])
        with self.assertRaisesRegex(perpcore.ExistsError, "open"):
            scheduler.finish(job_id(1), JobResult(), now=T0)
        self.assertEqual(scheduler.query().open, 1)

    def test_a_refused_job_says_why(self):
        self.core.risk.blacklist("BTC/USDT:USDT", now=T0)
        job = self.desk.job()
        why = self.core.risk.evaluate(job, now=T0)
        self.assertFalse(why)
        self.assertEqual(why.reason, Reason.BLACKLISTED)
        self.assertIn(Reason.BLACKLISTED, why.reasons)
        self.assertIn("blacklisted", json.loads(self.core.risk.evaluate_json(job, now=T0))
                      ["reasons"])
        self.core.scheduler.submit(job, now=T0)
        done = self.core.scheduler.tick(now=T0)
        self.assertEqual(done.refused_by, {Reason.BLACKLISTED: 1})
        self.assertEqual(done.items[0].reason, Reason.BLACKLISTED)
        self.assertEqual(done.looked_at, 1)
        # It stands: listed with all, and not with what changed.
        done = self.core.scheduler.tick(now=self.desk.now)
        self.assertEqual((done.looked_at, len(done.items)), (0, 1))
        self.assertEqual(self.core.scheduler.tick(now=self.desk.now, items=False).items, ())
        other = self.desk.job(2)
        self.core.scheduler.submit(other, now=self.desk.now)
        done = self.core.scheduler.tick(now=self.desk.now, items=False)
        self.assertEqual((done.refused, len(done.items)), (2, 1))
        self.core.scheduler.cancel(other.job_id, now=self.desk.now)
        self.assertEqual(self.core.risk.query().rejected_today[Reason.BLACKLISTED], 2)
        self.core.scheduler.cancel(job.job_id, now=self.desk.now)
        self.assertEqual(self.core.scheduler.job(job.job_id).state, JobState.CANCELLED)

    def test_a_job_that_could_trade_with_itself_is_refused(self):
        self.core.add_exchange("okx-2", venue="okx")
        other = self.core.add_instrument("okx-2", "BTC/USDT:USDT", qty_step=0.01)
        legs = (Leg(self.desk.btc[1], "buy", 0.1), Leg(other, "sell", 0.1))
        with self.assertRaisesRegex(perpcore.InvalidError, "self|same book"):
            self.core.scheduler.submit(self.desk.job(legs=legs), now=T0)

    def test_partial_is_repaired(self):
        scheduler, positions = self.core.scheduler, self.core.positions
        self.desk.run()
        out = scheduler.finish(job_id(1), JobResult(legs=[
            LegResult(0.1, 60001.0), LegResult(0.0)]), now=T0)
        self.assertEqual(out.state, JobState.PARTIAL)
        self.assertEqual([(n.base, n.quantity) for n in out.naked], [("BTC", 0.1)])
        base, = positions.bases(now=T0)
        self.assertEqual((base.base, base.is_naked, base.naked, base.to_square, base.since_ns),
                         ("BTC", True, 0.1, 0.1, T0))
        items = scheduler.tick(now=T0).items
        repair, = (i.job_id for i in items if i.kind is TickItemKind.REPAIR)
        self.assertEqual(positions.bases(now=T0)[0].repair, repair)
        self.assertTrue(scheduler.job(repair).is_repair)
        scheduler.finish(repair, JobResult(), now=T0)
        base, = positions.bases(now=T0)
        self.assertEqual((base.is_naked, base.naked, base.net, base.repair, base.since_ns),
                         (False, 0, 0, None, None))

    def test_a_repair_that_is_cancelled_waits_for_the_host(self):
        scheduler, positions = self.core.scheduler, self.core.positions
        scheduler.pause(now=T0)  # repairs go on
        scheduler.resume(now=T0, actor="ann", reason="over")
        self.desk.run()
        scheduler.finish(job_id(1), JobResult(legs=[
            LegResult(0.1, 60001.0), LegResult(0.0)]), now=T0)
        scheduler.kill("okx", now=T0)
        scheduler.kill("binance", now=T0)
        self.assertEqual(positions.bases(now=T0)[0].repair, None)
        positions.resume_repair("BTC", now=T0)
        positions.resolve("BTC", now=T0, actor="ann", reason="squared by hand")
        base, = positions.bases(now=T0)
        self.assertEqual((base.is_naked, base.naked), (False, 0))
        with self.assertRaises(perpcore.NotFoundError):
            positions.resolve("DOGE", now=T0, actor="ann", reason="squared by hand")

    def test_an_exit_closes_what_is_open(self):
        core, scheduler = self.core, self.core.scheduler
        self.desk.run(1)
        scheduler.finish(job_id(1), JobResult(volume=12_000), now=T0)
        self.assertEqual(scheduler.list(JobState.OPEN), (job_id(1),))
        self.assertEqual([(lot.job_id, lot.leg, lot.quantity, lot.price)
                          for btc in self.desk.btc for lot in core.positions.lots(btc)],
                         [(job_id(1), 0, 0.1, 60001.0), (job_id(1), 1, -0.1, 60020.0)])
        half = core.fill_exit(job_id(1), job_id(2), fraction=0.5, now=T0, metadata=b"half")
        self.assertEqual([(leg.side, leg.quantity) for leg in half.legs],
                         [(Side.SELL, 0.05), (Side.BUY, 0.05)])
        self.assertEqual((half.closes, half.metadata, half.ttl_ms), (job_id(1), b"half", 0))
        for number, fraction, state, lots in ((2, 0.5, JobState.OPEN, 2),
                                              (3, 1.0, JobState.CLOSED, 0)):
            close = core.fill_exit(job_id(1), job_id(number), fraction=fraction, now=T0)
            scheduler.submit(close, now=T0)
            scheduler.tick(now=T0)
            scheduler.finish(close.job_id, JobResult(legs=[
                LegResult(0.05, 60000.0), LegResult(0.05, 60021.0)]), now=T0)
            info = scheduler.job(job_id(1))
            self.assertEqual((info.state, info.n_lots), (state, lots))
            # 0.05 bought at 60001 and sold at 60000; sold at 60020 and bought at 60021
            self.assertEqual(scheduler.job(close.job_id).pnl, Decimal("-0.1"))
        self.assertEqual(scheduler.job(job_id(1)).held, 0)
        with self.assertRaises(perpcore.NotFoundError):
            core.fill_exit(job_id(1), job_id(4), now=T0)

    def test_close_flat_doubt_requeue(self):
        scheduler = self.core.scheduler
        self.desk.run(1)
        scheduler.finish(job_id(1), JobResult(volume=12_000), now=T0)
        scheduler.close(job_id(1), pnl=5, volume=12_000, fees=1, now=T0)
        self.assertEqual(scheduler.job(job_id(1)).state, JobState.CLOSED)
        self.desk.run(2)
        self.assertEqual(scheduler.finish(job_id(2), JobResult("unknown"), now=T0).state,
                         JobState.IN_DOUBT)
        scheduler.requeue(job_id(2), now=T0)
        self.assertEqual(scheduler.list("pending"), (job_id(2),))
        scheduler.tick(now=T0)
        with self.assertRaisesRegex(perpcore.ConflictError, "dispatch"):
            scheduler.finish(job_id(2), JobResult(dispatch=2), now=T0)
        out = scheduler.finish(job_id(2), JobResult(volume=12_000, flat=True, dispatch=3), now=T0)
        self.assertEqual(out.state, JobState.COMPLETED)

    def test_progress_doubt_and_amend_tell_what_was_filled_in_all(self):
        scheduler = self.core.scheduler
        self.desk.run(1)
        scheduler.progress(job_id(1), [LegResult(0.04, 60001.0), LegResult(0.02, 60020.0)], now=T0)
        self.assertEqual([leg.filled for leg in scheduler.job(job_id(1)).legs], [0.04, 0.02])
        with self.assertRaises(perpcore.StaleError):
            scheduler.progress(job_id(1), [LegResult(0.03, 60001.0), LegResult(0.02, 60020.0)],
                               now=T0)
        out = scheduler.finish(job_id(1), JobResult("unknown", [
            LegResult(0.1, 60001.0), LegResult(known=False)]), now=T0)
        self.assertEqual(out.state, JobState.IN_DOUBT)
        self.assertEqual([leg.filled for leg in scheduler.job(job_id(1)).legs], [0.1, 0.02])
        out = scheduler.finish(job_id(1), JobResult("failed", [
            LegResult(0.1, 60001.0), LegResult(0.09, 60020.0)]), now=T0)
        self.assertEqual(out.state, JobState.PARTIAL)
        scheduler.amend(job_id(1), [LegResult(0.1, 60001.0), LegResult(0.1, 60020.0)], now=T0)
        self.assertEqual(scheduler.job(job_id(1)).state, JobState.OPEN)
        self.assertEqual(self.core.positions.bases(now=T0)[0].net, 0)

    def test_control(self):
        scheduler, risk = self.core.scheduler, self.core.risk
        self.desk.run(1)
        self.assertEqual(scheduler.kill("okx", now=T0), (job_id(1),))
        self.assertTrue(self.core.market.query_exchange("okx", now=T0).killed)
        scheduler.release_kill("okx", now=T0, actor="ann", reason="over")
        self.assertEqual(scheduler.kill(now=T0), (job_id(1),))
        self.assertEqual(scheduler.tick(now=T0).status, TickStatus.KILLED)
        scheduler.release_kill(now=T0, actor="ann", reason="over")
        scheduler.pause(now=T0)
        self.assertTrue(scheduler.query().paused)
        scheduler.resume(now=T0, actor="ann", reason="mended")
        scheduler.set_limits(now=T0, max_global_concurrent_jobs=3, exchange="okx",
                             max_concurrent=1, max_notional=Decimal("100.5"))
        self.assertEqual(self.core.config.scheduler.max_global_concurrent_jobs, 3)
        limits = self.core.monitor.snapshot(now=T0).exchanges
        self.assertEqual([(e.max_concurrent_jobs, e.max_notional) for e in limits.values()],
                         [(10, 50_000), (1, Decimal("100.5"))])
        risk.set_mode("conservative", now=T0)
        with self.assertRaises(perpcore.InvalidError):
            risk.set_mode("aggressive", now=T0)
        risk.set_mode(Mode.AGGRESSIVE, now=T0, actor="ann", reason="calm market")
        risk.override_on(now=T0, actor="ann", reason="once", ttl_ms=1000, for_job=job_id(4))
        state = risk.query()
        self.assertEqual((state.mode, state.override_on, state.override_job,
                          state.override_until_ns),
                         (Mode.AGGRESSIVE, True, job_id(4), T0 + SECOND))
        risk.override_off(now=T0)
        for _ in range(5):
            risk.record_failure("okx", now=T0)
        self.assertTrue(risk.query().auto_halt)
        risk.reset_halt(now=T0, actor="ann", reason="fixed")
        risk.record_success(now=T0)
        self.assertEqual(risk.query().consecutive_failures, 0)
        self.assertEqual({r["name"] for r in json.loads(risk.describe_json())["rules"]}
                         - set(r.text for r in Reason), set())

    def test_a_strategy_that_failed_is_halted_until_it_is_reset(self):
        core = self.core
        core.reconfigure('{"risk": {"strategy_failures": 2}}', now=T0, actor="ann", reason="once")
        for number in (1, 2):
            self.desk.run(number)
            core.scheduler.finish(job_id(number), JobResult("failed"), now=T0)
        why = core.risk.evaluate(self.desk.job(3), now=T0)
        self.assertEqual(why.reason, Reason.STRATEGY_HALT)
        self.assertIn("strategy_halt", [a.code.text for a in core.monitor.alerts(now=T0)])
        core.scheduler.submit(self.desk.job(4), now=T0)
        self.assertEqual(core.scheduler.evaluate(job_id(4), now=T0).reason, Reason.STRATEGY_HALT)
        with self.assertRaises(perpcore.NotFoundError):
            core.scheduler.evaluate(job_id(1), now=T0)
        core.risk.reset_strategy("arb", now=T0, actor="ann", reason="another one")
        self.assertFalse(core.risk.evaluate(self.desk.job(3), now=T0).accepted)
        core.risk.reset_strategy(perpcore.Strategy.WASH, now=T0, actor="ann", reason="fixed")
        self.assertTrue(core.risk.evaluate(self.desk.job(3), now=T0).accepted)

    def test_a_job_as_json(self):
        job = self.core.job_from_json(json.dumps({
            "job_id": str(job_id(7)), "strategy_type": "wash", "notional": 6050.5,
            "expected_edge_bps": 12, "metadata": "träger", "legs": [
                {"exchange": "binance", "side": "buy", "quantity": 0.1,
                 "symbol": "BTC/USDT:USDT"},
                {"exchange": "okx", "side": "sell", "quantity": 0.1,
                 "symbol": "BTC/USDT:USDT"}]}))
        self.assertEqual((job.notional, job.metadata.decode(), job.legs[1].instrument),
                         (Decimal("6050.5"), "träger", self.desk.btc[1]))
        with self.assertRaisesRegex(perpcore.InvalidError, "nonsense"):
            self.core.job_from_json('{"nonsense": 1}')


class Positions(BookTest):
    def test_accounts_and_positions_are_what_is_known(self):
        positions, btc = self.core.positions, self.desk.btc[0]
        positions.account("binance", [Position(btc, -0.5, 61000.0, leverage=3.0,
                                               margin_mode="cross")], equity=50_000, now=T0)
        state = positions.query(btc, now=T0)
        self.assertEqual(
            (state.known, state.quantity, state.foreign, state.entry_price, state.leverage,
             state.margin_mode, state.n_lots, state.report_time_ns),
            (True, -0.5, -0.5, 61000.0, 3.0, perpcore.Margin.CROSS, 0, T0))
        self.assertEqual(self.core.capital.snapshot("binance").equity, 50_000)
        positions.report(Position(btc, -0.25), now=T0 + SECOND, time=T0 + 5)
        state = positions.query(btc, now=T0 + SECOND)
        self.assertEqual((state.quantity, state.report_time_ns), (-0.25, T0 + 5))
        with self.assertRaises(perpcore.StaleError):
            positions.report(Position(btc, 1.0), now=T0 + SECOND, time=T0)
        with self.assertRaisesRegex(perpcore.InvalidError, "leverage"):
            positions.report(Position(btc, 1.0, leverage=0.5), now=T0 + SECOND)
        base, = positions.bases(now=T0 + SECOND)
        self.assertEqual((base.net, base.gross, base.is_naked), (-0.25, 0.25, False))

    def test_what_was_not_reported_does_not_trade(self):
        third = self.core.add_exchange("third")
        btc = self.core.add_instrument(third, "BTC/USDT:USDT", qty_step=0.01)
        self.core.capital.update_equity(third, 100_000, now=T0)
        self.core.market.on_quote(btc, T0, 60020.0, 8.0, 60021.0, 8.0)
        job = self.desk.job(legs=(Leg(self.desk.btc[0], "buy", 0.1), Leg(btc, "sell", 0.1)))
        self.assertEqual(self.core.risk.evaluate(job, now=T0).reason, Reason.NO_ACCOUNT_DATA)
        self.core.positions.report(Position(btc, 0.0), now=T0)
        self.assertTrue(self.core.risk.evaluate(job, now=T0))

    def test_drift_stops_its_base_until_it_is_accepted(self):
        positions, btc = self.core.positions, self.desk.btc[0]
        self.desk.run(1)
        self.core.scheduler.finish(job_id(1), JobResult(), now=T0)
        # 0.1 by the job, and 0.05 that somebody else bought
        positions.report(Position(btc, 0.15, 60001.0), now=self.desk.later(10))
        state = positions.query(btc, now=self.desk.now)
        self.assertTrue(state.latched)
        self.assertAlmostEqual(state.unexplained, 0.05)
        self.assertEqual(self.core.risk.evaluate(self.desk.job(2), now=self.desk.now).reason,
                         Reason.POSITION_DRIFT)
        positions.accept(btc, now=self.desk.now, actor="ann", reason="bought by hand")
        self.assertFalse(positions.query(btc, now=self.desk.now).latched)
        self.assertTrue(self.core.risk.evaluate(self.desk.job(2), now=self.desk.now))

    def test_a_report_that_would_end_a_hedge_waits_for_a_second_one(self):
        positions, btc = self.core.positions, self.desk.btc[0]
        self.desk.run(1)
        self.core.scheduler.finish(job_id(1), JobResult(), now=T0)
        positions.report(Position(btc, 0.0), now=self.desk.later(10))
        state = positions.query(btc, now=self.desk.now)
        self.assertEqual((state.in_doubt, state.quantity, state.known), (True, 0.1, False))
        positions.report(Position(btc, 0.0), now=self.desk.later(10))
        state = positions.query(btc, now=self.desk.now)
        self.assertEqual((state.in_doubt, state.quantity, state.n_lots), (False, 0.0, 0))
        self.assertEqual(positions.bases(now=self.desk.now)[0].naked, -0.1)


class Registry(BookTest):
    def test_adding_again_is_the_same_and_other_content_a_conflict(self):
        self.assertEqual(self.core.add_exchange("okx"), self.desk.okx)
        with self.assertRaises(perpcore.ConflictError):
            self.core.add_exchange("okx", taker_fee_bps=9.0)
        self.assertEqual(self.core.exchanges, (self.desk.binance, self.desk.okx))
        self.assertEqual(self.core.instruments, tuple(self.desk.btc))
        self.assertEqual(self.core.instrument("okx", "BTC/USDT:USDT"), self.desk.btc[1])

    def test_specs_come_back(self):
        tiers = (perpcore.Tier(0, 50_000, 0.004), perpcore.Tier(50_000, 0.0, 0.005, 50.0, 20.0))
        eth = self.core.add_instrument("okx", "ETH/USDT", kind="spot", tiers=tiers,
                                       min_notional=Decimal("5.5"), min_qty=0.1)
        spec = self.core.instrument_spec(eth)
        self.assertEqual((spec.kind, spec.tiers, spec.min_notional, spec.exchange, spec.base),
                         (perpcore.Kind.SPOT, tiers, Decimal("5.5"), self.desk.okx, "ETH"))

        spec = self.core.exchange_spec("okx")
        self.assertEqual((spec.name, spec.max_concurrent, spec.max_notional), ("okx", None, None))
        self.core.add_exchange("kraken", max_concurrent=2, max_notional=Decimal("7.5"))
        spec = self.core.exchange_spec("kraken")
        self.assertEqual((spec.max_concurrent, spec.max_notional), (2, Decimal("7.5")))

    def test_feasibility(self):
        rows = self.core.feasibility()
        self.assertEqual({(r.first.name, r.second.name) for r in rows}, {("binance", "okx")})
        self.assertEqual(rows[0].largest, 7_000)
        self.assertEqual([r.never_for for r in rows], [Reason.NONE] * 3)
        self.assertEqual([r.min_safety_score for r in rows], [70.0] * 3)
        self.assertEqual([r.cost_bps for r in rows], [4.0] * 3)  # both rest
        self.assertEqual([r.least_edge_bps for r in rows], [2.0, 3.0, None])
        self.assertTrue(99 < rows[0].safety_score < 100)


class Configuration(unittest.TestCase):
    def test_json_and_back(self):
        config = Config.from_json('{"risk": {"mode": "conservative", "daily_loss_limit_usd": 1.5}}')
        self.assertEqual((config.risk.mode, config.risk.daily_loss_limit_usd),
                         (Mode.CONSERVATIVE, Decimal("1.5")))
        self.assertEqual(Config.from_json(config.to_json()), config)
        self.assertNotEqual(config, Config())
        more = config.with_json('{"scheduler": {"auto_repair": false}}')
        self.assertEqual((more.risk.mode, more.scheduler.auto_repair), (Mode.CONSERVATIVE, False))
        self.assertTrue(config.scheduler.auto_repair)
        more = more.with_json('{"orders": {"max_unhedged_ms": 0, "auto_finish": true}}')
        self.assertEqual((more.orders.max_unhedged_ms, more.orders.auto_finish), (0, True))
        self.assertEqual((config.orders.max_unhedged_ms, config.orders.auto_finish), (5000, False))
        self.assertIn("OrdersConfig(max_unhedged_ms=0", repr(more))

    def test_a_copy_has_parts_of_its_own(self):
        config = Config()
        for way in (copy.copy, copy.deepcopy):
            other = way(config)
            self.assertEqual(other, config)
            other.risk.max_quote_age_ms += 1
            other.risk.modes.clear()
            self.assertEqual(config, Config())

    def test_a_misspelt_name_says_what_there_is(self):
        with self.assertRaisesRegex(AttributeError, "wash_ppm"):
            Config().capital.wash_pct = 20

    def test_what_is_set_is_in_force(self):
        config = Config()
        config.capital.wash_ppm, config.capital.arb_ppm = 600_000, 300_000
        config.capital.safe_mode_pools = frozenset({Pool.RESERVE})
        config.risk.modes[Mode.BALANCED] = replace(config.risk.modes[Mode.BALANCED],
                                                   min_edge_bps=4.5)
        config.scheduler.max_notional_per_exchange = Decimal("20000.25")
        config.risk.max_unhedged_usd, config.risk.strategy_failures = Decimal("500.5"), 3
        config.orders = replace(config.orders, max_unhedged_ms=250, price_collar_bps=40.0,
                                max_order_usd=Decimal("9000"), repeat_limit=5, auto_finish=True,
                                repeat_window_ms=2000)
        config.check()
        self.assertEqual(Config.from_json(config.to_json()), config)
        with perpcore.Core(config) as core:
            self.assertEqual(core.config, config)

    def test_a_misspelt_name_is_an_error(self):
        config = Config()
        for part, name in ((config, "rsik"), (config.risk, "mdoe"), (config.capital, "wash")):
            with self.assertRaises(AttributeError):
                setattr(part, name, 1)

    def test_a_bad_value_names_its_field(self):
        config = Config()
        config.risk.default_leverage = 0.5
        with self.assertRaisesRegex(perpcore.ConfigError, "risk.default_leverage"):
            config.check()
        with self.assertRaisesRegex(perpcore.ConfigError, "risk.default_leverage"):
            perpcore.Core(config)
        for name, value in (("mode", 7), ("max_quote_age_ms", 1.5), ("weights", {}),
                            ("daily_loss_limit_usd", 1.5), ("circuit_failures", 2**40)):
            config = Config()
            setattr(config.risk, name, value)
            with self.assertRaisesRegex(perpcore.PerpError, f"risk.{name}"):
                config.check()
        with self.assertRaisesRegex(perpcore.ConfigError, "risk.nonsense"):
            Config.from_json('{"risk": {"nonsense": 1}}')
        with self.assertRaises(perpcore.InvalidError):
            Config.from_json("{")


class Monitoring(BookTest):
    def test_the_state_and_its_json_agree(self):
        self.desk.run()
        state = self.core.monitor.snapshot(now=T0)
        said = json.loads(self.core.monitor.json(now=T0))
        self.assertEqual(state.global_stats.equity_usd, 200_000)
        self.assertEqual(said["global_stats"]["equity_usd"], 200_000)
        self.assertEqual(set(state.exchanges), {"binance", "okx"})
        self.assertEqual(state.capital["okx"].wash_used, 6_050)
        self.assertEqual([j.job_id for j in state.running_jobs], [job_id(1)])
        self.assertEqual(state.running_jobs[0].instruments, tuple(self.desk.btc))
        self.assertEqual(state.jobs.running_jobs_count, 1)

    def test_alerts_and_changes(self):
        self.core.market.on_status("okx", T0, "down")
        alert = self.core.monitor.alerts(now=T0)[0]
        self.assertEqual((alert.code, alert.level, alert.subject),
                         (perpcore.AlertCode.EXCHANGE_DOWN, perpcore.AlertLevel.CRITICAL, "okx"))
        before = self.core.monitor.snapshot(now=T0).seq
        for _ in range(40):
            self.core.capital.update_equity("okx", 5, now=T0)
        rows = self.core.monitor.changes(before)
        self.assertEqual([r.seq for r in rows], list(range(before + 1, before + 41)))
        self.assertEqual((rows[0].kind, rows[0].exchange.name, rows[0].job_id),
                         ("equity", "okx", None))
        with self.assertRaises(perpcore.RangeError):
            self.core.monitor.changes(10_000)


class Formulas(unittest.TestCase):
    def test_liquidation_price(self):
        # Isolated long: E × (1 − 1/L) / (1 − m) with E = 100, L = 10, m = 0.005.
        price = perpcore.liquidation_price("buy", 1, 100.0, 10.0, 0.005)
        self.assertAlmostEqual(price, 90 / 0.995)

    def test_walk_book(self):
        walk = perpcore.walk_book(Side.BUY, [(100.0, 1.0), (101.0, 1.0)], 3.0)
        self.assertEqual((walk.price, walk.worst, walk.filled), (100.5, 101.0, 2.0))
        self.assertIsNone(perpcore.walk_book("sell", [], 1.0).price)

    def test_funding(self):
        self.assertAlmostEqual(perpcore.funding_payment("buy", 2, 100.0, 0.0001), -0.02)
        self.assertAlmostEqual(perpcore.funding_rate(0.0001, 0.0003), 0.0003)
        self.assertEqual(perpcore.funding_settlements(
            T0, T0 + 24 * 3600 * SECOND, next_time=T0 + SECOND), 3.0)

    def test_misuse_is_an_error(self):
        with self.assertRaises(perpcore.InvalidError):
            perpcore.liquidation_price("buy", float("nan"), 100.0, 10.0, 0.005)
        with self.assertRaises(perpcore.ArgumentTypeError):
            perpcore.walk_book("buy", [(1.0,)], 1.0)
        with self.assertRaises(perpcore.ArgumentTypeError):
            perpcore.funding_rate("1", 2.0)


class OtherDesk(unittest.TestCase):
    def test_two_cores_know_nothing_of_each_other(self):
        one, two = Desk(), Desk()
        with one.core, two.core:
            one.run()
            self.assertEqual(two.core.scheduler.list("running"), ())
            self.assertNotEqual(one.okx, two.okx)


class Terms(BookTest):
    WHO = {"actor": "ann", "reason": "a test"}

    def test_terms_and_settings_change_while_the_book_is_open(self):
        core, btc, now = self.core, self.desk.btc[0], self.desk.now
        self.assertIsNone(core.instrument_spec(btc).taker_fee_bps)
        core.update_instrument(btc, now=now, taker_fee_bps=3.5, min_qty=0.02,
                               funding_interval_h=4.0,
                               tiers=[perpcore.Tier(0, 1e6, 0.004, 0, 20)])
        spec = core.instrument_spec(btc)
        self.assertEqual((spec.taker_fee_bps, spec.maker_fee_bps, spec.min_qty, spec.qty_step),
                         (3.5, None, 0.02, 0.01))
        self.assertEqual((spec.tiers[0].mmr, spec.funding_interval_h), (0.004, 4.0))
        core.update_exchange("okx", now=now, taker_fee_bps=1.0)
        self.assertEqual(core.exchange_spec("okx").taker_fee_bps, 1.0)
        core.reconfigure('{"risk": {"max_account_leverage": 4}}', now=now, **self.WHO)
        self.assertEqual(core.config.risk.max_account_leverage, 4)
