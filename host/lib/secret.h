/*
 * Secrets: bytes that are passed on to a script and must not turn up anywhere else. Their memory is
 * wiped when it is freed.
 */
#ifndef VMBUILD_SECRET_H
#define VMBUILD_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* What is shorter is not looked for: it could be anything. */
#define SECRET_LEAST 8

struct secret {
    char *id;
    char *bytes;
    size_t length;
};

/* A zeroed list is empty. */
struct secrets {
    struct secret *items;
    size_t count;
};

/* Adds a secret with a copy of ID; BYTES, of malloc, are taken over. */
void secrets_take(struct secrets *secrets, const char *id, char *bytes, size_t length);

/* Sets *RET to where the bytes of SECRET begin that are looked for: all but white space at both
 * ends, since a file ends its line, which programs leave out. Returns how many there are, or 0 if
 * they are less than SECRET_LEAST. */
size_t secret_core(const struct secret *secret, const char **ret);

void secrets_free(struct secrets *secrets);

#endif
