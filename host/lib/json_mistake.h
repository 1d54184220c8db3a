/*
 * What somebody who writes JSON by hand got wrong: yajl reports where a document stops being JSON,
 * but in its own terms. Looks at documents that yajl has refused, from their start, for the first
 * of the usual mistakes: a comma too many or missing, comments, single quotes, a line end in a
 * string, another format, another encoding.
 */
#ifndef VMBUILD_JSON_MISTAKE_H
#define VMBUILD_JSON_MISTAKE_H

#include <stddef.h>

struct json_mistake {
    const char *advice; /* what to do, static */
    size_t offset;      /* of the byte where the mistake is */
};

/* Looks for a mistake in the LENGTH bytes at TEXT. Sets *RET, or its advice to NULL if there is
 * none that it knows. */
void json_mistake_find(const char *text, size_t length, struct json_mistake *ret);

#endif
