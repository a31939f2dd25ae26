# make bench and make bench-instructions.

# The benchmark of the operations, on a workload of its own.
PERP_BENCH := $(BUILD)/bin/perp-bench
$(PERP_BENCH): $(call object,tests/bench/perp_bench.c tests/bench/world.c) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK_PROGRAM) $(filter %.o,$^) $(STATIC) $(LIB_LIBS) -o $@

$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK_PROGRAM) $< $(STATIC) $(LIB_LIBS) -o $@

.PHONY: bench bench-instructions
bench: $(PERP_BENCH) $(BENCH_PROGRAMS)
	$(PERP_BENCH)
	@set -e; $(foreach p,$(BENCH_PROGRAMS),echo "$(notdir $(p))"; $(p);)

bench-instructions: $(PERP_BENCH)
	@sh tests/bench/instructions.sh $(PERP_BENCH) || [ $$? -eq 77 ]
