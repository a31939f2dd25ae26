#!/usr/bin/env python3
"""A day of the generated market at many times its pace, with everything on: the console, a store
that keeps only what is new, readers of the API and of the stream of events. Memory and store stay
bounded, and every hand-over and every reservation is accounted for.
usage: day.py BIN_DIR [--speed 100] [--hours 24] [--seed 1] [--keep-events 20000]
Needs Python alone. Ends with a table, and "N passed, N failed"."""

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime

LISTENERS = 4
LOOK_S = 2.0
PAGE = os.sysconf("SC_PAGE_SIZE")
FINAL = {"finish", "requeue", "cancel"}


class Console:
    """The program, and requests to it."""

    def __init__(self, folder, settings):
        self.token = os.urandom(16).hex()
        token_file = os.path.join(folder, "token")
        with open(os.open(token_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(self.token + "\n")
        self.store = os.path.join(folder, "book.db")
        self.process = subprocess.Popen(
            [
                os.path.join(settings.bin, "perpcore-console"),
                *("--listen", "127.0.0.1:0", "--token-file", token_file),
                *("--store", self.store, "--keep-events", str(settings.keep_events)),
                *("--speed", str(settings.speed), "--seed", str(settings.seed)),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = None
        for line in self.process.stdout:
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        if self.port is None:
            sys.exit("the console did not say where it listens")
        # What it says further is nobody's business, but must not fill a pipe.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def open(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        return connection, connection.getresponse()

    def get(self, path):
        connection, reply = self.open(path)
        with contextlib.closing(connection):
            text = reply.read()
            if reply.status != 200:
                raise RuntimeError(f"{path}: {reply.status}")
            return text

    def json(self, path):
        return json.loads(self.get(path))

    def resident(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * PAGE

    def stored(self):
        size = 0
        for end in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                size += os.path.getsize(self.store + end)
        return size


class Archive:
    """What the store has lost again: events are read before they go, as a host would that keeps
    them elsewhere."""

    def __init__(self, path):
        self.db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.db.execute("BEGIN")  # one moment; what was before it is not looked at
        self.last = self.db.execute("SELECT max(seq) FROM events").fetchone()[0]
        self.open = {job: 0 for job in self.going()}  # hand-overs that have not ended
        self.db.execute("COMMIT")
        self.gaps = 0
        self.count = 0
        self.handed_over = len(self.open)
        self.ended = 0
        self.odd = []

    def read(self):
        rows = self.db.execute(
            "SELECT seq, kind, job FROM events WHERE seq > ? ORDER BY seq", (self.last,)
        ).fetchall()
        for seq, kind, job in rows:
            self.gaps += seq != self.last + 1
            self.last = seq
            self.count += 1
            if kind == "dispatch":
                self.handed_over += 1
                if job in self.open:
                    self.odd.append(f"{job} is handed over twice, the second time in {seq}")
                self.open[job] = seq
            elif kind in FINAL and job in self.open:
                self.ended += 1
                del self.open[job]

    def going(self):
        rows = self.db.execute("SELECT id FROM jobs WHERE state IN ('running', 'doubt')")
        return {row[0] for row in rows}

    def kept(self):
        return self.db.execute("SELECT count(*) FROM events").fetchone()[0]


def listen(console, frames, stop):
    connection, reply = console.open("/api/events")
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        while not stop.is_set():
            line = reply.readline()
            if not line:
                return
            frames[0] += line.startswith(b"event:")


def market_ns(console):
    text = console.json("/api/console")["market_time"]
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()


def metric(console, name):
    for line in console.get("/metrics").decode().splitlines():
        if line.startswith(f"perpcore_{name} "):
            return float(line.split()[1])
    raise RuntimeError(f"no metric {name}")


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def must(self, condition, what):
        self.passed += bool(condition)
        self.failed += not condition
        print(f"{'ok    ' if condition else 'FAILED'} {what}")


def money(db, sql):
    return dict(db.execute(sql).fetchall())


def account(archive, check):
    """What is reserved belongs to jobs that run, what is used to what is open."""
    db, running = archive.db, archive.going()
    reserved = db.execute("SELECT job, in_flight, used FROM reservations").fetchall()
    lots = money(db, "SELECT exchange, sum(used) FROM lots GROUP BY exchange HAVING sum(used) > 0")
    used = money(
        db, "SELECT exchange, sum(used) FROM reservations GROUP BY exchange HAVING sum(used) > 0"
    )
    check.must(
        all(job in running for job, in_flight, _ in reserved if in_flight > 0),
        f"each of {len(reserved)} reservations that is in flight is of a job that runs",
    )
    check.must(lots == used, f"what is used is what lots hold, by exchange: {lots}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin")
    parser.add_argument("--speed", type=float, default=100)
    parser.add_argument("--hours", type=float, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep-events", type=int, default=20000)
    settings = parser.parse_args()
    check = Checks()
    with tempfile.TemporaryDirectory() as folder:
        console = Console(folder, settings)
        try:
            run(console, settings, check)
        finally:
            console.process.kill()
    print(f"{check.passed} passed, {check.failed} failed")
    return check.failed != 0


def run(console, settings, check):
    begun, from_s = time.monotonic(), market_ns(console)
    archive = Archive(console.store)
    frames, stop = [0], threading.Event()
    readers = [
        threading.Thread(target=listen, args=(console, frames, stop)) for _ in range(LISTENERS)
    ]
    for reader in readers:
        reader.start()
    looks = []  # hour of the market, resident, allocated, stored, kept
    hour = 0.0
    while hour < settings.hours:
        time.sleep(LOOK_S)
        archive.read()
        console.get("/api/monitoring/state")
        hour = (market_ns(console) - from_s) / 3600
        looks.append(
            (
                hour,
                console.resident(),
                metric(console, "allocated_bytes"),
                console.stored(),
                archive.kept(),
            )
        )
    took = time.monotonic() - begun
    dispatched = metric(console, "jobs_dispatched_total")
    stop.set()
    console.process.send_signal(signal.SIGTERM)
    status = console.process.wait(60)
    for reader in readers:
        reader.join(10)
    archive.read()
    check.must(status == 0, f"the console ends with {status}")

    def part(low, high, column):
        return [row[column] for row in looks if low <= row[0] / settings.hours < high]

    print("hour of the market, resident MB, of the book MB, store MB, events kept")
    for i in range(8):
        rows = [row for row in looks if i <= row[0] / settings.hours * 8 < i + 1]
        if rows:
            middle = [statistics.median(row[c] for row in rows) for c in range(5)]
            print(
                f"{middle[0]:8.1f} {middle[1] / 1e6:10.1f} {middle[2] / 1e6:10.2f}"
                f" {middle[3] / 1e6:10.1f} {middle[4]:10.0f}"
            )
    for column, what, room in ((1, "resident memory", 1.05), (3, "the store", 1.1)):
        before, after = max(part(0.25, 0.5, column)), max(part(0.75, 1.01, column))
        check.must(
            after <= before * room + 1e6,
            f"{what} stays: {before / 1e6:.1f} MB in the second quarter,"
            f" {after / 1e6:.1f} in the last",
        )
    check.must(
        max(part(0.25, 1.01, 4)) <= 2.5 * settings.keep_events,
        f"of {archive.count} events {max(part(0.25, 1.01, 4))} were kept at most",
    )
    check.must(archive.gaps == 0, "the numbers of events have no gap")
    check.must(not archive.odd, "; ".join(["nothing is handed over twice", *archive.odd[:3]]))
    check.must(
        set(archive.open) == archive.going(),
        f"of {archive.handed_over} hand-overs {archive.ended} ended, once each, and"
        f" {len(archive.open)} still run, as the jobs say",
    )
    account(archive, check)
    check.must(frames[0] > 0, f"{LISTENERS} listeners had {frames[0]} events")
    print(
        f"{hour:.1f} hours in {took:.0f} s ({hour * 3600 / took:.0f} times), {dispatched:.0f} jobs handed over"
    )


if __name__ == "__main__":
    sys.exit(main())
