/*
 * A mount of a script's own, as the word `mount` has it (guest/contract.h):
 *
 *   KIND[,OPTION=VALUE]...:TARGET
 *
 * What it names is the job's, so that no value has a comma or colon in it; the target may.
 */
#ifndef VMBUILD_GUEST_MOUNT_WORD_H
#define VMBUILD_GUEST_MOUNT_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/lib/fault.h"

enum mount_kind { MOUNT_TMPFS, MOUNT_SECRET, MOUNT_BIND, MOUNT_CACHE };

struct mount_word {
    enum mount_kind kind;
    const char *file;     /* of the job, for a secret */
    const char *disk;     /* of a cache */
    const char *variable; /* that gets the bytes of a secret, or NULL */
    const char *target;   /* absolute; NULL: of a secret that is a variable alone */
    uint64_t size;        /* bytes of a tmpfs; 0: the kernel's default */
    unsigned part;        /* of a bind: the number of what was unpacked for it */
    bool is_writable;
    bool has_mode;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

/* Reads TEXT, which it changes and *RET points into. Returns 0, or -1 with FAULT. */
int mount_word_read(char *text, struct mount_word *ret, struct fault *fault);

#endif
