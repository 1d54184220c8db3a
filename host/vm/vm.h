/*
 * The VM run: boots the appliance, makes the calls of guest/contract.h in the order that the build
 * asks for, and ends it. How the guest is reached is guest_handle.h's business, what the machine is
 * made of machine.h's, how a call is put into words call_words.h's.
 *
 * A script's time limit is enforced by the guest; one that does not answer a few seconds after the
 * limit is killed.
 */
#ifndef VMBUILD_VM_H
#define VMBUILD_VM_H

#include <stddef.h>

#include "guest/contract.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/machine/machine.h"
#include "host/vm/call_words.h"

struct vm;

/* Boots. OPTIONS are not needed afterwards. WORDS go into each call whose verb takes them; the VM
 * takes them over in any case. Errors: EXIT_VM (QEMU missing or killed, appliance missing, no
 * report in time, KVM asked for and not usable), with advice. */
[[nodiscard]] struct error *vm_launch(const struct vm_options *options, struct call_words *words,
                                      struct vm **ret);

/* Gives the guest a file of its job (guest/contract.h GUEST_JOB_*). */
[[nodiscard]] struct error *vm_put(struct vm *vm, const char *name, const void *bytes,
                                   size_t length);

/* Unpacks the layers onto the new base disk and unmounts it: the disk file is whole when this
 * returns, and the host may copy it before it lets the spec's scripts run. Errors: EXIT_INPUT
 * naming the layer's number, EXIT_DISK_FULL. */
[[nodiscard]] struct error *vm_unpack_base(struct vm *vm);

/* Mounts the base disk read-only. */
[[nodiscard]] struct error *vm_mount_base(struct vm *vm);

/* Streams a tar into layer/: PRODUCE writes it to the sink it is given, in a thread of its own. */
[[nodiscard]] struct error *
vm_add_contents(struct vm *vm, struct error *(*produce)(void *context, struct sink sink),
                void *context);

/* Mounts the merged view at mnt/, and unmounts it. Errors: EXIT_OTHER with the guest's words. */
[[nodiscard]] struct error *vm_mount_overlay(struct vm *vm);
[[nodiscard]] struct error *vm_unmount_overlay(struct vm *vm);

/* Runs runAsRoot, or HOOK. Errors: EXIT_SCRIPT ("run script 'runAsRoot': it exited with status 7"),
 * EXIT_DISK_FULL, EXIT_MEMORY, EXIT_TIMEOUT, EXIT_VM. */
[[nodiscard]] struct error *vm_run_script(struct vm *vm);
[[nodiscard]] struct error *vm_run_hook(struct vm *vm, enum guest_hook hook);

/* Streams the layer as a tar into SINK as it arrives. */
[[nodiscard]] struct error *vm_pack_layer(struct vm *vm, struct sink sink);

/* Ends the VM at once, whatever its state, shows what it still wrote, removes the scratch disk and
 * frees VM. The disks are not unmounted: a new base disk is whole since vm_unpack_base. */
void vm_free(struct vm *vm);
static inline void vm_freep(struct vm **vm)
{
    vm_free(*vm);
}

#endif
