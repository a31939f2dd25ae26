"""The package installs without a network and is typed."""
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from desk import BUILD
from test_docs import blocks

SOURCE = "examples/python"


def has(*modules):
    return all(importlib.util.find_spec(m) for m in modules)


class Install(unittest.TestCase):
    @unittest.skipUnless(has("venv", "ensurepip", "setuptools", "wheel", "pip"),
                         "needs pip, venv, setuptools and wheel")
    def test_pip_installs_it_without_a_network_and_it_runs_outside_of_the_tree(self):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            # pip builds in the folder that it is given, so it gets a copy.
            copy = os.path.join(folder, "source")
            shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
            venv = os.path.join(folder, "venv")
            self.run_in(folder, sys.executable, "-m", "venv", "--system-site-packages", venv)
            python = os.path.join(venv, "bin", "python")
            self.run_in(folder, python, "-m", "pip", "install", "--no-index",
                        "--no-build-isolation", "--no-deps", copy)
            quickstart = os.path.abspath(f"{SOURCE}/examples/quickstart.py")
            said = self.run_in(folder, python, quickstart)
            self.assertIn("on okx today: volume 12003.10 USD", said)
            where = self.run_in(folder, python, "-c", "import perpcore as p; print(p.__file__)")
            self.assertTrue(where.startswith(venv), where)
            self.assertTrue(os.path.exists(os.path.join(os.path.dirname(where), "py.typed")))
            version = self.run_in(folder, python, "-c",
                                  "import importlib.metadata as m, perpcore as p\n"
                                  "print(m.version('perpcore') == p.__version__)")
            self.assertEqual(version, "True\n")

    def run_in(self, folder, *command):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        got = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(got.returncode, 0, got.stdout)
        return got.stdout


class Types(unittest.TestCase):
    @unittest.skipUnless(shutil.which("mypy"), "needs mypy")
    def test_mypy_is_content(self):
        examples = [os.path.join(SOURCE, folder, name) for folder in ("examples", ".")
                    for name in os.listdir(f"{SOURCE}/{folder}") if name.endswith(".py")]
        folder = tempfile.TemporaryDirectory(dir=BUILD)
        self.addCleanup(folder.cleanup)
        for line, code, _ in blocks():
            if "for wrong in" in code:
                continue  # it shows what mypy would find
            path = os.path.join(folder.name, f"line_{line}.py")
            with open(path, "w", encoding="utf-8") as out:
                out.write(code)
            examples.append(path)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        got = subprocess.run(
            ["mypy", "--strict", "--cache-dir", os.path.join(BUILD, "mypy"), "--config-file",
             f"{SOURCE}/pyproject.toml", f"{SOURCE}/perpcore", *examples],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            env={**environment, "MYPYPATH": SOURCE})
        self.assertEqual(got.returncode, 0, got.stdout)

    def test_everything_public_has_a_docstring(self):
        import inspect

        import perpcore

        for name in perpcore.__all__:
            item = getattr(perpcore, name)
            if not isinstance(item, type) and not callable(item):
                continue
            self.assertTrue(inspect.getdoc(item), name)
            if item.__module__.startswith("perpcore") and isinstance(item, type):
                for method, function in vars(item).items():
                    if not method.startswith("_") and inspect.isfunction(function):
                        self.assertTrue(function.__doc__, f"{name}.{method}")
