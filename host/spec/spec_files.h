/*
 * The spec files that a graph is read from: each is opened once, and parsed once.
 */
#ifndef VMBUILD_SPEC_FILES_H
#define VMBUILD_SPEC_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

struct spec_file {
    char *path;   /* without symlinks, or "-"; "" if it is none */
    char *folder; /* that paths in it are taken from */
    struct json *root;
    const char *platform; /* that its images are read for, borrowed; NULL: none */
    size_t first, count;  /* its nodes in the graph, set by who reads it */
};

/* Starts as zeros. */
struct spec_files {
    struct spec_file **items;
    size_t count;
};

/* Finds the file PATH, or opens it: "-" is standard input. PLATFORM, borrowed, is what its images
 * are read for, each time anew; NULL: none. *RET is of FILES; *RET_IS_NEW: it was not among them
 * for PLATFORM. Errors: those of spec_document_open. */
[[nodiscard]] struct error *spec_files_open(struct spec_files *files, const char *path,
                                            const char *platform, struct spec_file **ret,
                                            bool *ret_is_new);

/* Adds *ROOT, which is taken over, in the place of a file of the current directory. *RET is of
 * FILES. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *spec_files_add(struct spec_files *files, struct json **root,
                                           const char *platform, struct spec_file **ret);

void spec_files_free(struct spec_files *files);

#endif
