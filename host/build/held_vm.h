/*
 * A VM that goes from one build to the next: images that are each made of the one before it, alone,
 * are built by one process, one after another. A build whose layer is not in the cache takes the VM
 * of the one before it; the guest gets a new scratch disk, and unpacks on its base disk what that
 * lacks. So a step finds what it would find in a VM of its own, which is not started.
 *
 * The process is confined once it has started the VM (confinement.h), and cannot start another: if
 * a build needs that, since a script has left something in the kernel, or since a layer is so large
 * that it had better come from a disk, the VM is spent. The rest is then built by another process.
 */
#ifndef VMBUILD_HELD_VM_H
#define VMBUILD_HELD_VM_H

#include <stdbool.h>
#include <stddef.h>

#include "host/build/base_disk.h"
#include "host/build/shared_cache.h"
#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/machine/machine_type.h"
#include "host/spec/spec.h"
#include "host/vm/vm.h"

#define HELD_VM_BUILDS_MAX 64 /* of one process */

struct build;

struct held_vm {
    const struct spec *specs[HELD_VM_BUILDS_MAX]; /* of the process's builds, in their order */
    size_t count;
    size_t position;             /* of the current one */
    struct build *last;          /* the last of them, whose output may be written; owned */
    struct shared_cache *shared; /* of all of them, or NULL; owned */

    bool is_started; /* a VM was, of this type */
    const struct machine_type *type;
    bool is_spent; /* the current build cannot be done by this process */
    struct vm *vm; /* between two builds; NULL: there is none */
    struct base_disk disk;
};

/* Whether SPEC can be built after the builds of HELD, and in their VM. */
bool held_vm_suits(const struct held_vm *held, const struct spec *spec);

/* Whether a later build of HELD may need the VM. */
bool held_vm_is_wanted(const struct held_vm *held);

/* Gives VM and DISK, which are taken over, to the next build. */
void held_vm_keep(struct held_vm *held, struct vm **vm, struct base_disk *disk);

/* Takes the VM for the current build, on BASE, whose call WORDS are taken over and whose guest's
 * clock starts at CLOCK. *RET_VM and *RET_DISK are the caller's. Errors: any, after which the VM is
 * spent. */
[[nodiscard]] struct error *held_vm_take(struct held_vm *held, struct store *store,
                                         struct image *base, struct call_words *words,
                                         int64_t clock, struct vm **ret_vm,
                                         struct base_disk *ret_disk);

/* Ends the VM, if there is one. */
void held_vm_free(struct held_vm *held);

#endif
