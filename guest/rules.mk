# The guest's init: a static binary from every C file below guest/. See README.md for the map. Unit tests
# build the same files for the host (tests/rules.mk).

GUEST_SOURCES := $(sort $(shell find guest -name '*.c'))
GUEST_INIT := $(BUILD)/guest/init
# The same with symbols, for gdb.
GUEST_INIT_DEBUG := $(BUILD)/guest/init.debug
# Small, since the kernel has to load it before anything else can happen.
GUEST_CFLAGS = $(CFLAGS_COMMON) -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
GUEST_LDFLAGS := -static -Wl,--gc-sections -Wl,--build-id=none
# What a static libarchive refers to. None of the compressors is linked in the end, as the init neither
# packs nor unpacks compressed tars. libxml2, for a format that the init does not read, would be linked,
# HTTP client included.
GUEST_LIBS = $(eval GUEST_LIBS := $(filter-out -lxml2,\
    $(shell pkg-config --libs --static libarchive)))$(GUEST_LIBS)

STRIP ?= strip

guest: $(GUEST_INIT)
.PHONY: guest

$(BUILD)/guest/%.o: guest/%.c $(BUILD)/guest/flags
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(GUEST_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(GUEST_INIT_DEBUG): $(GUEST_SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/guest/link
	@echo '  LD $@'
	$(CC) $(CFLAGS) $(LDFLAGS) $(GUEST_LDFLAGS) -Wl,-Map=$@.map -o $@ $(filter %.o,$^) $(GUEST_LIBS)

$(GUEST_INIT): $(GUEST_INIT_DEBUG)
	$(STRIP) -o $@ $<

# Changes when the compiler or its options do.
$(BUILD)/guest/flags: FORCE
	$(call note,$(CC) $(GUEST_CFLAGS) $(CFLAGS) $(CPPFLAGS))

# Changes when the linker's options do, or a source is added or removed.
$(BUILD)/guest/link: FORCE
	$(call note,$(CC) $(CFLAGS) $(LDFLAGS) $(GUEST_LDFLAGS) $(GUEST_SOURCES) $(GUEST_LIBS))

-include $(GUEST_SOURCES:%.c=$(BUILD)/%.d)
