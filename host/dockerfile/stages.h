/*
 * The stages of a Dockerfile: each FROM and what follows it. Before the first there may be ARGs,
 * whose values are for FROMs alone. Nothing is replaced here, either.
 */
#ifndef VMBUILD_STAGES_H
#define VMBUILD_STAGES_H

#include <stddef.h>
#include <stdint.h>

#include "host/dockerfile/dockerfile.h"

#define STAGES_MAX 1000     /* in a file */
#define STAGE_NONE SIZE_MAX /* no stage */

struct stage {
    char *name;       /* in small letters; NULL: it has none */
    const char *base; /* as FROM has it */
    const struct instruction *from;
    const struct instruction *instructions; /* those behind FROM */
    size_t count;
};

/* It refers to the file that it was made of. */
struct stages {
    const struct instruction *definitions; /* the ARGs before the first stage */
    size_t definition_count;
    struct stage *items;
    size_t count;
};

/* Checks the instructions of FILE and divides them into *RET, which stages_free frees. Errors:
 * EXIT_INPUT, as those of dockerfile_parse. */
[[nodiscard]] struct error *stages_make(const struct dockerfile *file, struct stages *ret);

/* Returns the index of the last stage before END that is called NAME, in any case; STAGE_NONE if
 * there is none. */
size_t stages_find(const struct stages *stages, const char *name, size_t end);

void stages_free(struct stages *stages);

#endif
