# Format, lint, the ABI, and tidying up.

.PHONY: format format-check lint clean map abi abi-release
# Released functions keep their symbol version, new ones get that of the version in types.h.
map:
	@mkdir -p $(BUILD)
	@sh tests/abi/map.sh >$(BUILD)/perpcore.map && cp $(BUILD)/perpcore.map lib/perpcore.map

# What the last release promised, against this library; and, at a release, its own description.
abi: lib
	@CC="$(CC)" sh tests/abi/run.sh $(BUILD)
	@CC="$(CC)" sh tests/abi/abidiff.sh $(BUILD)/lib/libperpcore.so include lib/perpcore.map \
	    $(BUILD)/abi || [ $$? -eq 77 ]
abi-release: lib
	@CC="$(CC)" sh tests/abi/release.sh $(BUILD)

FORMATTED := $(wildcard include/perpcore/*.h lib/*/*.[ch] examples/*.[ch] examples/fake_exchange/*.[ch] \
    examples/executor/*.[ch] tests/*/*.[ch] \
    include/perpcore/*.hpp examples/cpp/*.cpp tests/cpp/*.[ch]pp)
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run --Werror $(FORMATTED)

LINTED := $(LIB_SOURCES) $(sort $(wildcard examples/*.c examples/fake_exchange/*.c \
    examples/executor/*.c))
# How far the analyzer follows the paths of a function: clang's own bound. With 50,000 it takes a
# third of the time.
LINT_NODES ?= 225000
lint:
	@command -v clang-tidy >/dev/null || { echo "lint needs clang-tidy" >&2; exit 1; }
	@printf '%s\n' $(LINTED) | xargs -n 2 -P "$$(nproc)" sh -c 'clang-tidy --quiet "$$@" -- \
	    -std=c11 $(BASE_CPPFLAGS) -Iexamples $(LIB_CFLAGS) \
	    -Xclang -analyzer-config -Xclang max-nodes=$(LINT_NODES) 2>/dev/null' lint

clean:
	rm -rf build $(filter-out build/%,$(BUILD))
