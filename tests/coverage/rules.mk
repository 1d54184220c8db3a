# `make coverage`: which lines of host/ and guest/ the tests and the fuzzers' inputs execute. All is
# built once more, with counters (counters.h), the guest's init included. COVERAGE_TESTS="..." names
# the end-to-end tests.

COVERAGE := $(BUILD)/coverage
COVERAGE_ROOT := $(COVERAGE)/root
COVERAGE_TESTS ?= $(E2E_TESTS)
COUNT := -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation
COVERAGE_UNIT_TESTS := $(UNIT_NAMES:%=$(COVERAGE)/tests/%)
COVERAGE_FUZZERS := $(FUZZ_NAMES:%=$(COVERAGE)/tests/%)
COUNTERS := $(COVERAGE)/counters.o
COUNT_REPLIES := -Wl,--wrap=wire_reply,--wrap=wire_reply_string,--wrap=wire_reply_error,--wrap=reboot

COMPILE_COVERAGE = clang $$(HOST_CFLAGS) -O1 -g $(COUNT)
$(eval $(call libraries_under_test,$(COVERAGE),$(COMPILE_COVERAGE)))
$(foreach name,$(UNIT_NAMES),$(eval $(call unit_test,$(COVERAGE),$(name),$(COMPILE_COVERAGE))))
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzzer,$(COVERAGE),$(name),$(COMPILE_COVERAGE))))
$(COVERAGE_UNIT_TESTS) $(COVERAGE_FUZZERS): $(COUNTERS)

# What counts is not counted.
$(COVERAGE)/%.o: tests/coverage/%.c tests/coverage/counters.h tests/coverage/profile.h
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(CFLAGS_COMMON) -O2 -g -DCOVERAGE_FOLDER='"$(CURDIR)/$(COVERAGE)/counters"' -c -o $@ $<

# The programs, each with a main.c of its own.
COVERAGE_LINK = @mkdir -p $(@D); echo '  LD $@'; \
    clang $(HOST_CFLAGS) -O1 -g $(COUNT) -o $@ $(filter %.c %.o %.a,$^)

$(COVERAGE_ROOT)/bin/vmbuild: host/main.c $(COVERAGE)/console_lines.o $(COUNTERS) $(COVERAGE)/tests/libhost.a
	$(COVERAGE_LINK) -Wl,--wrap=console_append $(HOST_LIBS)

$(COVERAGE_ROOT)/lib/vmbuild/vmbuild-confine: host/confine/main.c $(COUNTERS) $(COVERAGE)/tests/libhost.a
	$(COVERAGE_LINK) $$(pkg-config --libs libseccomp)

$(COVERAGE)/generate: host/manual/main.c $(COUNTERS) $(COVERAGE)/tests/libhost.a
	$(COVERAGE_LINK) $(HOST_LIBS)

$(COVERAGE)/init: guest/main.c $(COVERAGE)/guest_counters.o $(COVERAGE)/tests/libguest.a
	$(COVERAGE_LINK) $(GUEST_LDFLAGS) $(COUNT_REPLIES) $(GUEST_LIBS)

$(COVERAGE_ROOT)/lib/vmbuild/$(notdir $(INITRAMFS)): initramfs/pack.sh initramfs/hosts $(COVERAGE)/init $(KERNEL)
	@mkdir -p $(@D)
	initramfs/pack.sh $(COVERAGE)/init $(BUSYBOX) $@ $(MODULES)

$(COVERAGE_ROOT)/lib/vmbuild/$(notdir $(KERNEL)): $(KERNEL)
	@mkdir -p $(@D)
	cp $< $@

COVERAGE_PROGRAMS := $(COVERAGE)/init $(COVERAGE)/generate $(COVERAGE_ROOT)/bin/vmbuild \
    $(COVERAGE_ROOT)/lib/vmbuild/vmbuild-confine

.PHONY: coverage
coverage: all $(COVERAGE_PROGRAMS) $(COVERAGE_UNIT_TESTS) $(COVERAGE_FUZZERS) \
    $(addprefix $(COVERAGE_ROOT)/lib/vmbuild/,$(notdir $(INITRAMFS) $(KERNEL)))
	@$(MAKE) --silent install-share SHAREDIR=$(COVERAGE_ROOT)/share
	@UNIT_TESTS='$(COVERAGE_UNIT_TESTS)' FUZZERS='$(COVERAGE_FUZZERS)' TESTS='$(COVERAGE_TESTS)' \
	    JOBS=$(JOBS) tests/coverage/run $(COVERAGE)
