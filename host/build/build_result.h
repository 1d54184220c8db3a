/*
 * What a build has made, as a JSON document: for whoever shows it, and for the process that started
 * the build in another one.
 *
 *   name       of the image, with its tag
 *   config     the digest of the config document, which Docker calls the image's ID
 *   layers     the diff IDs
 *   sizes      of each layer: diffID, size, and digest and compressedSize of its blob, if known
 *   manifests  of each output: digest and size, or null if none was written
 *   cached     whether its layer was made before
 *   seconds    that the build took
 *   reason     why the layer was made again, if that is known
 *   kept       the name of the image in the store (built_image.h), if it was to be kept there
 */
#ifndef VMBUILD_BUILD_RESULT_H
#define VMBUILD_BUILD_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "host/format/output.h"
#include "host/image/image.h"
#include "host/lib/digest.h"
#include "host/lib/json.h"

/* Of what a result is made; all borrowed. */
struct build_facts {
    const struct image *image;
    const struct output_manifest *manifests;
    size_t output_count;
    bool is_cached;
    double seconds;
    const char *reason;        /* or NULL */
    const struct digest *kept; /* or NULL */
};

/* Returns the document, the caller's. */
struct json *build_result_make(const struct build_facts *facts);

/* Sets the manifest of the output INDEX in RESULT. */
void build_result_set_manifest(struct json *result, size_t index,
                               const struct output_manifest *manifest);

#endif
