/*
 * The sources of a spec's `contents` (tree/contents_source.h): files of the host, parts of images,
 * texts and directories. An element of the spec may be several: one for each path that it matches,
 * and one for the directory that they are put into.
 */
#ifndef VMBUILD_SPEC_SOURCES_H
#define VMBUILD_SPEC_SOURCES_H

#include <stddef.h>

#include "host/image/image.h"
#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/spec/spec.h"
#include "host/tree/contents_source.h"
#include "host/tree/ignore_file.h"

/* A zeroed one is empty. */
struct spec_sources {
    struct contents_source *items; /* in the order of the elements */
    size_t count, capacity;
    struct strings texts;         /* that they borrow */
    struct ignore_file **ignores; /* likewise */
    size_t ignore_count;
};

/* What the sources are made of; all borrowed. */
struct spec_sources_origin {
    const struct spec_contents *contents;
    const struct digest *built;          /* the images of others, by node */
    const struct image_request *request; /* for all other images */
    struct image *base;                  /* that has the owners' names; or NULL */
};

/* Makes the sources of ORIGIN, which they borrow from. *RET is the caller's also on error. Errors:
 * those of image_open and image_part_find; EXIT_INPUT, if an element matches nothing or names
 * somebody who is not in the base. */
[[nodiscard]] struct error *spec_sources_make(const struct spec_sources_origin *origin,
                                              struct spec_sources *ret);

void spec_sources_free(struct spec_sources *sources);

/* For the modules that add to SOURCES: adds SOURCE. */
void spec_sources_add(struct spec_sources *sources, struct contents_source source);

/* The same for TEXT, which is taken over. Returns it, borrowed. */
const char *spec_sources_keep(struct spec_sources *sources, char *text);

/* The same for the directory PATH, absolute, and those above it, with the owner of RULES. */
void spec_sources_add_directory(struct spec_sources *sources, const struct contents_source *rules,
                                const char *path);

/* Returns the path of CONTENT up to where it is matched in another way: all of it, unless parents
 * come along, which are those below its pivot. The caller's. */
char *spec_sources_start(const struct spec_content *content);

#endif
