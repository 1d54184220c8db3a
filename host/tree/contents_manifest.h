/*
 * The manifest of contents: a digest of all that reaches the layer of each entry, its bytes and its
 * metadata by the source's rules. It is made from the sources alone, in one pass in which nothing
 * is opened whose digest is known.
 *
 * Two manifests with the same digest stand for the same layer, if it is laid on the same image.
 * What changes nothing in the layer changes no digest: where the sources are, a time that is
 * clamped, a file that is excluded or that a file of a later source replaces. A tarball is one
 * entry, by its bytes.
 */
#ifndef VMBUILD_CONTENTS_MANIFEST_H
#define VMBUILD_CONTENTS_MANIFEST_H

#include <stddef.h>

#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/tree/contents.h"
#include "host/tree/contents_source.h"

struct contents_manifest_item {
    char *path; /* in the layer, symlinks not considered; of a tarball, its name below its target */
    size_t source; /* the number of its source */
    bool is_file;
    bool is_tarball;
    struct digest digest;
};

/* A zeroed one is empty. */
struct contents_manifest {
    struct contents_manifest_item *items; /* sorted by path */
    size_t count, capacity;
};

/* Makes the manifest of CONTENTS' sources; *RET, zeroed, is the caller's also on error. Errors:
 * EXIT_INPUT, naming the source. */
[[nodiscard]] struct error *contents_manifest_make(const struct contents *contents,
                                                   const struct contents_digests *digests,
                                                   struct contents_manifest *ret);

/* Sets *RET to the digest of the whole MANIFEST. */
void contents_manifest_digest(const struct contents_manifest *manifest, struct digest *ret);

/* Appends MANIFEST as text: a line for each entry, with a part of its digest and its path, made
 * printable. */
void contents_manifest_write(const struct contents_manifest *manifest, struct buffer *out);

/* Returns in words how the manifest AFTER differs from BEFORE, both as text: "changed: a/b and 2
 * more", "added: c"; NULL if they are equal. The caller's. */
char *contents_manifest_difference(const char *before, const char *after);

void contents_manifest_free(struct contents_manifest *manifest);

#endif
