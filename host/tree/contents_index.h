/* The first pass over the sources of contents: which entry wins each path, and what is a link. */
#ifndef VMBUILD_CONTENTS_INDEX_H
#define VMBUILD_CONTENTS_INDEX_H

#include "host/lib/error.h"
#include "host/tree/contents_source.h"

/* Visitor of contents_source_visit, whose CONTEXT is a struct contents_merge: gives ENTRY its path,
 * and records links. Errors: EXIT_INPUT, naming the source and the path, if a layer cannot hold the
 * entry, it cannot lie there, or it is a link to nothing. */
[[nodiscard]] struct error *contents_index_entry(void *context, struct contents_entry *entry);

#endif
