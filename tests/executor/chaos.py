"""Kills an executor again and again while its exchanges misbehave, then holds its book against what they did.

usage: chaos.py [--jobs N] [--kills N] [--seed N] [--faults PROFILE] [--keep DIR]

The last line is "N passed, N failed". A seed gives the same faults to the same requests, not the same run: processes
and the network are no part of it.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

import compare

BIN = pathlib.Path(os.environ.get("PERPCORE_BIN", "build/bin"))
VENUES = ("alpha", "beta")
KEYS = {"EXECUTOR_KEY": "a key", "EXECUTOR_SECRET": "a secret"}
QUIET_S = 180  # for the last jobs to end
STUCK_S = 60  # without a new job, or one that ends


class Exchange:
    def __init__(self, seed, faults):
        self.process = subprocess.Popen(
            [BIN / "fake_exchange", "--venues", ",".join(VENUES), "--seed", str(seed), "--faults", faults,
             "--key", KEYS["EXECUTOR_KEY"], "--secret", KEYS["EXECUTOR_SECRET"]],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def control(self, **wishes):
        request = urllib.request.Request(self.url + "/control", json.dumps(wishes).encode())
        urllib.request.urlopen(request, timeout=20).read()

    def audit(self):
        return json.load(urllib.request.urlopen(self.url + "/audit", timeout=60))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)


class Executor:
    def __init__(self, exchange, folder, options):
        self.log = open(folder / "executor.log", "a")
        self.command = [BIN / "executor-demo", "--store", folder / "book.db", "--dump", folder / "book.json",
                        *options, *(f"{exchange.url}/{name}" for name in VENUES)]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, env={**os.environ, **KEYS})

    def kill(self):
        self.process.kill()
        self.process.wait()


def count(folder, ended=False):
    """How many jobs the book has, or how many of them have ended, read from its store while somebody writes to it."""
    where = "WHERE state NOT IN ('pending', 'running', 'in_doubt', 'open', 'partial')" if ended else ""
    try:
        with sqlite3.connect(f"file:{folder / 'book.db'}?mode=ro", uri=True, timeout=5) as store:
            return store.execute("SELECT count(*) FROM jobs " + where).fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # not there yet


def run_until(executor, folder, jobs, ended=False):
    """Until so many jobs are there. False: it has ended by itself, or nothing comes any more."""
    there, since = count(folder, ended), time.monotonic()
    while there < jobs:
        time.sleep(0.05)
        if executor.process.poll() is not None or time.monotonic() - since > STUCK_S:
            return False
        now = count(folder, ended)
        if now != there:
            there, since = now, time.monotonic()
    return True


def torment(executor, folder, jobs, kills, dice):
    """Kills are spread over all jobs; some come in twos and threes, while it still asks what became of its orders."""
    executor.start()
    done = 0
    while done < kills:
        if not run_until(executor, folder, int(jobs * (done + dice.random()) / (kills + 1))):
            return done
        time.sleep(dice.uniform(0, 0.5))
        executor.kill()
        done += 1
        executor.start()
        while done < kills and dice.random() < 0.25:
            time.sleep(dice.uniform(0, 3))
            executor.kill()
            done += 1
            executor.start()
    return done


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="all")
    parser.add_argument("--keep", help="a folder for the store and the logs")
    asked = parser.parse_args()
    folder = pathlib.Path(asked.keep or tempfile.mkdtemp(prefix="executor."))
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(asked.seed)
    exchange = Exchange(asked.seed, asked.faults)
    executor = Executor(exchange, folder, ["--jobs", str(asked.jobs), "--seed", str(asked.seed), "--cancel", "0.02",
                                           "--kill-every", "4", "--at-once", "24"])
    began = time.monotonic()
    passed, failed = 0, 1
    try:
        kills = torment(executor, folder, asked.jobs, asked.kills, dice)
        run_until(executor, folder, asked.jobs, ended=True)
        exchange.control(settle=True)
        try:
            code = executor.process.wait(timeout=QUIET_S)
        except subprocess.TimeoutExpired:
            executor.kill()
            code = "it did not come to an end"
        exchange.control(market="stop")
        (folder / "audit.json").write_text(json.dumps(exchange.audit()))
        print(f"{count(folder)} jobs, {kills} kills, {time.monotonic() - began:.0f} s, seed {asked.seed}")
        passed, failed = compare.everything(folder, {"kills": (kills, asked.kills), "exit": (code, 0)})
    finally:
        if executor.process is not None and executor.process.poll() is None:
            executor.kill()
        exchange.stop()
        if failed:
            print((folder / "executor.log").read_text()[-4000:])
    if not asked.keep:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
