#include "host/lib/ring.h"

#include <assert.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define PIECES 6 /* enough to even out the threads' bursts */

static char zeros[RING_PIECE_SIZE]; /* never written to */

struct ring {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char *buffers[PIECES];
    const char *pieces[PIECES]; /* the buffer, or zeros */
    size_t lengths[PIECES];
    unsigned long committed; /* pieces so far */
    bool ended;
    unsigned int consumers;
    unsigned long taken[RING_CONSUMERS_MAX]; /* pieces released; ULONG_MAX: has left */
    bool holding[RING_CONSUMERS_MAX];        /* has a piece that it will release */

    /* The producer's alone. */
    struct sink first;
    char *piece;   /* being filled; NULL: none is */
    size_t filled; /* bytes of it */
};

struct ring *ring_new(unsigned int consumers, struct sink first)
{
    struct ring *ring = xcalloc(1, sizeof *ring);

    assert(consumers >= 1 && consumers <= RING_CONSUMERS_MAX);
    pthread_mutex_init(&ring->mutex, NULL);
    pthread_cond_init(&ring->changed, NULL);
    ring->consumers = consumers;
    ring->first = first;
    return ring;
}

static unsigned long slowest(const struct ring *ring)
{
    unsigned long least = ULONG_MAX;

    for (unsigned int i = 0; i < ring->consumers; i++)
        if (ring->taken[i] < least)
            least = ring->taken[i];
    return least;
}

/* Waits for a free piece. Returns RING_PIECE_SIZE bytes to fill. */
static char *wait_for_space(struct ring *ring)
{
    unsigned long slot = ring->committed % PIECES;

    pthread_mutex_lock(&ring->mutex);
    while (slowest(ring) != ULONG_MAX && ring->committed - slowest(ring) >= PIECES)
        pthread_cond_wait(&ring->changed, &ring->mutex);
    pthread_mutex_unlock(&ring->mutex);
    if (ring->buffers[slot] == NULL)
        ring->buffers[slot] = xreallocarray(NULL, RING_PIECE_SIZE, 1);
    return ring->buffers[slot];
}

/* Hands the LENGTH bytes at PIECE, which is that of wait_for_space or zeros, to the consumers. */
static void commit(struct ring *ring, const char *piece, size_t length)
{
    pthread_mutex_lock(&ring->mutex);
    ring->pieces[ring->committed % PIECES] = piece;
    ring->lengths[ring->committed % PIECES] = length;
    ring->committed++;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
}

struct error *ring_flush(struct ring *ring)
{
    const char *piece = STEAL(ring->piece);
    size_t length = ring->filled;

    ring->filled = 0;
    if (length == 0)
        return NULL;
    if (ring->first.write != NULL)
        TRY(ring->first.write(ring->first.context, piece, length));
    commit(ring, piece, length);
    return NULL;
}

struct error *ring_skip(struct ring *ring, uint64_t length)
{
    TRY(ring_flush(ring));
    while (length > 0) {
        size_t part = length < sizeof zeros ? (size_t)length : sizeof zeros;

        if (ring->first.write != NULL)
            TRY(ring->first.write(ring->first.context, zeros, part));
        wait_for_space(ring);
        commit(ring, zeros, part);
        length -= part;
    }
    return NULL;
}

bool ring_is_zeros(const char *piece)
{
    return piece == zeros;
}

struct error *ring_write(struct ring *ring, const void *bytes, size_t length)
{
    const char *next = bytes;

    while (length > 0) {
        if (ring->piece == NULL)
            ring->piece = wait_for_space(ring);
        size_t room = RING_PIECE_SIZE - ring->filled;
        size_t part = length < room ? length : room;

        memcpy(ring->piece + ring->filled, next, part);
        ring->filled += part;
        next += part;
        length -= part;
        if (ring->filled == RING_PIECE_SIZE)
            TRY(ring_flush(ring));
    }
    return NULL;
}

void ring_end(struct ring *ring)
{
    pthread_mutex_lock(&ring->mutex);
    ring->ended = true;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
}

const char *ring_next(struct ring *ring, unsigned int consumer, size_t *ret_length)
{
    const char *piece = NULL;

    pthread_mutex_lock(&ring->mutex);
    if (ring->holding[consumer]) {
        ring->holding[consumer] = false;
        ring->taken[consumer]++;
        pthread_cond_broadcast(&ring->changed);
    }
    while (ring->taken[consumer] == ring->committed && !ring->ended)
        pthread_cond_wait(&ring->changed, &ring->mutex);
    if (ring->taken[consumer] < ring->committed) {
        unsigned long slot = ring->taken[consumer] % PIECES;

        piece = ring->pieces[slot];
        *ret_length = ring->lengths[slot];
        ring->holding[consumer] = true;
    }
    pthread_mutex_unlock(&ring->mutex);
    return piece;
}

void ring_leave(struct ring *ring, unsigned int consumer)
{
    pthread_mutex_lock(&ring->mutex);
    ring->taken[consumer] = ULONG_MAX;
    ring->holding[consumer] = false;
    pthread_cond_broadcast(&ring->changed);
    pthread_mutex_unlock(&ring->mutex);
}

void ring_free(struct ring *ring)
{
    if (ring == NULL)
        return;
    for (size_t i = 0; i < PIECES; i++)
        free(ring->buffers[i]);
    pthread_cond_destroy(&ring->changed);
    pthread_mutex_destroy(&ring->mutex);
    free(ring);
}
