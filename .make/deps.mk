# What must be installed, and make deps, which installs it.

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
