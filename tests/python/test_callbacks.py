"""What the library tells the host, and what becomes of a host that fails."""
import gc
import logging
import threading
import unittest
from decimal import Decimal

import perpcore
from desk import SECOND, T0, BookTest, Desk, job_id
from perpcore import (
    JobResult, JobState, LegResult, LogLevel, MarketSource, Outcome, Reason, RuleAnswer, Sense,
)


class Execute(unittest.TestCase):
    def desk(self, execute, **options):
        desk = Desk(execute=execute, **options)
        self.addCleanup(desk.core.close)
        return desk

    def state_after(self, execute):
        desk = self.desk(execute)
        desk.run()
        return desk.core.scheduler.job(job_id(1)).state

    def test_the_executor_gets_every_number(self):
        seen = []
        desk = self.desk(lambda job: seen.append(job) or Outcome.ACCEPTED)
        desk.run(metadata=b"\0from the desk")
        job, = seen
        self.assertEqual((job.job_id, job.strategy, job.notional, job.now_ns, job.metadata,
                          job.reduce_only, job.is_repair, job.dispatch),
                         (job_id(1), perpcore.Strategy.WASH, 6050, T0, b"\0from the desk", False,
                          False, 1))
        self.assertEqual([(o.exchange, o.instrument, o.side.text, o.quantity, o.price, o.notional)
                          for o in job.orders],
                         [(desk.binance, desk.btc[0], "buy", 0.1, 60001.0, 6050),
                          (desk.okx, desk.btc[1], "sell", 0.1, 60020.0, 6050)])
        self.assertEqual(desk.core.scheduler.job_metadata(job_id(1)), b"\0from the desk")

    def test_what_it_answers_is_what_holds(self):
        self.assertEqual(self.state_after(lambda job: Outcome.ACCEPTED), JobState.RUNNING)
        self.assertEqual(self.state_after(lambda job: Outcome.REFUSED), JobState.FAILED)
        self.assertEqual(self.state_after(lambda job: Outcome.IN_DOUBT), JobState.IN_DOUBT)
        self.assertEqual(self.state_after(lambda job: "refused"), JobState.FAILED)

    def test_no_answer_is_in_doubt(self):
        self.assertEqual(self.state_after(lambda job: None), JobState.IN_DOUBT)

    def test_an_exception_is_in_doubt_and_logged(self):
        def fails(job):
            raise RuntimeError("the exchange hung up")

        with self.assertLogs("perpcore", logging.ERROR) as logs:
            self.assertEqual(self.state_after(fails), JobState.IN_DOUBT)
        self.assertIn("execute", logs.output[0])
        self.assertIn("the exchange hung up", logs.output[0])

    def test_a_wrong_answer_is_in_doubt_and_logged(self):
        for answer in (1, True, "ACCEPTED", Outcome(99), object()):
            with self.assertLogs("perpcore", logging.ERROR) as logs:
                self.assertEqual(self.state_after(lambda job: answer), JobState.IN_DOUBT)
            self.assertIn("execute", logs.output[0])

    def test_a_keyboard_interrupt_goes_on_in_the_caller(self):
        def stops(job):
            raise KeyboardInterrupt

        desk = self.desk(stops)
        desk.core.scheduler.submit(desk.job(), now=T0)
        with self.assertRaises(KeyboardInterrupt):
            desk.core.scheduler.tick(now=T0)
        self.assertEqual(desk.core.scheduler.job(job_id(1)).state, JobState.IN_DOUBT)
        desk.core.scheduler.tick(now=T0)

    def test_an_interrupt_while_a_failure_is_logged_goes_on_in_the_caller(self):
        class Interrupted(logging.Handler):
            def emit(self, record):
                raise KeyboardInterrupt

        def fails(job):
            raise RuntimeError

        logger, handler = logging.getLogger("perpcore"), Interrupted()
        desk = self.desk(fails)
        desk.core.scheduler.submit(desk.job(), now=T0)
        logger.addHandler(handler)
        self.addCleanup(logger.removeHandler, handler)
        with self.assertRaises(KeyboardInterrupt):
            desk.core.scheduler.tick(now=T0)
        logger.removeHandler(handler)

    def test_the_result_of_a_tick_is_whole_where_another_thread_closes(self):
        inside = threading.Event()

        def execute(job):
            inside.set()
            while not desk.core.closed:
                pass
            return Outcome.ACCEPTED

        desk = self.desk(execute)
        desk.core.scheduler.submit(desk.job(), now=T0)
        closer = threading.Thread(target=lambda: inside.wait() and desk.core.close())
        closer.start()
        result = desk.core.scheduler.tick(now=T0)
        closer.join()
        self.assertEqual((result.dispatched, result.items[0].job_id), (1, job_id(1)))

    def test_an_executor_that_is_done_at_once_finishes_from_inside(self):
        def execute(job):
            desk.core.scheduler.finish(job.job_id, JobResult(volume=12_002), now=job.now_ns)
            return Outcome.ACCEPTED

        desk = self.desk(execute)
        desk.run()
        self.assertEqual(desk.core.scheduler.job(job_id(1)).state, JobState.OPEN)

    def test_a_callback_may_neither_tick_nor_close(self):
        raised = []

        def execute(job):
            for call in (lambda: desk.core.scheduler.tick(now=T0), desk.core.close):
                try:
                    call()
                except perpcore.StateError as error:
                    raised.append(error)
            return Outcome.ACCEPTED

        desk = self.desk(execute)
        desk.run()
        self.assertEqual(len(raised), 2)
        self.assertIn("callback", str(raised[1]))
        self.assertFalse(desk.core.closed)
        desk.core.check()

    def test_a_naked_base_is_told_once_and_its_repair_is_executed(self):
        seen, risks, ends = [], [], []
        desk = self.desk(lambda job: seen.append(job) or Outcome.ACCEPTED,
                         on_leg_risk=lambda *what: risks.append(what),
                         on_job_end=lambda *what: ends.append(what))
        desk.run()
        desk.core.scheduler.finish(job_id(1), JobResult(legs=[
            LegResult(0.1, 60001.0), LegResult(0.0)]), now=T0)
        self.assertEqual(risks, [("BTC", 0.1)])
        desk.core.scheduler.tick(now=T0)
        self.assertEqual((len(seen), seen[1].is_repair), (2, True))
        desk.core.scheduler.finish(seen[1].job_id, JobResult(), now=T0)
        self.assertEqual(len(risks), 1)
        self.assertEqual(ends[0], (job_id(1), JobState.PARTIAL))
        self.assertEqual({job for job, _ in ends}, {job_id(1), seen[1].job_id})

    def test_a_cancel_of_a_running_job_is_asked(self):
        asked = []
        desk = self.desk(lambda job: Outcome.ACCEPTED, on_cancel=asked.append)
        desk.run()
        desk.core.scheduler.cancel(job_id(1), now=T0)
        self.assertEqual(asked, [job_id(1)])
        self.assertTrue(desk.core.scheduler.job(job_id(1)).cancel_asked)
        desk.core.scheduler.finish(job_id(1), JobResult("nothing"), now=T0)
        self.assertEqual(desk.core.scheduler.job(job_id(1)).state, JobState.CANCELLED)

    def test_a_running_job_that_is_unhedged_for_too_long_is_told_once(self):
        told, alerts = [], []
        desk = self.desk(lambda job: Outcome.ACCEPTED, on_alert=alerts.append,
                         on_unhedged=lambda *what: told.append(what))
        scheduler = desk.core.scheduler
        desk.run()
        self.assertIsNone(scheduler.job(job_id(1)).unhedged_since_ns)
        scheduler.progress(job_id(1), [LegResult(0.05, 60001.0), LegResult(0.0)], now=T0)
        self.assertEqual(scheduler.job(job_id(1)).unhedged_since_ns, T0)
        scheduler.tick(now=desk.later(5))
        self.assertEqual(told, [])
        for _ in range(2):
            scheduler.tick(now=desk.later())
        self.assertEqual(told, [(job_id(1), "BTC", 0.05)])
        self.assertEqual(desk.core.risk.evaluate(desk.job(2), now=desk.now).reason,
                         Reason.UNRESOLVED_LEG)
        scheduler.progress(job_id(1), [LegResult(0.05, 60001.0), LegResult(0.05, 60020.0)],
                           now=desk.now)
        self.assertIsNone(scheduler.job(job_id(1)).unhedged_since_ns)
        self.assertEqual([a.active for a in alerts if a.code.text == "unhedged"], [True, False])
        desk.core.check()


class Others(unittest.TestCase):
    def test_kill_alert_and_log(self):
        kills, alerts, lines = [], [], []
        desk = Desk(on_kill=lambda *what: kills.append(what), on_alert=alerts.append,
                    log=lambda level, message: lines.append((level, message)))
        with desk.core as core:
            desk.run()
            core.scheduler.kill("okx", now=T0)
            core.scheduler.kill(now=T0)
            core.capital.set_safe_mode("okx", True, now=T0)
            core.scheduler.pause(now=T0)
        self.assertEqual(kills, [(desk.okx, (job_id(1),)), (None, (job_id(1),))])
        self.assertIn(("safe_mode", True, "okx"),
                      [(a.code.text, a.active, a.subject) for a in alerts])
        self.assertIn((LogLevel.INFO, "dispatch is paused"), lines)

    def test_what_feeds_bring_about_is_told_by_watch(self):
        alerts = []
        desk = Desk(on_alert=alerts.append)
        with desk.core as core:
            core.market.on_status("okx", T0, "down")
            self.assertEqual(alerts, [])
            core.monitor.watch(now=T0)
            core.monitor.watch(now=T0)
        self.assertEqual([(a.code.text, a.active, a.subject) for a in alerts],
                         [("exchange_down", True, "okx")])

    def test_without_log_messages_go_to_logging(self):
        with self.assertLogs("perpcore", logging.DEBUG) as logs:
            desk = Desk()
            with desk.core as core:
                core.scheduler.pause(now=T0)
        self.assertEqual(logs.output, ["INFO:perpcore:dispatch is paused"])

    def test_exceptions_of_all_others_are_logged_and_change_nothing(self):
        def fails(*what):
            raise ValueError("no")

        with self.assertLogs("perpcore", logging.ERROR) as logs:
            desk = Desk(on_kill=fails, on_alert=fails, log=fails, on_leg_risk=fails,
                        on_unhedged=fails, execute=lambda job: Outcome.ACCEPTED)
            with desk.core as core:
                desk.run()
                core.scheduler.progress(job_id(1), [LegResult(0.05, 60001.0), LegResult(0.0)],
                                        now=T0)
                core.scheduler.tick(now=desk.later(6))
                core.scheduler.finish(job_id(1), JobResult(legs=[
                    LegResult(0.1, 60001.0), LegResult(0.0)]), now=desk.now)
                core.scheduler.kill(now=desk.now)
                core.scheduler.pause(now=desk.now)
                core.check()
        said = "\n".join(logs.output)
        for name in ("on_kill", "on_alert", "log", "on_leg_risk", "on_unhedged"):
            self.assertIn(f"callback {name} failed", said)


class HostRules(unittest.TestCase):
    def desk(self, **options):
        options.setdefault("execute", lambda job: Outcome.ACCEPTED)
        desk = Desk(**options)
        self.addCleanup(desk.core.close)
        return desk

    def test_a_rule_is_asked_counted_and_named(self):
        seen = []
        answer = RuleAnswer(5.0, 2.0)

        def ask(job, so_far):
            seen.append((job, so_far))
            return answer

        desk = self.desk()
        risk = desk.core.risk
        rule = risk.add_rule("var", ask, hard=True, value="var_95", unit="usd")
        self.assertEqual((rule, risk.reason_name(rule)), (Reason.HOST_1, "var"))
        self.assertEqual(risk.reason_name(Reason.KILLED), "killed")
        desk.core.scheduler.submit(desk.job(metadata=b"\0mine"), now=T0)
        result = desk.core.scheduler.tick(now=T0)
        self.assertEqual(result.refused_by, {rule: 1})
        self.assertEqual([(i.reason, i.job_id) for i in result.items], [(rule, job_id(1))])
        (job, so_far), = seen
        self.assertEqual((job.job_id, job.metadata, job.legs[1].instrument),
                         (job_id(1), b"\0mine", desk.btc[1]))
        self.assertTrue(so_far.accepted)
        self.assertEqual(len(so_far.legs), 2)
        found = risk.evaluate(desk.job(2), now=T0)
        self.assertEqual((found.accepted, found.reason, found.reasons), (False, rule, {rule}))
        self.assertEqual((found.rules[rule].value, found.rules[rule].limit), (5.0, 2.0))
        self.assertEqual(found.host_senses, {rule: Sense.ABOVE})
        self.assertEqual(risk.query().rejected_today, {rule: 1})
        self.assertEqual(desk.core.monitor.snapshot(now=T0).refusals[rule], 1)
        self.assertIn('"reason":"var"', risk.evaluate_json(desk.job(2), now=T0))
        self.assertIn('"value":"var_95"', risk.describe_json())
        self.assertEqual(desk.core.scheduler.job(job_id(1)).last_refusal, rule)
        answer = RuleAnswer(1.0, 2.0)
        desk.core.scheduler.tick(now=T0)
        self.assertEqual(desk.core.scheduler.job(job_id(1)).state, JobState.PENDING)
        risk.rule_changed(rule)
        desk.core.scheduler.tick(now=T0)
        self.assertEqual(desk.core.scheduler.job(job_id(1)).state, JobState.RUNNING)

    def test_answers_are_held_as_they_say(self):
        desk = self.desk()
        answer = None
        rule = desk.core.risk.add_rule("var", lambda job, so_far: answer)
        for value, limit, sense, passes in (
                (2.0, 2.0, Sense.ABOVE, True), (2.0, 2.0, "at_least", False),
                (True, None, "is_true", False), (0, None, Sense.IS_TRUE, True),
                (float("inf"), 2.0, "below", True), (None, 2.0, "below", False),
                (float("nan"), 2.0, "above", False), (1.0, None, "above", False)):
            answer = RuleAnswer(value, limit, sense)
            self.assertEqual(bool(desk.core.risk.evaluate(desk.job(), now=T0)), passes, answer)
        answer = RuleAnswer(True, None, "is_true")
        found = desk.core.risk.evaluate(desk.job(), now=T0)
        self.assertEqual((found.rules[rule].value, found.host_senses[rule].text), (1.0, "is_true"))
        answer = RuleAnswer.not_held(until_ns=T0 + 1)
        found = desk.core.risk.evaluate(desk.job(), now=T0)
        self.assertTrue(found)
        self.assertNotIn(rule, found.rules)

    def test_what_is_no_answer_refuses_and_is_logged(self):
        desk = self.desk()
        answer = None
        rule = desk.core.risk.add_rule("var", lambda job, so_far: answer)
        for answer in (None, 1.0, True, RuleAnswer("2", 1.0), RuleAnswer(1.0, 2.0, "aboove"),
                       RuleAnswer(1.0, 2.0, Sense.ABOVE, "soon")):
            with self.assertLogs("perpcore", logging.ERROR) as logs:
                found = desk.core.risk.evaluate(desk.job(), now=T0)
            self.assertEqual(found.reason, rule)
            self.assertIn("of the rule var failed", logs.output[0])

    def test_what_it_raises_refuses_and_an_interrupt_goes_on(self):
        raises = RuntimeError("no model")

        def ask(job, so_far):
            raise raises

        desk = self.desk()
        rule = desk.core.risk.add_rule("var", ask)
        with self.assertLogs("perpcore", logging.ERROR) as logs:
            self.assertEqual(desk.core.risk.evaluate(desk.job(), now=T0).reason, rule)
        self.assertIn("no model", logs.output[0])
        raises = KeyboardInterrupt()
        with self.assertRaises(KeyboardInterrupt):
            desk.core.risk.evaluate(desk.job(), now=T0)
        desk.core.check()

    def test_it_must_not_call_back(self):
        raised = []

        def ask(job, so_far):
            for call in (
                    lambda: core.scheduler.tick(now=T0),
                    lambda: core.scheduler.submit(job, now=T0),
                    lambda: core.scheduler.pause(now=T0),
                    lambda: core.risk.evaluate(job, now=T0),
                    lambda: core.risk.add_rule("inner", ask),
                    lambda: core.add_exchange("third"), core.close):
                with self.assertRaises(perpcore.StateError) as caught:
                    call()
                raised.append(str(caught.exception))
            core.risk.rule_changed(rule)
            core.capital.snapshot(desk.okx)
            return RuleAnswer(1.0, 2.0)

        desk = self.desk()
        core = desk.core
        rule = core.risk.add_rule("var", ask)
        desk.run()
        self.assertEqual(len(raised), 7)
        self.assertEqual(core.scheduler.job(job_id(1)).state, JobState.RUNNING)
        core.check()

    def test_what_is_no_rule_is_refused(self):
        desk = self.desk()
        risk = desk.core.risk

        async def never(job, so_far):
            return RuleAnswer(1.0, 2.0)

        def fine(job, so_far):
            return RuleAnswer(1.0, 2.0)

        for bad in (None, 5, never):
            with self.assertRaises(perpcore.ArgumentTypeError):
                risk.add_rule("var", bad)
        for name in ("", "Var", "a b", "caf\u00e9"):
            with self.assertRaises(perpcore.InvalidError):
                risk.add_rule(name, fine)
        with self.assertRaises(perpcore.ExistsError):
            risk.add_rule("killed", fine)
        with self.assertRaises(perpcore.InvalidError):
            risk.add_rule("var", fine, repairs_pass=False)
        with self.assertRaises(perpcore.NotFoundError):
            risk.rule_changed(Reason.HOST_1)
        desk.run()
        with self.assertRaises(perpcore.StateError):
            risk.add_rule("late", fine)

    def test_its_function_lives_as_long_as_the_core(self):
        desk = self.desk()
        asked = []
        desk.core.risk.add_rule("var", lambda job, so_far: asked.append(1) or RuleAnswer(1.0, 2.0))
        gc.collect()
        desk.run()
        self.assertEqual(asked, [1])


class Clock(unittest.TestCase):
    def test_what_waits_too_long_by_the_hosts_own_time_is_withdrawn(self):
        times, sent = [0, 6 * SECOND], []
        desk = Desk(clock=lambda: times.pop(0), execute=lambda job: sent.append(job))
        with desk.core as core:
            desk.run()
            self.assertEqual((sent, times), ([], []))
            self.assertEqual(core.scheduler.job(job_id(1)).state, JobState.CANCELLED)

    def test_without_a_time_nothing_is(self):
        for clock in (lambda: None, lambda: 5, None):
            desk = Desk(clock=clock, execute=lambda job: Outcome.ACCEPTED)
            with desk.core as core:
                desk.run()
                self.assertEqual(core.scheduler.job(job_id(1)).state, JobState.RUNNING)

    def test_a_clock_that_fails_is_logged_and_says_nothing(self):
        for answer in ("now", 1.5, 2**63):
            with self.assertLogs("perpcore", logging.ERROR) as logs:
                desk = Desk(clock=lambda: answer, execute=lambda job: Outcome.ACCEPTED)
                with desk.core as core:
                    desk.run()
                    self.assertEqual(core.scheduler.job(job_id(1)).state, JobState.RUNNING)
            self.assertIn("callback clock failed", logs.output[0])


class Source(BookTest):
    class Books(MarketSource):
        def __init__(self):
            self.asked = []
            self.gives = (T0, 60000.0, 8.0, 60001.0, 8.0)
            self.levels = (T0, [(60000.0, 8.0)], [(60001.0, 4.0), (60002.0, 4.0)])

        def quote(self, instrument, now_ns):
            self.asked.append((instrument, now_ns))
            return self.gives

        def book(self, instrument, now_ns):
            return self.levels

    def pulled(self):
        books = self.Books()
        self.core.market.set_source(books)
        eth = self.core.add_instrument("okx", "BTC/USDC:USDC", pulled=True)
        self.core.positions.report(perpcore.Position(eth, 0.0), now=T0)
        legs = (perpcore.Leg(self.desk.btc[0], "buy", 0.1), perpcore.Leg(eth, "sell", 0.1))
        return books, eth, self.desk.job(legs=legs)

    def test_it_is_asked_when_a_decision_looks(self):
        books, eth, job = self.pulled()
        why = self.core.risk.evaluate(job, now=T0)
        self.assertIn((eth, T0), books.asked)
        self.assertEqual(why.legs[1].mid, 60000.5)
        self.core.market.set_source(None)
        asked = len(books.asked)
        self.core.risk.evaluate(job, now=T0 + SECOND)
        self.assertEqual(len(books.asked), asked)

    def test_nothing_to_give_is_no_market_data(self):
        books, _, job = self.pulled()
        books.gives = books.levels = None
        self.assertEqual(self.core.risk.evaluate(job, now=T0).reason, Reason.NO_MARKET_DATA)

    def test_what_fails_or_is_malformed_gives_no_data_and_is_logged(self):
        for gives, levels in (
            ((T0, "x", 8.0, 60001.0, 8.0), None), ((1, 2), None), (5, None),
            ((2**70, 1.0, 1.0, 2.0, 1.0), None), (None, (T0, [(1.0, 1.0)] * 33, [])),
            (None, (T0, [(1.0,)], [])), (None, 5),
        ):
            books, _, job = self.pulled()
            books.gives, books.levels = gives, levels
            with self.subTest(gives=gives), self.assertLogs("perpcore", logging.ERROR) as logs:
                self.assertEqual(self.core.risk.evaluate(job, now=T0).reason,
                                 Reason.NO_MARKET_DATA)
            self.assertIn("MarketSource", logs.output[0])


class Threads(unittest.TestCase):
    def test_feeds_decisions_and_readers_on_their_own_threads(self):
        def execute(job):
            done.append(job.job_id)
            return Outcome.ACCEPTED

        done, errors = [], []
        config = perpcore.Config()
        config.scheduler.max_concurrent_per_exchange = 64
        config.scheduler.max_notional_per_exchange = Decimal(10_000_000)
        desk = Desk(config, execute=execute)
        core = desk.core

        def work(function):
            try:
                for i in range(300):
                    function(i)
            except BaseException as error:
                errors.append(error)

        def feed(i):
            for leg, instrument in enumerate(desk.btc):
                try:
                    core.market.on_quote(instrument, T0 + i, 60000.0 + 20 * leg, 8.0,
                                         60001.0 + 20 * leg, 8.0)
                except perpcore.StaleError:
                    pass  # the other feed was first

        def trade(i):
            core.scheduler.submit(desk.job(i), now=T0)
            core.scheduler.tick(now=T0)
            for job in core.scheduler.list("running"):
                core.scheduler.finish(job, JobResult(volume=12_002, flat=True), now=T0)

        def read(i):
            core.monitor.snapshot(now=T0)
            core.capital.snapshot("okx")
            name = f"nowhere-{threading.get_ident()}-{i}"
            try:
                core.exchange(name)
            except perpcore.NotFoundError as error:
                # The message is that of this thread's call, whatever the others do.
                assert name in str(error), error

        threads = [threading.Thread(target=work, args=(function,))
                   for function in (feed, feed, trade, read, read)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(len(done), 300)
        core.check()
        core.close()
