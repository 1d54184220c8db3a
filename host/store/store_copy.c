#include "host/store/store_copy.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/store/store_reader.h"

#define PIECE (1u << 19) /* bytes read at a time: what a processor's second cache holds */
#define PIECES 4         /* that may wait to be written */

/* Zeros, and the bytes behind them. */
struct piece {
    uint64_t zeros;
    uint64_t run; /* of pieces without zeros between them that starts here: its length; or 0 */
    size_t length;
    char *bytes; /* of PIECE */
};

/* The pieces of an entry on their way from the thread that reads them. */
struct flow {
    struct store_reader *reader;
    uint64_t offset; /* of the next piece */
    uint64_t run_end;
    struct piece pieces[PIECES];
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    size_t filled, emptied; /* pieces so far */
    bool damaged;           /* the next piece is; it is the last */
    bool stopped;           /* nobody wants more */
};

static bool is_read(const struct flow *flow)
{
    return flow->offset == store_reader_size(flow->reader);
}

/* Reads the next piece, and checks it. Returns false if it is damaged. */
static bool fill(struct flow *flow, struct piece *piece)
{
    uint64_t start = store_reader_skip_zeros(flow->reader, flow->offset);
    uint64_t left = store_reader_size(flow->reader) - start;

    piece->zeros = start - flow->offset;
    piece->length = left < PIECE ? (size_t)left : PIECE;
    piece->run = 0;
    if (start >= flow->run_end) {
        flow->run_end = store_reader_skip_data(flow->reader, start);
        piece->run = flow->run_end - start;
    }
    flow->offset = start + piece->length;
    if (piece->bytes == NULL)
        piece->bytes = xreallocarray(NULL, PIECE, 1);
    return store_reader_read(flow->reader, start, piece->length, piece->bytes);
}

static struct error *empty(const struct piece *piece, int to, const char *to_name)
{
    TRY(file_write_zeros(piece->zeros, to, to_name));
    file_reserve(piece->run, to);
    return file_write(piece->bytes, piece->length, to, to_name);
}

/* Waits for room for a piece. Returns false if none is wanted. */
static bool await_room(struct flow *flow)
{
    pthread_mutex_lock(&flow->mutex);
    while (!flow->stopped && flow->filled - flow->emptied == PIECES)
        pthread_cond_wait(&flow->changed, &flow->mutex);
    bool wanted = !flow->stopped;

    pthread_mutex_unlock(&flow->mutex);
    return wanted;
}

static void *read_pieces(void *argument)
{
    struct flow *flow = argument;
    bool sound = true;

    while (sound && !is_read(flow) && await_room(flow)) {
        sound = fill(flow, &flow->pieces[flow->filled % PIECES]);
        pthread_mutex_lock(&flow->mutex);
        flow->filled += sound;
        flow->damaged = !sound;
        pthread_cond_signal(&flow->changed);
        pthread_mutex_unlock(&flow->mutex);
    }
    return NULL;
}

static struct error *is_damaged(const char *from)
{
    return error_new(EXIT_OTHER, "read the cache entry '%s': it is damaged", from);
}

/* Waits for the next piece, and returns it; NULL if it is damaged. */
static const struct piece *await_piece(struct flow *flow)
{
    pthread_mutex_lock(&flow->mutex);
    while (flow->filled == flow->emptied && !flow->damaged)
        pthread_cond_wait(&flow->changed, &flow->mutex);
    const struct piece *piece =
        flow->filled != flow->emptied ? &flow->pieces[flow->emptied % PIECES] : NULL;

    pthread_mutex_unlock(&flow->mutex);
    return piece;
}

static void release_piece(struct flow *flow, bool stopped)
{
    pthread_mutex_lock(&flow->mutex);
    flow->emptied++;
    flow->stopped = stopped;
    pthread_cond_signal(&flow->changed);
    pthread_mutex_unlock(&flow->mutex);
}

/* Writes what the thread reads, SIZE bytes. */
static struct error *write_pieces(struct flow *flow, const char *from, uint64_t size, int to,
                                  const char *to_name)
{
    struct error *err = NULL;

    while (err == NULL && size > 0) {
        const struct piece *piece = await_piece(flow);

        if (piece == NULL)
            return is_damaged(from);
        size -= piece->zeros + piece->length;
        err = empty(piece, to, to_name);
        release_piece(flow, err != NULL);
    }
    return err;
}

/* Does all of it on this thread. */
static struct error *copy_alone(struct flow *flow, const char *from, int to, const char *to_name)
{
    while (!is_read(flow)) {
        if (!fill(flow, &flow->pieces[0]))
            return is_damaged(from);
        TRY(empty(&flow->pieces[0], to, to_name));
    }
    return NULL;
}

static struct error *copy_pieces(struct store_reader *reader, const char *from, int to,
                                 const char *to_name)
{
    struct flow flow = {
        .reader = reader, .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    uint64_t size = store_reader_size(reader);
    pthread_t thread;
    struct error *err;

    if (size > PIECE && pthread_create(&thread, NULL, read_pieces, &flow) == 0) {
        err = write_pieces(&flow, from, size, to, to_name);
        pthread_join(thread, NULL);
    } else {
        err = copy_alone(&flow, from, to, to_name);
    }
    for (size_t i = 0; i < PIECES; i++)
        free(flow.pieces[i].bytes);
    return err;
}

static struct error *copy(void *context, const char *from, uint64_t size, int to,
                          const char *to_name)
{
    struct store *store = context;
    CLEANUP(store_reader_freep)
    struct store_reader *reader =
        store_is_checked(store, from) ? NULL : store_reader_try(store, from);

    if (reader == NULL || file_clone(from, size, to)) {
        store_use(store, from);
        return reader == NULL ? file_copy(from, size, to, to_name) : NULL;
    }
    if (store_reader_size(reader) != size)
        return error_new(EXIT_OTHER, "read '%s': its size has changed", from);
    return copy_pieces(reader, from, to, to_name);
}

struct file_copier store_copier(struct store *store)
{
    return (struct file_copier){.copy = copy, .context = store};
}
