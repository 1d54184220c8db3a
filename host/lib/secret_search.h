/*
 * A search for secrets in a stream that comes in pieces of any size: each byte is looked at once
 * for each secret, whatever the pieces (the algorithm of Knuth, Morris and Pratt), and a run of
 * zeros costs no more than the secret's length.
 */
#ifndef VMBUILD_SECRET_SEARCH_H
#define VMBUILD_SECRET_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/secret.h"

struct secret_search;

/* SECRETS are borrowed; those shorter than SECRET_LEAST are left out. Returns NULL if there is
 * none to look for. */
struct secret_search *secret_search_new(const struct secrets *secrets);

/* Forgets what came so far: another stream begins. */
void secret_search_restart(struct secret_search *search);

/* Takes LENGTH bytes. Returns a secret that they complete, or NULL. */
const struct secret *secret_search_take(struct secret_search *search, const void *bytes,
                                        size_t length);

/* The same for LENGTH zeros. */
const struct secret *secret_search_skip(struct secret_search *search, uint64_t length);

/* The number of secrets that are looked for. What follows is about one of them, from 0. */
size_t secret_search_count(const struct secret_search *search);

/* Takes bytes for that secret alone, up to the first place where it is complete. Returns how many
 * of them that is, or 0 if it is not completed by LENGTH bytes. */
size_t secret_search_next(struct secret_search *search, size_t index, const void *bytes,
                          size_t length);

/* How many bytes that secret has, and how many of its first bytes came last. */
size_t secret_search_length(const struct secret_search *search, size_t index);
size_t secret_search_begun(const struct secret_search *search, size_t index);

/* Accepts NULL. */
void secret_search_free(struct secret_search *search);
static inline void secret_search_freep(struct secret_search **search)
{
    secret_search_free(*search);
}

#endif
