/*
 * The sources of an element of `contents` with `image` and `path`: parts of the image, as tarballs
 * in the store (image_part.h).
 */
#ifndef VMBUILD_IMAGE_SOURCES_H
#define VMBUILD_IMAGE_SOURCES_H

#include "host/build/spec_sources.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/tree/contents_source.h"

/* Adds to SOURCES what CONTENT, whose rules SOURCE has, matches in its image, which is opened.
 * Errors: those of image_open and image_part_find. */
[[nodiscard]] struct error *image_sources_add(const struct spec_content *content,
                                              const struct spec_sources_origin *origin,
                                              struct contents_source source,
                                              struct spec_sources *sources);

#endif
