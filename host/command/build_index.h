/*
 * The index of --index: the images of a spec as one, in a layout or in registries. Each is kept in
 * the store by its build.
 */
#ifndef VMBUILD_BUILD_INDEX_H
#define VMBUILD_BUILD_INDEX_H

#include <stddef.h>

#include "host/command/build_targets.h"
#include "host/command/options.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/store/store.h"

/* What is written. */
struct build_index {
    const struct options *options;
    const struct build_targets *targets;
    struct store *store;
    struct json *const *results; /* of each image (build/build_result.h) */
    size_t count;
};

/* Checks that TARGETS are of formats that have an index, and that there is room for them. Errors:
 * those of output_check. */
[[nodiscard]] struct error *build_index_check(const struct build_targets *targets);

/* Writes INDEX to all targets. *RET, the caller's, is what was made: `manifests` as in a result,
 * and `images`, the entries of the index. Errors: those of output_write and registry_push. */
[[nodiscard]] struct error *build_index_write(const struct build_index *index, struct json **ret);

#endif
