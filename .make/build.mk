# Objects, the library, the examples.

.PHONY: all lib programs left-out help
.SECONDARY:
.DELETE_ON_ERROR:

ifdef HAVE_CJSON
all: lib programs left-out
else
all: left-out
	@echo "nothing can be built without cJSON and pkg-config" >&2; exit 1
endif

lib: $(STATIC) $(BUILD)/lib/libperpcore.so
programs: $(PROGRAMS) $(CPP_PROGRAMS)

left-out:
	@$(if $(HAVE_CJSON),:,echo "left out: the library and all programs: libcjson-dev or pkg-config \
	is missing (make deps)")
ifeq ($(WITH_SQLITE),1)
	@$(if $(or $(HAVE_SQLITE),$(if $(SQLITE_SOURCES),,none)),:,echo "left out: the SQLite store: libsqlite3-dev is missing (make deps)")
else
	@echo "left out: the SQLite store (WITH_SQLITE=$(WITH_SQLITE))"
endif
	@$(if $(HAVE_CHECK),:,echo "left out: the tests: check is missing (make deps)")
	@$(foreach p,$(LEFT_OUT),echo "left out: $(p), which needs $($(p)_PACKAGES)";):
	@$(if $(CXX),:,echo "left out: the C++ examples: no C++ compiler")

# Objects depend on this file, which changes when the compiler or a flag does.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(PROGRAM_LDFLAGS) $(LDFLAGS))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(COMPILE) $(BASE_LDFLAGS) $(PROGRAM_LDFLAGS) $(LDFLAGS))' >$@
# Phony, since .SECONDARY lets a file that is not there count as made.
.PHONY: FORCE
FORCE:

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(EXTRA_CFLAGS) -c $< -o $@

# Its functions of vectors are all in line: how they would be called does not matter.
$(BUILD)/obj/lib/risk/confirm.o: EXTRA_CFLAGS = -Wno-psabi

# A list of the sources, so that the archive is made anew when a source goes away.
$(BUILD)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_SOURCES)' | cmp -s - $@ || echo '$(LIB_SOURCES)' >$@

$(STATIC): $(LIB_OBJECTS) $(BUILD)/objects
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(LIB_OBJECTS)

$(SHARED): $(LIB_OBJECTS) $(BUILD)/objects lib/perpcore.map
	@mkdir -p $(@D)
	$(call say,LD)$(CC) -shared $(CFLAGS) $(BASE_LDFLAGS) $(LDFLAGS) -Wl,-soname,$(SONAME) $(SHARED_LDFLAGS) \
	    -Wl,--version-script=lib/perpcore.map $(LIB_OBJECTS) $(LIB_LIBS) -o $@

$(BUILD)/lib/libperpcore.so: $(SHARED)
	@ln -sf $(<F) $(BUILD)/lib/$(SONAME)
	@ln -sf $(SONAME) $@

ifeq ($(LINK),shared)
LIBRARY := $(BUILD)/lib/libperpcore.so
# A program finds the library from its own place, in the build folder and below PREFIX.
RPATH ?= $$$$ORIGIN/../lib
LIBRARY_LIBS := -L$(BUILD)/lib -lperpcore $(if $(RPATH),'-Wl$(comma)-rpath$(comma)$(RPATH)') $(LIB_LIBS)
else
LIBRARY := $(STATIC)
LIBRARY_LIBS := $(STATIC) $(LIB_LIBS)
endif

# Objects of the examples may need the headers of any package of theirs.
EXAMPLE_CFLAGS := $(call pkg_cflags,$(foreach p,libmicrohttpd libcurl nettle,$(if $(call have,$(p)),$(p))))
$(BUILD)/obj/examples/%.o $(BUILD)/obj/generated/%.o: EXTRA_CFLAGS = -Iexamples $(EXAMPLE_CFLAGS)

$(BUILD)/obj/generated/%.o: $(BUILD)/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(COMPILE) $(EXTRA_CFLAGS) -c $< -o $@

# The console carries its page: a program of ours turns the files into C.
$(BUILD)/console_embed: $(call object,examples/console_embed.c)
	$(call say,LD)$(LINK_PROGRAM) $< -o $@
$(BUILD)/console_page.c: $(BUILD)/console_embed $(shell find examples/console_page 2>/dev/null)
	$(call say,PAGE)$(BUILD)/console_embed $@ examples/console_page

define program_rule
$(1)_OBJECTS := $(call object,$($(1)_SOURCES)) \
    $(patsubst $(BUILD)/%.c,$(BUILD)/obj/generated/%.o,$($(1)_GENERATED))
$(BUILD)/bin/$(1): $$($(1)_OBJECTS) $(LIBRARY)
	@mkdir -p $$(@D)
	$$(call say,LD)$(LINK_PROGRAM) $$($(1)_OBJECTS) \
	    $(LIBRARY_LIBS) $(call pkg_libs,$($(1)_PACKAGES)) -o $$@
endef
$(foreach p,$(PROGRAM_NAMES),$(eval $(call program_rule,$(p))))

BASE_CXXFLAGS := -std=c++17 -Iinclude -fPIE $(filter -U_FORTIFY% -D_FORTIFY%,$(BASE_CPPFLAGS)) $(filter -O% -g -W% -f%,$(filter-out \
    -Wstrict-prototypes -Wmissing-prototypes -fPIC,$(BASE_CFLAGS)))
$(BUILD)/bin/cpp_%: examples/cpp/%.cpp $(HEADERS) $(LIBRARY) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX)$(CXX) $(CPPFLAGS) $(BASE_CXXFLAGS) $(CXXFLAGS) $(BASE_LDFLAGS) $(PROGRAM_LDFLAGS) $(LDFLAGS) $< \
	    $(LIBRARY_LIBS) -o $@
