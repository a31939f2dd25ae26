#!/usr/bin/env python3
"""The tables of docs/format.md are made from what the library says of its fields (format.c), with
the comments of rows.def and events.def: they stand in the page between two comments and are
compared with what they should be.

usage: format.py BUILD [write]   from the top of the source tree; CC, SANITIZE, LIB_LIBS as the
                                 Makefile sets them. write: puts them into the page
"""

import difflib
import os
import pathlib
import re
import shlex
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1])
PAGE = pathlib.Path("docs/format.md")
START, END = "<!-- made by format.py -->\n", "<!-- end of what format.py makes -->\n"

# What a value of a kind may be.
MEANING = {
    "BOOL": "0 or 1", "FLAG": "0 or 1", "U32": "at most 2³² − 1", "U64": "",
    "EXCHANGE": "the id of an exchange that is there: its place in the order in which they came, from 0",
    "ANYWHERE": "the same, or 2³² − 1: of all",
    "INSTRUMENT": "the id of an instrument that is there, in the same way",
    "BASE": "a base asset, numbered in the order in which instruments brought them",
    "KEY": "what a key was given with: 0 a reservation, 1 a booking, 2 cash, 3 a fill",
    "POOL": "a pool", "SIDE": "a side", "STRATEGY": "a strategy", "STATE": "a job's state",
    "MODE": "a risk mode", "REASON": "the number of a reason; 0: none",
    "GATE": "the number of a reason of the gate; 0: none",
    "I32": "within 32 bits", "I64": "", "TIME": "nanoseconds since 1970 UTC; the lowest number: none",
    "SPAN": "milliseconds or days, not negative",
    "USD": "micro-dollars, at most 2⁶³ / 256 either way", "USD0": "the same, not negative",
    "USD1": "the same, above 0",
    "SUM": "of all exchanges: micro-dollars, at most 2⁶³ / 4 either way",
    "F64": "a double", "REAL": "finite", "REAL0": "finite, not negative", "REAL1": "finite, above 0",
    "UUID": "16 bytes", "NAME": "UTF-8 without control characters, 1 to 63 bytes",
    "TEXT": "the same, or empty", "BYTES": "at most so many",
    "ROW": "one row", "ARRAY": "so many rows", "LIST": "from so many rows to so many",
    "ROOM": "at most so many rows", "NUMBERS": "so many numbers", "REALS": "so many doubles",
}


def dump():
    """What the library says, as lists of words."""
    program = BUILD / "docs-format"
    sanitize = os.environ.get("SANITIZE")
    libraries = os.environ.get("LIB_LIBS") or subprocess.run(
        ["pkg-config", "--libs", "libcjson"], capture_output=True, text=True, check=True).stdout + " -lm"
    subprocess.run([
        *shlex.split(os.environ.get("CC") or "cc"), "-std=c11", "-D_DEFAULT_SOURCE", "-Wall",
        "-Wno-missing-braces", "-Iinclude", "-Ilib", *([f"-fsanitize={sanitize}"] if sanitize else []),
        "tests/docs/format.c", str(BUILD / "lib/libperpcore.a"), *shlex.split(libraries), "-pthread",
        "-o", str(program)], check=True)
    text = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return [line.split("\t") for line in text.splitlines()]


def comments():
    """The comment directly above each list of fields, in one line."""
    found = {}
    for name in ("rows.def", "events.def"):
        text = pathlib.Path("lib/core", name).read_text(encoding="utf-8")
        for match in re.finditer(r"/\*((?:(?!\*/)[\s\S])*)\*/\n#define PERP_(\w+)", text):
            found[match[2]] = " ".join(match[1].split())
    return found


def kind_of(field):
    _, _, kind, _, row, least, most, _ = field
    at = f"[{row}](#{row})" if row else ""
    return {
        "ROW": f"{at}", "ARRAY": f"{most} × {at}", "LIST": f"{least} to {most} × {at}",
        "ROOM": f"at most {most} × {at}", "NUMBERS": f"{most} × U64", "REALS": f"{most} × F64",
        "BYTES": f"BYTES, {most}",
    }.get(kind, kind)


def fields(lines, shown):
    """A table of fields; shown: with the columns of the table of events."""
    yield f"| tag | field | kind | default |{' column |' if shown else ''}\n"
    yield f"|---|---|---|---|{'---|' if shown else ''}\n"
    for line in lines:
        tag, name, _, default, *_, column = line
        end = f" {f'`{column}`' if column else ''} |" if shown else ""
        yield f"| {tag} | `{name}` | {kind_of(line)} | {default} |{end}\n"


def tables():
    said = comments()
    lines = dump()
    parts = []  # (head, its fields)
    for line in lines:
        if line[0] == "F":
            parts[-1][1].append(line[1:])
        else:
            parts.append((line, []))
    of = {letter: [(head[1:], rest) for head, rest in parts if head[0] == letter] for letter in "KBREX"}

    yield "## Kinds of values\n\n| kind | written as | what it may be |\n|---|---|---|\n"
    for (kind, wire), _ in of["K"]:
        yield f"| {kind} | {wire.lower()} | {MEANING[kind]} |\n"
    yield "\n## Rows of a checkpoint\n\n| kind | row | its fields |\n|---|---|---|\n"
    for (number, name, row), _ in of["B"]:
        what = f"event [{row[3:]}](#event-{row[3:]})" if row.startswith("ev_") else f"[{row}](#{row})"
        yield f"| {number} | {name.lower()} | {what} |\n"
    yield "\n## Rows and their fields\n"
    for (name, upper), rest in of["R"]:
        yield f"\n### {name}\n\n"
        comment = said.get(f"ROW_{upper}")
        yield f"{comment}\n\n" if comment else ""
        yield from fields(rest, False)
    yield "\n## Kinds of events and their fields\n"
    for (number, name, upper), rest in of["E"]:
        yield f"\n### Event {name}\n\nKind {number}."
        comment = said.get(f"EV_{upper}")
        yield f" {comment}\n\n" if comment else "\n\n"
        yield from fields(rest, True)
    yield "\n## The example's bytes\n\n<!-- drawing -->\n```text\n"
    (example,), _ = of["X"][0]
    for at in range(0, len(example), 64):
        yield f"{example[at:at + 64]}\n"
    yield "```\n"


def told(page):
    """The example's bytes as the page tells them: in its table, and in its program."""
    table = re.search(r"\| bytes \| \|\n((?:\|.*\n)+)", page)
    yield "".join(re.findall(r"`([0-9a-f]+)`", "".join(
        row.split("|")[1] for row in table[1].splitlines()))) if table else ""
    program = re.search(r"bytes\.fromhex\(([^)]*)\)", page)
    yield "".join(re.findall(r"[0-9a-f]{2}", program[1])) if program else ""


def main():
    page = PAGE.read_text(encoding="utf-8")
    before, found, rest = page.partition(START)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        print(f"{PAGE}: no place for what is made\n0 passed, 1 failed")
        return 1
    made = before + START + "\n" + "".join(tables()) + "\n" + END + after
    if sys.argv[2:] == ["write"]:
        PAGE.write_text(made, encoding="utf-8")
    elif made != page:
        for line in difflib.unified_diff(page.splitlines(), made.splitlines(), "in the page", "made", n=0):
            print(line)
        print(f"{PAGE} is not up to date: python3 tests/docs/format.py BUILD write\n0 passed, 1 failed")
        return 1
    (example,) = re.findall(r"```text\n([0-9a-f\n]+)```", made)
    wrong = [text for text in told(page) if text != example.replace("\n", "")]
    for text in wrong:
        print(f"{PAGE}: the example is told as {text}")
    if wrong:
        print(f"1 passed, {len(wrong)} failed")
        return 1
    print("3 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
