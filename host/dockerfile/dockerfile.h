/*
 * A Dockerfile, read: the instructions, each with its lines. Lines are joined, comments left out
 * and here-documents taken in; nothing is replaced, and nothing of the file system is looked at.
 *
 * The language is that of BuildKit's reference and, where that leaves something open, of its
 * parser.
 */
#ifndef VMBUILD_DOCKERFILE_H
#define VMBUILD_DOCKERFILE_H

#include <stddef.h>

#include "host/dockerfile/directives.h"
#include "host/dockerfile/instruction.h"
#include "host/lib/error.h"

#define DOCKERFILE_SIZE_MAX (4u << 20) /* bytes */
#define DOCKERFILE_LINE_MAX 65535      /* bytes of one line of the file: BuildKit's limit */

struct dockerfile {
    char *name; /* as errors call it */
    struct directives directives;
    struct instruction *instructions;
    size_t count;
};

/* Reads the LENGTH bytes of a file that errors call NAME. *RET is the caller's. Errors: EXIT_INPUT,
 * as "read 'NAME': line L: CAUSE". */
[[nodiscard]] struct error *dockerfile_parse(const char *name, const char *bytes, size_t length,
                                             struct dockerfile **ret);

/* Returns ERR, about the line LINE of the file NAME, with both put before it. */
[[nodiscard]] struct error *dockerfile_context(struct error *err, const char *name,
                                               unsigned int line);

void dockerfile_free(struct dockerfile *file);
static inline void dockerfile_freep(struct dockerfile **file)
{
    dockerfile_free(*file);
}

#endif
