# vmbuild: everything is built, tested and installed from here.
#
#   make            the program ./vmbuild, its manual, and its appliance (guest kernel and initramfs)
#   make deps       the Debian packages that all of this but the release needs, with apt
#   make demo       the main job on a real base image; installs what is missing first
#   make check      unit and end-to-end tests; installs what is missing first
#   make install    PREFIX=/usr/local DESTDIR=
#   make release    static programs as an archive for any Linux host, in build/release; as root if
#                   this is not Debian 12; with ARCHS="amd64 arm64" the guest and QEMU for arm64 as
#                   well; those for others of ARCHS are archives beside it
#   make uml        User-Mode Linux, for --accel uml; `make install` installs it if it was built
#   make deb        Debian's package of it, in build/deb; SUITE=trixie: for another release of Debian
#
# Further: check-asan, check-valgrind, check-faults, check-hostile, check-slow, check-kvm, check-release,
# check-bare, check-arm64, check-ppc64le, check-riscv64, check-s390x, check-uml, lint, fuzz, coverage, bench,
# picture, clean.
# ARCHS="amd64 arm64" builds the guests of these architectures; by default, this machine's alone.
# check-arm64-host builds the host program for arm64, runs its unit tests, each process emulated, and builds
# images with it.
# KERNEL_SOURCE=PATH builds the guest kernel from another source tree or tarball; V=1 shows every command.

VERSION := 0.2.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build

# Targets that have to work on a bare machine install their packages before anything else is even
# expanded, because the answers of pkg-config below depend on them. The lists are in scripts/deps.sh. `make -n`
# installs nothing.
GOALS := $(or $(MAKECMDGOALS),all)
DEPS_build := demo check-bare
DEPS_test := picture check check-asan check-valgrind check-faults check-hostile check-slow check-kvm check-release check-uml
# Elsewhere, the release and the linters' verdict are made in a root directory of Debian 12, which
# installs what it needs there (scripts/debian-12.sh).
DEBIAN_12 := $(shell . /etc/os-release 2> /dev/null && [ "$$ID$$VERSION_ID" != debian12 ] || echo yes)
DEPS_release := $(if $(DEBIAN_12),release check-release)
DEPS_lint := $(if $(DEBIAN_12),lint)
# The release of an architecture needs what its guest is built with.
releases = $(if $(filter $(1),$(ARCHS)),$(DEPS_release))
DEPS_arm64 := check-arm64 check-arm64-host $(call releases,arm64)
DEPS_ppc64le := check-ppc64le $(call releases,ppc64le)
DEPS_riscv64 := check-riscv64 $(call releases,riscv64)
DEPS_s390x := check-s390x $(call releases,s390x)
DEPS_deb := deb check-release
DEPS_all := deps fuzz coverage bench
DRY_RUN := $(findstring n,$(firstword -$(MAKEFLAGS)))
define install_packages
ifneq ($$(if $$(DRY_RUN),,$$(filter $$(DEPS_$(1)),$$(GOALS))),)
$$(if $$(shell scripts/deps.sh $(1) >&2 && echo done),,$$(error the packages could not be installed))
endif
endef
$(foreach group,build arm64 ppc64le riscv64 s390x release deb test lint all,$(eval $(call install_packages,$(group))))

ifeq ($(origin CC),default)
CC := gcc
endif
WERROR ?= -Werror
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
    -Wformat=2 -Wvla $(WERROR)
# The prefix map keeps the build directory out of the binaries.
CFLAGS_COMMON := -std=gnu2x -D_GNU_SOURCE -I. -ffile-prefix-map='$(CURDIR)'=. $(WARNINGS)
CFLAGS ?= -O2 -g

# The architecture of this machine, as Go names it, and the compiler's and libguestfs' word for it.
PROCESSOR := $(shell uname -m)
NATIVE := $(or $(shell sed -n 's/^\([^ ]*\)  *[^ ]*  *$(PROCESSOR)-.*/\1/p' initramfs/kernels | head -n 1),amd64)

# The architectures that guests are built for. (The tests of a guest build it.)
ARCHS ?= $(NATIVE)
override ARCHS := $(sort $(ARCHS) $(patsubst check-%,%, \
    $(filter check-arm64 check-ppc64le check-riscv64 check-s390x,$(GOALS:check-arm64-host=check-arm64))))

# $(call note,TEXT): for a recipe; writes TEXT to the target unless it has it already, so that what
# depends on the target is rebuilt when the text changes, and only then.
define note
	@mkdir -p $(@D)
	@echo '$(1)' | cmp -s - $@ || echo '$(1)' > $@
endef

ifndef V
.SILENT:
endif
.DELETE_ON_ERROR:
.PHONY: all deps demo deb check check-asan check-valgrind check-faults check-hostile check-slow check-kvm \
    check-arm64 check-ppc64le check-riscv64 check-s390x check-release check-bare lint fuzz bench picture \
    install install-share clean FORCE
all:

include host/rules.mk
-include guest/rules.mk
include initramfs/rules.mk
include scripts/release/rules.mk
-include tests/rules.mk

all: $(HOST_PROGRAM) $(CONFINE) appliance manual

deps:

# Compares with Docker, buildah, skopeo, umoci and others; needs root and about an hour.
# BENCH="-n 5 no_op cold" runs some of it.
bench: all
	scripts/bench.py $(BENCH)

demo: all
	scripts/demo.sh

# Makes README's picture of a build again; tests/e2e/picture.t compares it with what the program prints.
picture: all
	scripts/picture.py ./vmbuild "$$(scripts/base-image.sh debian)"

deb:
	scripts/deb.sh '$(BUILD)/deb' '$(VERSION)' $(SUITE)

LIBDIR := $(DESTDIR)$(PREFIX)/lib/vmbuild
SHAREDIR := $(DESTDIR)$(PREFIX)/share
install: all install-share
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(LIBDIR)'
	install -m 755 vmbuild '$(DESTDIR)$(PREFIX)/bin/vmbuild'
	install -m 644 $(KERNEL) $(INITRAMFS) '$(LIBDIR)'
	install -m 755 $(CONFINE) '$(LIBDIR)'
	[ ! -e $(UML) ] || install -m 755 $(UML) '$(LIBDIR)'
	for arch in $(FOREIGN); do \
	    install -d '$(LIBDIR)'/$$arch && \
	    install -m 644 $(APPLIANCE)/$$arch/* '$(LIBDIR)'/$$arch || exit; \
	done

# Manual pages, the schema of the events, and completions.
install-share: $(MANUAL_FILES)
	install -D -m 644 $(MANUAL)/vmbuild.1 '$(SHAREDIR)/man/man1/vmbuild.1'
	install -D -m 644 $(MANUAL)/vmbuild-spec.5 '$(SHAREDIR)/man/man5/vmbuild-spec.5'
	install -D -m 644 host/manual/events.schema.json '$(SHAREDIR)/doc/vmbuild/events.schema.json'
	install -D -m 644 $(MANUAL)/vmbuild-cookbook.7 '$(SHAREDIR)/man/man7/vmbuild-cookbook.7'
	install -D -m 644 $(MANUAL)/vmbuild-dockerfile.7 '$(SHAREDIR)/man/man7/vmbuild-dockerfile.7'
	install -D -m 644 $(MANUAL)/vmbuild.bash '$(SHAREDIR)/bash-completion/completions/vmbuild'
	install -D -m 644 $(MANUAL)/vmbuild.zsh '$(SHAREDIR)/zsh/site-functions/_vmbuild'
	install -D -m 644 $(MANUAL)/vmbuild.fish '$(SHAREDIR)/fish/vendor_completions.d/vmbuild.fish'

clean:
	rm -rf $(BUILD) vmbuild
