"""Every method, every argument, everything that should not be given: a clear exception, and a book
that is as it was."""
import copy
import inspect
import pickle
import unittest
from dataclasses import FrozenInstanceError, asdict, replace
from datetime import datetime, timezone
from decimal import Decimal, Inexact, localcontext

import perpcore
from desk import T0, BookTest, Desk, job_id
from perpcore import (
    ArgumentTypeError, ClosedError, ConfigError, InvalidError, JobResult, Leg, LegResult,
    NotFoundError, OrderRequest, RangeError, Reason,
)
from perpcore._convert import show

NAN = float("nan")
LONE_SURROGATE = "\ud800"

# What is wrong for a kind of argument, and what is raised.
BAD = {
    "money": [(1.5, ArgumentTypeError), (True, ArgumentTypeError), ("1", ArgumentTypeError),
              (Decimal("NaN"), InvalidError), (Decimal("sNaN"), InvalidError),
              (Decimal("-Infinity"), InvalidError), (Decimal("0.0000001"), InvalidError),
              (Decimal("1E+40"), RangeError), (2**80, RangeError), (10**5000, RangeError),
              (b"1", ArgumentTypeError)],
    "time": [(1.5, ArgumentTypeError), (True, ArgumentTypeError), (None, ArgumentTypeError),
             ("now", ArgumentTypeError), (datetime(2024, 1, 1), InvalidError),
             (2**63, RangeError), (-(2**63), RangeError), (10**5000, RangeError),
             (T0 // 10**9, InvalidError), (T0 // 10**6, InvalidError), (T0 // 10**3, InvalidError),
             (datetime.max.replace(tzinfo=timezone.utc), RangeError),
             (datetime(1600, 1, 1, tzinfo=timezone.utc), RangeError)],
    "number": [("1", ArgumentTypeError), (True, ArgumentTypeError), (None, ArgumentTypeError),
               (Decimal(1), ArgumentTypeError), (NAN, InvalidError), (float("inf"), InvalidError),
               (10**400, RangeError), (10**5000, RangeError)],
    "fee": [("1", ArgumentTypeError), (True, ArgumentTypeError), (NAN, InvalidError)],
    "optional_enum": [("nonsense", InvalidError), (0, ArgumentTypeError)],
    "optional_flag": [(1, ArgumentTypeError), ("yes", ArgumentTypeError)],
    "optional_count": [(-1, RangeError), (2**32, RangeError), (1.0, ArgumentTypeError)],
    "settings": [("{", InvalidError), ("[]", InvalidError), (b"{}", ArgumentTypeError),
                 ('{"nonsense": 1}', perpcore.ConfigError)],
    "exchange": [("nowhere", NotFoundError), (0, ArgumentTypeError), (True, ArgumentTypeError),
                 (2**32 - 1, ArgumentTypeError), ("a\0b", InvalidError),
                 (b"okx", ArgumentTypeError),
                 (LONE_SURROGATE, InvalidError), (object(), ArgumentTypeError)],
    "instrument": [(0, ArgumentTypeError), (None, ArgumentTypeError), ("BTC", ArgumentTypeError),
                   (2**40, ArgumentTypeError)],
    "job_id": [("x", InvalidError), (LONE_SURROGATE, InvalidError), (5, ArgumentTypeError),
               (b"\0" * 16, ArgumentTypeError),
               ("{6f1c24a2-9d3b-4b0e-8f57-0a1b2c3d4e5f}", InvalidError)],
    "known_job": [("6f1c24a2-9d3b-4b0e-8f57-ffffffffffff", NotFoundError),
                  (None, ArgumentTypeError)],
    "job": [(None, ArgumentTypeError), ("x", ArgumentTypeError), ({}, ArgumentTypeError)],
    "result": [(None, ArgumentTypeError), ({}, ArgumentTypeError)],
    "flag": [(1, ArgumentTypeError), (None, ArgumentTypeError), ("yes", ArgumentTypeError)],
    "text": [("a\0b", InvalidError), (5, ArgumentTypeError), ("x" * 300, InvalidError),
             (b"x", ArgumentTypeError), (LONE_SURROGATE, InvalidError)],
    "name": [("a\0b", InvalidError), (5, ArgumentTypeError), ("x" * 300, InvalidError),
             ("Var", InvalidError), ("", InvalidError), (None, ArgumentTypeError),
             (LONE_SURROGATE, InvalidError)],
    "optional_name": [("a\0b", InvalidError), (5, ArgumentTypeError), ("x" * 300, InvalidError),
                      ("Var", InvalidError), (LONE_SURROGATE, InvalidError)],
    "function": [(None, ArgumentTypeError), (5, ArgumentTypeError)],
    "reason": [("nonsense", InvalidError), (64, ArgumentTypeError), (None, ArgumentTypeError)],
    "count": [(-1, RangeError), (2**32, RangeError), (2**32 - 1, RangeError),
              (1.0, ArgumentTypeError), (True, ArgumentTypeError)],
    "ttl": [(0, RangeError), (-5, RangeError), (2**63, RangeError), (1.0, ArgumentTypeError),
            (2**62, RangeError)],
    "id": [(-1, RangeError), (2**64, RangeError), (1.0, ArgumentTypeError),
           ("1", ArgumentTypeError)],
    "seq": [(-1, RangeError), (2**64, RangeError), ("1", ArgumentTypeError), (2**50, RangeError)],
    "enum": [("nonsense", InvalidError), ("WASH", InvalidError), (0, ArgumentTypeError),
             (99, ArgumentTypeError), (None, ArgumentTypeError), (LONE_SURROGATE, InvalidError)],
    "levels": [(5, ArgumentTypeError), ([(1.0,)], ArgumentTypeError),
               ([(1.0, "x")], ArgumentTypeError), ([(NAN, 1.0)], InvalidError),
               ([(1.0, 1.0)] * 33, InvalidError)],
    "json": [("{", InvalidError), ("[]", InvalidError), (b"{}", ArgumentTypeError),
             ("", InvalidError), ('{"nonsense": 1}', InvalidError), ("{\0}", InvalidError)],
    "tiers": [(5, ArgumentTypeError), ([1], ArgumentTypeError),
              ([perpcore.Tier(NAN, 0.0, 0.01)], InvalidError)],
    "optional_money": [(1.5, ArgumentTypeError), (True, ArgumentTypeError),
                       ("1", ArgumentTypeError), (Decimal("NaN"), InvalidError),
                       (2**80, RangeError)],
    "optional_time": [(1.5, ArgumentTypeError), ("now", ArgumentTypeError), (2**63, RangeError),
                      (T0 // 10**6, InvalidError)],
    "optional_instrument": [(0, ArgumentTypeError), ("BTC", ArgumentTypeError)],
    "minutes": [(1.0, ArgumentTypeError), (1440, RangeError), (-1440, RangeError),
                (2**40, RangeError)],
    "base": [("nowhere", NotFoundError), (5, ArgumentTypeError), ("a\0b", InvalidError),
             (LONE_SURROGATE, InvalidError)],
    "signer": [(None, InvalidError), ("", InvalidError), (5, ArgumentTypeError),
               ("x" * 300, InvalidError)],
    "leg_results": [(None, ArgumentTypeError), ([5], ArgumentTypeError),
                    ([LegResult(0.1, 1.0)], InvalidError), ([LegResult(0.1, 1.0)] * 9, InvalidError),
                    ([LegResult(NAN, 1.0)] * 2, InvalidError),
                    ([LegResult(0.3, 60000.0)] * 2, InvalidError),
                    ([LegResult(0.1, 60000.0, fee=0.5)] * 2, ArgumentTypeError)],
    "position": [(None, ArgumentTypeError), (5, ArgumentTypeError)],
    "positions": [(None, ArgumentTypeError), ([5], ArgumentTypeError)],
    "fraction": [(0.0, InvalidError), (1.5, InvalidError), (NAN, InvalidError),
                 ("1", ArgumentTypeError)],
    "bytes": [("x", ArgumentTypeError), (None, ArgumentTypeError)],
    "priority": [(1.5, ArgumentTypeError), ("1", ArgumentTypeError)],
    "optional_number": [("1", ArgumentTypeError), (True, ArgumentTypeError), (NAN, InvalidError),
                        (10**400, RangeError)],
    "order": [(-1, RangeError), (2**64, RangeError), (1.0, ArgumentTypeError),
              (None, ArgumentTypeError), (True, ArgumentTypeError), ("nobody", NotFoundError),
              (10**9, NotFoundError), ("a\0b", InvalidError), (LONE_SURROGATE, InvalidError)],
    "leg": [(-1, RangeError), (2**32, RangeError), (1.0, ArgumentTypeError)],
    "name": [("a\0b", InvalidError), (5, ArgumentTypeError), ("x" * 64, InvalidError),
             (b"x", ArgumentTypeError), (LONE_SURROGATE, InvalidError)],
    "client_id": [("nobody", NotFoundError), (5, ArgumentTypeError), ("a\0b", InvalidError)],
    "client_ids": [(None, ArgumentTypeError), ("x", ArgumentTypeError), ([5], ArgumentTypeError),
                   (["a\0b"], InvalidError)],
    "requests": [(None, ArgumentTypeError), ([5], ArgumentTypeError),
                 ([OrderRequest(job_id(1), 0, "x")], ArgumentTypeError),
                 ([OrderRequest(job_id(1), 0, 1.0)] * 65, InvalidError)],
    "trades": [(None, ArgumentTypeError), ([5], ArgumentTypeError), ([{}], InvalidError),
               ([{"id": "t", "amount": NAN, "price": 1.0}], InvalidError),
               ([{"id": "t", "amount": 0.01, "price": 1.0, "timestamp": 0.5}], ArgumentTypeError)],
    "number_or_none": [("1", ArgumentTypeError), (True, ArgumentTypeError), (None, InvalidError),
                       (NAN, InvalidError), (-1.0, InvalidError), (10**400, RangeError)],
    "attempt": [(0, InvalidError), (256, InvalidError), (-1, RangeError), ("1", ArgumentTypeError)],
    "usd_of": [(5, ArgumentTypeError), ("BNB", ArgumentTypeError)],
    "no_text": [("why", InvalidError)],
    "source": [(5, ArgumentTypeError), (object(), ArgumentTypeError),
               (perpcore.MarketSource, ArgumentTypeError)],
}


def table(desk):
    """(method, valid arguments, kinds of the arguments) for every method that takes any."""
    core, btc = desk.core, desk.btc
    now = ("now", T0, "time")
    who = [("actor", "ann", "text"), ("reason", "why", "text")]
    change = [now, *who]
    signed = [now, ("actor", "ann", "signer"), ("reason", "why", "signer")]
    position = perpcore.Position(btc[0], 1.0)
    key = ("key", job_id(77), "job_id")
    okx = ("exchange", "okx", "exchange")
    feed = [("instrument", btc[0], "instrument"), ("time", T0, "time")]
    job = ("job", desk.job(5), "job")
    known = [("job", job_id(1), "job_id"), ("job", job_id(1), "known_job")]
    capital, market, risk, scheduler = core.capital, core.market, core.risk, core.scheduler
    orders = core.orders
    return [
        (core.add_exchange, [("name", "new", "text"), ("venue", "v", "text"),
                             ("margin_mode", "cross", "enum"), ("taker_fee_bps", 1.0, "fee"),
                             ("maker_fee_bps", 1.0, "fee"),
                             ("liquidation_fee_bps", 1.0, "number"),
                             ("max_concurrent", 1, "count"),
                             ("max_notional", 1, "money"),
                             ("client_id_format", "0x", "enum"), ("client_id_prefix", "p", "name"),
                             ("order_rate_per_s", 1.0, "number"), ("order_burst", 1, "count")]),
        (core.add_instrument, [okx, ("symbol", "E/F", "text"), ("base", "E", "text"),
                               ("contract", "c", "text"), ("quote", "F", "text"),
                               ("kind", "spot", "enum"), ("can_borrow", False, "flag"),
                               ("max_position_usd", 5, "optional_money"),
                               ("pulled", False, "flag"), ("qty_step", 0.1, "number"),
                               ("price_tick", 0.1, "number"), ("min_qty", 0.1, "number"),
                               ("min_notional", 1, "money"), ("tiers", (), "tiers"),
                               ("taker_fee_bps", 1.0, "fee"), ("maker_fee_bps", 1.0, "fee"),
                               ("funding_interval_h", 8.0, "number")]),
        (core.update_exchange, [okx, ("margin_mode", None, "optional_enum"),
                                ("taker_fee_bps", 1.0, "fee"), ("maker_fee_bps", 1.0, "fee"),
                                ("liquidation_fee_bps", 1.0, "fee"),
                                ("max_concurrent", 1, "optional_count"),
                                ("max_notional", 5, "optional_money"),
                                ("order_rate_per_s", 1.0, "optional_number"),
                                ("order_burst", 1, "optional_count"), *change]),
        (core.update_instrument, [("instrument", btc[0], "instrument"), ("qty_step", 0.1, "fee"),
                                  ("price_tick", 0.1, "fee"), ("min_qty", 0.1, "fee"),
                                  ("min_notional", 1, "optional_money"),
                                  ("funding_interval_h", 8.0, "fee"), ("tiers", (), "tiers"),
                                  ("can_borrow", False, "optional_flag"),
                                  ("max_position_usd", 5, "optional_money"),
                                  ("taker_fee_bps", 1.0, "fee"), ("maker_fee_bps", 1.0, "fee"),
                                  *change]),
        (core.reconfigure, [("changes", "{}", "settings"), *signed]),
        (core.exchange, [("name", "okx", "exchange")]),
        (core.instrument, [okx, ("symbol", "BTC/USDT:USDT", "known_symbol")]),
        (core.exchange_spec, [okx]),
        (core.instrument_spec, [("instrument", btc[0], "instrument")]),
        (core.fill_hedge, [job, ("first", btc[0], "instrument"), ("second", btc[1], "instrument"),
                           now]),
        (core.fill_exit, [("closes", job_id(2), "job_id"), ("closes", job_id(2), "known_job"),
                          ("job_id", job_id(3), "job_id"), ("fraction", 1.0, "fraction"),
                          ("priority", 0, "priority"), ("metadata", b"", "bytes"), now]),
        (core.job_from_json, [("source", "{}", "json")]),
        (core.advance, change),
        (capital.update_equity, [okx, ("equity", 1, "money"), *change]),
        (capital.transfer, [okx, ("amount", 1, "money"), ("in_equity", False, "flag"), *change]),
        (capital.correct, [okx, ("day_start", 1, "money"), ("high_water", 1, "optional_money"),
                           *signed]),
        (capital.set_day_offset, [("minutes", 60, "minutes"), *signed]),
        (capital.set_safe_mode, [okx, ("enabled", True, "flag"), *change]),
        (capital.record_pnl, [okx, ("pnl", 1, "money"), ("volume", 1, "money"),
                              ("fees", 1, "money"), ("key", None, "job_id"), *change]),
        (capital.reserve, [okx, ("pool", "wash", "enum"), ("amount", 1, "money"),
                           ("key", None, "job_id"), *change]),
        (capital.reserve_for_wash, [okx, ("amount", 1, "money"), ("key", None, "job_id"), *change]),
        (capital.reserve_for_arb, [okx, ("amount", 1, "money"), ("key", None, "job_id"), *change]),
        (capital.confirm, [("reservation", 1, "id"), ("amount", 1, "money"), *change]),
        (capital.release, [("reservation", 1, "id"), ("amount", 1, "money"), *change]),
        (capital.can_reserve_for_job, [job]),
        (capital.reserve_for_job, [job, *change]),
        (capital.headroom, [okx, ("pool", "wash", "enum")]),
        (capital.snapshot, [okx]),
        (capital.reservations, [okx]),
        (market.on_quote, feed + [("bid", 1.0, "number"), ("bid_size", 1.0, "number"),
                                  ("ask", 2.0, "number"), ("ask_size", 1.0, "number")]),
        (market.on_book, feed + [("bids", [(1.0, 1.0)], "levels"),
                                 ("asks", [(2.0, 1.0)], "levels")]),
        (market.on_trade, feed + [("price", 1.0, "number"), ("size", 1.0, "number")]),
        (market.on_mark, feed + [("price", 1.0, "number")]),
        (market.on_funding, feed + [("rate", 0.1, "number"), ("next_time", T0, "time"),
                                    ("interval_h", 8.0, "number"), ("continuous", False, "flag")]),
        (market.on_latency, [okx, ("time", T0, "time"), ("ms", 1.0, "number")]),
        (market.on_status, [okx, ("time", T0, "time"), ("api", "up", "enum")]),
        (market.on_rate, [("quote", "F", "text"), ("time", T0, "time"), ("usd", 1.0, "number")]),
        (market.on_withdraw, feed),
        (market.set_source, [("source", None, "source")]),
        (market.query, [("instrument", btc[0], "instrument"), now]),
        (market.query_exchange, [okx, now]),
        (risk.evaluate, [job, now]),
        (risk.evaluate_json, [job, now]),
        (risk.add_rule, [("name", "var", "name"), ("ask", lambda job, so_far: None, "function"),
                         ("hard", True, "flag"), ("repairs_pass", False, "flag"),
                         ("value", "var_95", "optional_name"), ("unit", "usd", "optional_name")]),
        (risk.rule_changed, [("rule", Reason.HOST_1, "reason")]),
        (risk.reason_name, [("reason", Reason.HOST_1, "reason")]),
        (risk.record_success, [okx, *change]),
        (risk.record_failure, [okx, *change]),
        (risk.reset_halt, change),
        (risk.reset_strategy, [("strategy", "wash", "enum"), *signed]),
        (risk.set_mode, [("mode", "balanced", "enum"), *change]),
        (risk.override_on, [("ttl_ms", 5, "ttl"), ("for_job", None, "job_id"), *change]),
        (risk.override_off, change),
        (risk.halt_instrument, [("instrument", btc[0], "instrument"), ("enabled", True, "flag"),
                                *change]),
        (risk.set_collateral, [okx, ("base", "BTC", "text"), ("quantity", 1.0, "number"),
                               ("haircut", 0.1, "number"), *change]),
        (risk.blacklist, [("symbol", "X", "text"), ("enabled", True, "flag"), *change]),
        (risk.allow, [("pattern", "X", "text"), ("enabled", True, "flag"), okx,
                      ("strategy", "wash", "optional_enum"), *change]),
        (scheduler.submit, [job, *change]),
        (scheduler.tick, [("items", True, "flag"), *change]),
        (scheduler.finish, [*known, ("result", JobResult(), "result"),
                            ("from_orders", False, "flag"), *change]),
        (scheduler.close, [*known, ("pnl", 1, "money"), ("volume", 1, "money"),
                           ("fees", 1, "money"), *change]),
        (scheduler.cancel, [*known, *change]),
        (scheduler.requeue, [*known, *change]),
        (scheduler.progress, [*known, ("legs", [LegResult(0.1, 1.0)] * 2, "leg_results"), *change]),
        (scheduler.amend, [*known, ("legs", [LegResult(0.1, 1.0)] * 2, "leg_results"), *change]),
        (orders.place, [*known, ("leg", 0, "leg"), ("quantity", 0.01, "number"),
                        ("price", 60000.0, "optional_number"), ("tif", "ioc", "enum"),
                        ("reduce_only", False, "flag"), *change]),
        (orders.place_many, [("requests", [], "requests"), *change]),
        (orders.cancel_sent, [("order", 1, "order"), *change]),
        (orders.on_order, [("order", 1, "order"), ("kind", "fill", "enum"),
                           ("quantity", 0.01, "number_or_none"),
                           ("price", 60000.0, "number_or_none"), ("fill_id", "t", "name"),
                           ("fee", 0, "optional_money"), ("pnl", None, "optional_money"),
                           ("time", T0, "optional_time"), ("exchange_id", "A", "name"),
                           ("text", None, "no_text"), *change]),
        (orders.fills, [("order", 1, "order"),
                        ("trades", [{"id": "t", "amount": 0.01, "price": 60000.0}], "trades"), now,
                        ("usd_of", None, "usd_of")]),
        (orders.settled, [*known, *change]),
        (orders.reconcile, [okx, ("client_ids", [], "client_ids"), ("time", T0, "time"), *change]),
        (orders.get, [("order", 1, "order")]),
        (orders.find, [("client_id", "x", "client_id")]),
        (orders.list, [("state", "open", "optional_enum"), known[0], okx, ("live", False, "flag")]),
        (orders.client_id, [okx, ("job", job_id(1), "job_id"), ("leg", 0, "leg"),
                            ("attempt", 1, "attempt")]),
        (orders.collar, [("instrument", btc[0], "instrument"), ("side", "buy", "enum"),
                         ("reduce_only", False, "flag"), now]),
        (orders.query, [now]),
        (core.positions.account, [okx, ("positions", (), "positions"),
                                  ("equity", 1, "optional_money"), ("time", T0, "optional_time"),
                                  *change]),
        (core.positions.report, [("position", position, "position"), ("time", T0, "optional_time"),
                                 *change]),
        (core.positions.record_cash, [okx, ("kind", "funding", "enum"), ("amount", 1, "money"), key,
                                      ("instrument", None, "optional_instrument"), *change]),
        (core.positions.record_fill, [("instrument", btc[0], "instrument"), ("side", "buy", "enum"),
                                      ("quantity", 1.0, "number"), ("price", 1.0, "number"), key,
                                      ("fee", 0, "money"), ("pnl", None, "optional_money"),
                                      ("time", T0, "optional_time"), *change]),
        (core.positions.accept, [("instrument", btc[0], "instrument"), *signed]),
        (core.positions.resolve, [("base", "BTC", "base"), *signed]),
        (core.positions.resume_repair, [("base", "BTC", "base"), *change]),
        (core.positions.query, [("instrument", btc[0], "instrument"), now]),
        (core.positions.lots, [("instrument", btc[0], "instrument")]),
        (core.positions.bases, [now]),
        (scheduler.pause, change),
        (scheduler.resume, signed),
        (scheduler.flatten, [key, okx, ("base", "BTC", "base"), *signed]),
        (scheduler.kill, [okx, *change]),
        (scheduler.release_kill, [okx, *change]),
        (scheduler.set_limits, [okx, ("max_global_concurrent_jobs", 1, "count"),
                                ("max_dispatch_per_minute", 1, "count"),
                                ("max_concurrent", 1, "count"), ("max_notional", 1, "money"),
                                *change]),
        (scheduler.job, known),
        (scheduler.job_metadata, known),
        (scheduler.evaluate, [*known, now]),
        (scheduler.list, [("state", "pending", "enum")]),
        (core.monitor.snapshot, [now]),
        (core.monitor.json, [now]),
        (core.monitor.alerts, [now]),
        (core.monitor.watch, [now]),
        (core.monitor.changes, [("after_seq", 0, "seq")]),
    ]


NO_ARGUMENTS = {"flush", "flush_async", "sync", "checkpoint", "check", "feasibility", "query",
                "describe_json", "latches", "close"}


def name_of(method):
    return f"{type(method.__self__).__name__}.{method.__name__}"


class Table(BookTest):
    def test_every_wrong_argument_of_every_method_is_a_clear_exception(self):
        desk, core = self.desk, self.core
        other = Desk()
        self.addCleanup(other.core.close)
        BAD["exchange"].append((other.okx, InvalidError))
        BAD["instrument"].append((other.btc[0], InvalidError))
        BAD["known_symbol"] = [("nowhere", NotFoundError), (5, ArgumentTypeError),
                               ("a\0b", InvalidError)]
        core.orders.place(desk.run(1), 0, 0.05, price=60000.0, now=T0)
        tried = 0
        before = core.hash
        for method, arguments in table(desk):
            valid = {name: value for name, value, _ in arguments}
            for name, _, kind in arguments:
                for bad, wanted in BAD[kind]:
                    with self.subTest(method=name_of(method), argument=name, value=show(bad)):
                        tried += 1
                        with self.assertRaises(wanted) as caught:
                            method(**{**valid, name: bad})
                        self.assertIsInstance(caught.exception, perpcore.PerpError)
                        self.assertTrue(caught.exception.message)
                        str(caught.exception).encode()  # can be written to any log
        self.assertEqual(core.hash, before)
        self.assertGreater(tried, 900)

    def test_every_method_of_a_closed_core_is_a_closed_error(self):
        calls = table(self.desk)
        core = self.core
        nothing = [core.flush, core.flush_async, core.sync, core.checkpoint, core.check,
                   core.feasibility, core.risk.query, core.scheduler.query,
                   core.risk.describe_json, core.risk.latches, core.__enter__]
        core.close()
        for method, arguments in calls:
            with self.subTest(method=name_of(method)):
                with self.assertRaises(ClosedError):
                    method(**{name: value for name, value, _ in arguments})
        for method in nothing:
            with self.subTest(method=name_of(method)), self.assertRaises(ClosedError):
                method()
        for name in ("hash", "clock", "config", "statistics", "exchanges", "instruments"):
            with self.subTest(name=name), self.assertRaises(ClosedError):
                getattr(core, name)
        core.close()
        self.assertIn("closed", repr(core))

    def test_the_table_has_every_method_and_every_argument(self):
        rows = {}
        for method, arguments in table(self.desk):
            rows[name_of(method)] = {name for name, _, _ in arguments}
        core = self.core
        for part in (core, core.capital, core.market, core.positions, core.risk, core.scheduler,
                     core.orders, core.monitor):
            for name, function in inspect.getmembers(type(part), inspect.isfunction):
                if name.startswith("_") or name in NO_ARGUMENTS and f"{type(part).__name__}." \
                        f"{name}" not in rows:
                    continue
                full = f"{type(part).__name__}.{name}"
                self.assertIn(full, rows)
                wanted = set(inspect.signature(function).parameters) - {"self"}
                self.assertEqual(rows[full], wanted, full)


class Jobs(BookTest):
    """Wrong fields of jobs and results."""

    def refused(self, wanted, **fields):
        with self.subTest(fields=show(fields)):
            with self.assertRaises(wanted):
                self.core.scheduler.submit(self.desk.job(**fields), now=T0)
            with self.assertRaises(wanted):
                self.core.risk.evaluate(self.desk.job(**fields), now=T0)

    def test_fields_of_a_job(self):
        for name, kind in (("notional", "money"), ("est_volume", "money"), ("job_id", "job_id"),
                           ("strategy", "enum"), ("expected_edge_bps", "number"),
                           ("holding_hours", "number")):
            for bad, wanted in BAD[kind]:
                self.refused(wanted, **{name: bad})
        for bad, wanted in BAD["time"]:
            if bad is not None:
                self.refused(wanted, created_at=bad)
        for name, bad, wanted in (
            ("ttl_ms", -1, RangeError), ("ttl_ms", 1.0, ArgumentTypeError),
            ("max_run_ms", 2**70, RangeError), ("priority", 2**31, RangeError),
            ("priority", True, ArgumentTypeError), ("notional", 0, InvalidError),
            ("est_volume", -1, InvalidError), ("metadata", "text", ArgumentTypeError),
            ("metadata", None, ArgumentTypeError), ("metadata", "", ArgumentTypeError),
            ("metadata", b"x" * 1025, perpcore.PerpError), ("legs", None, ArgumentTypeError),
            ("legs", (1,), ArgumentTypeError), ("legs", self.desk.job().legs * 5, InvalidError),
            ("legs", (), InvalidError),
        ):
            self.refused(wanted, **{name: bad})

    def test_fields_of_a_leg(self):
        good = self.desk.job().legs[1]
        for name, kind in (("quantity", "number"), ("notional", "money"), ("leverage", "number"),
                           ("side", "enum"), ("maker", "flag"), ("instrument", "instrument")):
            for bad, wanted in BAD[kind]:
                if bad is None and name in ("notional", "leverage"):
                    continue
                values = dict(instrument=good.instrument, side=good.side, quantity=0.1)
                values[name] = bad
                if name == "side":  # said where the leg is made
                    with self.assertRaises(wanted):
                        Leg(**values)
                    continue
                self.refused(wanted, legs=(self.desk.job().legs[0], Leg(**values)))
        for name in ("notional", "leverage"):
            values = dict(instrument=good.instrument, side=good.side, quantity=0.1)
            self.refused(InvalidError, legs=(good, Leg(**{**values, name: 0})))

    def test_fields_of_a_result(self):
        self.desk.run()
        results = [(JobResult("nonsense"), InvalidError), (JobResult(flat=1), ArgumentTypeError),
                   (JobResult(legs=5), ArgumentTypeError), (JobResult(legs=[5]), ArgumentTypeError),
                   (JobResult(legs=[LegResult(0.1)] * 9), InvalidError),
                   (JobResult(legs=[LegResult(0.1, 1.0)]), InvalidError),
                   (JobResult(legs=[LegResult(0.1, 1.0)] * 2, pnl=0), InvalidError),
                   (JobResult(volume=-1), RangeError),
                   (JobResult("unknown", pnl=5), InvalidError),
                   (JobResult("unknown", fees=0), InvalidError),
                   (JobResult(legs=[LegResult(known=False)] * 2), InvalidError),
                   (JobResult("nothing", [LegResult(0.1, 1.0)] * 2), InvalidError),
                   (JobResult(dispatch=0), RangeError), (JobResult(dispatch="1"), ArgumentTypeError)]
        for name in ("pnl", "volume", "fees"):
            results += [(JobResult(**{name: bad}), wanted) for bad, wanted in BAD["money"]]
        for name, kind in (("filled", "number"), ("price", "number"), ("fee", "money"),
                           ("pnl", "money"), ("time", "time")):
            for bad, wanted in BAD[kind]:
                if name in ("time", "pnl") and bad is None:
                    continue
                leg = LegResult(**{**dict(filled=0.1, price=60000.0), name: bad})
                results.append((JobResult(legs=[leg, LegResult(0.1, 60000.0)]), wanted))
        for result, wanted in results:
            with self.subTest(result=show(result)), self.assertRaises(wanted):
                self.core.scheduler.finish(job_id(1), result, now=T0)
        self.assertEqual(self.core.scheduler.list("running"), (job_id(1),))

    def test_a_time_of_another_unit_is_noticed(self):
        for wrong in (1_700_000_000, 1_700_000_000_000, 1_700_000_000_000_000):
            for call in (lambda: self.core.scheduler.tick(now=wrong),
                         lambda: self.core.risk.evaluate(self.desk.job(), now=wrong),
                         lambda: self.core.market.on_mark(self.desk.btc[0], wrong, 60000.0)):
                with self.assertRaisesRegex(InvalidError, "seconds"):
                    call()

    def test_members_that_are_none_of_the_list_are_refused(self):
        for side in (perpcore.Side(2**32), perpcore.Side(77)):
            leg = Leg(self.desk.btc[0], side, 0.1)
            self.refused(InvalidError, legs=(leg, self.desk.job().legs[1]))

    def test_texts_become_what_they_mean_where_a_job_is_made(self):
        job = perpcore.Job(str(job_id(1)), "wash", 5, (Leg(self.desk.btc[0], "buy", 0.1),))
        self.assertEqual(job, perpcore.Job(job_id(1), perpcore.Strategy.WASH, 5, job.legs))
        self.assertIs(job.legs[0].side, perpcore.Side.BUY)
        self.assertEqual(replace(job, job_id=str(job_id(2)), strategy="arb"),
                         perpcore.Job(job_id(2), perpcore.Strategy.ARB, 5, job.legs))
        with self.assertRaises(InvalidError):
            replace(job, job_id="x")
        with self.assertRaises(FrozenInstanceError):
            job.priority = 5

    def test_money_does_not_depend_on_the_decimal_context(self):
        amount = Decimal("123456789.123456")
        with localcontext() as context:
            context.prec = 4
            context.traps[Inexact] = True
            core = self.core
            core.add_exchange("third", max_notional=amount)
            self.assertEqual(core.exchange_spec("third").max_notional, amount)
            core.capital.update_equity("third", amount, now=T0)
            self.assertEqual(core.capital.snapshot("third").equity, amount)
            with self.assertRaisesRegex(InvalidError, "quantize"):
                core.capital.transfer("third", Decimal("1.1234567"), now=T0)


class Handles(BookTest):
    """Exchanges and instruments are the objects that their core has for them."""

    def test_a_made_up_or_changed_one_is_refused(self):
        for wrong in (replace(self.desk.okx, id=2**32 - 1), replace(self.desk.okx, id=-1),
                      replace(self.desk.okx), pickle.loads(pickle.dumps(self.desk.okx))):
            with self.assertRaises(InvalidError):
                self.core.scheduler.kill(wrong, now=T0)
        with self.assertRaises(InvalidError):
            self.core.market.query(replace(self.desk.btc[0], id=1), now=T0)
        self.assertFalse(self.core.risk.query().killed)

    def test_copies_of_what_is_read_have_the_same(self):
        job = self.desk.job()
        state = self.core.monitor.snapshot(now=T0)
        self.assertEqual(copy.deepcopy(job), job)
        self.assertEqual(copy.deepcopy(state), state)
        self.core.scheduler.submit(copy.deepcopy(job), now=T0)
        self.assertEqual(asdict(self.desk.btc[0]), {
            "id": 0, "symbol": "BTC/USDT:USDT", "base": "BTC",
            "exchange": {"id": 0, "name": "binance", "venue": "binance"}})

    def test_what_stands_for_something_in_c_is_not_copied(self):
        for what in (self.core, self.core.capital, perpcore.MemoryStore()):
            for way in (copy.copy, copy.deepcopy, pickle.dumps):
                with self.subTest(what=what, way=way), self.assertRaises(TypeError):
                    way(what)


async def coroutine(job):
    return perpcore.Outcome.ACCEPTED


class Opening(unittest.TestCase):
    def test_wrong_arguments_of_open(self):
        for options, wanted in (
            (dict(config=5), ArgumentTypeError), (dict(config="{}"), ArgumentTypeError),
            (dict(store="book.db"), ArgumentTypeError), (dict(execute=5), ArgumentTypeError),
            (dict(log="x"), ArgumentTypeError), (dict(execute=coroutine), ArgumentTypeError),
            (dict(durability="never"), InvalidError),
            (dict(config_wins=1), ArgumentTypeError), (dict(checkpoint_every=-1), RangeError),
        ):
            with self.subTest(options=options), self.assertRaises(wanted):
                perpcore.Core(**options)

    def test_wrong_arguments_of_stores(self):
        for arguments, options, wanted in (
            ((5,), {}, ArgumentTypeError), ((b"x",), {}, ArgumentTypeError),
            (("a\0b",), {}, InvalidError), (("x",), dict(keep_events=-1), RangeError),
            (("x",), dict(vfs=5), ArgumentTypeError), (("x",), dict(verify_events=-1), RangeError),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(wanted):
                perpcore.SqliteStore(*arguments, **options)

    def test_wrong_arguments_of_replay(self):
        store = perpcore.MemoryStore()
        for arguments, options, wanted in (
            ((5,), {}, ArgumentTypeError), ((store, 0), {}, RangeError),
            ((store,), dict(visit=5), ArgumentTypeError), ((store, "1"), {}, ArgumentTypeError),
        ):
            with self.subTest(arguments=arguments), self.assertRaises(wanted):
                perpcore.replay(*arguments, **options)

    def test_errors_are_also_what_python_calls_them(self):
        for cls, builtin in (
            (InvalidError, ValueError), (ArgumentTypeError, TypeError), (RangeError, ValueError),
            (NotFoundError, LookupError), (ClosedError, RuntimeError), (ConfigError, ValueError),
            (perpcore.NoMemoryError, MemoryError), (perpcore.LibraryError, ImportError),
        ):
            self.assertTrue(issubclass(cls, builtin), cls)
        self.assertEqual(perpcore.RangeError.status, perpcore.Status.RANGE)
