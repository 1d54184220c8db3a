/*
 * How the outputs of two builds differ: every path and field, each as one line, and for texts the
 * lines that are not the same.
 */
#ifndef VMBUILD_DIFFERENCES_H
#define VMBUILD_DIFFERENCES_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/json.h"

/* Shows (progress_difference) how two layers differ, uncompressed tars at the paths FIRST and
 * SECOND, which messages call WHERE. Adds the number of differences to *COUNT. Errors: EXIT_OTHER,
 * EXIT_INPUT if a tar cannot be read. */
[[nodiscard]] struct error *differences_of_tars(const char *where, const char *first,
                                                const char *second, size_t *count);

/* The same for two JSON documents. */
void differences_of_json(const char *where, const struct json *first, const struct json *second,
                         size_t *count);

#endif
