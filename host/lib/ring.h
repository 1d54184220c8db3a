/*
 * A ring of buffers between threads: one producer, and consumers that each see every piece, in
 * order. Bounded: the producer waits for the slowest consumer.
 *
 * The producer fills the space that ring_space gives it and commits it; ring_end ends the stream. A
 * consumer calls ring_next until it returns NULL, or ring_leave when it wants no more.
 */
#ifndef VMBUILD_RING_H
#define VMBUILD_RING_H

#include <stddef.h>

#define RING_PIECE_SIZE (512u << 10) /* bytes of a piece at most */
#define RING_CONSUMERS_MAX 3

struct ring;

/* A ring for CONSUMERS (1 to RING_CONSUMERS_MAX), numbered from 0. Never returns NULL. */
struct ring *ring_new(unsigned int consumers);

/* Waits for a free piece. Returns RING_PIECE_SIZE bytes to fill. */
char *ring_space(struct ring *ring);

/* Hands the first LENGTH bytes of the piece from ring_space, at least one, to the consumers. */
void ring_commit(struct ring *ring, size_t length);

/* No more pieces come. May be repeated. */
void ring_end(struct ring *ring);

/* Gives back the piece from the call before and waits for the next one. Returns its bytes, borrowed
 * until the next call, or NULL at the end. */
const char *ring_next(struct ring *ring, unsigned int consumer, size_t *ret_length);

/* CONSUMER takes no more pieces. */
void ring_leave(struct ring *ring, unsigned int consumer);

/* Frees the ring, when no thread uses it any more. */
void ring_free(struct ring *ring);

#endif
