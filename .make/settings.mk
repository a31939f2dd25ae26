# The variables that a user may set, the tools and packages that are there, the flags.

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
HARDEN ?= 1
SANITIZE ?=
SHADOW ?= 0
LINK ?= static
comma := ,
# Builds that differ in what is compiled have folders of their own.
SHADOWS := $(filter 1,$(SHADOW))
BUILD ?= build$(if $(SHADOWS),/shadow)$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

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
# Shadow mode: what a tick or an evaluation decides in short is decided the long way, too, and
# compared.
ifneq ($(SHADOWS),)
BASE_CPPFLAGS += -DPERP_SHADOW=1
endif
ifeq ($(WERROR),1)
BASE_CFLAGS += -Werror
endif
ifneq ($(SANITIZE),)
BASE_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
BASE_LDFLAGS += -fsanitize=$(SANITIZE)
else
SHARED_LDFLAGS := -Wl,-z,defs
endif
# Hardened against what a fault in memory would otherwise allow; HARDEN=0 switches it off. The
# checked functions of the C library need an optimising compiler, and hide from sanitizers what
# these look for; a user who says how they are wanted is heard.
ifeq ($(HARDEN),1)
BASE_CFLAGS += -fstack-protector-strong
BASE_LDFLAGS += -Wl,-z,relro,-z,now,-z,noexecstack
PROGRAM_LDFLAGS := $(if $(filter -static%,$(LDFLAGS)),,-pie)
ifneq ($(filter x86_64-%,$(shell $(CC) -dumpmachine)),)
BASE_CFLAGS += -fcf-protection
endif
FORTIFY := $(if $(SANITIZE)$(filter -O0,$(OPT) $(CFLAGS))$(findstring _FORTIFY_SOURCE,\
    $(CPPFLAGS) $(CFLAGS)),,$(filter -O%,$(OPT)))
BASE_CPPFLAGS += $(if $(FORTIFY),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
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

LINK_PROGRAM = $(CC) $(CFLAGS) $(BASE_LDFLAGS) $(PROGRAM_LDFLAGS) $(LDFLAGS)

# V=1 shows the commands.
V ?= 0
ifeq ($(V),1)
say =
else
say = @echo '  $(1) $(if $(2),$(2),$@)';
endif

COMPILE = $(CC) $(BASE_CPPFLAGS) $(CPPFLAGS) $(BASE_CFLAGS) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP
