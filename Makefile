# libperpcore. `make help` lists the targets and the variables.

all:

# `make deps check` must see what deps has installed: the other goals run in a second make, which
# starts when deps has ended, whether or not -j is given.
rest := $(filter-out deps,$(MAKECMDGOALS))
ifneq ($(filter deps,$(MAKECMDGOALS)),)
ifneq ($(rest),)
split := yes
endif
endif

# Debian's package for each pkg-config name.
PACKAGES := libcjson sqlite3 check libmicrohttpd libcurl
debian_libcjson := libcjson-dev
debian_sqlite3 := libsqlite3-dev
debian_check := check
debian_libmicrohttpd := libmicrohttpd-dev
debian_libcurl := libcurl4-openssl-dev

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3

.PHONY: deps
deps:
	@missing=""; \
	command -v pkg-config >/dev/null 2>&1 || missing="pkg-config"; \
	$(foreach p,$(PACKAGES),pkg-config --exists $(p) 2>/dev/null || \
	    missing="$$missing $(debian_$(p))";) \
	if [ -z "$$missing" ]; then echo "deps: all there"; exit 0; fi; \
	echo "deps: installing $$missing"; \
	if ! command -v apt-get >/dev/null 2>&1; then \
	    echo "deps: this is no Debian; install what these packages hold: $$missing" >&2; exit 1; \
	fi; \
	ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || $(APT) update; \
	$(APT) install -y --no-install-recommends $$missing </dev/null || \
	    { $(APT) update && $(APT) install -y --no-install-recommends $$missing </dev/null; }

ifdef split

.PHONY: $(rest) after-deps
$(rest): after-deps
	@:
after-deps: deps
	@$(MAKE) --no-print-directory $(rest)

else

# ---- Settings ------------------------------------------------------------------------------------

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
ifeq ($(origin CC),default)
CC := $(if $(shell command -v gcc),gcc,cc)
endif
AR ?= ar
OPT ?= -O2
WITH_SQLITE ?= 1
WERROR ?= 0
SANITIZE ?=
LINK ?= static
comma := ,
ifeq ($(SANITIZE),)
BUILD ?= build
else
BUILD ?= build/$(subst $(comma),-,$(SANITIZE))
endif

version_part = $(shell sed -n 's/^.define PERP_VERSION_$(1) //p' include/perpcore/types.h)
SOVERSION := $(call version_part,MAJOR)
VERSION := $(SOVERSION).$(call version_part,MINOR).$(call version_part,PATCH)

have = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
pkg_cflags = $(shell pkg-config --cflags $(1) 2>/dev/null)
pkg_libs = $(shell pkg-config --libs $(1) 2>/dev/null)
HAVE_CJSON := $(call have,libcjson)
HAVE_CHECK := $(call have,check)
SQLITE_SOURCES := $(wildcard lib/store/sqlite*.c)
HAVE_SQLITE := $(if $(and $(filter 1,$(WITH_SQLITE)),$(SQLITE_SOURCES)),$(call have,sqlite3))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wundef -Wvla -Wformat=2
BASE_CFLAGS := -std=c11 $(OPT) -g -fPIC -fvisibility=hidden -ffp-contract=off -pthread $(WARNINGS)
BASE_CPPFLAGS := -D_POSIX_C_SOURCE=200809L -Iinclude -Ilib
BASE_LDFLAGS := -pthread
ifeq ($(WERROR),1)
BASE_CFLAGS += -Werror
endif
ifneq ($(SANITIZE),)
BASE_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
BASE_LDFLAGS += -fsanitize=$(SANITIZE)
else
SHARED_LDFLAGS := -Wl,-z,defs
endif
ifdef HAVE_SQLITE
BASE_CPPFLAGS += -DPERP_WITH_SQLITE=1
SQLITE_PACKAGE := sqlite3
else
BASE_CPPFLAGS += -DPERP_WITH_SQLITE=0
endif

LIB_PACKAGES := libcjson $(SQLITE_PACKAGE)
LIB_CFLAGS := $(call pkg_cflags,$(LIB_PACKAGES))
LIB_LIBS := $(call pkg_libs,$(LIB_PACKAGES)) -lm

# V=1 shows the commands.
V ?= 0
ifeq ($(V),1)
say =
else
say = @echo '  $(1) $(if $(2),$(2),$@)';
endif

COMPILE = $(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP

# ---- Sources -------------------------------------------------------------------------------------

LIB_SOURCES := $(sort $(wildcard lib/*/*.c))
ifndef HAVE_SQLITE
LIB_SOURCES := $(filter-out $(SQLITE_SOURCES),$(LIB_SOURCES))
endif
HEADERS := $(sort $(wildcard include/perpcore/*.h include/perpcore/*.hpp))

object = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
LIB_OBJECTS := $(call object,$(LIB_SOURCES))
STATIC := $(BUILD)/lib/libperpcore.a
SONAME := libperpcore.so.$(SOVERSION)
SHARED := $(BUILD)/lib/libperpcore.so.$(VERSION)

# The examples: each a program from its sources and, where it needs more than the library, packages.
# A program whose packages are missing is left out.
TOOL_UTIL := lib/util/json.c lib/util/num.c lib/util/text.c
SCENARIO_SOURCES := $(filter-out %/scenario.c,$(wildcard examples/scenario*.c)) $(TOOL_UTIL)
HOST_SOURCES := $(filter-out %/replay.c,$(sort $(wildcard $(addprefix examples/,\
    replay_*.c sim_*.c recorded_*.c strategies*.c paper_*.c report*.c))))

ALL_PROGRAMS := perp-scenario replay perp-replay recover capital_demo risk_demo scheduler_demo \
    perpcore-console perpctl
perp-scenario_SOURCES := $(wildcard examples/scenario.c) $(SCENARIO_SOURCES)
replay_SOURCES := $(wildcard examples/replay.c) $(HOST_SOURCES)
perp-replay_SOURCES := $(wildcard examples/perp_replay*.c) $(TOOL_UTIL)
perp-replay_PACKAGES := sqlite3
recover_SOURCES := $(wildcard examples/recover*.c)
capital_demo_SOURCES := $(wildcard examples/capital_demo.c)
risk_demo_SOURCES := $(wildcard examples/risk_demo.c)
scheduler_demo_SOURCES := $(wildcard examples/scheduler_demo.c)
perpcore-console_SOURCES := $(if $(wildcard examples/console.c),$(HOST_SOURCES) $(TOOL_UTIL) \
    $(filter-out %/console_embed.c,$(wildcard examples/console*.c)))
perpcore-console_GENERATED := $(BUILD)/console_page.c
perpcore-console_PACKAGES := libmicrohttpd
perpctl_SOURCES := $(wildcard examples/perpctl*.c) $(TOOL_UTIL)
perpctl_PACKAGES := libcurl

# Those whose source of their own is there, and those of them whose packages are.
PRESENT := $(foreach p,$(ALL_PROGRAMS),$(if $(filter-out $(HOST_SOURCES) $(SCENARIO_SOURCES),\
    $($(p)_SOURCES)),$(p)))
usable = $(if $(filter sqlite3,$(1)),$(HAVE_SQLITE),$(call have,$(1)))
LEFT_OUT := $(foreach p,$(PRESENT),$(if $(strip $(foreach q,$($(p)_PACKAGES),\
    $(if $(call usable,$(q)),,$(q)))),$(p)))
PROGRAM_NAMES := $(filter-out $(LEFT_OUT),$(PRESENT))
PROGRAMS := $(addprefix $(BUILD)/bin/,$(PROGRAM_NAMES))

# Each source that has a main is a program of its own; other sources of a folder are linked to all
# of that folder's programs.
TEST_SUITES := unit property fault sim $(if $(HAVE_SQLITE),crash) \
    $(if $(and $(HAVE_SQLITE),$(filter perpcore-console,$(PROGRAM_NAMES)),$(filter \
    perpctl,$(PROGRAM_NAMES))),console)
crash_SUPPORT := $(SCENARIO_SOURCES)
define find_tests
$(1)_TESTS := $(sort $(wildcard tests/$(1)/test_*.c) \
    $(shell grep -ls '^int main\b' tests/$(1)/*.c))
endef
$(foreach s,$(TEST_SUITES),$(eval $(call find_tests,$(s))))
suite_tests = $($(1)_TESTS)
suite_helpers = $(filter-out $(call suite_tests,$(1)),$(sort $(wildcard tests/$(1)/*.c)))
TEST_PROGRAMS := $(foreach s,$(TEST_SUITES),\
    $(patsubst tests/%.c,$(BUILD)/tests/%,$(call suite_tests,$(s))))
FUZZ_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCH_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out \
    $(if $(HAVE_SQLITE),,%/bench_store.c),$(sort $(wildcard tests/bench/bench_*.c))))

# ---- Building ------------------------------------------------------------------------------------

.PHONY: all lib programs left-out help
.SECONDARY:
.DELETE_ON_ERROR:

ifdef HAVE_CJSON
all: lib programs left-out
else
all: left-out
	@echo "nothing can be built without cJSON and pkg-config" >&2; exit 1
endif

lib: $(STATIC) $(BUILD)/lib/libperpcore.so
programs: $(PROGRAMS)

left-out:
	@$(if $(HAVE_CJSON),:,echo "left out: the library and all programs: libcjson-dev or pkg-config \
	is missing (make deps)")
ifeq ($(WITH_SQLITE),1)
	@$(if $(or $(HAVE_SQLITE),$(if $(SQLITE_SOURCES),,none)),:,echo "left out: the SQLite store: libsqlite3-dev is missing (make deps)")
else
	@echo "left out: the SQLite store (WITH_SQLITE=$(WITH_SQLITE))"
endif
	@$(if $(HAVE_CHECK),:,echo "left out: the tests: check is missing (make deps)")
	@$(foreach p,$(LEFT_OUT),echo "left out: $(p), which needs $($(p)_PACKAGES)";):

# Objects depend on this file, which changes when the compiler or a flag does.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(LDFLAGS))' >$@
FORCE:

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(EXTRA_CFLAGS) -c $< -o $@

# A list of the objects, so that the archive is made anew when a source goes away.
$(BUILD)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJECTS)' | cmp -s - $@ || echo '$(LIB_OBJECTS)' >$@

$(STATIC): $(LIB_OBJECTS) $(BUILD)/objects
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(LIB_OBJECTS)

$(SHARED): $(LIB_OBJECTS) $(BUILD)/objects lib/perpcore.map
	@mkdir -p $(@D)
	$(call say,LD)$(CC) -shared $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) $(SHARED_LDFLAGS) \
	    -Wl,--version-script=lib/perpcore.map $(LIB_OBJECTS) $(LIB_LIBS) -o $@

$(BUILD)/lib/libperpcore.so: $(SHARED)
	@ln -sf $(<F) $(BUILD)/lib/$(SONAME)
	@ln -sf $(SONAME) $@

ifeq ($(LINK),shared)
LIBRARY := $(BUILD)/lib/libperpcore.so
LIBRARY_LIBS := -L$(BUILD)/lib -lperpcore -Wl,-rpath,$(abspath $(BUILD)/lib) $(LIB_LIBS)
else
LIBRARY := $(STATIC)
LIBRARY_LIBS := $(STATIC) $(LIB_LIBS)
endif

# Objects of the examples may need the headers of any package of theirs.
EXAMPLE_CFLAGS := $(call pkg_cflags,$(foreach p,libmicrohttpd libcurl,$(if $(call have,$(p)),$(p))))
$(BUILD)/obj/examples/%.o $(BUILD)/obj/generated/%.o: EXTRA_CFLAGS = -Iexamples $(EXAMPLE_CFLAGS)

$(BUILD)/obj/generated/%.o: $(BUILD)/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(EXTRA_CFLAGS) -c $< -o $@

# The console carries its page: a program of ours turns the files into C.
$(BUILD)/console_embed: $(call object,examples/console_embed.c)
	$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $< -o $@
$(BUILD)/console_page.c: $(BUILD)/console_embed $(shell find examples/console_page 2>/dev/null)
	$(call say,PAGE)$(BUILD)/console_embed $@ examples/console_page

define program_rule
$(1)_OBJECTS := $(call object,$($(1)_SOURCES)) \
    $(patsubst $(BUILD)/%.c,$(BUILD)/obj/generated/%.o,$($(1)_GENERATED))
$(BUILD)/bin/$(1): $$($(1)_OBJECTS) $(LIBRARY)
	@mkdir -p $$(@D)
	$$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $$($(1)_OBJECTS) \
	    $(LIBRARY_LIBS) $(call pkg_libs,$($(1)_PACKAGES)) -o $$@
endef
$(foreach p,$(PROGRAM_NAMES),$(eval $(call program_rule,$(p))))

# ---- Tests ---------------------------------------------------------------------------------------

CHECK_LIBS = $(call pkg_libs,check)
$(BUILD)/obj/tests/%.o: EXTRA_CFLAGS = $(call pkg_cflags,check) -Itests

define suite_rule
$(BUILD)/tests/$(1)/%: $(BUILD)/obj/tests/$(1)/%.o \
    $(call object,$(call suite_helpers,$(1)) $($(1)_SUPPORT)) $(STATIC)
	@mkdir -p $$(@D)
	$$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $$(filter %.o,$$^) $(STATIC) $(LIB_LIBS) \
	    $$(CHECK_LIBS) -o $$@
endef
$(foreach s,$(TEST_SUITES),$(eval $(call suite_rule,$(s))))

# A fuzz target with the plain driver, which replays files; any compiler will do. It may use what
# the scenario runner is made of.
FUZZ_DRIVER ?= $(call object,tests/fuzz/driver.c)
FUZZ_SUPPORT := $(call object,$(SCENARIO_SOURCES))
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_DRIVER) $(FUZZ_SUPPORT) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $(FUZZ_LDFLAGS) $(filter %.o,$^) $(STATIC) \
	    $(LIB_LIBS) -o $@

$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $< $(STATIC) $(LIB_LIBS) -o $@

.PHONY: check check-build tests fuzz bench demo
tests: $(TEST_PROGRAMS) $(FUZZ_PROGRAMS)
check-build: lib programs tests

fuzz_name = $(patsubst fuzz_%,%,$(notdir $(1)))
# What a test program is run with.
crash_ARGUMENTS := $(BUILD)/bin/perp-scenario tests/scenarios
suite_of = $(patsubst %/,%,$(dir $(patsubst $(BUILD)/tests/%,%,$(1))))
CHECKS = $(foreach p,$(TEST_PROGRAMS),\
    "$(patsubst $(BUILD)/tests/%,%,$(p))=$(p) $($(call suite_of,$(p))_ARGUMENTS)") \
    $(foreach p,$(FUZZ_PROGRAMS),"fuzz/$(notdir $(p))=$(p) \
        $(firstword $(wildcard tests/fuzz/corpus/$(notdir $(p)) \
        tests/fuzz/corpus/$(call fuzz_name,$(p))) tests/fuzz/corpus/$(call fuzz_name,$(p)))") \
    $(if $(wildcard tests/scenarios/run.sh),"scenarios=sh tests/scenarios/run.sh $(BUILD)/bin") \
    "hostile=sh tests/scenarios/hostile.sh $(BUILD)/bin" \
    "layers=sh tests/layers/run.sh" \
    "abi=sh tests/abi/run.sh $(BUILD)" \
    "headers=sh tests/headers/run.sh $(BUILD)" \
    "docs=sh tests/docs/run.sh $(BUILD)"

ifneq ($(and $(HAVE_CJSON),$(HAVE_CHECK)),)
check:
	@built=true; $(MAKE) --no-print-directory -k check-build || built=false; \
	CC="$(CC)" SANITIZE="$(SANITIZE)" LIB_LIBS="$(LIB_LIBS)" MAKE="$(MAKE)" \
	ASAN_OPTIONS="$${ASAN_OPTIONS:-allocator_may_return_null=1}" \
	UBSAN_OPTIONS="$${UBSAN_OPTIONS:-print_stacktrace=1}" \
	PERPCORE_BIN="$(abspath $(BUILD))/bin" \
	    sh tests/run.sh $(BUILD) "build=$$built" $(CHECKS)
else
check:
	@echo "the tests need libcjson-dev, check and pkg-config: make deps check" >&2; exit 1
endif

# libFuzzer: make fuzz [FUZZ_SECONDS=60] runs every target on a copy of its corpus.
FUZZ_SECONDS ?= 60
fuzz:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=address,undefined,fuzzer-no-link \
	    BUILD=build/fuzz FUZZ_DRIVER= FUZZ_LDFLAGS=-fsanitize=fuzzer fuzz-programs
	@for p in $(notdir $(FUZZ_PROGRAMS)); do \
	    mkdir -p build/fuzz/corpus/$$p; \
	    set -- tests/fuzz/corpus/$$p tests/fuzz/corpus/$${p#fuzz_}; \
	    [ -d "$$1" ] || shift; \
	    echo "$$p: $(FUZZ_SECONDS) s"; \
	    build/fuzz/tests/fuzz/$$p -artifact_prefix=build/fuzz/ \
            -max_total_time=$(FUZZ_SECONDS) build/fuzz/corpus/$$p $$1 \
	        || exit 1; \
	done
.PHONY: fuzz-programs
fuzz-programs: $(FUZZ_PROGRAMS)

bench: $(BENCH_PROGRAMS)
	@$(if $(BENCH_PROGRAMS),,echo "there is nothing in tests/bench")
	@set -e; $(foreach p,$(BENCH_PROGRAMS),echo "$(notdir $(p))"; $(p);)

ifdef HAVE_CJSON
demo: $(BUILD)/bin/replay
	$(BUILD)/bin/replay --html $(BUILD)/demo.html $(if $(DATA),--data '$(DATA)')
ifdef HAVE_SQLITE
	@rm -f $(BUILD)/demo.db $(BUILD)/demo.db-*
	@$(BUILD)/bin/replay --quiet --hours 0.5 --store $(BUILD)/demo.db >$(BUILD)/demo-store.txt
	@echo "store: $(BUILD)/demo.db (half an hour of a generated market, made durable tick by tick)"
endif
else
demo:
	@echo "the demo needs libcjson-dev and pkg-config: make deps demo" >&2; exit 1
endif

.PHONY: console
ifneq ($(filter perpcore-console,$(PROGRAM_NAMES)),)
console: $(BUILD)/bin/perpcore-console
	$(BUILD)/bin/perpcore-console
else
console:
	@echo "the console needs libmicrohttpd-dev: make deps console" >&2; exit 1
endif

# ---- Installing ----------------------------------------------------------------------------------

.PHONY: install uninstall
$(BUILD)/perpcore.pc: perpcore.pc.in FORCE
	@mkdir -p $(@D)
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' \
	    -e 's|@LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	    -e 's|@INCLUDEDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
	    -e 's|@REQUIRES@|$(strip $(LIB_PACKAGES))|' $< >$@

# The console and its command line, where they were built.
TOOLS := $(filter perpcore-console perpctl,$(PROGRAM_NAMES))
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
man_of = examples/$(patsubst perpcore-%,%,$(1)).1

define install_tool
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(COMPLETIONDIR)'
	install -m 755 $(BUILD)/bin/$(1) '$(DESTDIR)$(BINDIR)'
	install -m 644 $(call man_of,$(1)) '$(DESTDIR)$(MANDIR)/man1/$(1).1'
	install -m 644 examples/perpctl.bash '$(DESTDIR)$(COMPLETIONDIR)/$(1)'

endef

install: lib programs $(BUILD)/perpcore.pc
	$(foreach t,$(TOOLS),$(call install_tool,$(t)))
	install -d '$(DESTDIR)$(INCLUDEDIR)/perpcore' '$(DESTDIR)$(LIBDIR)/pkgconfig'
	install -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)/perpcore'
	install -m 644 $(STATIC) '$(DESTDIR)$(LIBDIR)'
	install -m 755 $(SHARED) '$(DESTDIR)$(LIBDIR)'
	ln -sf $(notdir $(SHARED)) '$(DESTDIR)$(LIBDIR)/$(SONAME)'
	ln -sf $(SONAME) '$(DESTDIR)$(LIBDIR)/libperpcore.so'
	install -m 644 $(BUILD)/perpcore.pc '$(DESTDIR)$(LIBDIR)/pkgconfig'
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

uninstall:
	rm -f $(foreach f,libperpcore.a libperpcore.so $(SONAME) $(notdir $(SHARED)) \
	    pkgconfig/perpcore.pc,'$(DESTDIR)$(LIBDIR)/$(f)')
	rm -f $(foreach h,$(notdir $(HEADERS)),'$(DESTDIR)$(INCLUDEDIR)/perpcore/$(h)')
	-rmdir '$(DESTDIR)$(INCLUDEDIR)/perpcore'
	rm -f $(foreach t,perpcore-console perpctl,'$(DESTDIR)$(BINDIR)/$(t)' \
	    '$(DESTDIR)$(MANDIR)/man1/$(t).1' '$(DESTDIR)$(COMPLETIONDIR)/$(t)')

# ---- Housekeeping --------------------------------------------------------------------------------

.PHONY: format format-check lint clean map
# Until the first release all functions are of one node; then new ones get the node of their release.
map:
	@{ printf 'PERPCORE_0.1 {\nglobal:\n'; sh tests/abi/exports.sh | sed 's/.*/    &;/'; \
	    printf 'local:\n    *;\n};\n'; } >lib/perpcore.map

FORMATTED := $(wildcard include/perpcore/*.h lib/*/*.[ch] examples/*.[ch] tests/*/*.[ch])
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run --Werror $(FORMATTED)

LINTED := $(LIB_SOURCES) $(sort $(wildcard examples/*.c))
lint:
	@command -v clang-tidy >/dev/null || { echo "lint needs clang-tidy" >&2; exit 1; }
	@printf '%s\n' $(LINTED) | xargs -n 4 -P 2 sh -c 'clang-tidy --quiet "$$@" -- \
	    -std=c11 $(BASE_CPPFLAGS) $(LIB_CFLAGS) 2>/dev/null' lint

clean:
	rm -rf build $(filter-out build/%,$(BUILD))

define HELP
make              the library (build/lib) and the examples (build/bin), as far as the installed
                  packages allow; says what is left out
make deps         installs what Debian calls the dependencies; does nothing where all are there
make demo         plays a generated day through the library and writes build/demo.html
                  DATA=DIR: plays recorded market data
make console      starts the web console on a generated market and prints its address
make check        builds and runs all tests; the last line is "N passed, N failed"
                  SANITIZE=address,undefined (or thread): in a build folder of its own
make bench        measures
make fuzz         runs the fuzz targets with libFuzzer (clang); FUZZ_SECONDS=60 each
make install      PREFIX=/usr/local, LIBDIR, INCLUDEDIR, DESTDIR
make uninstall    takes away what install put there
make format       clang-format; format-check only looks
make lint         clang-tidy
make map          writes lib/perpcore.map from the public headers
make clean        removes build/

CC, CFLAGS, CPPFLAGS, LDFLAGS as usual; OPT=-O2; BUILD=build; WERROR=1: a warning is an error;
WITH_SQLITE=0: without the store; LINK=shared: examples use the shared library; V=1: shows commands
endef
export HELP
help:
	@printf '%s\n' "$$HELP"

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

endif
