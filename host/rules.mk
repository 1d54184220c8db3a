# The host program: every C file below host/, linked to HOST_PROGRAM, ./vmbuild, except for host/manual, which makes
# the manual pages and the shells' completions, and host/confine, a second program. See README.md for
# the map.

# LATE_PACKAGES are those that host/late loads for vmbuild alone. All else is linked to them.
LATE_PACKAGES := libguestfs libcurl slirp libarchive
PROMPT_PACKAGES := yajl ext2fs com_err libcrypto libisal libzstd zlib libseccomp
HOST_PACKAGES := $(LATE_PACKAGES) $(PROMPT_PACKAGES)
# Evaluated once, and only for targets that compile.
HOST_CFLAGS = $(eval HOST_CFLAGS := $(CFLAGS_COMMON) -pthread \
    -DVMBUILD_VERSION='"$(VERSION)"' -DVMBUILD_LIBDIR='"$(PREFIX)/lib/vmbuild"' \
    $(shell pkg-config --cflags $(HOST_PACKAGES)))$(HOST_CFLAGS)
HOST_LIBS = $(eval HOST_LIBS := $(shell pkg-config --libs $(HOST_PACKAGES)) -pthread)$(HOST_LIBS)
HOST_SOURCES := $(sort $(shell find host -name '*.c'))
VMBUILD_SOURCES := $(filter-out host/manual/% host/confine/% host/late/%,$(HOST_SOURCES))
LATE_SOURCES := $(filter host/late/%,$(HOST_SOURCES))

# Hardening: the program reads what registries and guests send. The sanitizers have their own checks.
# Fortified functions need an optimizing compiler.
HARDENING = -fPIE -fstack-protector-strong -fstack-clash-protection \
    $(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
HARDENED_LINK := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack

# The same sources under the sanitizers, for check-asan and the fuzzers.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(BUILD)/host/%.o: host/%.c $(BUILD)/host/flags
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(HOST_CFLAGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/asan/host/%.o: host/%.c $(BUILD)/host/flags
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(HOST_CFLAGS) $(CFLAGS) $(CPPFLAGS) -O1 $(SANITIZE) -MMD -MP -c -o $@ $<

HOST_PROGRAM ?= vmbuild
$(HOST_PROGRAM): $(patsubst %.c,$(BUILD)/%.o,$(VMBUILD_SOURCES) $(LATE_SOURCES)) $(BUILD)/host/link
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(HARDENED_LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	    $$(pkg-config --libs $(PROMPT_PACKAGES)) -pthread

# What starts QEMU or User-Mode Linux confined, and fast: as little as that takes.
CONFINE := $(BUILD)/vmbuild-confine
CONFINE_SOURCES := host/confine/main.c \
    $(addprefix host/machine/,confined_qemu.c confined_uml.c uml_calls.c uml_line.c uml_plan.c) \
    $(addprefix host/lib/,buffer.c call_filter.c landlock.c memory.c)
$(CONFINE): $(CONFINE_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/host/link
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(HARDENED_LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $$(pkg-config --libs libseccomp)

$(BUILD)/asan/vmbuild: $(VMBUILD_SOURCES:%.c=$(BUILD)/asan/%.o) $(BUILD)/host/link
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $(filter %.o,$^) $(HOST_LIBS)

# What is made from the tables of commands, options and spec keys. The generator runs during the build:
# where vmbuild is built for another machine, GENERATE names one that was built for this machine.
MANUAL := $(BUILD)/manual
MANUAL_FILES := $(addprefix $(MANUAL)/,vmbuild.1 vmbuild-spec.5 vmbuild-cookbook.7 vmbuild-dockerfile.7 \
    vmbuild.bash vmbuild.zsh vmbuild.fish)
GENERATE ?= $(MANUAL)/generate

$(MANUAL)/generate: $(patsubst %.c,$(BUILD)/%.o,$(filter-out host/main.c host/confine/% host/late/%,$(HOST_SOURCES))) $(BUILD)/host/link
	@mkdir -p $(@D)
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(HARDENED_LINK) $(LDFLAGS) -o $@ $(filter %.o,$^) $(HOST_LIBS)

$(MANUAL_FILES): $(MANUAL)/%: host/manual/%.in $(GENERATE)
	@mkdir -p $(@D)
	@echo '  GEN $@'
	$(GENERATE) $< > $@

.PHONY: manual
manual: $(MANUAL_FILES)

# Changes when the compiler or its options do, PREFIX included.
$(BUILD)/host/flags: FORCE
	$(call note,$(CC) $(HOST_CFLAGS) $(HARDENING) $(CFLAGS) $(CPPFLAGS))

# Changes when the linker's options do, or a source is added or removed.
$(BUILD)/host/link: FORCE
	$(call note,$(CC) $(CFLAGS) $(LDFLAGS) $(HOST_SOURCES) $(HOST_LIBS))

-include $(HOST_SOURCES:%.c=$(BUILD)/%.d) $(HOST_SOURCES:%.c=$(BUILD)/asan/%.d)
