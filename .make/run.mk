# What shows the library at work: make demo and make console.

.PHONY: demo console
# One run writes the page and the store. A day has a commit a second: each with its sync would take
# minutes on an ordinary disk, and the day can be played again.
DEMO_STORE := $(if $(HAVE_SQLITE),--store $(BUILD)/demo.db --no-sync)
ifdef HAVE_CJSON
demo: $(BUILD)/bin/replay
	@rm -f $(BUILD)/demo.html $(BUILD)/demo.db $(BUILD)/demo.db-*
	$(BUILD)/bin/replay --html $(BUILD)/demo.html $(if $(DATA),--data '$(DATA)') $(DEMO_STORE)
	@$(if $(HAVE_SQLITE),echo "store: $(BUILD)/demo.db (the book of $(if $(DATA),the first market,this \
	day))",echo "left out: the store of the demo: libsqlite3-dev is missing or not wanted")
else
demo:
	@echo "the demo needs libcjson-dev and pkg-config: make deps demo" >&2; exit 1
endif

ifneq ($(filter perpcore-console,$(PROGRAM_NAMES)),)
console: $(BUILD)/bin/perpcore-console
	$(BUILD)/bin/perpcore-console
else
console:
	@echo "the console needs libmicrohttpd-dev: make deps console" >&2; exit 1
endif
