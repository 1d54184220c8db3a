/*
 * The annotations of the manifest of a new image: those of the spec, over
 *
 *   org.opencontainers.image.created       the spec's `created`
 *   org.opencontainers.image.base.name     the base image's full name, if it has one
 *   org.opencontainers.image.base.digest   the digest of its manifest, if it came with one
 *
 * as OCI image-spec 1.1, "Annotations", defines them.
 */
#ifndef VMBUILD_BUILD_ANNOTATIONS_H
#define VMBUILD_BUILD_ANNOTATIONS_H

#include "host/image/image.h"
#include "host/lib/json.h"
#include "host/spec/spec.h"

/* Returns those of an image that SPEC describes, on BASE (NULL: none): an object of strings, in the
 * order of their names. The caller's. */
struct json *build_annotations(const struct spec *spec, const struct image *base);

#endif
