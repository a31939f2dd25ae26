"""Nothing is lost: stores, restarts, recovery, replay, stores of the host's own."""
import ctypes
import os
import sqlite3
import tempfile
import threading
import unittest
from decimal import Decimal
from unittest import mock

import perpcore
from desk import BUILD, T0, Desk, job_id, needs_sqlite
from perpcore import (
    Checkpoint, ColumnType, Config, JobResult, JobState, MemoryStore, Outcome, Record, SqliteStore,
    Store, _abi,
)


class ListStore(Store):
    """A store of the host's own: lists. `fails` names the method that raises."""

    def __init__(self):
        self.records, self.batch, self.saved = [], [], None
        self.calls, self.seen, self.fails = [], [], ""

    def note(self, name):
        self.calls.append(name)
        if self.fails == name:
            raise OSError(28, "no space left")

    def begin(self):
        self.note("begin")
        self.batch = []

    def append(self, record):
        self.note("append")
        self.seen.append(record)
        self.batch.append((record.seq, record.data))

    def commit(self):
        self.note("commit")
        self.records += self.batch

    def rollback(self):
        self.note("rollback")
        self.batch = []

    def load(self, from_start):
        self.note("load")
        after = 0
        if self.saved and not from_start:
            yield self.saved
            after = self.saved.seq
        for seq, data in self.records:
            if seq > after:
                yield seq, data

    def checkpoint(self, seq, time_ns, hash, data):
        self.note("checkpoint")
        self.saved = Checkpoint(seq, hash, data)

    def close(self):
        self.note("close")


class WriteOnly(Store):
    def __init__(self):
        self.kinds = []

    def begin(self):
        pass

    def append(self, record):
        self.kinds.append(record.kind)

    def commit(self):
        pass

    def rollback(self):
        pass


class RowStore(ListStore):
    """One that also keeps tables: table to key to columns, as an upsert of each row leaves them."""

    def __init__(self):
        super().__init__()
        self.order, self.rows, self.changed = [], [], []
        self.tables = {}

    def begin(self):
        super().begin()
        self.changed = []

    def append(self, record):
        super().append(record)
        self.order.append(record)

    def row(self, row):
        self.note("row")
        self.order.append(row)
        self.changed.append(row)

    def commit(self):
        super().commit()
        self.rows += self.changed
        for row in self.changed:
            key = tuple(row.columns.values())[:row.keys]
            self.tables.setdefault(row.table, {}).setdefault(key, {}).update(row.columns)

    def rollback(self):
        super().rollback()
        self.changed = []


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "böok.db")


def accept(job):
    return Outcome.ACCEPTED


class Restart(Folder):
    """What any store must do."""

    def story(self, make):
        desk = Desk(store=make(), execute=accept)
        desk.run(1)
        desk.run(2)
        desk.core.scheduler.finish(job_id(2), JobResult(volume=12_002, fees=Decimal("6.25")),
                                   now=T0)
        desk.core.risk.set_mode("conservative", now=T0, actor="ann", reason="news")
        before, held = desk.core.hash, desk.core.capital.reservations()
        desk.core.close()
        with perpcore.Core(store=make()) as core:
            core.check()
            # Jobs that ran come back in doubt, with their capital held.
            self.assertEqual(core.scheduler.list("in_doubt"), (job_id(1),))
            self.assertEqual([(r.id, r.reserved) for r in core.capital.reservations()],
                             [(r.id, r.reserved) for r in held])
            self.assertEqual(core.scheduler.job(job_id(2)).fees, Decimal("6.25"))
            self.assertEqual(core.config.risk.mode, perpcore.Mode.CONSERVATIVE)
            self.assertEqual(core.clock, T0)
            self.assertEqual([e.name for e in core.exchanges], ["binance", "okx"])
            with self.assertRaises(perpcore.ConflictError):
                core.scheduler.submit(perpcore.Job(job_id(2), "wash", 7, (
                    perpcore.Leg(core.instruments[0], "buy", 0.01),
                    perpcore.Leg(core.instruments[1], "sell", 0.01))), now=T0)
            core.checkpoint()
            core.scheduler.requeue(job_id(1), now=T0)
            after = core.hash
        with perpcore.Core(store=make()) as core:
            self.assertEqual(core.hash, after)
            self.assertEqual(core.scheduler.list("pending"), (job_id(1),))
        with perpcore.replay(make()) as core:
            self.assertEqual(core.hash, after)
            last = core.statistics.events
        return before, last

    @needs_sqlite
    def test_sqlite(self):
        _, last = self.story(lambda: SqliteStore(self.path))
        with perpcore.replay(SqliteStore(self.path), 3) as core:
            self.assertEqual(core.statistics.events, 3)
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            count, = db.execute("SELECT max(seq) FROM events").fetchone()
        db.close()
        self.assertEqual(count, last)

    def test_memory(self):
        store = MemoryStore()
        self.story(lambda: store)

    def test_a_store_of_the_hosts_own(self):
        store = ListStore()
        self.story(lambda: store)
        kinds = [r.kind for r in store.seen]
        self.assertIn("dispatch", kinds)
        mode = store.seen[kinds.index("mode")]
        self.assertEqual((mode.actor, mode.reason, mode.time_ns), ("ann", "news", T0))
        dispatch = store.seen[kinds.index("dispatch")]
        self.assertEqual(dispatch.job_id, job_id(1))
        self.assertIn("safety_score", dispatch.detail)
        self.assertEqual(store.calls[-1], "close")


class Visits(unittest.TestCase):
    def setUp(self):
        self.store = MemoryStore()
        desk = Desk(store=self.store)
        desk.run()
        desk.core.close()

    def test_each_record_is_shown_with_the_book_as_it_was_then(self):
        seen, kept = [], []

        def visit(core, seq):
            seen.append((seq, core.statistics.events, len(core.exchanges)))
            kept[:] = [core]

        with perpcore.replay(self.store, visit=visit) as core:
            last = core.statistics.events
        self.assertEqual([s for s, _, _ in seen], list(range(1, last + 1)))
        self.assertEqual([e for _, e, _ in seen], list(range(1, last + 1)))
        self.assertEqual((seen[0][2], seen[-1][2]), (0, 2))
        with self.assertRaises(perpcore.ClosedError):
            kept[0].check()

    def test_a_visitor_may_only_read(self):
        def visit(core, seq):
            with self.assertRaises(perpcore.StateError):
                core.add_exchange("new")
            with self.assertRaises(perpcore.StateError):
                core.scheduler.pause(now=T0)
            with self.assertRaises(perpcore.StateError):
                core.market.set_source(None)
            with self.assertRaises(perpcore.StateError):
                core.close()

        perpcore.replay(self.store, visit=visit).close()

    def test_it_may_read_only_during_the_visit_and_on_its_thread(self):
        said, kept = [], []

        def read():
            try:
                kept[0].check()
            except perpcore.StateError as error:
                said.append(str(error))

        def visit(core, seq):
            if seq == 1:
                kept.append(core)
                thread = threading.Thread(target=read)
                thread.start()
                thread.join()
            core.check()

        perpcore.replay(self.store, visit=visit).close()
        self.assertEqual(len(said), 1)
        self.assertIn("visit", said[0])

    def test_what_it_raises_ends_the_replay(self):
        seen = []

        def visit(core, seq):
            seen.append(seq)
            raise KeyError("enough")

        with self.assertRaises(KeyError):
            perpcore.replay(self.store, visit=visit)
        self.assertEqual(seen, [1])


@needs_sqlite
class Sqlite(Folder):
    def test_a_second_writer_is_busy(self):
        with perpcore.Core(store=SqliteStore(self.path)):
            with self.assertRaises(perpcore.BusyError):
                perpcore.Core(store=SqliteStore(self.path))
        perpcore.Core(store=SqliteStore(self.path)).close()

    def test_a_file_that_is_no_store_is_corrupt(self):
        with open(self.path, "wb") as out:
            out.write(b"not a store " * 1000)
        with self.assertRaises(perpcore.CorruptError) as caught:
            perpcore.Core(store=SqliteStore(self.path))
        self.assertTrue(str(caught.exception))

    def test_a_path_that_can_not_be_opened_is_a_store_error(self):
        with self.assertRaises(perpcore.StoreError):
            perpcore.Core(store=SqliteStore(os.path.join(self.path, "no", "such", "folder")))

    def test_replay_makes_no_file_and_reads_beside_the_writer(self):
        with self.assertRaises(perpcore.StoreError):
            perpcore.replay(SqliteStore(self.path))
        self.assertFalse(os.path.exists(self.path))
        with Desk(store=SqliteStore(self.path)).core as core:
            with perpcore.replay(SqliteStore(self.path)) as then:
                self.assertEqual(then.hash, core.hash)

    def test_an_interrupt_while_a_core_is_opened_leaves_the_file_free(self):
        def interrupted(*arguments, **options):
            raise KeyboardInterrupt

        for where in ("perpcore.core.Book", "perpcore.core.Capital", "perpcore.core.Module",
                      "perpcore.core.raise_of_open"):
            for way in (perpcore.Core, perpcore.replay):
                with self.subTest(where=where, way=way):
                    perpcore.Core(store=SqliteStore(self.path)).close()
                    with mock.patch(where, interrupted), self.assertRaises(KeyboardInterrupt):
                        way(store=SqliteStore(self.path))
        perpcore.Core(store=SqliteStore(self.path)).close()

    def test_options_are_taken(self):
        with self.assertRaises(perpcore.StoreError):
            perpcore.Core(store=SqliteStore(self.path, vfs="no-such-vfs"))
        with Desk(store=SqliteStore(self.path, keep_events=1)).core as core:
            core.checkpoint()

    def test_batches_are_made_durable_by_flush(self):
        with Desk(store=SqliteStore(self.path), durability="batch").core as core:
            db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
            core.flush()
            core.capital.transfer("okx", 5, now=T0)
            before, = db.execute("SELECT count(*) FROM events").fetchone()
            core.flush()
            after, = db.execute("SELECT count(*) FROM events").fetchone()
            db.close()
        self.assertEqual(after, before + 1)

    def test_a_thread_waits_for_the_disk_beside_the_book(self):
        with Desk(store=SqliteStore(self.path, wal_limit_mb=1), durability="batch").core as core:
            core.flush()
            before = core.durable
            core.capital.transfer("okx", 5, now=T0)
            seq = core.flush_async()
            self.assertEqual(seq, before + 1)
            self.assertEqual(core.durable, before)
            thread = threading.Thread(target=core.sync)
            thread.start()
            core.capital.transfer("okx", 5, now=T0)
            thread.join()
            self.assertEqual(core.durable, seq)
            core.flush()
            self.assertEqual(core.durable, seq + 1)


class Memory(unittest.TestCase):
    def test_a_store_has_one_core_at_a_time(self):
        for store in (MemoryStore(), WriteOnly(), ListStore()):
            with self.subTest(store=store):
                with perpcore.Core(store=store):
                    for again in (perpcore.Core, perpcore.replay):
                        with self.assertRaises(perpcore.BusyError):
                            again(store=store)
                perpcore.Core(store=store).close()
                if not isinstance(store, WriteOnly):
                    kept = perpcore.replay(store)  # which needs the store no longer
                    perpcore.Core(store=store).close()
                    kept.check()
                    kept.close()
                if isinstance(store, ListStore):
                    store.fails = "load"  # nor does one that could not be opened
                    with self.assertLogs("perpcore", "ERROR"):
                        with self.assertRaises(perpcore.StoreError):
                            perpcore.Core(store=store)
                    store.fails = ""
                    perpcore.Core(store=store).close()

    def test_without_a_store_there_is_no_checkpoint(self):
        with perpcore.Core() as core, self.assertRaises(perpcore.StateError):
            core.checkpoint()


class HostStore(unittest.TestCase):
    def test_a_failure_is_a_store_error_with_its_text_and_changes_nothing(self):
        for name in ("begin", "append", "commit"):
            with self.subTest(fails=name):
                store = ListStore()
                desk = Desk(store=store)
                before, records = desk.core.hash, len(store.records)
                store.fails = name
                with self.assertLogs("perpcore", "ERROR"):
                    with self.assertRaisesRegex(perpcore.StoreError, "no space left"):
                        desk.core.capital.transfer("okx", 5, now=T0)
                self.assertEqual((desk.core.hash, len(store.records)), (before, records))
                self.assertIn("rollback", store.calls)
                store.fails = ""
                desk.core.scheduler.resume(now=T0, actor="ann", reason="mended")
                desk.core.capital.transfer("okx", 5, now=T0)
                desk.core.check()
                desk.core.close()

    def test_a_failure_before_a_dispatch_sends_nothing(self):
        sent = []
        store = ListStore()
        desk = Desk(store=store, execute=lambda job: sent.append(job) or Outcome.ACCEPTED)
        desk.core.scheduler.submit(desk.job(), now=T0)
        store.fails = "commit"
        with self.assertLogs("perpcore", "ERROR"), self.assertRaises(perpcore.StoreError):
            desk.core.scheduler.tick(now=T0)
        self.assertEqual(sent, [])
        store.fails = ""
        desk.core.scheduler.resume(now=T0, actor="ann", reason="mended")
        desk.core.scheduler.tick(now=T0)
        self.assertEqual(len(sent), 1)
        desk.core.close()

    def test_a_store_without_its_methods_is_no_store(self):
        class Half(Store):
            def begin(self):
                pass

        with self.assertRaisesRegex(TypeError, "append.*commit.*rollback"):
            Half()

    def test_a_failure_of_the_first_record_is_an_error_of_open_with_its_text(self):
        for name in ("begin", "append", "commit"):
            store = ListStore()
            store.fails = name
            with self.assertLogs("perpcore", "ERROR"):
                with self.assertRaisesRegex(perpcore.StoreError, "no space left"):
                    perpcore.Core(store=store)

    def test_whatever_a_store_raises_is_a_failure_of_the_store(self):
        for error in (perpcore.ExistsError("there"), perpcore.StaleError("old")):
            class Misleading(WriteOnly):
                def append(self, record):
                    if record.kind == "exchange":
                        raise error

            with perpcore.Core(store=Misleading()) as core:
                with self.assertLogs("perpcore", "ERROR"):
                    with self.assertRaises(perpcore.StoreError):
                        core.add_exchange("okx")

    def test_a_text_that_is_cut_inside_a_character_is_still_shown(self):
        for text in ("é" * 1000, "x" + "é" * 1000, "x" + "€" * 500, "xx" + "€" * 500):
            store = ListStore()
            desk = Desk(store=store)
            with desk.core as core, self.assertLogs("perpcore", "ERROR"):
                def commit():
                    raise OSError(text)

                store.commit = commit
                with self.assertRaises(perpcore.StoreError):
                    core.capital.transfer("okx", 5, now=T0)
                core.monitor.alerts(now=T0)
                core.monitor.snapshot(now=T0)
                core.monitor.json(now=T0)

    def test_a_failure_to_load_is_an_error_of_open(self):
        store = ListStore()
        store.fails = "load"
        with self.assertLogs("perpcore", "ERROR"):
            with self.assertRaisesRegex(perpcore.StoreError, "no space left"):
                perpcore.Core(store=store)
        self.assertEqual(store.calls[-1], "close")

    def test_damaged_or_malformed_records_are_refused(self):
        for records, wanted in (
            ([(1, b"garbage")], perpcore.CorruptError), ([(1, b"")], perpcore.CorruptError),
            ([(1, "text")], perpcore.StoreError), ([(-1, b"x")], perpcore.StoreError),
            ([5], perpcore.StoreError), ([Checkpoint(1, 2, b"x" * 50)], perpcore.CorruptError),
        ):
            class Damaged(ListStore):
                def load(self, from_start):
                    return records

            with self.subTest(records=records), self.assertLogs("perpcore", "ERROR"):
                with self.assertRaises(wanted):
                    perpcore.Core(store=Damaged())

    def test_it_can_not_call_the_core_that_it_stores_for(self):
        raised = []

        class Curious(WriteOnly):
            def append(self, record):
                for call in (cores[0].check, cores[0].close) if cores else ():
                    try:
                        call()
                    except perpcore.StateError as error:
                        raised.append(error)

        cores = []
        cores.append(Desk(store=Curious()).core)
        cores[0].capital.transfer("okx", 5, now=T0)
        self.assertEqual(len(raised), 2)
        self.assertFalse(cores[0].closed)
        cores.pop().close()

    def test_a_store_that_only_writes(self):
        store = WriteOnly()
        with Desk(store=store).core as core:
            with self.assertRaises(perpcore.StateError):
                core.checkpoint()
        self.assertIn("equity", store.kinds)
        with self.assertRaises(perpcore.InvalidError):
            perpcore.replay(store)

    def test_checkpoints_come_by_themselves(self):
        store = ListStore()
        with Desk(store=store, checkpoint_every=5).core as core:
            core.capital.transfer("okx", 5, now=T0)
        self.assertIsNotNone(store.saved)

    def test_a_keyboard_interrupt_in_load_goes_on_in_the_caller(self):
        class Stopped(ListStore):
            def load(self, from_start):
                raise KeyboardInterrupt

        for way in (perpcore.Core, perpcore.replay):
            with self.assertRaises(KeyboardInterrupt):
                way(store=Stopped())

    def test_a_keyboard_interrupt_in_a_store_goes_on_in_the_caller(self):
        class Stopped(ListStore):
            stop = False

            def commit(self):
                if self.stop:
                    self.stop = False
                    raise KeyboardInterrupt
                super().commit()

        store = Stopped()
        desk = Desk(store=store)
        before = desk.core.hash
        store.stop = True
        with self.assertRaises(KeyboardInterrupt):
            desk.core.capital.transfer("okx", 5, now=T0)
        self.assertEqual(desk.core.hash, before)
        desk.core.close()


class Rows(unittest.TestCase):
    def setUp(self):
        self.store = RowStore()
        self.desk = Desk(store=self.store, execute=accept)
        self.core = self.desk.core
        self.addCleanup(self.core.close)

    def finish(self, number=1):
        result = JobResult(volume=12_002, fees=Decimal("6.25"))
        self.core.scheduler.finish(job_id(number), result, now=T0)

    def test_they_come_after_the_records_of_their_change(self):
        self.desk.run()
        self.finish()
        calls = [c for c in self.store.calls if c != "load"]
        changes = "".join({"begin": "b", "append": "a", "row": "r", "commit": "c"}[c]
                          for c in calls)
        self.assertRegex(changes, "^(ba+r*c)+$")
        self.assertIn("r", changes)
        # Each says the record that it is of, which has come before it.
        seq = 0
        for item in self.store.order:
            if isinstance(item, Record):
                seq = item.seq
            elif "last_seq" in item.columns:
                self.assertEqual(item.columns["last_seq"], seq, item)

    def test_keys_are_first(self):
        self.desk.run()
        self.finish()
        keys = {row.table: tuple(row.columns)[:row.keys] for row in self.store.rows}
        self.assertEqual(keys, {
            "exchanges": ("id",), "bases": ("base",), "jobs": ("id",), "reservations": ("id",),
            "daily": ("day", "exchange"), "positions": ("exchange", "symbol"),
            "lots": ("job", "leg"), "fills": ("seq", "n"),
        })
        for row in self.store.rows:
            self.assertEqual(tuple(row.columns)[:row.keys], keys[row.table])

    def test_they_say_what_the_book_says(self):
        jobs, live = self.store.tables.setdefault("jobs", {}), self.core.capital.reservations
        self.core.scheduler.submit(self.desk.job(), now=T0)
        for number in (2, 3):
            self.desk.run(number)
        self.core.scheduler.submit(self.desk.job(4), now=T0)
        self.finish(2)
        self.core.scheduler.cancel(job_id(4), now=T0)
        self.assertEqual(set(jobs), {(str(job_id(n)),) for n in (1, 2, 3, 4)})
        states = set()
        for (name,), columns in jobs.items():
            info = self.core.scheduler.job(name)
            states.add(info.state)
            self.assertEqual(columns["state"], info.state.text)
            self.assertEqual(columns["strategy"], info.job.strategy.text)
            self.assertEqual(columns["notional"], int(info.job.notional * 1_000_000))
            self.assertEqual(columns["edge_bps"], info.job.expected_edge_bps)
            self.assertEqual(columns["is_repair"], 0)
            self.assertEqual(columns.get("fees", 0), int(info.fees * 1_000_000))
        self.assertEqual(states, {JobState.RUNNING, JobState.OPEN, JobState.CANCELLED})
        held = {(r.id,): r for r in live()}
        self.assertTrue(held)
        for key, columns in self.store.tables["reservations"].items():
            there = held.get(key)
            self.assertEqual(columns["in_flight"],
                             int(there.in_flight * 1_000_000) if there else 0)
            if there:
                self.assertEqual(columns["exchange"], there.exchange.name)
                self.assertEqual(columns["job"], str(there.job_id))
        for name in ("binance", "okx"):
            today = self.core.capital.snapshot(name).today
            self.assertEqual(self.store.tables["daily"][("2023-11-14", name)]["volume"],
                             int(today.volume * 1_000_000))

    def test_columns_have_the_types_of_python(self):
        self.desk.run()
        self.finish()
        types = {type(v) for row in self.store.rows for v in row.columns.values()}
        self.assertEqual(types, {int, float, str, type(None)})

    def test_a_type_that_is_not_known_is_a_failure_and_not_a_guess(self):
        column = _abi.perp_column(name=b"new", type=max(ColumnType) + 1)
        row = _abi.perp_row(table=b"jobs", n_columns=1, columns=ctypes.pointer(column))
        with self.assertRaisesRegex(perpcore.InvalidError, "new: .*unknown type 4"):
            perpcore.Row._read(row)

    def test_a_failure_is_that_of_a_record(self):
        before, rows = self.core.hash, list(self.store.rows)
        records = list(self.store.records)
        self.store.fails = "row"
        self.store.calls.clear()
        with self.assertLogs("perpcore", "ERROR"):
            with self.assertRaisesRegex(perpcore.StoreError, "no space left"):
                self.core.scheduler.submit(self.desk.job(), now=T0)
        self.assertEqual(self.store.calls, ["begin", "append", "row", "rollback"])
        self.assertEqual((self.core.hash, self.store.rows, self.store.records),
                         (before, rows, records))
        self.assertTrue(self.core.scheduler.query().store_failed)
        self.store.fails = ""
        self.core.scheduler.resume(now=T0, actor="ann", reason="mended")
        self.core.scheduler.submit(self.desk.job(), now=T0)
        self.core.check()

    def test_a_keyboard_interrupt_goes_on_in_the_caller(self):
        before = self.core.hash

        def row(row):
            raise KeyboardInterrupt

        self.store.row = row
        with self.assertRaises(KeyboardInterrupt):
            self.core.scheduler.submit(self.desk.job(), now=T0)
        self.assertEqual(self.core.hash, before)
        del self.store.row

    def test_a_store_without_the_method_gets_none(self):
        for store, wanted in ((ListStore(), False), (WriteOnly(), False), (RowStore(), True)):
            configs = []
            attach = store._attach

            def attached(config, hooks, replaying):
                attach(config, hooks, replaying)
                configs.append(bool(config.store.row))

            store._attach = attached
            with Desk(store=store, execute=accept).core:
                self.assertEqual(configs, [wanted], store)

    def test_rows_or_none_the_records_are_the_same(self):
        plain = ListStore()
        desk = Desk(store=plain, execute=accept)
        for each in (desk, self.desk):
            each.run()
        self.assertEqual(plain.records, self.store.records)
        self.assertNotIn("row", plain.calls)
        desk.core.close()

    def test_a_record_has_its_outcome_and_checksum(self):
        self.desk.run()
        self.finish()
        outcomes = {r.kind: r.outcome for r in self.store.seen}
        self.assertEqual((outcomes["finish"], outcomes["equity"]), ("open", None))
        for record in self.store.seen:
            self.assertEqual(record.chain, int.from_bytes(record.data[-8:], "little"))


class ConfigWins(unittest.TestCase):
    def test_the_stored_configuration_holds_unless_the_given_one_is_said_to_win(self):
        store = MemoryStore()
        config = Config()
        config.risk.mode = perpcore.Mode.CONSERVATIVE
        perpcore.Core(config, store=store).close()
        with perpcore.Core(store=store) as core:
            self.assertEqual(core.config.risk.mode, perpcore.Mode.CONSERVATIVE)
        with self.assertRaises(perpcore.ConfigError):
            perpcore.Core(store=store, config_wins=True)
        with perpcore.Core(store=store, config_wins=True, actor="ann", reason="a test") as core:
            self.assertEqual(core.config.risk.mode, perpcore.Mode.BALANCED)
            self.assertEqual(core.scheduler.list(JobState.PENDING), ())
