#include "host/store/store_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store_facts.h"
#include "host/store/store_file.h"

#define BLOBS "blobs/sha256/"
#define HASH_PIECE (1 << 20) /* bytes hashed at a time */

enum check_state { CHECK_UNUSED, CHECK_WAITING, CHECK_RUNNING, CHECK_SOUND, CHECK_DAMAGED };

struct check {
    char *name;
    int fd; /* a copy of the finder's, of an entry that is checked late; else -1 */
    enum check_state state;
    bool proven; /* if damaged: known to be, and not only unknown */
    bool forgotten;
};

struct store_checks {
    const char *folder;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    struct check **items;
    size_t count;
    bool late;
    pthread_t thread; /* makes the late ones */
    bool has_thread;
    atomic_bool stopped; /* the thread is to end */
};

/* Returns whether the SHA-256 of all of FD is HEX. */
static bool hash_matches(int fd, const char *hex, const atomic_bool *stopped)
{
    CLEANUP(freep) char *piece = xreallocarray(NULL, HASH_PIECE, 1);
    struct sha256 *hash = sha256_new();
    struct digest digest;
    uint64_t offset = 0;
    ssize_t got;

    do {
        got = stopped != NULL && atomic_load(stopped) ? -1
                                                      : pread(fd, piece, HASH_PIECE, (off_t)offset);
        if (got > 0)
            sha256_update(hash, piece, (size_t)got);
        offset += got > 0 ? (uint64_t)got : 0;
    } while (got > 0 || (got < 0 && errno == EINTR && stopped == NULL));
    sha256_finish(hash, &digest);
    return got == 0 && strcmp(digest.hex, hex) == 0;
}

static bool is_blob(const char *name)
{
    return strncmp(name, BLOBS, strlen(BLOBS)) == 0;
}

/* Returns whether the entry NAME, open as FD, is what was published. BY_DIGEST: a blob is hashed
 * although it has facts. *RET_PROVEN: whether the result is known; if there are no facts, it is
 * not. */
static bool is_sound(const char *folder, const char *name, int fd, bool by_digest,
                     const atomic_bool *stopped, bool *ret_proven)
{
    struct stat status;

    *ret_proven = true;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    enum store_facts_verdict verdict = is_blob(name) && by_digest
                                           ? STORE_FACTS_UNKNOWN
                                           : store_facts_compare(folder, name, fd, stopped);

    if (verdict == STORE_FACTS_UNKNOWN && is_blob(name))
        return hash_matches(fd, name + strlen(BLOBS), stopped);
    *ret_proven = verdict != STORE_FACTS_UNKNOWN;
    return verdict == STORE_FACTS_MATCH;
}

/* Removes the entry NAME, unless another process has replaced the file FD meanwhile. */
static void drop(const char *folder, const char *name, int fd, bool proven)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

    if (proven)
        progress_note("the cache entry '%s' is damaged, and is removed", name);
    else
        progress_detail("nothing is known of the cache entry '%s', and it is removed", name);
    if (!store_file_is_linked(fd, path))
        return;
    store_file_remove(path);
    store_facts_remove(folder, name);
}

/* Checks the entry NAME of the store FOLDER, open as FD, as is_sound does, and removes it if it is
 * damaged. Returns whether it is sound. */
static bool check_entry(const char *folder, const char *name, int fd, bool by_digest,
                        const atomic_bool *stopped)
{
    bool proven;

    if (is_sound(folder, name, fd, by_digest, stopped, &proven))
        return true;
    if (stopped == NULL || !atomic_load(stopped))
        drop(folder, name, fd, proven);
    return false;
}

bool store_checks_verify(const char *folder, const char *name, int fd, const atomic_bool *stopped)
{
    return check_entry(folder, name, fd, true, stopped);
}

struct store_checks *store_checks_new(const char *folder)
{
    struct store_checks *checks = xcalloc(1, sizeof *checks);

    checks->folder = folder;
    pthread_mutex_init(&checks->mutex, NULL);
    pthread_cond_init(&checks->changed, NULL);
    return checks;
}

static void check_free(struct check *check)
{
    closep(&check->fd);
    free(check->name);
    free(check);
}

void store_checks_free(struct store_checks *checks)
{
    if (checks == NULL)
        return;
    if (checks->has_thread) {
        pthread_mutex_lock(&checks->mutex);
        atomic_store(&checks->stopped, true);
        pthread_cond_broadcast(&checks->changed);
        pthread_mutex_unlock(&checks->mutex);
        pthread_join(checks->thread, NULL);
    }
    for (size_t i = 0; i < checks->count; i++)
        check_free(checks->items[i]);
    free(checks->items);
    pthread_cond_destroy(&checks->changed);
    pthread_mutex_destroy(&checks->mutex);
    free(checks);
}

/* Returns the check of NAME, or NULL. The caller holds the mutex, as for all below. */
static struct check *find(const struct store_checks *checks, const char *name)
{
    for (size_t i = 0; i < checks->count; i++)
        if (!checks->items[i]->forgotten && strcmp(checks->items[i]->name, name) == 0)
            return checks->items[i];
    return NULL;
}

static struct check *add(struct store_checks *checks, const char *name, enum check_state state)
{
    struct check *check = xcalloc(1, sizeof *check);

    check->name = xstrdup(name);
    check->fd = -1;
    check->state = state;
    checks->items = xreallocarray(checks->items, checks->count + 1, sizeof *checks->items);
    checks->items[checks->count++] = check;
    return check;
}

static struct check *find_state(const struct store_checks *checks, enum check_state state)
{
    for (size_t i = 0; i < checks->count; i++)
        if (!checks->items[i]->forgotten && checks->items[i]->state == state)
            return checks->items[i];
    return NULL;
}

/* Makes the late checks that nobody else makes already, in the order in which the entries were
 * found. */
static void check_waiting(struct store_checks *checks)
{
    struct check *check;

    while (!atomic_load(&checks->stopped) && (check = find_state(checks, CHECK_WAITING)) != NULL) {
        bool proven;

        check->state = CHECK_RUNNING;
        pthread_mutex_unlock(&checks->mutex);
        bool sound =
            is_sound(checks->folder, check->name, check->fd, false, &checks->stopped, &proven);

        pthread_mutex_lock(&checks->mutex);
        check->proven = proven;
        check->state = sound ? CHECK_SOUND : CHECK_DAMAGED;
        pthread_cond_broadcast(&checks->changed);
    }
}

static void *run_thread(void *argument)
{
    struct store_checks *checks = argument;

    pthread_mutex_lock(&checks->mutex);
    while (!atomic_load(&checks->stopped)) {
        check_waiting(checks);
        if (!atomic_load(&checks->stopped))
            pthread_cond_wait(&checks->changed, &checks->mutex);
    }
    pthread_mutex_unlock(&checks->mutex);
    return NULL;
}

/* Returns whether there are facts of the entry NAME, of SIZE bytes. */
static bool has_facts(const char *folder, const char *name, uint64_t size)
{
    CLEANUP(store_facts_free) struct store_facts facts = {0};

    return store_facts_read(folder, name, &facts) && facts.size == size;
}

/* Leaves the check of the entry NAME, open as FD, for later. Returns false if it is to be made now:
 * because it must be, or because it is bound to fail. */
static bool leave_for_later(struct store_checks *checks, const char *name, int fd)
{
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        !(is_blob(name) || has_facts(checks->folder, name, (uint64_t)status.st_size)))
        return false;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return false;
    add(checks, name, CHECK_UNUSED)->fd = copy;
    return true;
}

void store_checks_mark_damaged(struct store_checks *checks, const char *name, int fd)
{
    pthread_mutex_lock(&checks->mutex);
    struct check *check = find(checks, name);

    if (check == NULL)
        check = add(checks, name, CHECK_UNUSED);
    if (check->fd < 0)
        check->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (check->state != CHECK_RUNNING) /* which finds the same */
        check->state = CHECK_DAMAGED;
    check->proven = true;
    pthread_mutex_unlock(&checks->mutex);
}

bool store_checks_has_passed(struct store_checks *checks, const char *name)
{
    pthread_mutex_lock(&checks->mutex);
    const struct check *check = find(checks, name);
    bool passed = check != NULL && check->state == CHECK_SOUND;

    pthread_mutex_unlock(&checks->mutex);
    return passed;
}

void store_checks_use(struct store_checks *checks, const char *name)
{
    pthread_mutex_lock(&checks->mutex);
    struct check *check = find(checks, name);

    if (check != NULL && check->state == CHECK_UNUSED) {
        check->state = CHECK_WAITING;
        /* If there can be no thread, store_checks_wait does its work. */
        if (!checks->has_thread)
            checks->has_thread = pthread_create(&checks->thread, NULL, run_thread, checks) == 0;
        pthread_cond_broadcast(&checks->changed);
    }
    pthread_mutex_unlock(&checks->mutex);
}

void store_checks_set_late(struct store_checks *checks, bool late)
{
    pthread_mutex_lock(&checks->mutex);
    checks->late = late;
    pthread_mutex_unlock(&checks->mutex);
}

void store_checks_vouch(struct store_checks *checks, const char *name)
{
    pthread_mutex_lock(&checks->mutex);
    if (find(checks, name) == NULL)
        add(checks, name, CHECK_SOUND);
    pthread_mutex_unlock(&checks->mutex);
}

void store_checks_forget(struct store_checks *checks, const char *name)
{
    pthread_mutex_lock(&checks->mutex);
    for (struct check *check; (check = find(checks, name)) != NULL;)
        check->forgotten = true;
    pthread_cond_broadcast(&checks->changed);
    pthread_mutex_unlock(&checks->mutex);
}

bool store_checks_pass(struct store_checks *checks, const char *name, int fd,
                       enum store_checks_moment moment)
{
    pthread_mutex_lock(&checks->mutex);
    bool may_wait =
        moment == STORE_CHECKS_BY_BLOCK || (moment == STORE_CHECKS_LATE && checks->late);
    const struct check *check = find(checks, name);
    bool is_made = check != NULL && (check->state == CHECK_SOUND || check->state == CHECK_DAMAGED);
    bool passes = is_made ? check->state == CHECK_SOUND
                          : may_wait && (check != NULL || leave_for_later(checks, name, fd));

    pthread_mutex_unlock(&checks->mutex);
    if (passes || is_made)
        return passes;
    store_checks_forget(checks, name);
    if (!check_entry(checks->folder, name, fd, false, NULL))
        return false;
    store_checks_vouch(checks, name);
    return true;
}

/* Makes the checks that wait, and waits for the others. */
static void finish(struct store_checks *checks)
{
    check_waiting(checks);
    while (find_state(checks, CHECK_RUNNING) != NULL)
        pthread_cond_wait(&checks->changed, &checks->mutex);
}

struct error *store_checks_wait(struct store_checks *checks)
{
    pthread_mutex_lock(&checks->mutex);
    finish(checks);
    const struct check *damaged = find_state(checks, CHECK_DAMAGED);
    struct error *err =
        damaged == NULL
            ? NULL
            : error_new(EXIT_OTHER, "use the cache entry '%s': it is damaged", damaged->name);

    pthread_mutex_unlock(&checks->mutex);
    return err;
}

bool store_checks_drop_damaged(struct store_checks *checks)
{
    bool any = false;

    pthread_mutex_lock(&checks->mutex);
    finish(checks);
    for (struct check *check; (check = find_state(checks, CHECK_DAMAGED)) != NULL; any = true) {
        drop(checks->folder, check->name, check->fd, check->proven);
        check->forgotten = true;
    }
    pthread_mutex_unlock(&checks->mutex);
    return any;
}
