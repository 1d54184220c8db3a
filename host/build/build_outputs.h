/*
 * The outputs of a build (struct build): what they need together, and writing those that the build
 * writes itself. An image in a registry is not one of these: this process may be confined by then.
 */
#ifndef VMBUILD_BUILD_OUTPUTS_H
#define VMBUILD_BUILD_OUTPUTS_H

#include <stdbool.h>

#include "host/build/build.h"
#include "host/format/output.h"
#include "host/image/image.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"

/* Whether BUILD writes the output INDEX itself. */
bool build_outputs_is_written(const struct build *build, size_t index);

/* Return the forms in which BUILD's outputs need the new layer, and the base layers (enum
 * layer_form bits). */
struct layer_form_wanted build_outputs_want_new(const struct build *build);
unsigned int build_outputs_want_base(const struct build *build);

/* Returns the output whose format decides what others find in the store: one that names blobs, if
 * there is one. */
const struct output *build_outputs_of_others(const struct build *build);

/* Whether they are nothing but layers, so that there must be one. */
bool build_outputs_are_layers(const struct build *build);

/* Refuses outputs that are layers of a build that makes none. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *build_outputs_refuse_layers(const struct build *build);

/* As output_check, for all that BUILD writes. */
[[nodiscard]] struct error *build_outputs_check(const struct build *build);

/* Makes a directory for the new layer's temporaries: beside the first output that BUILD writes, or
 * in the store if it writes none. *RET is its path, the caller's to free; *RET_NAME, borrowed, is
 * what errors call it. */
[[nodiscard]] struct error *build_outputs_temporaries(const struct build *build, char **ret,
                                                      const char **ret_name);

/* Writes IMAGE to all outputs that BUILD writes, in their order. MANIFESTS has room for one of each
 * output. Errors: those of output_write. */
[[nodiscard]] struct error *build_outputs_write(const struct build *build,
                                                const struct image *image,
                                                struct output_manifest *manifests);

#endif
