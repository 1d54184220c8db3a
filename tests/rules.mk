# Tests. Every test speaks TAP and runs under prove.
#
#   tests/unit/FOLDER/test_X.c  cmocka, of host/FOLDER/X.c; linked to all of host/ but main.c
#   tests/unit/guest/test_X.c   cmocka, of X.c below guest/; linked to all of guest/ but main.c, built
#                               for the host, and to what the tests themselves use of host/
#   tests/fuzz/fuzz_X.c         libFuzzer; seeds in tests/fuzz/corpus/X; fuzz_guest_X as above
#   tests/e2e/*.t               the installed program, as an unprivileged user (tests/lib.sh)
#   tests/faults/*.t            the same, while something goes wrong; a fault is a line (faults.sh)
#   tests/hostile/*.t           the same, with a guest that lies; a lie is a row of *_lies.c
#   tests/foreign/*.t           the same, with the guest of another architecture
#   tests/uml/*.t               the same under User-Mode Linux (make uml)
#   tests/slow/*.t              the same, but too slow for every day
#   tests/kvm/*.t               the same under KVM, which a VM offers (nested-host.sh); slow
#   tests/hosts/*.t             the release and the package, on other hosts
#
# tests/coverage/ measures what all of these execute. See tests/README.md for how to run one of them. With CI=true, skipped tests fail.

JOBS ?= $(shell nproc)
# Seconds for each fuzzer.
FUZZ_SECONDS ?= 20

UNIT_NAMES := $(patsubst tests/%.c,%,$(sort $(wildcard tests/unit/*/test_*.c)))
FUZZ_NAMES := $(patsubst tests/%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
E2E_TESTS := $(sort $(wildcard tests/e2e/*.t))
HOST_TESTS := $(filter-out $(if $(filter arm64,$(ARCHS)),,%/arm64.t) \
    $(if $(filter-out arm64,$(FOREIGN)),,%/addon.t),$(sort $(wildcard tests/hosts/*.t)))
SLOW_TESTS := $(sort $(wildcard tests/slow/*.t))
KVM_TESTS := $(sort $(wildcard tests/kvm/*.t))
# Those that a guest for arm64 passes as well, and what it alone has.
ARM64_TESTS := $(patsubst %,tests/e2e/%.t,hooks limits mounts resume scripts shares) \
    $(patsubst %,tests/foreign/%.t,386 arm64 debian)
# Those that CI runs.
ARM64_CI_TESTS := $(filter %/hooks.t %/scripts.t %/foreign/arm64.t,$(ARM64_TESTS))
# Those that a guest under User-Mode Linux passes as well, and what it alone has.
UML_TESTS := $(patsubst %,tests/e2e/%.t,contents kernel limits main-job mounts resume rotten-cache run \
    scripts secrets shares shell signals snapshot steps vm) $(wildcard tests/uml/*.t)
# Those that CI runs.
UML_CI_TESTS := $(filter %/mounts.t %/scripts.t %/shares.t %/snapshot.t %/steps.t %/uml/uml.t,$(UML_TESTS))
FAULT_TESTS := $(sort $(wildcard tests/faults/*.t))
# The slowest first, which only waits.
HOSTILE_TESTS := $(wildcard tests/hostile/slow.t tests/hostile/layer.t tests/hostile/protocol.t)
# Those that the sanitized program runs.
ASAN_TESTS := $(wildcard tests/e2e/spec.t tests/e2e/bad-base.t tests/e2e/main-job.t \
    tests/e2e/scripts.t)
# Those that run under valgrind: none with a VM.
VALGRIND_TESTS := $(wildcard tests/e2e/spec.t tests/e2e/bad-base.t)

# LATE: the libraries that are loaded late, as host/late has files for them, and not linked to.
HOST_UNDER_TEST := $(filter-out host/main.c host/manual/main.c host/confine/main.c host/late/%, \
    $(HOST_SOURCES)) $(if $(LATE),$(patsubst %,host/late/%.c,late_library $(LATE)))
GUEST_UNDER_TEST := $(filter-out guest/main.c,$(GUEST_SOURCES))
CMOCKA = $(shell pkg-config --cflags --libs cmocka)

# $(1): directory of the objects; $(2): the compiler and its options.
define libraries_under_test
$(1)/tests/host/%.o: host/%.c $(BUILD)/host/flags
	@mkdir -p $$(@D)
	@echo '  CC $$@'
	$(2) -MMD -MP -c -o $$@ $$<

$(1)/tests/guest/%.o: guest/%.c $(BUILD)/host/flags
	@mkdir -p $$(@D)
	@echo '  CC $$@'
	$(2) -MMD -MP -c -o $$@ $$<

$(1)/tests/libhost.a: $$(HOST_UNDER_TEST:%.c=$(1)/tests/%.o) $(BUILD)/host/link
	@rm -f $$@
	@echo '  AR $$@'
	$$(AR) rcs $$@ $$(filter %.o,$$^)

$(1)/tests/libguest.a: $$(GUEST_UNDER_TEST:%.c=$(1)/tests/%.o) $(BUILD)/guest/link
	@rm -f $$@
	@echo '  AR $$@'
	$$(AR) rcs $$@ $$(filter %.o,$$^)

$(1)/tests/unit/case.o: tests/unit/case.c $(BUILD)/host/flags
	@mkdir -p $$(@D)
	@echo '  CC $$@'
	$(2) -MMD -MP -c -o $$@ $$<

-include $$(HOST_UNDER_TEST:%.c=$(1)/tests/%.d) $$(GUEST_UNDER_TEST:%.c=$(1)/tests/%.d)
-include $$(wildcard $(1)/tests/fuzz/*.d $(1)/tests/unit/*.d $(1)/tests/unit/*/*.d)
endef

# The libraries that the test $(1) is linked to, in the directory $(2).
library_of = $(if $(filter unit/guest/% fuzz/fuzz_guest_%,$(1)),$(2)/tests/libguest.a) $(2)/tests/libhost.a

# $(1): the directory; $(2): the test; $(3): the compiler and its options.
define unit_test
$(1)/tests/$(2): tests/$(2).c $(1)/tests/unit/case.o $$(call library_of,$(2),$(1))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	$(3) -MMD -MP -o $$@ $$(filter %.c %.o %.a,$$^) \
	    $$(CMOCKA) $$(HOST_LIBS)
endef

define fuzzer
$(1)/tests/$(2): tests/$(2).c $$(call library_of,$(2),$(1))
	@mkdir -p $$(@D)
	@echo '  LD $$@'
	$(3) -fsanitize=fuzzer -MMD -MP -o $$@ $$< $$(filter %.o %.a,$$^) $$(HOST_LIBS)
endef

COMPILE_UNIT = $$(CC) $$(HOST_CFLAGS) $$(CFLAGS) $$(CPPFLAGS)
COMPILE_ASAN = $(COMPILE_UNIT) -O1 $$(SANITIZE)
COMPILE_FUZZ = clang $$(HOST_CFLAGS) -O1 -g $$(SANITIZE) -fsanitize=fuzzer-no-link
$(eval $(call libraries_under_test,$(BUILD),$(COMPILE_UNIT)))
$(eval $(call libraries_under_test,$(BUILD)/asan,$(COMPILE_ASAN)))
$(eval $(call libraries_under_test,$(BUILD)/fuzz,$(COMPILE_FUZZ)))
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_test,$(BUILD),$(name),$(COMPILE_UNIT))))
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_test,$(BUILD)/asan,$(name),$(COMPILE_ASAN))))
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzzer,$(BUILD)/fuzz,$(name),$(COMPILE_FUZZ))))

UNIT_TESTS := $(UNIT_NAMES:%=$(BUILD)/tests/%)
ASAN_UNIT_TESTS := $(UNIT_NAMES:%=$(BUILD)/asan/tests/%)
FUZZERS := $(FUZZ_NAMES:%=$(BUILD)/fuzz/tests/%)

# The hostile init: the guest's own code for its ports and the protocol, and the lies.
HOSTILE := $(BUILD)/tests/hostile
HOSTILE_SOURCES := $(sort $(wildcard tests/hostile/*.c))
HOSTILE_GUEST := $(addprefix guest/call/,wire.c xdr.c) \
    $(addprefix guest/lib/,device.c fault.c file.c line.c)
HOSTILE_OBJECTS := $(HOSTILE_SOURCES:%.c=$(BUILD)/%.o) $(HOSTILE_GUEST:%.c=$(BUILD)/%.o)

$(HOSTILE)/%.o: tests/hostile/%.c $(BUILD)/guest/flags
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(GUEST_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(HOSTILE)/init: $(HOSTILE_OBJECTS)
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(LDFLAGS) $(GUEST_LDFLAGS) -s -o $@ $^

$(HOSTILE)/initramfs.img: $(HOSTILE)/init initramfs/pack.sh initramfs/hosts $(BUSYBOX)
	initramfs/pack.sh $(HOSTILE)/init $(BUSYBOX) $@

-include $(wildcard $(HOSTILE)/*.d)

.PHONY: check-unit check-arm64-host check-uml check-e2e check-release check-bare check-kvm

# prove's summary comes last.
check: all $(UNIT_TESTS)
	@JOBS=$(JOBS) tests/run $(UNIT_TESTS) $(E2E_TESTS)

check-unit: $(UNIT_TESTS)
	@JOBS=$(JOBS) tests/run $(UNIT_TESTS)

check-e2e: all
	@JOBS=$(JOBS) tests/run $(E2E_TESTS)

# GUESTS=ci: a fixed third of them. The guest's kernel is built first, as those below, which are not in
# CI.
check-arm64: all
	@JOBS=$(JOBS) GUEST=arm64 tests/run $(if $(filter ci,$(GUESTS)),$(ARM64_CI_TESTS),$(ARM64_TESTS))

# The libraries of the host program for arm64, as Debian has them, with all that they need; and
# libguestfs, which it loads itself, with its own needs, since its package needs a QEMU and more.
ARM64_ROOT := $(BUILD)/arm64-host/root
$(ARM64_ROOT): initramfs/sysroot.sh tests/rules.mk
	@mkdir -p $(@D)
	initramfs/sysroot.sh --whole arm64 $@.tmp libarchive-dev libyajl-dev libext2fs-dev comerr-dev \
	    libssl-dev libcurl4-openssl-dev libisal-dev libzstd-dev libseccomp-dev libslirp-dev zlib1g-dev \
	    libacl1-dev libcmocka-dev
	initramfs/sysroot.sh arm64 $@.headers libguestfs-dev libguestfs0 libglib2.0-dev libvirt0 \
	    libjansson4 libfuse2 libaudit1 libcap-ng0 libnl-3-200 libnuma1 libapparmor1 libssh-4 \
	    libcurl3-gnutls
	cp -a $@.headers/. $@.tmp/
	rm -rf $@.headers $@
	sed -i 's,/[a-z0-9/-]*/,,g' $@.tmp/usr/lib/aarch64-linux-gnu/libc.so # which has absolute paths
	mv $@.tmp $@
	touch $@

# An emulated process has no Landlock, no filters of system calls and no openat2, its limits and its
# parent's death are the emulator's, it cannot start itself, and / is the root of its libraries.
UNKNOWN_TO_EMULATION := test_landlock test_call_filter test_path test_host_memory test_parent_death \
    test_supervisor test_contents_place

ARM64_LIBRARIES := $(patsubst %,$(ARM64_ROOT)/%/aarch64-linux-gnu,usr/lib lib)
ARM64_LDFLAGS := $(foreach folder,$(ARM64_LIBRARIES),-L$(folder) -Wl,-rpath-link,$(folder))
ARM64_MAKE = PKG_CONFIG_LIBDIR=$(firstword $(ARM64_LIBRARIES))/pkgconfig PKG_CONFIG_SYSROOT_DIR=$(ARM64_ROOT) \
    $(MAKE) --no-print-directory BUILD=$(BUILD)/arm64-host HOST_PROGRAM=$(BUILD)/arm64-host/vmbuild \
    ARCHS=amd64 CC=aarch64-linux-gnu-gcc HOST_PACKAGES='$(PROMPT_PACKAGES)' LATE=guestfs \
    HOST_LIBS='$(ARM64_LDFLAGS) $(addprefix -l,archive curl slirp yajl ext2fs com_err \
        crypto isal zstd z seccomp) -pthread' \
    CMOCKA=-lcmocka LDFLAGS='$(ARM64_LDFLAGS)' \
    CPPFLAGS='$(patsubst %,-isystem $(ARM64_ROOT)/usr/%,include include/aarch64-linux-gnu \
        include/slirp include/glib-2.0 lib/aarch64-linux-gnu/glib-2.0/include)'
ARM64_UNIT_TESTS := $(filter-out $(addprefix %/,$(UNKNOWN_TO_EMULATION)), \
    $(UNIT_NAMES:%=$(BUILD)/arm64-host/tests/%))

check-arm64-host: all $(ARM64_ROOT)
	@+$(ARM64_MAKE) $(BUILD)/arm64-host/vmbuild $(ARM64_UNIT_TESTS)
	@JOBS=$(JOBS) UNDER='qemu-aarch64-static -L $(ARM64_ROOT)' tests/run $(ARM64_UNIT_TESTS)
	@tests/run tests/foreign/arm64-host.t

# GUESTS=ci: a fixed third of them.
check-uml: all uml
	@JOBS=$(JOBS) VMBUILD_ACCEL=uml tests/run $(if $(filter ci,$(GUESTS)),$(UML_CI_TESTS),$(UML_TESTS))

check-ppc64le check-riscv64 check-s390x: check-%: all
	@JOBS=$(JOBS) GUEST=$* tests/run tests/foreign/busybox.t

check-asan: all $(if $(wildcard host/main.c),$(BUILD)/asan/vmbuild) $(ASAN_UNIT_TESTS)
	@JOBS=$(JOBS) PROGRAM=$(BUILD)/asan/vmbuild tests/run $(ASAN_UNIT_TESTS) $(ASAN_TESTS)

# Not under valgrind, which has its own time stamp counter and allocator, stretches the time of
# processes, and does not know openat2, Landlock and seccomp; nor what hashes or copies gigabytes, which
# takes minutes there, and runs under the sanitizers.
UNKNOWN_TO_VALGRIND := test_tsc test_memory test_watchdog test_path test_landlock test_call_filter \
    test_layer_limits test_kept_step

check-valgrind: all $(UNIT_TESTS)
	@JOBS=$(JOBS) UNDER=tests/under-valgrind tests/run \
	    $(filter-out $(addprefix %/,$(UNKNOWN_TO_VALGRIND)),$(UNIT_TESTS)) \
	    $(VALGRIND_TESTS)

check-release: release deb
	@JOBS=$(JOBS) tests/run $(HOST_TESTS)

# On a bare machine of Debian SUITE; TESTS="tests/e2e/spec.t ..." in place of all of make check, or
# TARGETS="check-faults check-hostile FAULTS=ci LIES=ci" in place of that and make demo.
check-bare:
	@JOBS=$(JOBS) TARGETS='$(TARGETS)' tests/hosts/bare-machine.sh $(or $(SUITE),trixie) $(TESTS)

# What takes long, and all of those for arm64.
check-slow: all
	@JOBS=$(JOBS) tests/run $(SLOW_TESTS)
	$(MAKE) check-arm64

# Some ten minutes on a quiet machine, and several times that on a busy one.
check-kvm: all
	@JOBS=$(JOBS) NESTED_SECONDS=7000 tests/run $(KVM_TESTS)

# FAULTS=ci: a fixed third of them; FAULTS='kill-*': those whose names match.
check-faults: all
	@JOBS=$(JOBS) VERBOSE=1 FAULTS='$(FAULTS)' tests/run $(FAULT_TESTS)

# LIES, in the same way.
check-hostile: all $(HOSTILE)/initramfs.img
	@JOBS=$(JOBS) VERBOSE=1 LIES='$(LIES)' tests/run $(HOSTILE_TESTS)

fuzz: $(FUZZERS)
	@JOBS=$(JOBS) tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)

include tests/coverage/rules.mk

# The linters; all of them run even if one complains. Each release of theirs judges otherwise, and has
# the code in another form: Debian 12's decide.
C_FILES = $(shell find host guest tests -name '*.[ch]' | sort)
SHELL_FILES = $(shell grep -lE '^\#! ?/(usr/)?bin/(env )?(ba)?sh' -r scripts initramfs tests .ci --exclude='*.md' --exclude='*.txt')
DOCUMENTS = $(shell find . -name '*.md' -not -path './$(BUILD)/*' | sed 's,^\./,,' | sort)
ifeq ($(DEBIAN_12),yes)
# Exported, not passed as an argument: it contains quotes of both kinds.
lint: export LINT_CFLAGS = $(HOST_CFLAGS)
lint: $(BUILD)/host/flags $(MANUAL_FILES)
	@tests/lint '$(C_FILES)' '$(SHELL_FILES) $(MANUAL)/vmbuild.bash' '$(DOCUMENTS)' \
	    '$(filter %.1 %.5 %.7,$(MANUAL_FILES))'
else
lint:
	scripts/debian-12.sh lint
endif
