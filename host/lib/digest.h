/*
 * SHA-256 and the digests made with it, as the OCI image-spec's "Digests" section writes them:
 * "sha256:" and 64 lower-case hex digits. The one module that knows OpenSSL.
 *
 * The algorithm is looked up once in a process and kept; it does not depend on OpenSSL's
 * configuration. Without memory the program ends (memory.h). A hash belongs to one thread at a
 * time.
 */
#ifndef VMBUILD_DIGEST_H
#define VMBUILD_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

#define DIGEST_HEX_LENGTH 64
#define DIGEST_PREFIX "sha256:"

struct digest {
    char hex[DIGEST_HEX_LENGTH + 1]; /* empty text: no digest */
};

/* A hash in progress. */
struct sha256;

/* Never returns NULL; ended by sha256_finish or sha256_free. */
struct sha256 *sha256_new(void);

/* Adds LENGTH bytes to what is hashed. */
void sha256_update(struct sha256 *hash, const void *bytes, size_t length);

/* Sets *RET to the digest of all bytes so far and frees HASH. */
void sha256_finish(struct sha256 *hash, struct digest *ret);

/* Abandons it. */
void sha256_free(struct sha256 *hash);

static inline void sha256_freep(struct sha256 **hash)
{
    sha256_free(*hash);
}

/* The digest of LENGTH bytes. */
void digest_of(const void *bytes, size_t length, struct digest *ret);

/* Reads "sha256:HEX". Errors: EXIT_INPUT if TEXT has another algorithm or is not a digest at all.
 */
[[nodiscard]] struct error *digest_parse(const char *text, struct digest *ret);

/* Returns whether HEX is exactly 64 lower-case hex digits. */
bool digest_is_hex(const char *hex);

/* Whether both are equal; two empty ones are. */
bool digest_equal(const struct digest *a, const struct digest *b);

#endif
