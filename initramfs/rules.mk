# The appliance, in the form and under the names that libguestfs expects of its "old-style"
# appliance: a kernel and an initramfs, side by side in one directory.

APPLIANCE := $(BUILD)/appliance
KERNEL := $(APPLIANCE)/vmlinuz.x86_64
INITRAMFS := $(APPLIANCE)/initramfs.x86_64.img
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
	    initramfs/kernel.sh $@ $(MODULES)
endif

$(BUILD)/kernel.key: FORCE
	@mkdir -p $(@D)
	@key=$$(KERNEL_SOURCE='$(KERNEL_SOURCE)' initramfs/kernel.sh --key) && \
	    { echo "$$key" | cmp -s - $@ || echo "$$key" > $@; }

$(INITRAMFS): initramfs/pack.sh initramfs/hosts $(BUILD)/guest/init $(BUSYBOX) $(KERNEL)
	@mkdir -p $(@D)
	initramfs/pack.sh $(BUILD)/guest/init $(BUSYBOX) $@ $(MODULES)
