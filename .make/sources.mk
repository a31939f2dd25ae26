# Which sources make which program; what is left out because a package is missing.

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
TOOL_UTIL := lib/util/digits.c lib/util/json.c lib/util/num.c lib/util/text.c
SCENARIO_SOURCES := $(filter-out %/scenario.c,$(wildcard examples/scenario*.c)) $(TOOL_UTIL)
HOST_SOURCES := $(filter-out %/replay.c,$(sort $(wildcard $(addprefix examples/,\
    replay_*.c sim_*.c recorded_*.c strategies*.c paper_*.c report*.c))))

ALL_PROGRAMS := perp-scenario replay perp-replay recover capital_demo risk_demo scheduler_demo \
    perpcore-console perpctl fake_exchange executor-demo
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
fake_exchange_SOURCES := $(wildcard examples/fake_exchange/*.c) $(wildcard examples/websocket.c)
fake_exchange_PACKAGES := libmicrohttpd nettle
executor-demo_SOURCES := $(wildcard examples/executor/*.c) $(wildcard examples/websocket.c)
executor-demo_PACKAGES := libcurl nettle sqlite3

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
TEST_SUITES := unit property life fault sim threads $(if $(HAVE_SQLITE),crash) \
    $(if $(and $(HAVE_SQLITE),$(filter perpcore-console,$(PROGRAM_NAMES)),$(filter \
    perpctl,$(PROGRAM_NAMES))),console) $(if $(filter fake_exchange,$(PROGRAM_NAMES)),fake)
sim_SUPPORT := tests/fault/vfs_shim.c
crash_SUPPORT := $(SCENARIO_SOURCES)
fake_SUPPORT := examples/websocket.c examples/fake_exchange/units.c
fake_PACKAGES := nettle
console_SUPPORT := $(wildcard examples/console_orders.c examples/console_decisions.c \
    examples/perpctl_show.c) $(TOOL_UTIL)
define find_tests
$(1)_TESTS := $(sort $(wildcard tests/$(1)/test_*.c) \
    $(shell grep -ls '^int main\b' tests/$(1)/*.c))
endef
$(foreach s,$(TEST_SUITES),$(eval $(call find_tests,$(s))))
suite_tests = $($(1)_TESTS)
suite_helpers = $(filter-out $(call suite_tests,$(1)),$(sort $(wildcard tests/$(1)/*.c)))
TEST_PROGRAMS := $(foreach s,$(TEST_SUITES),\
    $(patsubst tests/%.c,$(BUILD)/tests/%,$(call suite_tests,$(s))))
FUZZ_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(filter-out \
    $(if $(HAVE_SQLITE),,%/fuzz_store.c) \
    $(if $(filter perpcore-console,$(PROGRAM_NAMES)),,%/fuzz_http.c),\
    $(sort $(wildcard tests/fuzz/fuzz_*.c))))
