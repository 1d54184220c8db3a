/* Sources of contents that are nothing but paths. */
#ifndef VMBUILD_TESTS_SOURCES_H
#define VMBUILD_TESTS_SOURCES_H

#include "host/lib/memory.h"
#include "host/tree/contents.h"

/* Returns a source for each of PATHS, which they borrow, with RULE for modes; the caller's. */
static inline struct contents_source *make_sources(const struct strings *paths,
                                                   enum contents_mode rule)
{
    struct contents_source *sources = xcalloc(paths->count, sizeof *sources);

    for (size_t i = 0; i < paths->count; i++)
        sources[i] = (struct contents_source){.path = paths->items[i], .mode_rule = rule};
    return sources;
}

#endif
