/*
 * Where the command line of a build wants its image: the outputs, of which those in registries are
 * written when the build is over, by a process that is not confined as the build's own is.
 */
#ifndef VMBUILD_BUILD_TARGETS_H
#define VMBUILD_BUILD_TARGETS_H

#include <stdbool.h>
#include <stddef.h>

#include "host/command/options.h"
#include "host/format/output.h"
#include "host/image/image_bundle.h"
#include "host/image/reference.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/store/store.h"

/* A zeroed one is empty. */
struct build_targets {
    struct output *outputs;
    struct reference *references; /* of each output */
    size_t count;
    char *own_path; /* of the default output */
};

/* Reads the outputs of OPTIONS; by default, one for an image called NAME. *RET is the caller's,
 * also on error. Errors: EXIT_USAGE. */
[[nodiscard]] struct error *build_targets_read(const struct options *options, const char *name,
                                               struct build_targets *ret);

/* Whether one of TARGETS is in a registry. */
bool build_targets_are_remote(const struct build_targets *targets);

/* Whether one of TARGETS is the file PATH, or standard output if that is "-". */
bool build_targets_have(const struct build_targets *targets, const char *path);

/* Pushes the image that a build with RESULT (build/build_result.h) has kept in STORE to those of
 * TARGETS that are in registries, and sets their manifests in RESULT. Errors: as registry_push. */
[[nodiscard]] struct error *build_targets_push(const struct build_targets *targets,
                                               const struct options *options, struct store *store,
                                               struct json *result);

/* The same for BUNDLE. */
[[nodiscard]] struct error *build_targets_push_bundle(const struct build_targets *targets,
                                                      const struct options *options,
                                                      struct store *store,
                                                      const struct image_bundle *bundle);

void build_targets_free(struct build_targets *targets);

#endif
