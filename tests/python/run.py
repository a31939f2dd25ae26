"""Runs the test files of this folder; the last line is "N passed, N failed".

usage: run.py [NAME]    only the tests whose name contains NAME
"""
import collections
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
    """Counts what passed: testsRun is counted differently by some versions of Python."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    found = unittest.defaultTestLoader.discover(folder)
    suite = unittest.TestSuite(test for test in tests_in(found) if wanted in test.id())
    runner = unittest.TextTestRunner(stream=sys.stdout, verbosity=0, resultclass=Result)
    result = runner.run(suite)
    reasons = collections.Counter(reason for _, reason in result.skipped)
    for reason, times in reasons.items():
        print(f"left out: tests of Python ({times}: {reason})")
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    print(f"{result.passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
