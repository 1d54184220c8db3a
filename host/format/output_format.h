/*
 * The formats of outputs, one row each. Everything that distinguishes them is in the row, except
 * how they are written, which is their writer's (output.c calls it), and what users call them,
 * which is in command/option_table.c.
 */
#ifndef VMBUILD_OUTPUT_FORMAT_H
#define VMBUILD_OUTPUT_FORMAT_H

#include <stdbool.h>

#include "host/tar/compression.h"

enum output_format {
    FORMAT_DOCKER_ARCHIVE,
    FORMAT_OCI_ARCHIVE,
    FORMAT_OCI,
    FORMAT_LAYER,
    FORMAT_DIR,
    FORMAT_REGISTRY, /* an image in a registry */
};

/* Lists end with NULL. */
struct output_format_row {
    bool is_folder;      /* a directory, else an archive */
    bool is_remote;      /* neither */
    bool is_layer;       /* the new layer alone, uncompressed; else a whole image */
    bool is_compressed;  /* the archive as a whole is compressed, not each layer */
    bool names_blobs;    /* its documents name layers by the digest of their compressed form */
    bool has_tarsum;     /* its documents have the new layer's tarsum */
    bool has_blobs;      /* a directory has blobs beside MEMBERS, named by their digests */
    unsigned int needed; /* the forms of base layers that are written (enum layer_form bits) */

    const char *members[4];  /* of a directory: the names in it */
    const char *compared[3]; /* what --check compares: paths below the target, or "" */
};

/* Returns the row of FORMAT; never NULL. */
const struct output_format_row *output_format_row(enum output_format format);

/* Sets *RET to the compression that the file name PATH stands for by its end: ".tar", ".tar.gz",
 * ".tgz" or ".tar.zst". Returns false if it ends otherwise. */
bool output_named_compression(const char *path, enum compression *ret);

#endif
