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
# The C++ compiler that goes with the C compiler; empty where it is not there.
ifeq ($(origin CXX),default)
CXX := $(shell command -v $(if $(findstring clang,$(CC)),clang++,g++))
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

# The C++ examples: each is one file, which needs no more than the library.
CPP_PROGRAMS := $(if $(CXX),$(patsubst examples/cpp/%.cpp,$(BUILD)/bin/cpp_%,\
    $(wildcard examples/cpp/*.cpp)))

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
programs: $(PROGRAMS) $(CPP_PROGRAMS)

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
	@$(if $(CXX),:,echo "left out: the C++ examples: no C++ compiler")

# Objects depend on this file, which changes when the compiler or a flag does.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(LDFLAGS))' >$@
# Phony, since .SECONDARY lets a file that is not there count as made.
.PHONY: FORCE
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
# A program finds the library from its own place, in the build folder and below PREFIX.
RPATH ?= $$$$ORIGIN/../lib
LIBRARY_LIBS := -L$(BUILD)/lib -lperpcore $(if $(RPATH),'-Wl$(comma)-rpath$(comma)$(RPATH)') $(LIB_LIBS)
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

BASE_CXXFLAGS := -std=c++17 -Iinclude $(filter -O% -g -W% -f%,$(filter-out \
    -Wstrict-prototypes -Wmissing-prototypes -fPIC,$(BASE_CFLAGS)))
$(BUILD)/bin/cpp_%: examples/cpp/%.cpp $(HEADERS) $(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX)$(CXX) $(CPPFLAGS) $(BASE_CXXFLAGS) $(CXXFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $< \
	    $(LIBRARY_LIBS) -o $@

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

# The benchmark of the operations, on a workload of its own.
PERP_BENCH := $(BUILD)/bin/perp-bench
$(PERP_BENCH): $(call object,tests/bench/perp_bench.c tests/bench/world.c) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) $(filter %.o,$^) $(STATIC) $(LIB_LIBS) -o $@

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
    "risk/trial_rule=sh tests/risk/trial_rule.sh" \
    "abi=sh tests/abi/run.sh $(BUILD)" \
    "abi/selftest=sh tests/abi/selftest.sh $(BUILD)" \
    "abi/hosts=sh tests/abi/hosts.sh $(BUILD)" \
    "headers=sh tests/headers/run.sh $(BUILD)" \
    "cpp=sh tests/cpp/run.sh $(BUILD)" \
    $(if $(SANITIZE),,"rust=sh tests/rust/run.sh $(BUILD)") \
    "python=sh tests/python/run.sh $(BUILD)" \
    "install=sh tests/install/run.sh $(BUILD)" \
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

bench: $(PERP_BENCH) $(BENCH_PROGRAMS)
	$(PERP_BENCH)
	@set -e; $(foreach p,$(BENCH_PROGRAMS),echo "$(notdir $(p))"; $(p);)

.PHONY: bench-instructions
bench-instructions: $(PERP_BENCH)
	@sh tests/bench/instructions.sh $(PERP_BENCH)

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

# ctypes' view of the public headers; needs clang and Python.
.PHONY: python-abi
python-abi:
	python3 tests/python/generate.py examples/python/perpcore/_abi.py

# The API reference from the headers' comments, with the pages; a warning is an error.
.PHONY: docs
docs:
	@command -v doxygen >/dev/null || { echo "the API reference needs doxygen" >&2; exit 1; }
	@rm -rf $(BUILD)/docs
	@mkdir -p $(BUILD)/docs
	$(call say,DOXYGEN,$(BUILD)/docs/html)DOCS_FOLDER='$(BUILD)/docs' DOCS_VERSION='$(VERSION)' \
	    doxygen docs/Doxyfile

# ---- Installing ----------------------------------------------------------------------------------

BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/perpcore
COMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/perpcore

# Groups of files: where they go, with which mode, and the files. install puts them there and
# uninstall takes them away.
TOOLS := perpcore-console perpctl perp-scenario perp-replay
GROUPS := tools man1 man3 completion headers archive shared pkgconfig cmake doc guides images
to_tools := $(BINDIR) 755 $(addprefix $(BUILD)/bin/,$(TOOLS))
to_man1 := $(MANDIR)/man1 644 $(TOOLS:%=examples/%.1)
to_man3 := $(MANDIR)/man3 644 docs/perpcore.3
to_completion := $(COMPLETIONDIR) 644 $(addprefix $(BUILD)/install/completion/,$(TOOLS))
to_headers := $(INCLUDEDIR)/perpcore 644 $(HEADERS)
to_archive := $(LIBDIR) 644 $(STATIC)
to_shared := $(LIBDIR) 755 $(SHARED)
to_pkgconfig := $(PKGCONFIGDIR) 644 $(addprefix $(BUILD)/install/,perpcore.pc perpcore-static.pc)
to_cmake := $(CMAKEDIR) 644 \
    $(addprefix $(BUILD)/install/,perpcoreConfig.cmake perpcoreConfigVersion.cmake)
to_doc := $(DOCDIR) 644 README.md CHANGELOG.md LICENSE
to_guides := $(DOCDIR)/docs 644 $(sort $(wildcard docs/*.md docs/*.json))
to_images := $(DOCDIR)/docs/img 644 $(sort $(wildcard docs/img/*))
group_dir = $(word 1,$(to_$(1)))
group_mode = $(word 2,$(to_$(1)))
group_files = $(wordlist 3,$(words $(to_$(1))),$(to_$(1)))

# A tool that was not built is left out, with its manual page and completion.
UNBUILT := $(foreach t,$(filter-out $(PROGRAM_NAMES),$(TOOLS)),%/$(t) %/$(t).1)
present_files = $(filter-out $(UNBUILT),$(call group_files,$(1)))

# The paths go into files and lists of words.
INSTALL_PATHS := PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR DOCDIR COMPLETIONDIR PKGCONFIGDIR CMAKEDIR
is_path = $(and $(filter 1,$(words $(1))),$(filter /%,$(1)))
check_paths = $(foreach v,$(INSTALL_PATHS),$(if $(call is_path,$($(v))),,\
    $(error $(v) is "$($(v))": it must be one path from / on, without spaces)))

below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
from_cmake = $$(realpath -ms --relative-to=$(CMAKEDIR) $(1))
space := $(subst ,, )
define fill
@mkdir -p $(@D)
@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@MAJOR@|$(SOVERSION)|' \
    -e 's|@MINOR@|$(call version_part,MINOR)|' -e 's|@REQUIRES@|$(strip $(LIB_PACKAGES))|' \
    -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
    -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' \
    -e "s|@LIBDIR_FROM_HERE@|$(call from_cmake,$(LIBDIR))|" \
    -e "s|@INCLUDEDIR_FROM_HERE@|$(call from_cmake,$(INCLUDEDIR))|" \
    -e 's|@SHARED_NAME@|$(notdir $(SHARED))|' -e 's|@SONAME@|$(SONAME)|' \
    -e 's|@STATIC_NEEDS@|$(subst $(space),;,$(strip $(LIB_LIBS) -pthread))|' $< >$@
endef
filled := $(call group_files,pkgconfig) $(call group_files,cmake)
$(filter %/perpcore.pc,$(filled)): perpcore.pc.in FORCE
	$(fill)
$(filter-out %/perpcore.pc,$(filled)): $(BUILD)/install/%: .packaging/%.in FORCE
	$(fill)
$(BUILD)/install/completion/%: examples/perpcore.bash
	@mkdir -p $(@D)
	@cp $< $@

define install_group
	install -d "$$DESTDIR$(group_dir)"
	install -m $(group_mode) $(present_files) "$$DESTDIR$(group_dir)"

endef

.PHONY: install uninstall
install uninstall: export DESTDIR := $(DESTDIR)
install: all $(filled) $(call group_files,completion)
	$(check_paths)$(foreach g,$(GROUPS),$(if $(call present_files,$(g)),$(call install_group,$(g))))
	ln -sf $(notdir $(SHARED)) "$$DESTDIR$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$$DESTDIR$(LIBDIR)/libperpcore.so"
	$(refresh_loader)

# The loader's cache, where a folder of the system was changed.
refresh_loader = @if [ -z "$$DESTDIR" ] && [ "$$(id -u)" = 0 ]; then \
    case '$(LIBDIR)' in /usr/*) ldconfig ;; esac; fi

INSTALLED := $(foreach g,$(GROUPS),\
    $(addprefix $(call group_dir,$(g))/,$(notdir $(call group_files,$(g))))) \
    $(LIBDIR)/libperpcore.so $(LIBDIR)/$(SONAME)
# Folders that are left empty go too, up to PREFIX, but not those that every system has.
SYSTEM_DIRS := $(foreach p,/usr /usr/local,$(p) $(addprefix $(p)/,bin include lib share share/man))
uninstall:
	$(check_paths)@for f in $(INSTALLED); do rm -f "$$DESTDIR$$f" || exit 1; done
	@for d in $(sort $(foreach g,$(GROUPS),$(call group_dir,$(g)))); do \
	    while [ -d "$$DESTDIR$$d" ] && [ -z "$$(ls -A "$$DESTDIR$$d")" ]; do \
	        [ -n "$$DESTDIR" ] || case ' $(SYSTEM_DIRS) ' in *" $$d "*) break ;; esac; \
	        rmdir "$$DESTDIR$$d" || exit 1; \
	        d=$${d%/*}; \
	        case $$d in $(PREFIX) | $(PREFIX)/*) ;; *) break ;; esac; \
	    done; \
	done
	$(refresh_loader)

# ---- Packages ------------------------------------------------------------------------------------

.PHONY: dist deb
dist:
	@sh .packaging/dist.sh '$(BUILD)/dist' $(VERSION)
deb: dist
	@sh .packaging/deb.sh '$(BUILD)/deb' '$(BUILD)/dist/perpcore-$(VERSION).tar.gz' $(VERSION)

# ---- Housekeeping --------------------------------------------------------------------------------

.PHONY: format format-check lint clean map abi abi-release
# Released functions keep their symbol version, new ones get that of the version in types.h.
map:
	@mkdir -p $(BUILD)
	@sh tests/abi/map.sh >$(BUILD)/perpcore.map && cp $(BUILD)/perpcore.map lib/perpcore.map

# What the last release promised, against this library; and, at a release, its own description.
abi: lib
	@CC="$(CC)" sh tests/abi/run.sh $(BUILD)
	@CC="$(CC)" sh tests/abi/abidiff.sh $(BUILD)/lib/libperpcore.so include lib/perpcore.map \
	    $(BUILD)/abi
abi-release: lib
	@CC="$(CC)" sh tests/abi/release.sh $(BUILD)

FORMATTED := $(wildcard include/perpcore/*.h lib/*/*.[ch] examples/*.[ch] tests/*/*.[ch] \
    include/perpcore/*.hpp examples/cpp/*.cpp tests/cpp/*.[ch]pp)
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
make bench        measures; build/bin/perp-bench --json prints one JSON line a case
make bench-instructions   counts instructions per operation against tests/bench/budget.txt
make docs         the API reference and the pages as HTML in build/docs/html (doxygen)
make fuzz         runs the fuzz targets with libFuzzer (clang); FUZZ_SECONDS=60 each
make install      PREFIX=/usr/local, DESTDIR, LIBDIR, INCLUDEDIR and others (docs/install.md)
make uninstall    takes away what install put there, with the same variables
make dist         build/dist/perpcore-VERSION.tar.gz
make deb          Debian packages in build/deb
make format       clang-format; format-check only looks
make lint         clang-tidy
make map          writes lib/perpcore.map from the public headers
make abi          compares the library with what the last release promised (docs/versioning.md);
                  make abi-release writes the description of a release
make clean        removes build/

CC, CFLAGS, CPPFLAGS, LDFLAGS as usual; OPT=-O2; BUILD=build; WERROR=1: a warning is an error;
WITH_SQLITE=0: without the store; LINK=shared: examples use the shared library; V=1: shows commands
endef
export HELP
help:
	@printf '%s\n' "$$HELP"

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

endif
