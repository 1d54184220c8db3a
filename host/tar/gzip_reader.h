/*
 * Reading gzip (RFC 1952) with zlib: members joined end to end, each of which is compared with its
 * checksum and its length. libarchive's own reader does not compare them, so that it returns what
 * became of damaged bytes. What follows the last member and does not begin another one is ignored,
 * as gzip(1) does.
 */
#ifndef VMBUILD_GZIP_READER_H
#define VMBUILD_GZIP_READER_H

#include <stddef.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct gzip_reader;

/* Starts reading SOURCE, which begins with a member. Never returns NULL. */
struct gzip_reader *gzip_reader_new(struct source source);

/* Returns the next piece, borrowed until the next call; *RET_LENGTH is 0 at the end. All but the
 * last have the same length. Errors: EXIT_INPUT, with the cause alone, and those of the source. */
[[nodiscard]] struct error *gzip_reader_read(struct gzip_reader *reader, const void **ret,
                                             size_t *ret_length);

void gzip_reader_free(struct gzip_reader *reader);

#endif
