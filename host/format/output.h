/*
 * Writing images: docker-archive, oci-archive, oci and layer, as OUTPUTS of vmbuild(1) has them. An
 * output is written to a temporary beside its target and renamed when it is whole. What is already
 * compressed is copied (file.h), never packed again. The new layer's temporaries lie beside the
 * target, too, and are used up meanwhile, so that a build needs no more room than its output.
 */
#ifndef VMBUILD_OUTPUT_H
#define VMBUILD_OUTPUT_H

#include "host/image/image.h"
#include "host/image/layer_writer.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

enum output_format { FORMAT_DOCKER_ARCHIVE, FORMAT_OCI_ARCHIVE, FORMAT_OCI, FORMAT_LAYER };

struct output {
    enum output_format format;
    enum compression
        compression; /* of the whole docker-archive; of each layer in OCI formats; NONE for layer */
    const char *path; /* the target: a file, or a folder for oci and layer; "-" is standard output
                         for archives */
};

/* Which forms output_write will want of the new layer, and of the base layers (enum layer_form
 * bits). */
struct layer_form_wanted output_wants_new(const struct output *output);
unsigned int output_wants_base(const struct output *output);

/* A folder for the new layer's temporaries; the caller's to free. It is on the output's own disk,
 * which must have room for the layer anyway, unless the output is a stream. *RET_NAME, borrowed, is
 * what errors name. */
[[nodiscard]] struct error *output_temporaries(const struct output *output, char **ret,
                                               const char **ret_name);

/* Checks what can be told before there is an image: the target's folder is there and may be written
 * to, and what is at the target may be replaced: an archive by an archive, a folder where it is
 * empty or such an output. Errors: EXIT_USAGE, EXIT_OTHER. */
[[nodiscard]] struct error *output_check(const struct output *output);

/* Writes IMAGE. Derived forms of base layers are kept in STORE. Errors: EXIT_DISK_FULL (the
 * output's or the cache's), EXIT_OTHER. An existing target is replaced only by the whole new one.
 */
[[nodiscard]] struct error *output_write(const struct image *image, const struct output *output,
                                         struct store *store);

#endif
