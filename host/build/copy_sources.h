/*
 * The sources of an element of `contents` with `source` and `path`: what COPY of a Dockerfile takes
 * of its context.
 */
#ifndef VMBUILD_COPY_SOURCES_H
#define VMBUILD_COPY_SOURCES_H

#include "host/build/spec_sources.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/tree/contents_source.h"

/* Adds to SOURCES what CONTENT, whose rules SOURCE has, matches. Errors: EXIT_INPUT, also if that
 * is nothing. */
[[nodiscard]] struct error *copy_sources_add(const struct spec_content *content,
                                             struct contents_source source,
                                             struct spec_sources *sources);

/* Lets SOURCE, a file at its path, be unpacked if it is a tarball: its members keep their owners
 * and modes. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *copy_sources_unpack(struct contents_source *source);

#endif
