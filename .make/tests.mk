# make check, and the test programs.

CHECK_LIBS = $(call pkg_libs,check)
$(BUILD)/obj/tests/%.o: EXTRA_CFLAGS = $(call pkg_cflags,check) -Itests
$(BUILD)/obj/tests/fake/%.o: EXTRA_CFLAGS = $(call pkg_cflags,check) -Itests -Iexamples

define suite_rule
$(BUILD)/tests/$(1)/%: $(BUILD)/obj/tests/$(1)/%.o \
    $(call object,$(call suite_helpers,$(1)) $($(1)_SUPPORT)) $(STATIC)
	@mkdir -p $$(@D)
	$$(call say,LD)$(LINK_PROGRAM) $$(filter %.o,$$^) $(STATIC) $(LIB_LIBS) \
	    $$(CHECK_LIBS) $(call pkg_libs,$($(1)_PACKAGES)) -o $$@
endef
$(foreach s,$(TEST_SUITES),$(eval $(call suite_rule,$(s))))

# A fuzz target with the plain driver, which replays files; any compiler will do. It may use what
# the scenario runner is made of. fuzz_http has the server's source in its own.
FUZZ_DRIVER ?= $(call object,tests/fuzz/driver.c)
# libFuzzer asks a target that says how for its changes.
$(BUILD)/obj/tests/fuzz/%.o: EXTRA_CFLAGS = -Itests -Iexamples $(EXAMPLE_CFLAGS) \
    $(if $(FUZZ_LDFLAGS),-DFUZZ_MUTATES)
FUZZ_SUPPORT := $(call object,$(SCENARIO_SOURCES))
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_DRIVER) $(FUZZ_SUPPORT) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK_PROGRAM) $(FUZZ_LDFLAGS) $(filter %.o,$^) $(STATIC) \
	    $(LIB_LIBS) $(FUZZ_LIBS) -o $@
$(BUILD)/tests/fuzz/fuzz_csv: $(call object,$(HOST_SOURCES))
$(BUILD)/tests/fuzz/fuzz_http: $(call object,$(filter-out examples/console.c \
    examples/console_server.c $(TOOL_UTIL),$(perpcore-console_SOURCES))) \
    $(BUILD)/obj/generated/console_page.o
$(BUILD)/tests/fuzz/fuzz_http: FUZZ_LIBS = $(call pkg_libs,libmicrohttpd)

# Stores that are kept of each release: make format-release, only at a release.
FROZEN := $(BUILD)/tests/format/frozen
$(FROZEN): $(call object,$(sort $(wildcard tests/format/*.c))) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK_PROGRAM) $(filter %.o,$^) $(STATIC) $(LIB_LIBS) -o $@
.PHONY: format-release
format-release: $(FROZEN)
	@mkdir -p tests/format/$(VERSION)
	$(FROZEN) make tests/format/$(VERSION)

.PHONY: check check-build tests fuzz
tests: $(TEST_PROGRAMS) $(FUZZ_PROGRAMS) $(FROZEN)
check-build: lib programs tests

# What tests/executor needs; empty where one of them is not built.
CHAOS_PROGRAMS := $(if $(and $(filter fake_exchange,$(PROGRAM_NAMES)),\
    $(filter executor-demo,$(PROGRAM_NAMES))),$(BUILD)/bin/fake_exchange $(BUILD)/bin/executor-demo)

fuzz_name = $(patsubst fuzz_%,%,$(notdir $(1)))
FUZZ_CHECKS = $(foreach p,$(FUZZ_PROGRAMS),"fuzz/$(notdir $(p))=$(p) \
    tests/fuzz/corpus/$(call fuzz_name,$(p))")
# What a test program is run with.
sim_ARGUMENTS := --kept tests/sim/kept --seeds 60 --steps 1000
crash_ARGUMENTS := $(BUILD)/bin/perp-scenario tests/scenarios
# $(call leave_out,NAME,WHAT,WHY): a suite that says that it is left out.
leave_out = "$(1)=echo 'left out: $(2) ($(3))'; exit 77"
# Programs of which nothing is left without the store (where some is, it says `#if (PERP_WITH_SQLITE)`), and suites that are not built without it or
# without the packages of the programs that they try.
STORE_TESTS := $(if $(HAVE_SQLITE),,$(patsubst tests/%.c,%,\
    $(shell grep -ls '^.if PERP_WITH_SQLITE' tests/*/test_*.c)))
# Suites that another run tries, by name or pattern: make check CHECK_BUT="headers fault/%".
CHECK_BUT ?=
# $(call suite,NAME,COMMAND)
suite = $(if $(filter $(CHECK_BUT),$(1)),$(call leave_out,$(1),$(1),another run tries it),"$(1)=$(2)")
# $(call built,PROGRAMS): suites that are programs of the build, under tests/.
built = $(foreach p,$(1),$(if $(filter $(p),$(STORE_TESTS)),\
    $(call leave_out,$(p),tests of the store,without SQLite),\
    $(call suite,$(p),$(BUILD)/tests/$(p) $($(patsubst %/,%,$(dir $(p)))_ARGUMENTS))))
BUILT := $(patsubst $(BUILD)/tests/%,%,$(TEST_PROGRAMS))
# The long ones first, so that none of them is waited for in the end. Those of the console wait for
# times to pass and are looked at by the clock: two of them leave the machine free enough. Threads
# that meet, and those that call make in the build folder, have the machine to themselves.
LONG := $(filter property/% life/% sim/% fault/% crash/%,$(BUILT))
WAITING := $(filter console/%,$(BUILT))
ALONE := $(filter threads/% unit/test_turns unit/test_threads,$(BUILT))
CHECKS = $(call built,$(LONG)) $(call suite,cpp,sh tests/cpp/run.sh $(BUILD)) \
    $(call suite,python,sh tests/python/run.sh $(BUILD)) \
    $(call suite,headers,sh tests/headers/run.sh $(BUILD)) \
    $(call suite,abi/selftest,sh tests/abi/selftest.sh $(BUILD)) \
    $(call suite,format,sh tests/format/run.sh $(BUILD)) \
    $(call suite,risk/trial_rule,sh tests/risk/trial_rule.sh) \
    $(call suite,rust,sh tests/rust/run.sh $(BUILD)) \
    $(call built,$(filter-out $(LONG) $(WAITING) $(ALONE),$(BUILT))) \
    $(if $(filter crash,$(TEST_SUITES)),,$(call leave_out,crash,crashes,without SQLite)) \
    $(if $(filter console,$(TEST_SUITES)),,$(call leave_out,console,the console,needs SQLite and \
        libmicrohttpd-dev and libcurl4-openssl-dev)) \
    $(if $(filter fake,$(TEST_SUITES)),$(call suite,fake,sh tests/fake/run.sh $(BUILD)),\
        $(call leave_out,fake,the fake exchange,needs libmicrohttpd-dev and nettle-dev)) \
    $(if $(CHAOS_PROGRAMS),$(call suite,executor,sh tests/executor/run.sh $(BUILD)),\
        $(call leave_out,executor,the executor,needs libcurl4-openssl-dev and libmicrohttpd-dev and \
        nettle-dev and libsqlite3-dev)) \
    $(FUZZ_CHECKS) \
    $(if $(HAVE_SQLITE),,$(call leave_out,fuzz/fuzz_store,inputs of the store,without SQLite)) \
    $(if $(wildcard tests/scenarios/run.sh),"scenarios=sh tests/scenarios/run.sh $(BUILD)/bin") \
    "hostile=sh tests/scenarios/hostile.sh $(BUILD)/bin" \
    $(call suite,layers,sh tests/layers/run.sh $(BUILD)) \
    $(call suite,abi,sh tests/abi/run.sh $(BUILD)) \
    $(call suite,abi/hosts,sh tests/abi/hosts.sh $(BUILD)) \
    $(call suite,hardening,sh tests/hardening/run.sh $(BUILD)) \
    --pairs $(call built,$(WAITING)) \
    --alone $(call built,$(ALONE)) \
    $(call suite,demo,sh tests/demo/run.sh $(BUILD)) \
    $(call suite,selftest,sh tests/selftest/run.sh $(BUILD)) \
    $(call suite,install,sh tests/install/run.sh $(BUILD)) \
    $(call suite,docs,sh tests/docs/run.sh $(BUILD))

ifneq ($(and $(HAVE_CJSON),$(HAVE_CHECK)),)
check:
	@built=true; $(MAKE) --no-print-directory -k check-build || built=false; \
	CC="$(CC)" SANITIZE="$(SANITIZE)" HARDEN="$(HARDEN)" FORTIFY="$(FORTIFY)" \
	LIB_LIBS="$(LIB_LIBS)" MAKE="$(MAKE)" \
	ASAN_OPTIONS="$${ASAN_OPTIONS:-allocator_may_return_null=1}" \
	UBSAN_OPTIONS="$${UBSAN_OPTIONS:-print_stacktrace=1}" \
	PERPCORE_BIN="$(abspath $(BUILD))/bin" \
	CK_TIMEOUT_MULTIPLIER="$${CK_TIMEOUT_MULTIPLIER:-5}" \
	    sh tests/run.sh $(BUILD) "build=$$built" $(CHECKS)
else
check:
	@echo "the tests need libcjson-dev, check and pkg-config: make deps check" >&2; exit 1
endif

# Shadow mode: the scenarios, the random calls and a random life of the book in a build that decides
# the long way, too. The plain build says what the scenarios must print.
.PHONY: shadow shadow-programs
STEPS ?= 100000
shadow: $(BUILD)/bin/perp-scenario
	@$(MAKE) --no-print-directory SHADOW=1 BUILD=$(BUILD)/shadow shadow-programs
	@PERP_STEPS=$(STEPS) sh tests/life/shadow.sh $(BUILD) $(BUILD)/shadow
shadow-programs: $(BUILD)/bin/perp-scenario $(filter $(BUILD)/tests/property/% \
    $(BUILD)/tests/life/%,$(TEST_PROGRAMS))

# The executor against exchanges with all their faults, killed again and again; make check runs a
# short one.
.PHONY: chaos
JOBS ?= 10000
KILLS ?= 100
SEED ?= 1
chaos: $(CHAOS_PROGRAMS)
	@$(if $(CHAOS_PROGRAMS),:,echo "chaos needs libcurl, libmicrohttpd, nettle and SQLite: make deps chaos" >&2; exit 1)
	@sh tests/executor/run.sh $(BUILD) --jobs $(JOBS) --kills $(KILLS) --seed $(SEED)

# Worlds from seeds, as many as the time allows; make check runs some. What fails is cut down and
# kept in the build folder.
.PHONY: sim
SECONDS ?= 60
SIM := $(BUILD)/tests/sim/perp-sim
sim: $(SIM)
	@mkdir -p $(BUILD)/sim
	@$(SIM) --kept tests/sim/kept --seed $(SEED) --seconds $(SECONDS) --keep $(BUILD)/sim

# A day with everything on, at SPEED times its pace: a quarter of an hour. Not part of make check.
.PHONY: load
SPEED ?= 100
HOURS ?= 24
load: $(filter %/perpcore-console,$(PROGRAMS))
	@$(if $(filter perpcore-console,$(PROGRAM_NAMES)),:,echo "load needs libmicrohttpd, cJSON and SQLite: make deps load" >&2; exit 1)
	@python3 tests/load/day.py $(BUILD)/bin --speed $(SPEED) --hours $(HOURS) --seed $(SEED)

# Small changes of the library, one at a time: a test must see each. So many, drawn by SEED; 0: all.
.PHONY: mutants
MUTANTS ?= 2000
mutants:
	@sh tests/mutants/run.sh --build $(BUILD) --count $(MUTANTS) --seed $(SEED) \
	    $(if $(FOLDERS),--folders "$(FOLDERS)") $(if $(ONLY),--only "$(ONLY)")

# All at once on one book, so long in each of two builds, under ThreadSanitizer and AddressSanitizer;
# make check runs a short one.
.PHONY: threads thread-programs
threads:
	@$(MAKE) --no-print-directory SANITIZE=thread thread-programs
	@$(MAKE) --no-print-directory SANITIZE=address,undefined thread-programs
	@PERP_SECONDS=$(SECONDS) sh tests/threads/run.sh build/thread build/address-undefined
thread-programs: $(filter $(BUILD)/tests/threads/% %/test_threads %/test_handover,$(TEST_PROGRAMS))

# libFuzzer: make fuzz SECONDS=3600 shares the time among the targets; each works on a copy of its
# corpus. What it finds is in build/fuzz.
fuzz:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=address,undefined,fuzzer-no-link \
	    BUILD=build/fuzz FUZZ_DRIVER= FUZZ_LDFLAGS=-fsanitize=fuzzer fuzz-programs
	@sh tests/fuzz/run.sh build/fuzz $(SECONDS) $(notdir $(FUZZ_PROGRAMS))
.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)
