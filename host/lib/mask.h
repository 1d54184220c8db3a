/*
 * A mask over a stream of bytes: each secret in it appears as ***, however the stream is cut. Bytes
 * with which a secret may begin are held back until the next ones tell.
 */
#ifndef VMBUILD_MASK_H
#define VMBUILD_MASK_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/secret.h"
#include "host/lib/stream.h"

struct mask;

/* SECRETS, NULL for none, are borrowed. Never returns NULL. */
struct mask *mask_new(const struct secrets *secrets);

/* Takes the next LENGTH bytes, and passes on to SINK what may be shown. Errors: those of SINK. */
[[nodiscard]] struct error *mask_write(struct mask *mask, const void *bytes, size_t length,
                                       struct sink sink);

/* Passes on what was held back: nothing follows it. Another stream may. Errors: those of SINK. */
[[nodiscard]] struct error *mask_flush(struct mask *mask, struct sink sink);

/* Returns TEXT masked; the caller's. */
char *mask_text(const struct secrets *secrets, const char *text);

/* Accepts NULL. */
void mask_free(struct mask *mask);

#endif
