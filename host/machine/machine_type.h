/*
 * What the machine of each architecture needs: one row of a table, which is all that the host
 * program knows of it. A new architecture is a row here, a configuration of the kernel and a row in
 * initramfs/kernels, and a test.
 */
#ifndef VMBUILD_MACHINE_TYPE_H
#define VMBUILD_MACHINE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct machine_type {
    const char *architecture; /* whose programs run in it, as Go names it */
    const char *guest;        /* what its kernel and initramfs are built for, as Go names it */
    const char *qemu;         /* the program */
    const char *package;      /* what installs the program, for an advice */
    const char *install;      /* a command that does; NULL: the host program is not built for it */
    const char *machine;      /* QEMU's -machine; NULL: libguestfs' choice */
    const char *cpu;          /* QEMU's -cpu under TCG; NULL: QEMU's choice */
    const char *memory;       /* name of the main memory's block in a migration stream */
    uint64_t memory_step;     /* MiB, of which it has a multiple; 0: it may have any */
    const char *words;        /* arguments for the kernel beside those of every machine; or NULL */
    const char *emulated_words; /* the same under TCG, beside these; or NULL */
    bool stays_unsaved;         /* each one boots: it cannot be saved or resumed */
    bool is_pc; /* starts by a firmware; its clock is a time stamp counter, the host's */
};

/* Returns the type for the architecture NAME, which a variant after a slash may follow ("arm/v7");
 * NULL: no guest runs its programs. Static. */
const struct machine_type *machine_type_find(const char *name);

/* Returns the type for programs of this host's architecture: the guest of a build that needs no
 * programs of another one. Static. */
const struct machine_type *machine_type_native(void);

/* Whether TYPE's guest is for this host's architecture. */
bool machine_type_is_native(const struct machine_type *type);

/* Whether KVM of this host can run TYPE's programs. */
bool machine_type_has_kvm(const struct machine_type *type);

/* Returns MEMORY, in MiB, or the least that is more and that a machine of TYPE can have. */
uint64_t machine_type_memory(const struct machine_type *type, uint64_t memory);

/* Whether TYPE's programs are those of the host itself, which its kernel runs. */
bool machine_type_is_hosts(const struct machine_type *type);

/* Returns the next type after TYPE, or the first if that is NULL, of those for a guest's own
 * architecture; NULL: there is none more. Static. */
const struct machine_type *machine_type_next_guest(const struct machine_type *type);

#endif
