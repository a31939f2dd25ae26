# make install and make uninstall.

BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/perpcore
COMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
CMAKEDIR ?= $(LIBDIR)/cmake/perpcore

# Groups of files: where they go, with which mode, and the files. install puts them there and
# uninstall takes them away.
TOOLS := perpcore-console perpctl perp-scenario perp-replay
GROUPS := tools man1 man3 completion headers archive shared pkgconfig cmake doc guides images \
    monitoring
to_tools := $(BINDIR) 755 $(addprefix $(BUILD)/bin/,$(TOOLS))
to_man1 := $(MANDIR)/man1 644 $(TOOLS:%=examples/%.1)
to_man3 := $(MANDIR)/man3 644 docs/perpcore.3
to_completion := $(COMPLETIONDIR) 644 $(addprefix $(BUILD)/install/completion/,$(TOOLS))
to_headers := $(INCLUDEDIR)/perpcore 644 $(HEADERS)
to_archive := $(LIBDIR) 644 $(STATIC)
to_shared := $(LIBDIR) 755 $(SHARED)
to_pkgconfig := $(PKGCONFIGDIR) 644 $(addprefix $(BUILD)/install/,perpcore.pc perpcore-static.pc)
to_cmake := $(CMAKEDIR) 644 \
    $(addprefix $(BUILD)/install/,perpcoreConfig.cmake perpcoreConfigVersion.cmake)
to_doc := $(DOCDIR) 644 README.md CHANGELOG.md LICENSE
to_guides := $(DOCDIR)/docs 644 $(sort $(wildcard docs/*.md docs/*.json))
to_images := $(DOCDIR)/docs/img 644 $(sort $(wildcard docs/img/*))
to_monitoring := $(DOCDIR)/examples/monitoring 644 $(sort $(wildcard examples/monitoring/*))
group_dir = $(word 1,$(to_$(1)))
group_mode = $(word 2,$(to_$(1)))
group_files = $(wordlist 3,$(words $(to_$(1))),$(to_$(1)))

# A tool that was not built is left out, with its manual page and completion.
UNBUILT := $(foreach t,$(filter-out $(PROGRAM_NAMES),$(TOOLS)),%/$(t) %/$(t).1)
present_files = $(filter-out $(UNBUILT),$(call group_files,$(1)))

# The paths go into files and lists of words.
INSTALL_PATHS := PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR DOCDIR COMPLETIONDIR PKGCONFIGDIR CMAKEDIR
is_path = $(and $(filter 1,$(words $(1))),$(filter /%,$(1)))
check_paths = $(foreach v,$(INSTALL_PATHS),$(if $(call is_path,$($(v))),,\
    $(error $(v) is "$($(v))": it must be one path from / on, without spaces)))

below_prefix = $(patsubst $(PREFIX)/%,$${prefix}/%,$(1))
from_cmake = $$(realpath -ms --relative-to=$(CMAKEDIR) $(1))
space := $(subst ,, )
define fill
@mkdir -p $(@D)
@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@MAJOR@|$(SOVERSION)|' \
    -e 's|@MINOR@|$(call version_part,MINOR)|' -e 's|@REQUIRES@|$(strip $(LIB_PACKAGES))|' \
    -e 's|@LIBDIR@|$(call below_prefix,$(LIBDIR))|' \
    -e 's|@INCLUDEDIR@|$(call below_prefix,$(INCLUDEDIR))|' \
    -e "s|@LIBDIR_FROM_HERE@|$(call from_cmake,$(LIBDIR))|" \
    -e "s|@INCLUDEDIR_FROM_HERE@|$(call from_cmake,$(INCLUDEDIR))|" \
    -e 's|@SHARED_NAME@|$(notdir $(SHARED))|' -e 's|@SONAME@|$(SONAME)|' \
    -e 's|@STATIC_NEEDS@|$(subst $(space),;,$(strip $(LIB_LIBS) -pthread))|' $< >$@
endef
filled := $(call group_files,pkgconfig) $(call group_files,cmake)
$(filter %/perpcore.pc,$(filled)): perpcore.pc.in FORCE
	$(fill)
$(filter-out %/perpcore.pc,$(filled)): $(BUILD)/install/%: .packaging/%.in FORCE
	$(fill)
$(BUILD)/install/completion/%: examples/perpcore.bash
	@mkdir -p $(@D)
	@cp $< $@

define install_group
	install -d "$$DESTDIR$(group_dir)"
	install -m $(group_mode) $(present_files) "$$DESTDIR$(group_dir)"

endef

.PHONY: install uninstall
install uninstall: export DESTDIR := $(DESTDIR)
install: all $(filled) $(call group_files,completion)
	$(check_paths)$(foreach g,$(GROUPS),$(if $(call present_files,$(g)),$(call install_group,$(g))))
	ln -sf $(notdir $(SHARED)) "$$DESTDIR$(LIBDIR)/$(SONAME)"
	ln -sf $(SONAME) "$$DESTDIR$(LIBDIR)/libperpcore.so"
	$(refresh_loader)

# The loader's cache, where a folder of the system was changed.
refresh_loader = @if [ -z "$$DESTDIR" ] && [ "$$(id -u)" = 0 ]; then \
    case '$(LIBDIR)' in /usr/*) ldconfig ;; esac; fi

INSTALLED := $(foreach g,$(GROUPS),\
    $(addprefix $(call group_dir,$(g))/,$(notdir $(call group_files,$(g))))) \
    $(LIBDIR)/libperpcore.so $(LIBDIR)/$(SONAME)
# Folders that are left empty go too, up to PREFIX, but not those that every system has.
SYSTEM_DIRS := $(foreach p,/usr /usr/local,$(p) $(addprefix $(p)/,bin include lib share share/man))
uninstall:
	$(check_paths)@for f in $(INSTALLED); do rm -f "$$DESTDIR$$f" || exit 1; done
	@for d in $(sort $(foreach g,$(GROUPS),$(call group_dir,$(g)))); do \
	    while [ -d "$$DESTDIR$$d" ] && [ -z "$$(ls -A "$$DESTDIR$$d")" ]; do \
	        [ -n "$$DESTDIR" ] || case ' $(SYSTEM_DIRS) ' in *" $$d "*) break ;; esac; \
	        rmdir "$$DESTDIR$$d" || exit 1; \
	        d=$${d%/*}; \
	        case $$d in $(PREFIX) | $(PREFIX)/*) ;; *) break ;; esac; \
	    done; \
	done
	$(refresh_loader)
