# The release: static programs and what they need, packed to be unpacked anywhere. What other
# projects made is built outside the tree, once for each key (common.sh). Debian 12's libraries are linked
# into it, so another machine makes it in a root directory of Debian 12.

RELEASE := $(BUILD)/release
RELEASE_NAME := vmbuild-$(VERSION)-x86_64
RELEASE_SOURCES := $(VMBUILD_SOURCES) scripts/release/static.c scripts/release/openssl.c
RELEASE_PARTS := $(addprefix $(RELEASE)/,libraries qemu certificates)
# Of each other architecture of ARCHS: in the release, or packed apart with its guest.
RELEASE_QEMUS := $(addprefix $(RELEASE)/qemu-,$(FOREIGN))
RELEASE_CFLAGS = -I$(RELEASE)/libraries/include $(HOST_CFLAGS) $(HARDENING) -O2 \
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections
# The linker warns of each function that may load the host's NSS modules; static.c sees to that.
RELEASE_LDFLAGS := -static-pie -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
    -Wl,--build-id=none -Wl,--no-warnings -s
RELEASE_OBJECTS := $(addprefix $(RELEASE)/libraries/lib/,guestfs.o slirp.o)
RELEASE_LIBS := -L$(RELEASE)/libraries/lib -Wl,--start-group -larchive -lacl -lattr -lnettle -llzma \
    -llz4 -lbz2 -lxml2 -lyajl_s -lext2fs -lcom_err -lcurl -lssl -lcrypto -lisal -lzstd -lz -lseccomp \
    -lglib-2.0 -lpcre2-8 -lm \
    -Wl,--end-group -pthread

.PHONY: release
ifeq ($(DEBIAN_12),yes)
release: $(RELEASE)/SHA256SUMS
else
release:
	$(if $(KERNEL_SOURCE),$(error make release: KERNEL_SOURCE is for a release that is made on Debian 12))
	scripts/debian-12.sh release ARCHS='$(ARCHS)' VERSION='$(VERSION)' PREFIX='$(PREFIX)' \
	    -- '$(RELEASE)' '$(RELEASE_NAME)' '$(RELEASE_NAME)*.tar*' SHA256SUMS
endif

$(RELEASE)/SHA256SUMS: all uml $(RELEASE)/vmbuild $(RELEASE_PARTS) $(RELEASE_QEMUS)
	rm -rf '$(RELEASE)/root'
	$(MAKE) --no-print-directory install DESTDIR='$(RELEASE)/root'
	scripts/release/pack.sh '$(RELEASE)' '$(RELEASE_NAME)' '$(VERSION)' '$(RELEASE)/root$(PREFIX)'

# Each a link to where it is kept.
$(RELEASE_PARTS): FORCE
	@mkdir -p $(@D)
	path=$$(scripts/release/$(@F).sh) && ln -sfn "$$path" $@

$(RELEASE_QEMUS): $(RELEASE)/qemu-%: FORCE
	@mkdir -p $(@D)
	path=$$(scripts/release/qemu.sh $*) && ln -sfn "$$path" $@

# Only the directory has to be there: its key is in the flags.
$(RELEASE)/%.o: %.c $(RELEASE)/flags | $(RELEASE)/libraries
	@mkdir -p $(@D)
	@echo '  CC $@'
	$(CC) $(RELEASE_CFLAGS) -MMD -MP -c -o $@ $<

$(RELEASE)/vmbuild: $(RELEASE_SOURCES:%.c=$(RELEASE)/%.o) $(RELEASE)/flags | $(RELEASE)/libraries
	@echo '  LD $@'
	$(CC) $(RELEASE_LDFLAGS) -Wl,-Map=$@.map -o $@ $(filter %.o,$^) $(RELEASE_OBJECTS) $(RELEASE_LIBS)

$(RELEASE)/flags: $(RELEASE)/libraries FORCE
	$(call note,$(CC) $(RELEASE_CFLAGS) $(RELEASE_LDFLAGS) $(RELEASE_LIBS) $(RELEASE_SOURCES) \
	    $(shell readlink $(RELEASE)/libraries))

-include $(RELEASE_SOURCES:%.c=$(RELEASE)/%.d)
