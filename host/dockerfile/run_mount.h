/*
 * A value of `RUN --mount`: fields with commas between them, one of which may be quoted as a whole
 * to have commas in it.
 */
#ifndef VMBUILD_RUN_MOUNT_H
#define VMBUILD_RUN_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

enum mount_kind { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };

/* What is not given is NULL. */
struct run_mount {
    enum mount_kind kind;
    char *from;   /* a stage, an image or a build context */
    char *source; /* in it */
    char *target;
    char *id;       /* of a cache or a secret */
    char *sharing;  /* of a cache: shared, private or locked */
    char *variable; /* of a secret: the environment variable that gets it */
    char *size;     /* of a tmpfs */
    char *mode, *uid, *gid;
    bool is_writable;
    bool is_required;
};

/* Divides TEXT into its fields, which are added to RET. Errors, which name no object: EXIT_INPUT.
 */
[[nodiscard]] struct error *run_mount_split(const char *text, struct strings *ret);

/* Reads FIELDS, whose variables were replaced. *RET is freed by run_mount_free. Errors: EXIT_INPUT.
 */
[[nodiscard]] struct error *run_mount_read(const struct strings *fields, struct run_mount *ret);

void run_mount_free(struct run_mount *mount);

#endif
