#include "host/lib/parallel.h"

#include <pthread.h>
#include <stdbool.h>

struct team {
    parallel_work work;
    void *context;
    size_t count;
    pthread_mutex_t lock; /* of what follows */
    size_t next;
    struct error *err; /* the first */
    atomic_bool stopped;
};

/* Takes the next index. Returns false if there is none, or no use in it. */
static bool take(struct team *team, size_t *ret)
{
    pthread_mutex_lock(&team->lock);
    bool taken = team->err == NULL && team->next < team->count;

    if (taken)
        *ret = team->next++;
    pthread_mutex_unlock(&team->lock);
    return taken;
}

static void fail(struct team *team, struct error *err)
{
    pthread_mutex_lock(&team->lock);
    if (team->err == NULL) {
        team->err = err;
        err = NULL;
    }
    pthread_mutex_unlock(&team->lock);
    atomic_store(&team->stopped, true);
    error_free(err);
}

static void do_one(struct team *team, size_t index)
{
    struct error *err = team->work(team->context, index, &team->stopped);

    if (err != NULL)
        fail(team, err);
}

static void *member(void *argument)
{
    struct team *team = argument;
    size_t index;

    while (take(team, &index))
        do_one(team, index);
    return NULL;
}

struct error *parallel_run(size_t count, size_t threads, parallel_work work, void *context)
{
    struct team team = {.work = work, .context = context, .count = count};
    pthread_t members[PARALLEL_THREADS_MAX];
    size_t started = 0, first = 0;

    if (threads > PARALLEL_THREADS_MAX)
        threads = PARALLEL_THREADS_MAX;
    pthread_mutex_init(&team.lock, NULL);
    bool has_first = take(&team, &first); /* before the others can */

    /* The caller's thread is one of them, so that the work is done even if no other can be started.
     */
    while (started + 1 < threads && started + 1 < count &&
           pthread_create(&members[started], NULL, member, &team) == 0)
        started++;
    if (has_first)
        do_one(&team, first);
    member(&team);
    for (size_t i = 0; i < started; i++)
        pthread_join(members[i], NULL);
    pthread_mutex_destroy(&team.lock);
    return team.err;
}
