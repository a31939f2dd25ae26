"""What the guide and the examples show runs as it stands and prints what they say."""
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom

from desk import BUILD, needs_sqlite

EXAMPLES = os.path.abspath("examples/python/examples")
GUIDE = "docs/python.md"


def blocks():
    """(line, code, what it prints or None) of each python block of the guide."""
    with open(GUIDE, encoding="utf-8") as source:
        text = source.read()
    pattern = r"^```python\n(.*?)^```\n(?:\n(?:It prints:\n\n)?```text\n(.*?)^```\n)?"
    for found in re.finditer(pattern, text, re.M | re.S):
        yield text[: found.start()].count("\n") + 1, found.group(1), found.group(2)


def run(*command, code=None):
    """Runs Python in an empty folder, away from the tree."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        environment = dict(os.environ, PYTHONPATH=os.path.abspath("examples/python"))
        return subprocess.run(
            [sys.executable, "-X", "dev", "-W", "error", *command], input=code, cwd=folder,
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")


class Guide(unittest.TestCase):
    @needs_sqlite
    def test_every_block_runs_and_prints_what_it_says(self):
        found = list(blocks())
        self.assertGreaterEqual(len(found), 5)
        for line, code, said in found:
            with self.subTest(line=line):
                got = run("-", code=code)
                self.assertEqual(got.returncode, 0, got.stdout)
                self.assertEqual(got.stdout, said or "")

    def test_its_quickstart_is_the_example(self):
        with open(os.path.join(EXAMPLES, "quickstart.py"), encoding="utf-8") as source:
            example = source.read()
        self.assertIn(next(blocks())[1], example)

    def test_every_name_of_the_package_that_it_gives_is_there(self):
        import perpcore

        with open(GUIDE, encoding="utf-8") as source:
            names = set(re.findall(r"`(?:perpcore\.)?([A-Z][a-z]\w+)(?:\(|`|\.)", source.read()))
        for name in names - {"Decimal", "None", "ValueError", "TypeError", "LookupError",
                             "RuntimeError", "MemoryError", "ImportError", "SystemExit",
                             "KeyboardInterrupt"}:
            self.assertTrue(hasattr(perpcore, name), name)


class Examples(unittest.TestCase):
    def example(self, name, *arguments):
        path = os.path.join(EXAMPLES, name)
        first, second = run(path, *arguments), run(path, *arguments)
        self.assertEqual(first.returncode, 0, first.stdout)
        # A busy machine makes asyncio's debug mode tell how slow it is.
        slow = re.compile(r"^Executing <.*> took [0-9.]+ seconds\n", re.MULTILINE)
        said = slow.sub("", first.stdout)
        self.assertEqual(said, slow.sub("", second.stdout))  # deterministic
        return said

    def test_quickstart(self):
        self.assertEqual(self.example("quickstart.py"), next(blocks())[2])

    def test_asyncio_loop(self):
        said = self.example("asyncio_loop.py")
        self.assertRegex(said, r"[-+]0\.0\d\d BTC have no other side: a repair follows")
        self.assertRegex(said, r"\n\d+ submitted, \d+ dispatched: \d+ open, \d+ partial, "
                               r"\d+ completed, \d+ closed\n")
        self.assertNotIn("in_doubt", said)

    @needs_sqlite
    def test_report(self):
        said = self.example("report.py")
        self.assertIn("2023-11-14  okx       1.50  12,002.00  6.25", said)
        self.assertIn("cost_exceeds_edge      3", said)
        self.assertRegex(said, "mode +ann +news at eight")

    @needs_sqlite
    def test_report_on_the_store_of_the_demo(self):
        path = os.path.join(os.path.dirname(BUILD), "demo.db")
        if not os.path.exists(path):
            self.skipTest("there is no demo.db (make demo)")
        self.assertIn("Refused by", self.example("report.py", path))

    def test_plot(self):
        svg = xml.dom.minidom.parseString(self.example("plot.py"))
        lines = svg.getElementsByTagName("polyline")
        self.assertEqual([len(line.getAttribute("points").split()) for line in lines], [240, 240])

    def test_bench(self):
        got = run(os.path.abspath("examples/python/bench.py"))
        self.assertEqual(got.returncode, 0, got.stdout)
        self.assertRegex(got.stdout, r"on_quote +[\d,]+ ns\n")
