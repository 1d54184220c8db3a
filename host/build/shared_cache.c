#include "host/build/shared_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/build/build_cache.h"
#include "host/format/layer_artifact.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/task.h"
#include "host/store/store_record.h"
#include "host/store/store_session.h"

#define NAME_SIZE 256
#define NOTES_SIZE 8192

/* The messages between the build and the process: an answer to each order. */
struct order {
    bool is_offer;
    bool replaces;
    int64_t oldest;
    struct digest key;
    char name[NAME_SIZE]; /* of the image */
};

struct answer {
    bool is_found;
    bool is_damaged;        /* what was found could not be used */
    char notes[NOTES_SIZE]; /* lines for the user */
};

struct shared_cache {
    struct task task;
    int orders; /* the socket; below 0: the process has ended */
    bool has_sources;
    bool is_damaged;      /* what was found last */
    unsigned int pending; /* offers without an answer */
};

/* --- The process ------------------------------------------------------------------------------ */

struct service {
    struct shared_cache_options options;
    int orders, other_end;
};

/* Adds a line to ANSWER; one that has no room any more is left out. */
static void note(struct answer *answer, const struct cache_place *place, const char *what,
                 const struct error *err)
{
    CLEANUP(freep) char *line = xasprintf("%s '%s': %s\n", what, place->name, err->message);
    size_t length = strlen(answer->notes);

    if (length + strlen(line) < sizeof answer->notes)
        memcpy(answer->notes + length, line, strlen(line) + 1);
}

/* Whether what is wrong with a cache will be so for other layers, too. */
static bool is_lasting(const struct error *err)
{
    return err->code == EXIT_NETWORK || err->code == EXIT_TIMEOUT;
}

static struct layer_artifact artifact_at(const struct service *service,
                                         const struct cache_place *place, const struct order *order)
{
    return (struct layer_artifact){.place = place,
                                   .access = *service->options.access,
                                   .store = service->options.store,
                                   .key = &order->key};
}

/* Asks PLACE. */
static void fetch_from(const struct service *service, const struct cache_place *place,
                       const struct order *order, struct answer *answer)
{
    const struct layer_artifact artifact = artifact_at(service, place, order);
    CLEANUP(json_freep) struct json *record = NULL;
    bool found = false;
    CLEANUP(error_freep)
    struct error *err = layer_artifact_get(&artifact, order->oldest, &found, &record);

    if (err != NULL) {
        note(answer, place, "a layer is not taken from the cache", err);
        answer->is_damaged = answer->is_damaged || found;
        if (!found && is_lasting(err))
            atomic_store(place->is_out, true);
        return;
    }
    if (record == NULL)
        return;
    store_record_put(service->options.store, BUILD_CACHE_LAYERS, order->key.hex, record);
    answer->is_found = true;
}

static void fetch(const struct service *service, const struct order *order, struct answer *answer)
{
    const struct cache_places *from = service->options.from;

    for (size_t i = 0; i < from->count && !answer->is_found; i++)
        if (!atomic_load(from->items[i].is_out))
            fetch_from(service, &from->items[i], order, answer);
}

static void offer_to(const struct service *service, const struct cache_place *place,
                     const struct order *order, const struct json *record, struct answer *answer)
{
    const struct layer_artifact artifact = artifact_at(service, place, order);
    CLEANUP(error_freep)
    struct error *err = layer_artifact_put(&artifact, record, order->name, order->replaces);

    if (err == NULL)
        return;
    note(answer, place, "the layer is not kept in the cache", err);
    if (is_lasting(err))
        atomic_store(place->is_out, true);
}

static void offer(const struct service *service, const struct order *order, struct answer *answer)
{
    const struct cache_places *to = service->options.to;
    CLEANUP(json_freep)
    struct json *record =
        store_record_get(service->options.store, BUILD_CACHE_LAYERS, order->key.hex);

    for (size_t i = 0; record != NULL && i < to->count; i++)
        if (!atomic_load(to->items[i].is_out))
            offer_to(service, &to->items[i], order, record, answer);
}

/* task_work: carries out orders, until no more can come. */
static struct error *serve(void *context, struct buffer *out)
{
    struct service *service = context;
    struct order order;

    (void)out;
    close(service->other_end);
    progress_setup(PROGRESS_NONE, -1);
    TRY(store_session_begin_process(store_session(service->options.store)));
    while (read(service->orders, &order, sizeof order) == (ssize_t)sizeof order) {
        struct answer answer = {0};

        if (order.is_offer)
            offer(service, &order, &answer);
        else
            fetch(service, &order, &answer);
        if (write(service->orders, &answer, sizeof answer) != (ssize_t)sizeof answer)
            break;
    }
    return NULL;
}

/* --- The build -------------------------------------------------------------------------------- */

struct error *shared_cache_start(const struct shared_cache_options *options,
                                 struct shared_cache **ret)
{
    CLEANUP(shared_cache_freep) struct shared_cache *cache = NULL;
    int ends[2];

    *ret = NULL;
    if (options->from->count == 0 && options->to->count == 0)
        return NULL;
    progress_rest(); /* the process must not have half of a thread */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return error_errno(EXIT_OTHER, "make a socket");
    struct service service = {.options = *options, .orders = ends[1], .other_end = ends[0]};

    cache = xcalloc(1, sizeof *cache);
    cache->orders = ends[0];
    cache->has_sources = options->from->count > 0;
    struct error *err = task_start(serve, &service, &cache->task);

    close(ends[1]);
    TRY(err);
    *ret = STEAL(cache);
    return NULL;
}

bool shared_cache_is_asked(const struct shared_cache *cache)
{
    return cache != NULL && cache->has_sources;
}

/* The process does not answer any more. */
static void give_up(struct shared_cache *cache)
{
    progress_note("shared caches are not used any more: their process has ended");
    close(cache->orders);
    cache->orders = -1;
    cache->pending = 0;
}

/* Sends an order. Returns false if it cannot be carried out. */
static bool send_order(struct shared_cache *cache, const struct order *order)
{
    if (cache->orders < 0)
        return false;
    if (write(cache->orders, order, sizeof *order) == (ssize_t)sizeof *order)
        return true;
    give_up(cache);
    return false;
}

/* Shows the lines of TEXT. */
static void show(char *text)
{
    char *rest = text;

    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n"))
        if (*line != '\0')
            progress_note("%s", line);
}

/* Receives the answer to the oldest order. Returns false if there will be none. */
static bool receive(struct shared_cache *cache, struct answer *ret)
{
    ssize_t got = -1;

    while (cache->orders >= 0 && (got = read(cache->orders, ret, sizeof *ret)) < 0 &&
           errno == EINTR)
        continue;
    if (cache->orders < 0)
        return false;
    if (got != (ssize_t)sizeof *ret) {
        give_up(cache);
        return false;
    }
    ret->notes[sizeof ret->notes - 1] = '\0';
    show(ret->notes);
    return true;
}

bool shared_cache_fetch(struct shared_cache *cache, const struct digest *key, int64_t oldest)
{
    const struct order order = {.key = *key, .oldest = oldest};
    struct answer answer = {0};

    shared_cache_settle(cache);
    progress_start("shared cache");
    bool answered = send_order(cache, &order) && receive(cache, &answer);

    progress_done();
    cache->is_damaged = answered && answer.is_damaged;
    return answered && answer.is_found;
}

void shared_cache_offer(struct shared_cache *cache, const struct digest *key, const char *name,
                        bool replaces)
{
    struct order order = {.is_offer = true, .key = *key, .replaces = replaces || cache->is_damaged};
    size_t length = strnlen(name, sizeof order.name - 1);

    memcpy(order.name, name, length);
    if (send_order(cache, &order))
        cache->pending++;
}

void shared_cache_settle(struct shared_cache *cache)
{
    struct answer answer;

    if (cache->pending == 0)
        return;
    progress_start("shared cache");
    while (cache->pending > 0 && receive(cache, &answer))
        cache->pending--;
    progress_done();
}

void shared_cache_free(struct shared_cache *cache)
{
    CLEANUP(buffer_free) struct buffer out = {0};

    if (cache == NULL)
        return;
    if (cache->orders >= 0)
        close(cache->orders);
    if (cache->task.process > 0)
        error_free(task_finish(&cache->task, &out));
    free(cache);
}
