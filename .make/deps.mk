# What must be installed, and make deps, which installs it.

# Debian's packages for each pkg-config name: sqlite3.pc can't be used without zlib's.
PACKAGES := libcjson sqlite3 check libmicrohttpd libcurl nettle
debian_libcjson := libcjson-dev
debian_sqlite3 := libsqlite3-dev zlib1g-dev
debian_check := check
debian_libmicrohttpd := libmicrohttpd-dev
debian_libcurl := libcurl4-openssl-dev
debian_nettle := nettle-dev

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3

# pkg-config is asked for what a static link needs, too.
usable_package = pkg-config --exists --static $(1) 2>/dev/null

.PHONY: deps
deps:
	@missing=""; \
	command -v pkg-config >/dev/null 2>&1 || missing="pkg-config"; \
	$(foreach p,$(PACKAGES),$(call usable_package,$(p)) || missing="$$missing $(debian_$(p))";) \
	if [ -z "$$missing" ]; then echo "deps: all there"; exit 0; fi; \
	echo "deps: installing $$missing"; \
	if ! command -v apt-get >/dev/null 2>&1; then \
	    echo "deps: this is no Debian; install what these packages hold: $$missing" >&2; exit 1; \
	fi; \
	ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || $(APT) update; \
	$(APT) install -y --no-install-recommends $$missing </dev/null || \
	    { $(APT) update && $(APT) install -y --no-install-recommends $$missing </dev/null; } || exit; \
	$(foreach p,$(PACKAGES),$(call usable_package,$(p)) || { echo "deps: pkg-config does not find" \
	    "$(p)" >&2; pkg-config --print-errors --exists --static $(p); exit 1; };)
