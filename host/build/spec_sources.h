/*
 * The sources of a spec's `contents` (tree/contents_source.h): files of the host, and parts of
 * images.
 */
#ifndef VMBUILD_SPEC_SOURCES_H
#define VMBUILD_SPEC_SOURCES_H

#include <stddef.h>

#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/tree/contents_source.h"

/* A zeroed one is empty. */
struct spec_sources {
    struct contents_source *items; /* of each element of `contents` */
    size_t count;
    struct strings texts; /* that they borrow */
};

/* Makes the sources of CONTENTS, which they borrow from. The images that they are of are opened by
 * REQUEST, or are those of BUILT, by node. *RET is the caller's also on error. Errors: those of
 * image_open and image_part_find. */
[[nodiscard]] struct error *spec_sources_make(const struct spec_contents *contents,
                                              const struct digest *built,
                                              const struct image_request *request,
                                              struct spec_sources *ret);

void spec_sources_free(struct spec_sources *sources);

#endif
