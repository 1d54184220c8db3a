# The appliance, in the form and under the names that libguestfs expects of its "old-style"
# appliance: a kernel and an initramfs, side by side in one directory.

APPLIANCE := $(BUILD)/appliance
KERNEL := $(APPLIANCE)/vmlinuz.$(PROCESSOR)
INITRAMFS := $(APPLIANCE)/initramfs.$(PROCESSOR).img
# The kernel's /lib/modules, which are made with it.
MODULES := $(BUILD)/modules
BUSYBOX ?= /bin/busybox
# A kernel that was built already, to be taken as it is, with the directory "modules" beside it.
GUEST_KERNEL ?=

.PHONY: appliance
appliance: $(KERNEL) $(INITRAMFS)

ifneq ($(GUEST_KERNEL),)
$(KERNEL): $(GUEST_KERNEL)
	@mkdir -p $(@D)
	rm -rf $(MODULES)
	mkdir $(MODULES)
	if [ -e '$(dir $<)modules' ]; then cp -r '$(dir $<)modules/.' $(MODULES); fi
	cp '$<' $@
else
# Outside the tree there is one kernel per key, which identifies what it was built from.
$(KERNEL): $(BUILD)/kernel.key
	@mkdir -p $(@D)
	KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/watch.sh 'guest kernel' \
	    "$${XDG_CACHE_HOME:-$$HOME/.cache}/vmbuild-kernel/$$(cat $<).tmp/build" \
	    initramfs/kernel.sh $(NATIVE) $@ $(MODULES)
endif

$(BUILD)/kernel.key: FORCE
	@mkdir -p $(@D)
	@key=$$(KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/kernel.sh --key $(NATIVE)) && \
	    { echo "$$key" | cmp -s - $@ || echo "$$key" > $@; }

$(INITRAMFS): initramfs/pack.sh initramfs/hosts $(BUILD)/guest/init $(BUSYBOX) $(KERNEL)
	@mkdir -p $(@D)
	initramfs/pack.sh $(BUILD)/guest/init $(BUSYBOX) $@ $(MODULES)

# The same kernel as a program, for --accel uml. It is not part of `all`, since it takes as long to
# build as the other one.
UML := $(APPLIANCE)/linux.$(PROCESSOR)

.PHONY: uml
uml: $(UML)

$(UML): $(BUILD)/uml.key
	@mkdir -p $(@D)
	KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/watch.sh 'User-Mode Linux' \
	    "$${XDG_CACHE_HOME:-$$HOME/.cache}/vmbuild-kernel/$$(cat $<).tmp/build" \
	    initramfs/kernel.sh um $@ $(BUILD)/uml-modules
	chmod 755 $@

$(BUILD)/uml.key: FORCE
	@mkdir -p $(@D)
	@key=$$(KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/kernel.sh --key um) && \
	    { echo "$$key" | cmp -s - $@ || echo "$$key" > $@; }

# The guests of other architectures: ARCHS="amd64 arm64". Each lies in a directory with its name, in
# files that are named as libguestfs wants them on this host.
FOREIGN := $(filter-out $(NATIVE),$(ARCHS))
# As Debian names it, if not as Go does.
DEBIAN_ppc64le := ppc64el
SOURCES_riscv64 := initramfs/later_libc.c
# The name of its compiler, whose row is in the file kernels.
triplet = $(shell sed -n 's/^$(1)  *[^ ]*  *\([^ ]*\)- .*/\1/p' initramfs/kernels)

# $(1): the architecture, as Go names it; $(2): as Debian names it; $(3): its triplet.
define foreign_guest
$(BUILD)/$(1)/sysroot: $(BUILD)/$(1)/sysroot.key
	initramfs/sysroot.sh $(2) $$@
	touch $$@

$(BUILD)/$(1)/sysroot.key: FORCE
	@mkdir -p $$(@D)
	@key=$$$$(initramfs/sysroot.sh --key $(2)) && \
	    { echo "$$$$key" | cmp -s - $$@ || echo "$$$$key" > $$@; }

$(BUILD)/$(1)/guest/%.o: guest/%.c $(BUILD)/guest/flags | $(BUILD)/$(1)/sysroot
	@mkdir -p $$(@D)
	@echo '  CC $$@'
	$(3)-gcc $$(GUEST_CFLAGS) $$(CFLAGS) $$(CPPFLAGS) -isystem $(BUILD)/$(1)/sysroot/usr/include \
	    -isystem $(BUILD)/$(1)/sysroot/usr/include/$(3) -MMD -MP -c -o $$@ $$<

$(BUILD)/$(1)/guest/init: $(GUEST_SOURCES:%.c=$(BUILD)/$(1)/%.o) $(SOURCES_$(1)) $(BUILD)/guest/link \
    $(BUILD)/$(1)/sysroot
	@echo '  LD $$@'
	$(3)-gcc $$(CFLAGS) $$(LDFLAGS) $$(GUEST_LDFLAGS) -s -o $$@ $$(filter %.o %.c,$$^) \
	    -B$(BUILD)/$(1)/sysroot/usr/lib/$(3) -L$(BUILD)/$(1)/sysroot/usr/lib/$(3) $$(GUEST_LIBS)

$(APPLIANCE)/$(1)/$(notdir $(KERNEL)): $(BUILD)/$(1)/kernel.key
	@mkdir -p $$(@D)
	KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/watch.sh 'guest kernel for $(1)' \
	    "$$$${XDG_CACHE_HOME:-$$$$HOME/.cache}/vmbuild-kernel/$$$$(cat $$<).tmp/build" \
	    initramfs/kernel.sh $(1) $$@ $(BUILD)/$(1)/modules

$(BUILD)/$(1)/kernel.key: FORCE
	@mkdir -p $$(@D)
	@key=$$$$(KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/kernel.sh --key $(1)) && \
	    { echo "$$$$key" | cmp -s - $$@ || echo "$$$$key" > $$@; }

$(APPLIANCE)/$(1)/$(notdir $(INITRAMFS)): initramfs/pack.sh initramfs/hosts $(BUILD)/$(1)/guest/init \
    $(APPLIANCE)/$(1)/$(notdir $(KERNEL))
	initramfs/pack.sh $(BUILD)/$(1)/guest/init $(BUILD)/$(1)/sysroot/bin/busybox $$@ \
	    $(BUILD)/$(1)/modules $(BUSYBOX)

appliance: $(addprefix $(APPLIANCE)/$(1)/,$(notdir $(KERNEL) $(INITRAMFS)))

-include $(GUEST_SOURCES:%.c=$(BUILD)/$(1)/%.d)
endef
$(foreach arch,$(FOREIGN),$(eval \
    $(call foreign_guest,$(arch),$(or $(DEBIAN_$(arch)),$(arch)),$(call triplet,$(arch)))))
