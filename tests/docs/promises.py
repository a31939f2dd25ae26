#!/usr/bin/env python3
"""What README.md and docs/*.md name is there: functions and constants, fields and JSON names,
options of programs, make targets, files; and what the rules of the pages ask for is kept.

usage: promises.py BUILD   from the top of the source tree
"""

import os
import pathlib
import re
import subprocess
import sys

from pages import all_pages, blocks_of, prose_of

BUILD = pathlib.Path(sys.argv[1]).resolve()
WITH_OPTIONS = ("perp-scenario", "perp-replay", "replay", "perpcore-console", "perpctl", "executor-demo", "fake_exchange")
PROGRAMS = (*WITH_OPTIONS, "perp-bench", "recover", "capital_demo", "risk_demo", "scheduler_demo")
# What options and make's variables are looked up in, where no program says them itself.
SCRIPTS = ("tests/**/*.sh", ".ci/run", "examples/**/*.sh", "examples/**/*.py", "Makefile", ".make/*.mk",
           "tests/**/*.c")

OTHER_OPTIONS = ("--variable",)  # of pkg-config


def words_of(*patterns):
    """Every word of the files."""
    text = ""
    for pattern in patterns:
        for path in pathlib.Path().glob(pattern):
            if path.is_file() and "node_modules" not in path.parts:
                text += path.read_text(encoding="utf-8", errors="replace") + "\n"
    return text


def list_members(headers):
    """The enumerators and fields that the X-macro lists stand for."""
    for template, name in re.findall(
            r"#define PERP_X\([^)]*\) ([^\n]*)\n(?:[^\n]*\n)*?\s*(PERP_\w+_LIST)\(PERP_X\)", headers):
        body = re.search(rf"#define {name}\(X\)((?:.*\\\n)*.*)", headers)
        for entry in re.findall(r"X\((\w+)", body[1] if body else ""):
            prefix = re.match(r"(PERP_\w+?)##", template)
            yield prefix[1] + entry if prefix else entry


def files():
    """The names of the sources, without their endings."""
    return {path.stem for path in pathlib.Path().glob("[elt]*/**/*") if path.is_file()}


class Promises:
    def __init__(self):
        headers = words_of("include/perpcore/*")
        self.api = set(re.findall(r"\b(?:perp|PERP)_\w+", headers)) | set(list_members(headers))
        everything = words_of("include/perpcore/*", "lib/**/*", "examples/**/*", "tests/**/*.[ch]",
                              "tests/**/*.sh", "Makefile", ".make/*.mk", ".ci/run", "docs/*.json", "docs/img/*.svg")
        self.words = set(re.findall(r"\w+", everything)) | self.api | files()
        self.scripts = words_of(*SCRIPTS)
        self.help = {}
        for program in WITH_OPTIONS:
            path = BUILD / "bin" / program
            if path.exists():
                done = subprocess.run([path, "--help"], capture_output=True, text=True,
                                      stdin=subprocess.DEVNULL, timeout=60)
                self.help[program] = done.stdout + done.stderr
        done = subprocess.run(["make", "-pRrnq", f"BUILD={BUILD}", "help"], capture_output=True,
                              text=True, env={**os.environ, "MAKEFLAGS": ""}, timeout=120)
        self.targets = set(re.findall(r"^([a-z][\w-]*):(?!=)", done.stdout, re.M))
        self.passed = self.failed = 0

    def judge(self, place, holds, what):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"{place}: {what}")

    def api_words(self, place, text):
        """perp_field_… stands for all that begin so; the pages about the
        architecture and the tests speak of the inside."""
        for match in re.finditer(r"(?<![\w/.-])(perp|PERP)_\w+(…|\*|\{)?", text):
            word = match[0].rstrip("…*{")
            inside = place.startswith(("docs/architecture.md", "docs/testing.md"))
            names = self.words if inside else self.api
            if match[2] or word.endswith("_"):
                holds = any(name.startswith(word) for name in names)
            else:
                # A later form of a function, which versioning.md speaks of, has a number behind it.
                holds = word in names or re.sub(r"_[2-9]$", "", word) in names
            self.judge(place, holds, f"no header declares {match[0]}")
        for word in re.findall(r"\bPERPCORE_[A-Z_]+\b", text):
            self.judge(place, word in self.words, f"nothing knows {word}")

    def span(self, place, span):
        """A code span in prose: a name, a command, or something else."""
        if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", span):
            # The console puts perpcore_ before the names of its metrics, the store _usd behind
            # those of money in its views.
            name = span.removeprefix("perpcore_").removesuffix("_usd")
            self.judge(place, span in self.words or name in self.words, f"nothing is called {span}")
        for words in [span.split()] if span.split() else []:
            self.command(place, words)

    def command(self, place, words):
        program = words[0].removeprefix("build/bin/")
        if words[0].startswith("build/bin/"):
            # examples/cpp/x.cpp is built as cpp_x.
            known = program in PROGRAMS or program.removeprefix("cpp_") in self.words
            self.judge(place, known, f"no program {program}")
        if program == "make":
            for word in words[1:]:
                if re.fullmatch(r"[a-z][a-z-]*", word):
                    self.judge(place, word in self.targets, f"make has no target {word}")
        options = [w for w in words if re.fullmatch(r"\[?--[a-z][a-z-]*(=.*)?", w)]
        for option in options:
            option = option.lstrip("[").split("=")[0]
            if program in self.help:
                self.judge(place, option in self.help[program], f"{program} has no {option}")
            elif program.startswith("-"):
                known = (any(option in text for text in self.help.values())
                         or option in self.scripts or option in OTHER_OPTIONS)
                self.judge(place, known, f"no program has {option}")

    def page(self, page):
        before = ""
        for number, line in prose_of(page):
            place = f"{page}:{number}"
            self.api_words(place, line)
            for span in re.findall(r"`([^`]+)`", line):
                self.span(place, span)
            indented = re.match(r" {4}\S", line) and not before.strip()
            self.judge(place, not indented or self.in_list, "code is indented, not fenced")
            if not line.startswith(" ") and line.strip():
                self.in_list = bool(re.match(r"([-*]|\d+\.) ", line))
            before = line
        for block in blocks_of(page):
            if block.language in ("sh", "text"):
                self.api_words(block.place, block.text)
            if block.language == "sh":
                for line in re.sub(r"\\\n", " ", block.text).splitlines():
                    for part in re.split(r"&&|;|\|", line.split(" #")[0]):
                        words = [w for w in part.split() if w != "sudo"]
                        if words and not part.lstrip().startswith("#"):
                            self.command(block.place, words)

    in_list = False


if __name__ == "__main__":
    promises = Promises()
    for each in all_pages():
        promises.page(each)
    print(f"{promises.passed} passed, {promises.failed} failed")
    sys.exit(promises.failed > 0)
