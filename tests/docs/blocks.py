#!/usr/bin/env python3
"""Compiles or runs every fenced block of README.md and docs/*.md.

usage: blocks.py BUILD   from the top of the source tree; CC, CXX, SANITIZE as the Makefile sets them

What happens to a block depends on its language:

c, cpp     a program (it has a main) is compiled against an installed tree, without a warning, and
           run in an empty folder; a part of one is compiled inside of preludes/c.c or cpp.cpp.
python     the blocks of a page run in their order in one interpreter, with the binding.
sh         runs in a copy of the source tree where it speaks of it, else in the page's folder.
sql        runs on the store that make demo leaves.
json, jsonl, toml, ini   are read.
cmake      is configured and built with the installed tree.
others     must be an excerpt of a file below examples/, which other tests compile.

The ```text block that follows in the same section is the exact output; an ellipsis in it stands for
anything. Directly before a block may stand:

<!-- setup: NAME -->      what it needs around it, or before it: preludes/NAME.c, .cpp or .py
<!-- stdin of: COMMAND --> the block is what COMMAND reads; the next block is what it prints
<!-- not run: REASON -->  the programs and make targets that it names are looked up, no more
<!-- drawing -->          a ```text that is no output

A program is saved under the name by which an sh block after it calls it.
A block that needs a tool that is not there is left out.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

from pages import all_pages, blocks_of

TOP = pathlib.Path.cwd()
if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "lib").is_dir():
    sys.exit("usage: blocks.py BUILD [PAGE...]   (BUILD: a folder that make has filled)")
BUILD = pathlib.Path(sys.argv[1]).resolve()
WORK = BUILD / "docs-blocks"
ROOT = WORK / "root"
TREE = WORK / "tree"
DEMO = TREE / "build/demo.db"
PRELUDES = TOP / "tests/docs/preludes"
SANITIZE = os.environ.get("SANITIZE", "")
CC = os.environ.get("CC", "cc")
CXX = os.environ.get("CXX", "clang++" if "clang" in CC else "g++")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
EXCERPTS = ("rust", "js", "javascript", "go")
INSTALLERS = ("pip", "pip3", "apt", "apt-get", "cargo", "npm", "dpkg")
SECONDS = 300
WITHOUT_SANITIZERS = "not with sanitizers"
# What a script needs besides itself.
TOOLS_OF_SCRIPTS = {"examples/rust/build.sh": ("rustc", "bindgen")}


SUDO = """#!/bin/sh
# Stands for sudo while the pages are tried: nothing of the system is changed.
[ "$1" = make ] && exec "$@"
echo "sudo $1: not while the pages are tried" >&2
exit 1
"""


class Failed(Exception):
    """A block does not do what the page says."""


class LeftOut(Exception):
    """A block needs something that is not here."""


def environment():
    """That of a user who has installed perpcore in ROOT, and of a build that make has made."""
    # Only the variables that were given to make: its job server is not ours to use.
    words = [w for w in os.environ.get("MAKEFLAGS", "").split() if re.match(r"[A-Z_]+=", w)]
    flags = " ".join(w for w in words if not w.startswith("BUILD="))
    library = BUILD / "lib/libperpcore.so"
    # Without DESTDIR and PREFIX, make install is what the pages' users do, in a place of ours.
    (ROOT / "bin").mkdir(parents=True, exist_ok=True)
    (ROOT / "bin/sudo").write_text(SUDO)
    (ROOT / "bin/sudo").chmod(0o755)
    return {
        **{k: v for k, v in os.environ.items() if k not in ("MAKELEVEL", "MFLAGS")},
        "MAKEFLAGS": f" -- {flags} BUILD=build PREFIX={ROOT}",
        "PATH": f"{ROOT}/bin:{os.environ['PATH']}",
        "PKG_CONFIG_PATH": f"{ROOT}/lib/pkgconfig",
        "CMAKE_PREFIX_PATH": str(ROOT),
        "LD_LIBRARY_PATH": f"{ROOT}/lib",
        "PYTHONPATH": str(TOP / "examples/python"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PERPCORE_LIBRARY": str(library),
    }


def run(command, folder, text=None):
    """The standard output of a command; Failed with all that it printed where it fails."""
    try:
        done = subprocess.run(
            command, cwd=folder, input=text or "", env=ENVIRONMENT, timeout=SECONDS,
            capture_output=True, text=True, errors="replace",
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"runs for more than {SECONDS} s") from None
    except FileNotFoundError as error:
        raise LeftOut(f"needs {error.filename}") from None
    if done.returncode != 0:
        raise Failed(f"ends with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def compare(block, printed):
    """What was printed is what the page says; an ellipsis stands for anything."""
    if block.output is None or "drawing" in block.output.notes:
        return
    expected = block.output.text.strip("\n")
    pattern = ".*".join(re.escape(part) for part in re.split(r"…|^\.\.\.$", expected, flags=re.M))
    if not re.fullmatch(pattern, printed.strip("\n"), flags=re.S):
        raise Failed(f"prints something else than {block.output.place} says:\n{printed}")


def prelude(block, suffix, default):
    """The file that is put around a block, or None."""
    name = block.notes.get("setup", default)
    if name is None:
        return None
    path = PRELUDES / f"{name}{suffix}"
    if not path.exists():
        raise Failed(f"there is no {path.relative_to(TOP)}")
    return path.read_text(encoding="utf-8")


def pkg_config(*options):
    return run(["pkg-config", *options, "perpcore"], WORK).split()


# ---- C and C++ -----------------------------------------------------------------------------------

FUNCTION = re.compile(r"^(?!else|return)(?:[A-Za-z_][\w:<>*&]*[ *&]+)+[A-Za-z_]\w*\([^;]*\)[^;]*\{", re.M)


def compile_and_run(block, folder, compiler, standard, suffix):
    if "main(" in block.text and "setup" not in block.notes:
        text, options = block.text, []
    else:
        around = prelude(block, suffix, suffix[1:])
        marker = "/* FUNCTIONS */" if FUNCTION.search(block.text) else "/* STATEMENTS */"
        place = f'\n#line {block.line} "{block.page}"\n'
        text = around.replace(marker, place + block.text)
        options = ["-Wno-unused"]
    source = folder / f"block-{block.line}{suffix}"
    source.write_text(text, encoding="utf-8")
    sanitize = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
    command = [*compiler.split(), f"-std={standard}", *WARNINGS, *options, *sanitize, str(source)]
    program = source.with_suffix("")
    if "main(" not in text:
        run([*command, *pkg_config("--cflags"), "-fsyntax-only"], folder)
        return
    run([*command, *pkg_config("--cflags", "--libs"), "-pthread", "-o", str(program)], folder)
    empty = folder / f"block-{block.line}.run"
    empty.mkdir()
    compare(block, run([str(program)], empty))


def run_c(block, folder):
    compile_and_run(block, folder, CC, "c11", ".c")


def run_cpp(block, folder):
    if not shutil.which(CXX):
        raise LeftOut(f"needs {CXX}")
    compile_and_run(block, folder, CXX, "c++17", ".cpp")


# ---- Python --------------------------------------------------------------------------------------

# Reads blocks as JSON, runs them one after the other, and writes what came of them to a file.
INTERPRETER = """
import contextlib, io, json, sys, traceback
blocks, names, results = json.load(sys.stdin), {"__name__": "__main__"}, []
for page, line, text in blocks:
    out, error = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(out):
            exec(compile("\\n" * (line - 1) + text, page, "exec"), names)
    except BaseException:
        error = traceback.format_exc()
    results.append((out.getvalue(), error))
    with open(sys.argv[1], "w") as file:
        json.dump(results, file)
"""


def run_python_page(blocks, folder, record):
    """All Python blocks of a page: what one defines, the next may use."""
    jobs = []
    for block in blocks:
        before = prelude(block, ".py", None)
        if before is not None:
            jobs.append(("prelude", 1, before))
        jobs.append((str(block.page), block.line, block.text))
    answers = folder / "python.json"
    try:
        run([sys.executable, "-c", INTERPRETER, str(answers)], TREE, json.dumps(jobs))
        crash = "the interpreter has ended"
    except Failed as error:
        crash = str(error)
    results = json.loads(answers.read_text()) if answers.exists() else []
    results = [r for r, job in zip(results, jobs) if job[0] != "prelude"]
    for number, block in enumerate(blocks):
        printed, error = results[number] if number < len(results) else ("", crash)

        def judge(block, folder, printed=printed, error=error):
            if error:
                raise Failed(error)
            compare(block, printed)

        record(block, folder, judge)


# ---- The shell -----------------------------------------------------------------------------------


def commands_of(block):
    """The first word of each command line, without sudo and assignments."""
    text = re.sub(r"\\\n", " ", block.text)
    # What stands between quotes is no command, also over several lines.
    text = re.sub(r"'[^']*'|\"(?:\\.|[^\"\\])*\"", "Q", text)
    for line in text.splitlines():
        line = line.split(" #")[0].strip()
        for part in re.split(r"&&|\|\||;|\|", "" if line.startswith("#") else line):
            words = [w for w in part.split() if "=" not in w and w not in ("sudo", "env")]
            if words:
                yield words


def look_up(block, folder):
    """A block that is not run names only what is there."""
    for words in commands_of(block):
        program = words[0].removeprefix("build/bin/")
        if words[0].startswith("build/bin/") and not (BUILD / "bin" / program).exists():
            raise Failed(f"{words[0]} is not built")
        if words[0] in ("sh", "python3") and len(words) > 1 and "/" in words[1]:
            if not words[1].startswith(("/", "build/")) and not (TOP / words[1]).exists():
                raise Failed(f"there is no {words[1]}")


def run_sh(block, folder, blocks):
    if "not run" in block.notes:
        if not block.notes["not run"]:
            raise Failed("<!-- not run: REASON --> has no reason")
        look_up(block, folder)
        return
    of_tree = re.search(r"\bmake\b|\b(build|examples|tests|docs|include)/", block.text)
    for words in commands_of(block):
        program = words[0]
        if program in INSTALLERS or words[1:3] == ["-m", "pip"]:
            raise Failed(f"{program} would change this machine: <!-- not run: REASON -->")
        where = TREE / program if program.startswith("build/bin/") else program
        known = subprocess.run(["sh", "-c", 'command -v "$1"', "-", str(where)],
                               env=ENVIRONMENT, capture_output=True).returncode == 0
        if not known and "/bin/" in program or not known and re.fullmatch(r"[\w.+-]+", program):
            raise LeftOut(f"needs {program}")
    for script, tools in TOOLS_OF_SCRIPTS.items():
        for tool in tools if script in block.text else ():
            if not shutil.which(tool):
                raise LeftOut(f"needs {tool}")
    where = TREE if of_tree else folder
    for name, program in programs_for(block, blocks):
        (where / name).write_text(program, encoding="utf-8")
    # make check is what runs this, and what is put into /tmp stays in a folder of ours.
    text = re.sub(r"^make\b.*\bcheck\b.*$", "", block.text, flags=re.M)
    text = (prelude(block, ".sh", None) or "") + text.replace("/tmp/", f"{folder}/")
    compare(block, run(["sh", "-e", "-c", text], where))


SMALLEST = {
    "c": "#include <perpcore/perpcore.h>\nint main(void) { return !*perp_version_string(); }\n",
    "cpp": "#include <perpcore/perpcore.hpp>\nint main() { return !*perp_version_string(); }\n",
    "python": "import perpcore\n",
}


def programs_for(block, blocks):
    """The programs that a shell block names, as (name, text): the nearest one before it, else the
    first after it, else the smallest that a user could have."""
    for name in sorted(set(re.findall(r"(?<![\w/.-])[\w-]+\.(?:cpp|c|py)\b", block.text))):
        language = {"c": "c", "cpp": "cpp", "py": "python"}[name.rpartition(".")[2]]
        programs = [b for b in blocks if b.language == language
                    and (language == "python" or "main(" in b.text)]
        before = [b.text for b in programs if b.line < block.line]
        after = [b.text for b in programs if b.line > block.line]
        yield name, (before[-1:] + after[:1] + [SMALLEST[language]])[0]


# ---- Others --------------------------------------------------------------------------------------


def run_json(block, folder):
    json.loads(block.text)


def run_jsonl(block, folder):
    for line in block.text.splitlines():
        json.loads(line)


def run_toml(block, folder):
    try:
        import tomllib
    except ImportError:
        raise LeftOut("needs Python 3.11") from None
    tomllib.loads(block.text)


def run_ini(block, folder):
    import configparser
    configparser.ConfigParser().read_string(block.text)


def run_sql(block, folder):
    with sqlite3.connect(f"file:{DEMO}?mode=ro", uri=True) as store:
        statement = ""
        for line in block.text.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                store.execute(statement).fetchall()
                statement = ""
        store.execute(statement).fetchall()


def run_cmake(block, folder):
    if not shutil.which("c++"):
        raise LeftOut("needs a C++ compiler")
    project = folder / f"block-{block.line}.cmake"
    project.mkdir()
    text = block.text
    for source in re.findall(r"[\w-]+\.c(?:pp)?\b", text):
        (project / source).write_text(SMALLEST[source.rpartition(".")[2]])
    if "project(" not in text:
        main = "add_executable(host host.c)\n" if "add_executable" not in text else ""
        (project / "host.c").write_text("int main(void) { return 0; }\n")
        text = f"cmake_minimum_required(VERSION 3.13)\nproject(host C CXX)\n{main}{text}"
    (project / "CMakeLists.txt").write_text(text)
    run(["cmake", "-S", ".", "-B", "build"], project)
    run(["cmake", "--build", "build"], project)


def run_excerpt(block, folder):
    wanted = [line.strip() for line in block.text.splitlines() if line.strip()]
    for path in (TOP / "examples").rglob("*"):
        if path.is_file() and path.suffix in (".rs", ".js", ".mjs", ".go"):
            there = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            there = [line for line in there if line]
            if any(there[i:i + len(wanted)] == wanted for i in range(len(there))):
                return
    raise Failed("is no excerpt of a file below examples/")


RUNNERS = {
    "c": run_c, "cpp": run_cpp, "sh": run_sh, "json": run_json, "jsonl": run_jsonl,
    "toml": run_toml, "ini": run_ini, "sql": run_sql, "cmake": run_cmake,
    **dict.fromkeys(EXCERPTS, run_excerpt),
}


def run_stdin(blocks):
    """Pairs of input and output: the runner for the first, and the second, which needs none."""
    for block, answer in zip(blocks, blocks[1:]):
        if "stdin of" in block.notes:

            def judge(block, folder, answer=answer):
                command = block.notes["stdin of"]
                block.output = answer
                compare(block, run(["sh", "-e", "-c", command], TREE, block.text))

            yield block, judge


# ---- All of it -----------------------------------------------------------------------------------


def needs(block):
    """What is not in this build, or not tried with sanitizers."""
    if block.language in ("c", "cpp", "json", "jsonl", "text", *EXCERPTS):
        if not (BUILD / "bin/perp-replay").exists() and "sqlite" in block.text:
            raise LeftOut("needs the SQLite store")
        return
    if SANITIZE:
        raise LeftOut(WITHOUT_SANITIZERS)
    about_store = block.language == "sql" or re.search(r"sqlite|\.db\b|store", block.text)
    if not (BUILD / "bin/perp-replay").exists() and about_store:
        raise LeftOut("needs the SQLite store")


class Results:
    def __init__(self):
        self.passed = self.failed = 0
        self.left_out = collections.Counter()  # by reason

    def record(self, block, folder, runner):
        """Runs one block and says what came of it, where that is no success."""
        try:
            needs(block)
            runner(block, folder)
        except LeftOut as why:
            self.left_out[str(why)] += 1
        except (Failed, ValueError, sqlite3.Error) as why:
            self.fail(block, why)
        else:
            self.passed += 1

    def fail(self, block, why):
        self.failed += 1
        print(f"{block.place}: {block.language or 'no language'}: {why}")

    def page(self, page):
        folder = WORK / page.stem
        folder.mkdir()
        blocks = blocks_of(page)
        python = [b for b in blocks if b.language == "python" and "not run" not in b.notes]
        if python:
            if SANITIZE:
                self.left_out[WITHOUT_SANITIZERS] += len(python)
            else:
                run_python_page(python, folder, self.record)
        special = {id(block): judge for block, judge in run_stdin(blocks)}
        for block in blocks:
            if block.language in ("text", "python"):
                continue
            runner = special.get(id(block), RUNNERS.get(block.language))
            if runner is None:
                self.fail(block, "no such language is known here")
            else:
                more = [blocks] if runner is run_sh else []
                self.record(block, folder, lambda b, f, r=runner, m=more: r(b, f, *m))


def prepare():
    """A copy of the sources with what was built of them, and what make installs from there. It is a
    copy, too, since other tests run beside this one."""
    skip = shutil.ignore_patterns(".git", "build", "__pycache__", "node_modules", "target")
    shutil.copytree(TOP, TREE, ignore=skip, symlinks=True)
    for part in ("bin", "lib", "obj"):
        shutil.copytree(BUILD / part, TREE / "build" / part, symlinks=True,
                        ignore=shutil.ignore_patterns("tests"))
    for file in BUILD.glob("*"):
        if file.is_file():
            shutil.copy2(file, TREE / "build")
    run(["make", "install", "DESTDIR="], TREE)
    if (BUILD / "bin/perp-replay").exists() and not DEMO.exists() and not SANITIZE:
        run([str(BUILD / "bin/replay"), "--quiet", "--hours", "0.5", "--store", str(DEMO)], WORK)


if __name__ == "__main__":
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    ENVIRONMENT = environment()
    prepare()
    results = Results()
    for each in all_pages() if len(sys.argv) < 3 else map(pathlib.Path, sys.argv[2:]):
        results.page(each)
    for why, times in results.left_out.items():
        print(f"left out: blocks of the pages ({times}: {why})")
    print(f"{results.passed} passed, {results.failed} failed")
    sys.exit(results.failed > 0)
