/*
 * The VM run: boots the appliance, makes the calls of guest/contract.h in the order that the build
 * asks for, and ends it. How the guest is reached is guest_handle.h's business, what the machine is
 * made of machine.h's.
 *
 * A script's time limit is enforced by the guest; one that does not answer a few seconds after the
 * limit is killed.
 */
#ifndef VMBUILD_VM_H
#define VMBUILD_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accelerator.h"
#include "buffer.h"
#include "compression.h"
#include "error.h"
#include "store.h"

/* Where the guest asks for names: QEMU's user-mode network passes questions on to the host's
 * resolver. */
#define VM_NETWORK_NAMESERVER "10.0.2.3"
#define VM_NETWORK_GATEWAY "10.0.2.2" /* leads to the host's loopback, too */

/* What the guest's kernel and programs are built for, as Go names it. */
#define VM_ARCHITECTURE "amd64"

struct vm_share {
    const char *source; /* absolute host folder */
    const char *target; /* absolute path in the image */
};

struct vm_options {
    enum accelerator accelerator; /* as asked for; the VM probes */
    bool network;
    bool base_is_new; /* the base disk is empty: writable, to be filled from `layers` */
    bool still_clock; /* the clock stands still while a script runs */
    bool verbose;     /* show the kernel's messages and libguestfs' as progress details */
    uint64_t memory;  /* MiB */
    uint64_t cpus;
    const struct vm_share *shares;
    size_t share_count;
    uint64_t scratch_size; /* of the scratch disk, bytes */
    const char *scratch;   /* its path; vm_launch makes the file, and sets this */
    const char *base;      /* path of the base disk, or NULL: no base image */
    const char *base_mark; /* tells the base disk from all others; NULL: nothing does */
    const char *const
        *layers; /* paths of uncompressed layer tars, lowest first; used where base_is_new */
    size_t layer_count;
    int64_t clock;       /* the guest's clock at its start, seconds since 1970 */
    int64_t clamp;       /* newest mtime of the layer */
    struct store *store; /* keeps what libguestfs asked this QEMU (features, about 100 KiB), which
                            costs half a second each time, and snapshots; NULL: asked anew */
};

struct vm;

/* Boots. OPTIONS are not needed afterwards. Errors: EXIT_VM (QEMU missing or
 * killed, appliance missing, no report in time, KVM asked for and not usable), with advice. */
[[nodiscard]] struct error *vm_launch(const struct vm_options *options, struct vm **ret);

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

/* Runs runAsRoot, or the hook NAME. TIMEOUT in seconds. Errors: EXIT_SCRIPT ("run script
 * 'runAsRoot': it exited with status 7"), EXIT_DISK_FULL, EXIT_MEMORY, EXIT_TIMEOUT, EXIT_VM. */
[[nodiscard]] struct error *vm_run_script(struct vm *vm, bool shadow_setup, uint64_t timeout);
[[nodiscard]] struct error *vm_run_hook(struct vm *vm, const char *name, uint64_t timeout);

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
