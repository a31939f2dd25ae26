"""A few known mutants of one file (smoke.txt), each of which one test program must see: whether mutants
are made and tried as they should be. usage: smoke.py BUILD, which has what make check builds."""
import os
import subprocess
import sys

import mutate

FILE = "lib/capital/ledger.c"
TEST = "unit/test_capital"
HERE = os.path.dirname(os.path.abspath(__file__))
FLAGS = ["-D_POSIX_C_SOURCE=200809L", "-DPERP_WITH_SQLITE=1", "-Iinclude", "-Ilib", "-std=c11"]


def passes(program, mutant):
    env = dict(os.environ, CK_FORK="no", CK_DEFAULT_TIMEOUT="0", PERP_MUTANT=str(mutant))
    try:
        return subprocess.run([program], env=env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    build = sys.argv[1]
    where = os.path.join(build, "mutants", "smoke")
    os.makedirs(where, exist_ok=True)
    sys.setrecursionlimit(100000)
    file = mutate.File(FILE, FLAGS)
    mutants = [m for place in file.places for m in place.mutants]
    for number, mutant in enumerate(mutants, 1):
        mutant.number = number
    source, program = f"{where}/ledger.c", f"{where}/test"
    with open(source, "wb") as out:
        out.write(file.written())
    packages = subprocess.run(["pkg-config", "--cflags", "--libs", "libcjson", "check", "sqlite3"],
                              check=True, capture_output=True, text=True).stdout.split()
    # What the changed file defines is not taken from the library.
    subprocess.run([os.environ.get("CC", "cc"), *FLAGS, "-w", "-O1", "-include", f"{HERE}/mutants.h",
                    "-Wl,--wrap=_ck_assert_failed", source, f"{HERE}/mutants.c",
                    f"{build}/obj/tests/{TEST}.o", f"{build}/lib/libperpcore.a", "-o", program,
                    *packages, "-lm", "-pthread"], check=True)
    if not passes(program, 0):
        sys.exit(f"{TEST} fails without a mutant")
    failed = 0
    with open(f"{HERE}/smoke.txt", encoding="utf-8") as names:
        known = [line.rstrip("\n") for line in names if not line.startswith("#")]
    for name in known:
        found = [m for m in mutants if m.name == name]
        if not found:
            print(f"no such mutant: {name}")
            failed += 1
        for mutant in found:
            if passes(program, mutant.number):
                print(f"not seen: {name}")
                failed += 1
    print(f"{len(known) - failed} passed, {failed} failed")
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
