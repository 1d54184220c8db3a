/*
 * The kind of keys that name an image: one that exists, by a reference, or one that is built, as an
 * object, which the graph of images reads (spec_graph.h). See spec_kind.h.
 */
#ifndef VMBUILD_SPEC_IMAGE_H
#define VMBUILD_SPEC_IMAGE_H

#include "host/spec/spec.h"
#include "host/spec/spec_kind.h"

extern const struct spec_kind spec_image_base; /* struct spec_image */

/* Reads VALUE of KEY, an image, into *RET. Errors: EXIT_INPUT, from spec_error. */
[[nodiscard]] struct error *spec_image_read(const struct spec_key *key,
                                            const struct spec_source *source,
                                            const struct json *value, struct spec_image *ret);

/* Returns IMAGE as a spec has it, {"use": NAME} of one that is built; the caller's. */
struct json *spec_image_describe(const struct spec_image *image);

/* Returns the schema of a value; the caller's. */
struct json *spec_image_schema(void);

#endif
