# make coverage: what of lib/ the tests run, line by line and branch by branch.

.PHONY: coverage coverage-run
# Optimised a little: clang counts in the source, so that what is counted stays the same.
coverage:
	@for t in clang llvm-profdata llvm-cov; do command -v $$t >/dev/null || \
	    { echo "coverage needs clang and llvm: $$t is missing" >&2; exit 1; }; done
	@$(MAKE) --no-print-directory CC=clang OPT=-O1 BUILD=build/coverage \
	    CFLAGS='-fprofile-instr-generate -fcoverage-mapping' \
	    LDFLAGS='-fprofile-instr-generate -fcoverage-mapping' coverage-run

# The tests that look at the library itself; not those of the examples, or of what is installed.
COVERING := $(filter unit/% property/% life/% sim/% fault/%,$(BUILT))
coverage-run: lib $(BUILD)/bin/perp-scenario $(addprefix $(BUILD)/tests/,$(COVERING)) \
    $(FUZZ_PROGRAMS) $(FROZEN)
	@CK_TIMEOUT_MULTIPLIER="$${CK_TIMEOUT_MULTIPLIER:-5}" CC="$(CC)" \
	    sh tests/coverage/run.sh $(BUILD) $(call built,$(COVERING)) $(FUZZ_CHECKS) \
	    "format/odd=$(FROZEN) odd" \
	    "scenarios=sh tests/scenarios/run.sh $(BUILD)/bin"
