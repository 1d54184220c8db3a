/*
 * Confined QEMU: what libguestfs starts in place of QEMU. It confines itself and then executes
 * QEMU, so that a guest that takes QEMU over does not have the user's rights.
 *
 * QEMU may open what its command line names and what it is made of, and nothing else:
 *
 *   read      kernel, initramfs, firmware, layers of a new base, shares
 *   write     the other disks
 *   execute   QEMU, in the directories of installed programs and its own
 *   KVM       its device, if the machine may use it
 *
 * It gets its sockets connected (the command line then has their descriptors), and can make no
 * others. It can signal no other process. Its environment is a constant, its working directory is
 * the root, and it leaves no core.
 *
 * All of this is as much as the kernel offers (landlock.h, call_filter.h); no kernel is refused.
 *
 * The program that does it is found by the name that it is started by, CONFINED_QEMU, which is a
 * link to it. Beside it is a link to QEMU, CONFINED_QEMU_TARGET.
 */
#ifndef VMBUILD_CONFINED_QEMU_H
#define VMBUILD_CONFINED_QEMU_H

#include <stdbool.h>

#include "host/lib/buffer.h"

#define CONFINED_QEMU "qemu-system"
#define CONFINED_QEMU_TARGET "qemu"

/* What QEMU's command line asks for. */
struct confined_qemu_plan {
    struct strings arguments; /* QEMU's, with sockets as descriptors, the program's name included */
    struct strings read, write;
    bool kvm;
};

/* Reads the command line ARGV, connects the sockets that it names, and sets *RET, which is freed
 * with confined_qemu_plan_free. A socket that cannot be connected is left to QEMU, whose error then
 * names it. */
void confined_qemu_plan(char *const *argv, struct confined_qemu_plan *ret);

void confined_qemu_plan_free(struct confined_qemu_plan *plan);

/* Whether a program that was started as NAME is to stand in for QEMU. */
bool confined_qemu_is_asked(const char *name);

/* Confines this process and executes QEMU with the arguments of ARGV. Returns only if that fails:
 * an exit code, after a message on standard error. */
int confined_qemu_run(char *const *argv);

/* Returns what a QEMU of this host is confined by, for messages: "Landlock (...) and seccomp"; the
 * caller's. *RET_LACK is what it lacks of what a newer kernel offers, or NULL; the caller's. */
char *confined_qemu_describe(char **ret_lack);

#endif
