# make bench and make bench-instructions.

# The benchmark of the operations, on a workload of its own.
PERP_BENCH := $(BUILD)/bin/perp-bench
$(PERP_BENCH): $(call object,$(wildcard tests/bench/*.c)) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK_PROGRAM) $(filter %.o,$^) $(STATIC) $(LIB_LIBS) -o $@

.PHONY: bench bench-instructions
# BENCH="--jobs 1000000": with so many jobs pending at most.
bench: $(PERP_BENCH)
	$(PERP_BENCH) $(BENCH)

bench-instructions: $(PERP_BENCH)
	@sh tests/bench/instructions.sh $(PERP_BENCH) || [ $$? -eq 77 ]

# The pages name its options, which the suite of the pages looks up.
ifeq ($(filter $(CHECK_BUT),docs),)
check-build: $(PERP_BENCH)
endif
