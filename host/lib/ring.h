/*
 * A stream of bytes from one thread to others: one producer, and consumers that each see every
 * byte, in order. The bytes travel in pieces through a ring of buffers. It is bounded: the producer
 * waits for the slowest consumer.
 *
 * The producer calls ring_write, then ring_flush and ring_end. A consumer calls ring_next until it
 * returns NULL, or ring_leave when it needs no more.
 */
#ifndef VMBUILD_RING_H
#define VMBUILD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

#define RING_PIECE_SIZE (512u << 10) /* bytes of a piece at most */
#define RING_CONSUMERS_MAX 3

struct ring;

/* Returns a ring for CONSUMERS (1 to RING_CONSUMERS_MAX), numbered from 0; never NULL. FIRST is
 * given each piece before the consumers get it, in the producer's thread; its write may be NULL. */
struct ring *ring_new(unsigned int consumers, struct sink first);

/* Appends LENGTH bytes to the stream. The consumers get them once a piece is full. Errors: those of
 * FIRST. */
[[nodiscard]] struct error *ring_write(struct ring *ring, const void *bytes, size_t length);

/* Appends LENGTH zeros, which are not copied: their pieces are ring_is_zeros. Errors: as above. */
[[nodiscard]] struct error *ring_skip(struct ring *ring, uint64_t length);

/* Whether PIECE, of ring_next, is known to be zeros. */
bool ring_is_zeros(const char *piece);

/* Hands the piece that is not full yet, if any, to the consumers. Errors: as above. */
[[nodiscard]] struct error *ring_flush(struct ring *ring);

/* No more bytes come. May be repeated. */
void ring_end(struct ring *ring);

/* Releases the piece of the previous call and waits for the next one. Returns its bytes, borrowed
 * until the next call, or NULL at the end. */
const char *ring_next(struct ring *ring, unsigned int consumer, size_t *ret_length);

/* CONSUMER takes no more pieces. */
void ring_leave(struct ring *ring, unsigned int consumer);

/* Frees the ring, when no thread uses it any more. */
void ring_free(struct ring *ring);

#endif
