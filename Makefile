# libperpcore. `make help` lists the targets and the variables; the parts are in .make/.

all:

# `make deps check` must see what deps has installed: the other goals run in a second make, which
# starts when deps has ended, whether or not -j is given.
rest := $(filter-out deps,$(MAKECMDGOALS))
ifneq ($(filter deps,$(MAKECMDGOALS)),)
ifneq ($(rest),)
split := yes
endif
endif

include .make/deps.mk

ifdef split

.PHONY: $(rest) after-deps
$(rest): after-deps
	@:
after-deps: deps
	@$(MAKE) --no-print-directory $(rest)

else

include .make/settings.mk
include .make/sources.mk
include .make/build.mk
include .make/tests.mk
include .make/coverage.mk
include .make/bench.mk
include .make/run.mk
include .make/docs.mk
include .make/install.mk
include .make/packages.mk
include .make/housekeeping.mk
include .make/help.mk

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

endif
