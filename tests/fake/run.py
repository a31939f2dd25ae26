"""Runs the test files of this folder; the last line is "N passed, N failed".

usage: run.py [NAME]    only the tests whose name contains NAME
"""
import os
import sys
import unittest


def tests_in(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_in(item)
        else:
            yield item


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


wanted = sys.argv[1] if len(sys.argv) > 1 else ""
found = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
suite = unittest.TestSuite(test for test in tests_in(found) if wanted in test.id())
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
