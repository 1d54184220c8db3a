# The host program: every host/*.c, linked to ./vmbuild.

HOST_PACKAGES := libguestfs libarchive yajl ext2fs com_err libcrypto libcurl libisal libzstd
# Asked once, and only by targets that compile.
HOST_CFLAGS = $(eval HOST_CFLAGS := $(CFLAGS_COMMON) -pthread \
    -DVMBUILD_VERSION='"$(VERSION)"' -DVMBUILD_LIBDIR='"$(PREFIX)/lib/vmbuild"' \
    $(shell pkg-config --cflags $(HOST_PACKAGES)))$(HOST_CFLAGS)
HOST_LIBS = $(eval HOST_LIBS := $(shell pkg-config --libs $(HOST_PACKAGES)) -pthread)$(HOST_LIBS)
HOST_SOURCES := $(sort $(wildcard host/*.c))

# The same sources under the sanitizers, for check-asan and the fuzzers.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(BUILD)/host/%.o: host/%.c $(BUILD)/host/flags
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/asan/host/%.o: host/%.c $(BUILD)/host/flags
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(CFLAGS) $(CPPFLAGS) -O1 $(SANITIZE) -MMD -MP -c -o $@ $<

vmbuild: $(HOST_SOURCES:%.c=$(BUILD)/%.o)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

$(BUILD)/asan/vmbuild: $(HOST_SOURCES:%.c=$(BUILD)/asan/%.o)
	$(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

# Changes when the compiler or its options do, PREFIX included.
$(BUILD)/host/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(HOST_CFLAGS) $(CFLAGS) $(CPPFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(HOST_CFLAGS) $(CFLAGS) $(CPPFLAGS)' > $@

-include $(wildcard $(BUILD)/host/*.d $(BUILD)/asan/host/*.d)
