/*
 * A failed step in one file, to be opened elsewhere (`vmbuild resume`): a tar, compressed with
 * zstd, of
 *
 *   step.json   which step of what spec has failed, why, by what versions, and the chain ID of the
 *               base image
 *   log         what the scripts have written
 *   disk        the scratch disk, with its holes: the layer as it was, and what hooks have left
 *               beside it
 *   base.tar    the base image, if it is to be in the file
 *
 * The spec has its scripts as text and no contents any more, which are on the disk. Of secrets it
 * has the IDs and targets, of variables that were given with --env the names are beside it: whoever
 * opens the file gives them again. A disk to which a script has written a secret is not kept.
 * A file may come
 * from anybody: it is trusted as a spec is, and the disk as a base image is, which only the guest
 * mounts.
 */
#ifndef VMBUILD_KEPT_STEP_H
#define VMBUILD_KEPT_STEP_H

#include <stdint.h>

#include "host/build/plan.h"
#include "host/image/image.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/lib/secret.h"
#include "host/spec/spec.h"

/* What is kept; all borrowed. */
struct kept_content {
    const struct spec *spec;
    const char *contents;     /* what the history tells of SPEC's (build_history.h); or NULL */
    const struct image *base; /* or NULL */
    enum plan_step step;
    const char *reason;            /* why it failed */
    const struct secrets *secrets; /* of SPEC, which must not be on the disk; or NULL */
    const char *log;               /* path of a file; NULL: none */
    const char *disk;              /* path of the scratch disk, which is not being written */
    const char *archive;           /* path of an archive of the base; NULL: it is not in the file */
};

/* Writes CONTENT to PATH, which is replaced once it is whole. Errors: EXIT_OTHER, EXIT_DISK_FULL;
 * EXIT_SCRIPT if a secret is on the disk. */
[[nodiscard]] struct error *kept_step_write(const char *path, const struct kept_content *content);

/* A file that was opened. */
struct kept_step {
    enum plan_step step;
    char *spec; /* JSON */
    char *reason;
    char *contents;           /* what the history tells of them (build_history.h); or NULL */
    struct strings variables; /* names of those that were given with --env */
    char *chain;              /* the base's chain ID; NULL: no base */
    char *disk;               /* path of a temporary */
    char *archive;            /* the same; NULL: the base is not in the file */
};

/* Reads the file PATH. *RET is freed with kept_step_free, after an error too. Errors: EXIT_INPUT,
 * EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *kept_step_read(const char *path, struct kept_step *ret);

/* Removes the temporaries and frees what STEP owns. */
void kept_step_free(struct kept_step *step);

#endif
