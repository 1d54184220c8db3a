/*
 * What a source of contents leaves out: by the patterns of `exclude` (exclude.h), and by those of
 * .dockerignore (ignore_file.h), for paths in the source or in the directory that it is a part of,
 * its context. Other patterns may tell what is taken at all.
 */
#ifndef VMBUILD_CONTENTS_FILTER_H
#define VMBUILD_CONTENTS_FILTER_H

#include <stdbool.h>

#include "host/lib/buffer.h"
#include "host/tree/ignore_file.h"

/* All are borrowed. A zeroed one leaves nothing out. */
struct contents_filter {
    const struct strings *exclude;            /* or NULL */
    const struct ignore_file *ignore;         /* or NULL */
    const struct ignore_file *context_ignore; /* or NULL */
    const char *inside; /* the source's path in its context; NULL or empty: it is all of it */
    const struct ignore_file *include; /* which paths are taken; NULL: all */
    const char *include_start;         /* what the paths of INCLUDE begin with: whole names */
    const char *description;           /* the lines of all IGNORE files, for keys; or NULL */
};

enum contents_verdict {
    CONTENTS_TAKEN,
    CONTENTS_LEFT_OUT, /* with all below it */
    CONTENTS_IMPLIED,  /* a directory that is taken if something below it is */
};

/* Whether FILTER can return CONTENTS_IMPLIED. */
bool contents_filter_implies(const struct contents_filter *filter);

/* Returns what becomes of PATH in the source, without "." and ".." parts. */
enum contents_verdict contents_filter_judge(const struct contents_filter *filter, const char *path,
                                            bool is_folder);

#endif
