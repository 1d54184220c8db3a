/*
 * The key of a build: a digest of all that decides what its new layer is. Two builds with one key
 * make the same layer, so that the second can take it from the store (build_cache.h).
 *
 *   the scripts, and each other key of the spec that can change the layer (struct spec_key)
 *   contents and closure   what reaches the layer of them, by a manifest (tree/contents_manifest.h)
 *   the base               the chain of its layers, its Env, and its time
 *   shares                 their targets, and the identity of each file and directory: scripts may
 *                          read them all
 *   secrets                their IDs and targets, not their bytes
 *   --env                  names and values
 *   the guest              its kernel and its initramfs
 *
 * Neither the host's paths, nor the order of the spec's keys, nor what is laid over a finished
 * layer (name, tag, config) is part of it. The host's network is not either: the result of a script
 * with `network` is reused like any other.
 */
#ifndef VMBUILD_BUILD_KEY_H
#define VMBUILD_BUILD_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "host/build/mount_trees.h"
#include "host/image/image.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"
#include "host/store/store.h"
#include "host/tree/contents.h"

/* What a key is made of; all borrowed. */
struct build_key_source {
    const struct spec *spec;
    bool needs_vm;
    const struct machine_type *type; /* of the machine, if one is needed; static */
    bool trace;                      /* shells have -x on, which a script may see */
    const struct image *base;        /* NULL: none */
    int64_t clamp;                   /* the latest mtime of the layer, seconds since 1970 */
    const struct contents *contents;
    const struct mount_trees *trees; /* of its binds */
    struct store *store;             /* which remembers the digests of files */
    const struct build_key *earlier; /* a key of the same build, whose guest is still the one that
                                        runs; or NULL */
};

/* A zeroed one is empty. */
struct build_key {
    struct digest digest;
    struct json *parts; /* the digest of each part by its name: "runAsRoot", "base", ... */
    char *contents;     /* the manifest as text */
    char *obstacle;     /* why there is no key: what is shared has changed just now; or NULL */
};

/* Makes the key of SOURCE. *RET, zeroed, is the caller's also on error. Errors: EXIT_INPUT if what
 * the spec names cannot be read; EXIT_VM if there is no guest. */
[[nodiscard]] struct error *build_key_make(const struct build_key_source *source,
                                           struct build_key *ret);

void build_key_free(struct build_key *key);

#endif
