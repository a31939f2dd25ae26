"""A core lives exactly as long as it should: close, garbage, threads, forks, the end."""
import gc
import os
import signal
import subprocess
import sys
import threading
import unittest
import weakref

import perpcore
from desk import T0, Desk
from perpcore import MemoryStore, Outcome, Store


class Quiet(Store):
    """A store that tells when it was closed, which is when the C core was."""

    def __init__(self, closed):
        self.closed = closed

    def begin(self):
        pass

    def append(self, record):
        pass

    def commit(self):
        pass

    def rollback(self):
        pass

    def close(self):
        self.closed.append(True)


class Closing(unittest.TestCase):
    def test_close_again_does_nothing(self):
        closed = []
        core = perpcore.Core(store=Quiet(closed))
        with core:
            pass
        core.close()
        core.close()
        self.assertEqual(closed, [True])
        self.assertTrue(core.closed)

    def test_an_error_in_the_block_goes_on_and_the_core_is_closed(self):
        with self.assertRaises(KeyError):
            with perpcore.Core() as core:
                raise KeyError
        self.assertTrue(core.closed)

    def test_a_last_commit_that_fails_is_raised_and_the_core_is_closed(self):
        class Full(Quiet):
            full = False

            def commit(self):
                if self.full:
                    raise OSError("the disk is full")

        closed = []
        store = Full(closed)
        with self.assertLogs("perpcore", "ERROR") as logs:
            with self.assertRaisesRegex(perpcore.StoreError, "the disk is full"):
                with perpcore.Core(store=store, durability="batch") as core:
                    core.add_exchange("okx")
                    store.full = True
        self.assertIn("closed without the changes", "\n".join(logs.output))
        self.assertEqual((core.closed, closed), (True, [True]))
        core.close()

    def test_an_interrupt_in_the_close_of_a_store_goes_on_in_the_caller(self):
        class Stopped(Quiet):
            def close(self):
                raise SystemExit(3)

        with self.assertRaises(SystemExit):
            perpcore.Core(store=Stopped([])).close()

    def test_parts_and_handles_outlive_their_core_and_say_so(self):
        desk = Desk()
        market, btc, okx = desk.core.market, desk.btc[0], desk.okx
        del desk.core
        with self.assertRaises(perpcore.ClosedError):
            market.on_quote(btc, T0, 1.0, 1.0, 2.0, 1.0)
        self.assertEqual((okx.name, btc.symbol), ("okx", "BTC/USDT:USDT"))


class Garbage(unittest.TestCase):
    def setUp(self):
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)

    def test_the_last_reference_frees_the_core_at_once(self):
        closed = []
        desk = Desk(store=Quiet(closed), execute=lambda job: Outcome.ACCEPTED,
                    on_alert=lambda alert: None)
        desk.run()
        desk.core.monitor.snapshot(now=T0)
        with self.assertRaises(perpcore.NotFoundError):
            desk.core.exchange("nowhere")
        parts = (desk.core.capital, desk.core.scheduler, desk.core.market)
        alive = weakref.ref(desk.core)
        del desk.core
        self.assertIsNone(alive())
        self.assertEqual(closed, [True])
        del parts

    def test_every_way_out_of_open_leaves_nothing(self):
        class Broken(Quiet):
            def load(self, from_start):
                return [(1, b"garbage")]

        closed = []
        with self.assertLogs("perpcore", "ERROR"), self.assertRaises(perpcore.CorruptError):
            perpcore.Core(store=Broken(closed))
        self.assertEqual(closed, [True])

    def test_a_cycle_through_a_callback_is_collected_and_closed(self):
        class Host:
            def __init__(self, closed):
                self.core = perpcore.Core(store=Quiet(closed), execute=self.execute,
                                          on_alert=self.on_alert)

            def execute(self, job):
                return self.core and Outcome.ACCEPTED

            def on_alert(self, alert):
                pass

        closed = []
        host = Host(closed)
        alive = weakref.ref(host)
        del host
        self.assertIsNotNone(alive())
        gc.collect()
        self.assertIsNone(alive())
        self.assertEqual(closed, [True])

    def test_a_cycle_with_a_memory_store_is_collected_store_last(self):
        got = run_python("""
import gc, perpcore
class Bot:
    def __init__(self):
        self.store = perpcore.MemoryStore()
        self.core = perpcore.Core(store=self.store, execute=self.execute, durability="batch")
        self.core.add_exchange("okx")
    def execute(self, job): pass
for _ in range(50):
    Bot()
gc.collect()
print("collected")
""")
        self.assertEqual((got.returncode, got.stdout), (0, "collected\n"))

    def test_memory_comes_back(self):
        """A thousand books need no more Python objects than one."""
        def story():
            desk = Desk(store=MemoryStore(), execute=lambda job: Outcome.ACCEPTED)
            desk.run()
            desk.core.monitor.snapshot(now=T0)
            desk.core.close()

        story()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(100):
            story()
        self.assertLess(len(gc.get_objects()) - before, 100)

    def test_the_last_reference_dropped_in_a_callback_frees_after_it(self):
        closed, order = [], []
        desk = Desk(store=Quiet(closed))
        held = [desk.core]

        def execute(job):
            held.clear()
            order.append(list(closed))
            return Outcome.ACCEPTED

        other = Desk(store=Quiet(closed), execute=execute)
        del desk.core
        self.assertEqual(closed, [])
        other.run()
        self.assertEqual(order, [[True]])  # another core is freed even from inside a callback

        def drop(job):
            desks.clear()
            gc.collect()
            order.append(list(closed))
            return Outcome.ACCEPTED

        closed.clear()
        order.clear()
        desks = [Desk(store=Quiet(closed), execute=drop)]
        desks[0].core.scheduler.submit(desks[0].job(), now=T0)
        tick = desks[0].core.scheduler.tick
        tick(now=T0)
        self.assertEqual((order, closed), ([[]], [True]))


class Threads(unittest.TestCase):
    def test_close_waits_for_the_call_of_another_thread(self):
        inside, go, closed = threading.Event(), threading.Event(), []

        def execute(job):
            inside.set()
            go.wait()
            desk.core.check()  # closing has begun, and refuses new calls
            return Outcome.ACCEPTED

        desk = Desk(store=Quiet(closed), execute=execute)
        desk.core.scheduler.submit(desk.job(), now=T0)
        ticked = []

        def tick():
            with self.assertLogs("perpcore", "ERROR") as logs:
                ticked.append(desk.core.scheduler.tick(now=T0))
            ticked.append(logs.output)

        def close():
            desk.core.close()
            closed.append("returned")

        one, two = threading.Thread(target=tick), threading.Thread(target=close)
        one.start()
        inside.wait()
        two.start()
        while not desk.core.closed:
            pass
        self.assertEqual(closed, [])
        with self.assertRaises(perpcore.ClosedError):
            desk.core.check()
        self.assertEqual(closed, [])
        go.set()
        one.join()
        two.join()
        self.assertEqual(closed, [True, "returned"])
        self.assertIn("ClosedError", ticked[-1][0])

    def test_calls_that_race_with_close_end_in_a_closed_error_and_nothing_else(self):
        for _ in range(30):
            desk = Desk()
            core, errors = desk.core, []
            start = threading.Barrier(4)

            def work():
                start.wait()
                try:
                    for i in range(10_000):
                        core.capital.snapshot("okx")
                        core.market.on_quote(desk.btc[0], T0, 60000.0, 8.0, 60001.0, 8.0)
                        core.monitor.alerts(now=T0)
                except perpcore.ClosedError:
                    return
                except BaseException as error:
                    errors.append(error)

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            start.wait()
            core.close()
            for thread in threads:
                thread.join()
            self.assertEqual(errors, [])

    def test_many_threads_close(self):
        closed = []
        core = perpcore.Core(store=Quiet(closed))
        threads = [threading.Thread(target=core.close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(closed, [True])


def run_python(program):
    return subprocess.run([sys.executable, "-X", "dev", "-c", program], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True)


class Processes(unittest.TestCase):
    def test_a_forked_child_can_not_use_the_book_and_leaves_it_alone(self):
        closed = []
        desk = Desk(store=Quiet(closed))
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = b"no error"
            try:
                desk.core.check()
            except perpcore.StateError as error:
                said = str(error).encode()
            desk.core.close()
            core, desk.core = desk.core, None
            del core
            own = Desk()  # a book of its own works
            own.core.check()
            os.write(write, said + b"|" + str(closed).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as answer:
            said = answer.read()
        os.waitpid(child, 0)
        self.assertIn(f"opened by process {os.getpid()}", said)
        self.assertTrue(said.endswith("|[]"), said)
        desk.core.check()
        desk.core.close()
        self.assertEqual(closed, [True])

    def test_a_child_does_not_wait_for_what_a_thread_of_the_parent_held(self):
        desk, held, go = Desk(), threading.Event(), threading.Event()

        def hold():
            with desk.core._book.feeding:
                held.set()
                go.wait()

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait()
        child = os.fork()
        if child == 0:
            refused = 0
            signal.alarm(20)  # a test that hangs is a test that fails
            for call in (lambda: desk.quote(), desk.core.__enter__, desk.core.check):
                try:
                    call()
                except perpcore.ClosedError:
                    pass
                except perpcore.StateError:
                    refused += 1
            os._exit(refused)
        _, status = os.waitpid(child, 0)
        go.set()
        thread.join()
        desk.core.close()
        self.assertEqual(status, 3 << 8)

    def test_the_end_of_the_program_closes_what_is_open(self):
        got = run_python("""
import perpcore
class S(perpcore.Store):
    def begin(self): pass
    def append(self, record): pass
    def commit(self): pass
    def rollback(self): pass
    def close(self): print("closed")
def execute(job): return perpcore.Outcome.ACCEPTED
core = perpcore.Core(store=S(), execute=execute, on_alert=lambda a: core)
core.add_exchange("okx")
""")
        self.assertEqual((got.returncode, got.stdout), (0, "closed\n"))

    def test_the_end_of_the_program_waits_for_daemon_threads_and_stores_what_waits(self):
        got = run_python("""
import threading, perpcore
class S(perpcore.Store):
    kinds = []
    def begin(self): pass
    def append(self, record): self.kinds.append(record.kind)
    def commit(self): pass
    def rollback(self): pass
    def close(self): print(self.kinds[-1])
inside = threading.Event()
def on_alert(alert):
    inside.set()
    while not core.closed:
        pass
    for _ in range(100):
        sum(range(100_000))  # the end of the program has long begun
core = perpcore.Core(store=S(), durability="batch", on_alert=on_alert)
core.add_exchange("okx")
core.flush()
other = perpcore.Core(store=perpcore.MemoryStore(), durability="batch")
other.add_exchange("okx")
def feed():
    try:
        while True:
            other.capital.update_equity("okx", 5, now=10**18)
    except perpcore.ClosedError:
        pass
def work():
    core.capital.set_safe_mode("okx", True, now=10**18)
for target in (feed, feed, work):
    threading.Thread(target=target, daemon=True).start()
inside.wait()
""")
        self.assertEqual((got.returncode, got.stdout), (0, "safe_mode\n"))

    def test_an_exception_that_ends_the_program_closes_it_too(self):
        got = run_python("import perpcore; c = perpcore.Core(); c.add_exchange('okx'); 1 / 0")
        self.assertEqual(got.returncode, 1)
        self.assertIn("ZeroDivisionError", got.stdout)


class HandleOfAnother(unittest.TestCase):
    def test_the_exchange_of_a_core_that_is_gone_is_not_one_of_the_next(self):
        first = Desk()
        okx = first.okx
        first.core.close()
        second = Desk()
        with second.core as core, self.assertRaises(perpcore.InvalidError):
            core.capital.snapshot(okx)


class Signals(unittest.TestCase):
    def test_a_close_from_inside_a_call_is_done_by_that_call(self):
        closed = []
        core = perpcore.Core(store=Quiet(closed))
        book = core._book

        def interrupted(*arguments):
            core.close()  # as a signal handler would
            self.assertEqual(closed, [])
            return 0

        book.call(interrupted)
        self.assertEqual(closed, [True])
