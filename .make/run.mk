# What shows the library at work: make demo and make console.

.PHONY: demo console
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

ifneq ($(filter perpcore-console,$(PROGRAM_NAMES)),)
console: $(BUILD)/bin/perpcore-console
	$(BUILD)/bin/perpcore-console
else
console:
	@echo "the console needs libmicrohttpd-dev: make deps console" >&2; exit 1
endif
