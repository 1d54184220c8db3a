/*
 * What the visits to a source of contents share (contents_source.h): contents_source.c calls the
 * visitor for single files, contents_folder.c walks through directories.
 */
#ifndef VMBUILD_CONTENTS_VISIT_H
#define VMBUILD_CONTENTS_VISIT_H

#include <archive_entry.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "host/lib/error.h"
#include "host/tree/contents_source.h"

/* A visit in progress. */
struct visit {
    const struct contents_source *source;
    bool with_data;
    const struct contents_digests *digests; /* or NULL: none are made */
    contents_visit call;
    void *context;
    struct archive_entry *entry;
};

/* Returns the error of an OPERATION that failed with errno at PATH in the source. */
[[nodiscard]] struct error *contents_visit_failed(const struct visit *visit, const char *operation,
                                                  const char *path);

/* Calls the visitor for the file NAME in DIR, whose path in the source is PATH. Errors:
 * EXIT_INPUT, and those of the visitor. */
[[nodiscard]] struct error *contents_visit_file(struct visit *visit, int dir, const char *name,
                                                const char *path, const struct stat *status);

/* Calls the visitor for all that is below the directory DIR, which is closed and whose path in the
 * source is PATH, as far as it is not left out. Errors: as above. */
[[nodiscard]] struct error *contents_visit_folder(struct visit *visit, int dir, const char *path);

/* The same for NAME in DIR, whose path is PATH, and all below it; nothing is left out. */
[[nodiscard]] struct error *contents_visit_tree(struct visit *visit, int dir, const char *name,
                                                const char *path);

#endif
