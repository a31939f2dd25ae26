# make help.

define HELP
make              the library (build/lib) and the examples (build/bin), as far as the installed
                  packages allow; says what is left out
make deps         installs what Debian calls the dependencies; does nothing where all are there
make demo         plays a generated day through the library and writes build/demo.html
                  DATA=DIR: plays recorded market data
make console      starts the web console on a generated market and prints its address
make check        builds and runs all tests; the last line is "N passed, N failed",
                  and what was left out, where something was
                  CHECK_JOBS=N: so many suites at once, else as many as there are processors
                  CHECK_BUT="docs fault/%": all but these
                  SANITIZE=address,undefined (or thread): in a build folder of its own
make shadow       tests in a build (SHADOW=1, build/shadow) that makes each decision the long way, too:
                  scenarios, random calls, STEPS=100000 of a random life; PERP_SEED=1
make chaos        kills the executor of the examples again and again while its exchanges misbehave:
                  JOBS=10000 KILLS=100 SEED=1 (docs/guide-executor.md)
make threads      feeds, ticks, results, requeues, stops, readers and a console at once on one book, under
                  ThreadSanitizer and AddressSanitizer: SECONDS=60 for each
make sim          a simulator drives the library through worlds whose exchanges, clocks, stores and hosts
                  misbehave, and compares it with a book of its own: SECONDS=60 SEED=1 (docs/testing.md)
make load         a day at a hundred times its pace, with console, store and readers, takes a quarter of an
                  hour: SPEED=100 HOURS=24 SEED=1 (docs/testing.md)
make mutants      changes the library in small ways, one at a time, and runs the tests that reach the place: do
                  they see it? MUTANTS=2000 of all (0: all), drawn by SEED=1; FOLDERS="capital book";
                  ONLY=FILE: those that the file names (docs/testing.md)
make bench        measures; BENCH="--json --jobs 1000000": one JSON line a case, so many jobs pending
make bench-instructions   counts instructions per operation against tests/bench/budget.txt
make docs         the API reference and the pages as HTML in build/docs/html (doxygen)
make fuzz         runs the fuzz targets with libFuzzer (clang): SECONDS=60 in all (docs/testing.md)
make coverage     what of lib/ the tests run, lines and branches (clang, llvm; docs/testing.md)
make install      PREFIX=/usr/local, DESTDIR, LIBDIR, INCLUDEDIR and others (docs/install.md)
make uninstall    takes away what install put there, with the same variables
make dist         build/dist/perpcore-VERSION.tar.gz
make deb          Debian packages in build/deb
make format       clang-format; format-check only looks
make lint         clang-tidy; LINT_NODES=50000: less far into each function, in a third of the time
make map          writes lib/perpcore.map from the public headers
make abi          compares the library with what the last release promised (docs/versioning.md);
                  make abi-release writes the description of a release
make format-release   keeps what this release stores in tests/format/VERSION; only at a release
make clean        removes build/

CC, CFLAGS, CPPFLAGS, LDFLAGS as usual; OPT=-O2; BUILD=build; WERROR=1: a warning is an error;
HARDEN=0: without stack protectors and the like;
SHADOW=1: decisions are made the long way, too, and compared, in build/shadow;
WITH_SQLITE=0: without the store; LINK=shared: examples use the shared library; V=1: shows commands
endef
export HELP
help:
	@printf '%s\n' "$$HELP"
