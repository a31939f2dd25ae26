"""Mutation testing: small changes of the library, one at a time, and the tests must see each.

All mutants are in one build, behind switches (mutate.py); each test program is run once to see which
places it reaches, then for each mutant of the sample the tests that reach it, until one fails: the
short ones first, and the long ones for what these leave.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pickle
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import mutate

FOLDERS = ["capital", "positions", "risk", "scheduler", "orders", "book"]
HERE = "tests/mutants"
# The numbers of a file's mutants begin at a multiple of it, so that a changed file moves no others.
PER_FILE = 2500
MOST = 200000
# Tests that take longer are for what the others leave.
SHORT_SECONDS = 1
# What a run of random calls is cut down to.
SHORT = {"PERP_CALLS": "4000", "PERP_STEPS": "1500", "PERP_FAULTS_EVERY": "16"}


def say(*words):
    print(*words, flush=True)


def write(path, content):
    """Only where it differs: make looks at times."""
    try:
        with open(path, "rb") as file:
            if file.read() == content:
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def sources(*folders):
    for folder in folders:
        for where, names, files in os.walk(folder):
            names[:] = sorted(n for n in names if not n.startswith("__") and n != "node_modules")
            for name in sorted(files):
                yield os.path.join(where, name)


class Mutants:
    """All mutants of the folders, and the files with all of them."""

    def __init__(self, cache, flags):
        headers = hashlib.sha256(read(mutate.__file__) + " ".join(flags).encode())
        for path in sources("include", "lib"):
            if not path.endswith(".c"):
                headers.update(read(path))
        os.makedirs(cache, exist_ok=True)
        self.all, self.written = [], {}
        paths = [p for f in FOLDERS for p in sources(f"lib/{f}") if p.endswith(".c")]
        for index, path in enumerate(paths):
            key = hashlib.sha256(headers.digest() + path.encode() + read(path)).hexdigest()[:24]
            kept = os.path.join(cache, key)
            try:
                found = pickle.loads(read(kept))
            except FileNotFoundError:
                found = mutate.File(path, flags)
                found.at = None
                write(kept, pickle.dumps(found))
            number = index * PER_FILE
            for place in found.places:
                for mutant in place.mutants:
                    number += 1
                    mutant.number = number
                    mutant.place = place.mutants[0].number
                    self.all.append(mutant)
            assert number < (index + 1) * PER_FILE <= MOST, path
            self.written[path] = found.written()


class Test:
    def __init__(self, name, command, given=None, expected=None, compare=None):
        self.name, self.command, self.given = name, command, given
        self.expected, self.compare = expected, compare
        self.env = {}
        self.cpu = self.wall = 0.0
        self.reached = b""


class Build:
    """One build with all mutants, in a tree of its own, and its tests."""

    def __init__(self, root, mutants):
        self.root = os.path.abspath(root)
        copied = set()
        for path in sources("lib", "include", "tests", "examples", ".make"):
            self.put(path, mutants.written.get(path) or read(path), copied)
        self.put("Makefile", read("Makefile"), copied)
        self.put("lib/util/mutants.c", read(f"{HERE}/mutants.c"), copied)
        self.put("lib/util/mutants.h", read(f"{HERE}/mutants.h"), copied)
        for path in list(sources(os.path.join(self.root, "lib"), os.path.join(self.root, "tests"))):
            if path not in copied:
                os.remove(path)
        self.targets = []
        self.tests = []

    def put(self, path, content, copied):
        path = os.path.join(self.root, path)
        copied.add(path)
        write(path, content)

    def program(self, path, *arguments):
        self.targets.append(f"build/{path}")
        return [os.path.join(self.root, "build", path), *arguments]

    def find_tests(self):
        add = self.tests.append
        for folder in ("unit", "property", "life", "fault"):
            for path in sorted(os.listdir(f"tests/{folder}")):
                text = read(f"tests/{folder}/{path}") if path.endswith(".c") else b""
                name = path[:-2]
                if re.search(rb"^int main\b", text, re.M) and name not in LEFT_OUT:
                    add(Test(f"{folder}/{name}", self.program(f"tests/{folder}/{name}")))
        add(Test("sim", self.program("tests/sim/perp-sim", "--kept", "tests/sim/kept", "--seeds", "8",
                                     "--steps", "600")))
        for path in sorted(os.listdir("tests/fuzz")):
            if re.fullmatch(r"fuzz_\w+\.c", path):
                name = path[:-2]
                corpus = f"tests/fuzz/corpus/{name}"
                if not os.path.isdir(corpus):
                    corpus = f"tests/fuzz/corpus/{name[5:]}"
                add(Test(f"fuzz/{name}", self.program(f"tests/fuzz/{name}", corpus)))
        frozen = self.program("tests/format/frozen")
        add(Test("format/prefixes", frozen + ["prefixes"]))
        for release in sorted(os.listdir("tests/format")):
            if os.path.isdir(f"tests/format/{release}"):
                add(Test(f"format/{release}", frozen + ["check", f"tests/format/{release}"]))
        compare = os.path.join(self.root, "build/compare")
        runner = self.program("bin/perp-scenario")
        for folder in ("tests/scenarios", "tests/scenarios/cases", "tests/scenarios/store"):
            for path in sorted(os.listdir(folder)):
                if path.endswith(".in.jsonl"):
                    given = f"{folder}/{path}"
                    store = ["--store", "{tmp}/book.db"] if folder.endswith("store") else []
                    add(Test(f"scenario/{path[:-9]}", runner + store, given,
                             given.replace(".in.", ".out."), compare))

    def make_all(self, jobs):
        subprocess.run(["make", "-C", self.root, "--no-print-directory", f"-j{jobs}", "BUILD=build",
                        "HARDEN=0", "OPT=-O1", "CFLAGS=-w -g0 -include lib/util/mutants.h",
                        "LDFLAGS=-Wl,--wrap=_ck_assert_failed", *sorted(set(self.targets))],
                       check=True, stdout=subprocess.DEVNULL)
        options = subprocess.run(["pkg-config", "--cflags", "--libs", "libcjson"], check=True,
                                 capture_output=True, text=True).stdout.split()
        subprocess.run(["cc", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "tests/scenarios/compare.c",
                        "-o", f"{self.root}/build/compare", *options, "-lm"], check=True)

    def run(self, test, mutant=0, reached=None):
        """Whether it passes; None where its time is over."""
        tmp = tempfile.mkdtemp(prefix="perp-mutants-")
        env = dict(os.environ, TMPDIR=tmp, PERP_CRASH_DIR=tmp, LC_ALL="C.UTF-8", **SHORT,
                   CK_DEFAULT_TIMEOUT="0", PERP_MUTANT=str(mutant), **test.env)
        if reached:
            env["PERP_REACHED"] = reached
        cpu, wall = 600, 1200
        if mutant:
            cpu, wall = int(3 + 4 * test.cpu), 10 + 10 * test.wall
        out = open(f"{tmp}/out", "wb") if test.expected else subprocess.DEVNULL
        given = open(test.given, "rb") if test.given else subprocess.DEVNULL

        def limits():
            resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))
            resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))

        start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        process = subprocess.Popen([w.replace("{tmp}", tmp) for w in test.command], cwd=self.root,
                                   env=env, stdin=given, stdout=out, stderr=subprocess.DEVNULL,
                                   start_new_session=True, preexec_fn=limits)
        try:
            code = process.wait(wall)
        except subprocess.TimeoutExpired:
            code = -signal.SIGXCPU
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        for file in (out, given):
            if file is not subprocess.DEVNULL:
                file.close()
        passed = code == 0
        if passed and test.expected:
            passed = subprocess.run([test.compare, test.expected, f"{tmp}/out"],
                                    stdout=subprocess.DEVNULL, check=False).returncode == 0
        shutil.rmtree(tmp, ignore_errors=True)
        if not mutant:
            test.wall = time.monotonic() - start
            test.cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else passed

    def see_what_is_reached(self, cache):
        """Each test once as it is. In one process, if it passes so; else as it wants. What one
        reached is kept for as long as its program is the same."""
        left = []
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/reached"
            for test in self.tests:
                key = hashlib.sha256(read(test.command[0]) + repr((test.command, SHORT)).encode())
                key.update(read(test.given) if test.given else b"")
                kept = os.path.join(cache, key.hexdigest()[:24])
                if os.path.exists(kept):
                    test.env, test.cpu, test.wall, test.reached = pickle.loads(read(kept))
                    left.append(test)
                    continue
                for fork in ("no", "yes"):
                    write(path, b"")
                    os.truncate(path, 0)
                    os.truncate(path, MOST)
                    test.env = {"CK_FORK": fork}
                    if self.run(test, 0, path):
                        test.reached = read(path)
                        left.append(test)
                        write(kept, pickle.dumps((test.env, test.cpu, test.wall, test.reached)))
                        break
                else:
                    say(f"left out: {test.name} fails without a mutant")
        self.tests = left


# Those that wait for the clock, or try for minutes what is in none of the folders.
LEFT_OUT = {"test_turns", "test_digits", "test_store_damage", "test_torn", "test_vfs", "test_wal"}


class Hunt:
    """Which tests to try first: those that saw others of the same function, then of the file."""

    def __init__(self, build, tests):
        self.build, self.tests = build, tests
        self.seen = collections.Counter()

    def kill(self, mutant):
        """The name of the test that sees it, or None."""
        where = (mutant.file, mutant.function)
        tests = [t for t in self.tests if t.reached[mutant.place]]
        tests.sort(key=lambda t: (t.cpu + 0.01) / (0.1 + 5 * self.seen[where, t.name] +
                                                   self.seen[mutant.file, t.name]))
        for test in tests:
            passed = self.build.run(test, mutant.number)
            if not passed:
                self.seen[where, test.name] += 1
                self.seen[mutant.file, test.name] += 1
                return test.name + (" (time)" if passed is None else "")
        return None


def explained(path, mutants):
    """The mutants that no test can see, each with its reason; what it names must be there."""
    names = {m.name for m in mutants}
    reasons, waiting, lost = {}, [], []
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            if line.startswith("    "):
                for name in waiting:
                    reasons[name] = line.strip()
                waiting = []
                continue
            if line not in names:
                lost.append(line)
            waiting.append(line)
    for name in lost:
        say(f"{path}: no such mutant: {name}")
    for name in waiting:
        say(f"{path}: without a reason: {name}")
    return reasons, not lost and not waiting


def table(mutants, results, reasons):
    say("")
    say("| folder | mutants | tried | killed | of them by time | explained | not explained | killed |")
    say("|---|---|---|---|---|---|---|---|")
    for folder in [f"lib/{f}" for f in FOLDERS] + ["all"]:
        here = [m for m in mutants if folder in ("all", m.folder)]
        tried = [m for m in here if m.number in results]
        killed = [m for m in tried if results[m.number]]
        late = [m for m in killed if results[m.number].endswith("(time)")]
        known = [m for m in tried if not results[m.number] and m.name in reasons]
        if tried:
            say(f"| {folder} | {len(here)} | {len(tried)} | {len(killed)} | {len(late)} | {len(known)} | "
                f"{len(tried) - len(killed) - len(known)} | {100 * len(killed) / len(tried):.1f} % |")


def main():
    sys.setrecursionlimit(100000)
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", default="build")
    parser.add_argument("--count", type=int, default=1500, help="so many mutants; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folders", default=" ".join(FOLDERS))
    parser.add_argument("--only", help="a file of names, one a line: these and no others")
    parser.add_argument("--jobs", type=int, default=1, help="so many at once")
    given = parser.parse_args()
    here = os.path.join(given.build, "mutants")
    os.makedirs(here, exist_ok=True)
    flags = ["-D_POSIX_C_SOURCE=200809L", "-DPERP_WITH_SQLITE=1", "-Iinclude", "-Ilib", "-std=c11"]
    mutants = Mutants(os.path.join(here, "cache"), flags)
    reasons, sound = explained(f"{HERE}/equivalent.txt", mutants.all)
    chosen = [m for m in mutants.all if m.folder[4:] in given.folders.split()]
    if given.only:
        with open(given.only, encoding="utf-8") as file:
            names = {line.rstrip("\n") for line in file}
        chosen = [m for m in chosen if m.name in names]
    elif given.count:
        chosen = random.Random(given.seed).sample(chosen, min(given.count, len(chosen)))
    say(f"{len(mutants.all)} mutants, {len(chosen)} of them are tried (seed {given.seed})")

    build = Build(os.path.join(here, "tree"), mutants)
    build.find_tests()
    build.make_all(given.jobs)
    build.see_what_is_reached(os.path.join(here, "cache"))
    short = [t for t in build.tests if t.cpu <= SHORT_SECONDS]
    long = [t for t in build.tests if t not in short]
    say(f"{len(short)} short tests, {sum(t.cpu for t in short):.0f} s; "
        f"{len(long)} long ones, {sum(t.cpu for t in long):.0f} s")
    results, left = {}, chosen
    for tests in (short, long):
        hunt, start, dead = Hunt(build, tests), time.monotonic(), 0
        with concurrent.futures.ThreadPoolExecutor(given.jobs) as pool:
            for n, (mutant, killer) in enumerate(zip(left, pool.map(hunt.kill, left))):
                results[mutant.number] = killer
                dead += killer is not None
                if not killer:
                    say(f"  not yet: {mutant.file}:{mutant.line}: {mutant.change}: {mutant.text}")
                if (n + 1) % 100 == 0:
                    say(f"{n + 1} of {len(left)}: {dead} killed, {time.monotonic() - start:.0f} s")
        left = [m for m in left if not results[m.number]]

    with open(f"{here}/survivors.txt", "w", encoding="utf-8") as file:
        for mutant in sorted(left, key=lambda m: m.number):
            file.write(mutant.name + "\n")
            if mutant.name not in reasons:
                say(f"{mutant.file}:{mutant.line}: {mutant.function}: {mutant.change}: {mutant.text}")
    with open(f"{here}/results.json", "w", encoding="utf-8") as file:
        json.dump({m.name: results[m.number] for m in chosen}, file, indent=1)
    table(mutants.all, results, reasons)
    killed = len(chosen) - len(left)
    unknown = [m for m in left if m.name not in reasons]
    say("")
    say(f"{killed} of {len(chosen)} killed, {len(left) - len(unknown)} explained, "
        f"{len(unknown)} not explained")
    if not sound or unknown or 100 * killed < 95 * len(chosen):
        sys.exit(1)


if __name__ == "__main__":
    main()
