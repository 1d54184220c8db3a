#include "host/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/store/store_checks.h"
#include "host/store/store_facts.h"
#include "host/store/store_file.h"
#include "host/store/store_session.h"
#include "host/store/store_tag.h"

#define ENTRY_MODE 0444

struct store {
    char *folder;
    bool throw_away;
    uint64_t limit;
    struct store_session *session;
    struct store_checks *checks;
};

static const char advice[] =
    "choose another directory with --cache-dir, or do without a cache with --no-cache";

/* Returns the user's home directory, borrowed; NULL if there is none. The root directory is that of
 * users without one, as in containers. */
static const char *home_folder(void)
{
    const char *home = getenv("HOME");

    return home != NULL && home[0] == '/' && home[strspn(home, "/")] != '\0' ? home : NULL;
}

struct error *store_locate(const char *dir, char **ret)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = home_folder();

    if (dir != NULL)
        *ret = xstrdup(dir);
    else if (cache != NULL && cache[0] == '/') /* relative ones are ignored (XDG) */
        *ret = xasprintf("%s/vmbuild", cache);
    else if (home != NULL)
        *ret = xasprintf("%s/.cache/vmbuild", home);
    else
        return error_advise(error_new(EXIT_OTHER, "find the cache: neither XDG_CACHE_HOME nor HOME "
                                                  "names a directory for it"),
                            "%s", advice);
    return NULL;
}

static struct error *read_limit(uint64_t *ret)
{
    const char *text = getenv("VMBUILD_CACHE_LIMIT");
    uint64_t mib = STORE_LIMIT_DEFAULT_MIB;

    if (text != NULL && *text != '\0') {
        char *end;

        errno = 0;
        mib = strtoull(text, &end, 10);
        if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || mib > UINT64_MAX >> 20)
            return error_new(EXIT_USAGE,
                             "read VMBUILD_CACHE_LIMIT '%s': it must be a whole number of MiB",
                             text);
    }
    *ret = mib << 20;
    return NULL;
}

/* Makes DIR if it is missing, and sets STORE's folder to its absolute path. */
static struct error *make_folder(const char *dir, struct store *store)
{
    struct stat status;

    TRY(store_file_make_folders(dir));
    store->folder = realpath(dir, NULL);
    if (store->folder == NULL || stat(store->folder, &status) < 0)
        return error_errno(EXIT_OTHER, "open the cache '%s'", dir);
    if (!S_ISDIR(status.st_mode))
        return error_new(EXIT_OTHER, "open the cache '%s': not a directory", dir);
    return NULL;
}

static struct error *refuse_shared(const struct store *store)
{
    struct stat status;

    if (stat(store->folder, &status) == 0 && (status.st_mode & S_IWOTH))
        return error_new(EXIT_OTHER, "open the cache '%s': it is writable by everyone",
                         store->folder);
    return NULL;
}

static struct error *make_below(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

    for (const char *end = name; *end != '\0'; end += *end == '/') {
        end += strcspn(end, "/");
        CLEANUP(freep) char *part = xasprintf("%s/%.*s", folder, (int)(end - name), name);
        struct stat status;

        if (lstat(part, &status) == 0 && !S_ISDIR(status.st_mode))
            unlink(part); /* nothing else of this name belongs there */
    }
    TRY(store_file_make_folders(path));
    if (access(path, W_OK | X_OK) < 0)
        return error_errno(EXIT_OTHER, "write to the cache directory '%s'", path);
    return NULL;
}

/* Makes what is missing in STORE's folder, and starts the session. */
static struct error *start_session(struct store *store)
{
    TRY(store_tag_folder(store->folder));
    for (size_t i = 0; i < sizeof store_places / sizeof *store_places; i++)
        TRY(make_below(store->folder, store_places[i].folder));
    for (size_t i = 0; i < STORE_FOLDERS; i++)
        TRY(make_below(store->folder, store_folders[i]));
    return store_session_start(store->folder, store->throw_away, &store->session);
}

static struct error *open_given(const char *dir, struct store *store)
{
    TRY(make_folder(dir, store));
    TRY(refuse_shared(store));
    return start_session(store);
}

static struct error *open_temporary(struct store *store)
{
    const char *run;
    CLEANUP(freep) char *folder = NULL;

    store->throw_away = true;
    TRY(temporary_run_folder(&run));
    TRY(temporary_folder(run, "store", &folder));
    return open_given(folder, store);
}

/* Goes on with a temporary store because GIVEN, which is freed, keeps the default one from being
 * used. The user hears of it once. */
static struct error *do_without(struct error *given, struct store *store)
{
    static _Atomic bool is_noted;
    CLEANUP(error_freep) struct error *cause = given;

    free(STEAL(store->folder));
    TRY(error_context(open_temporary(store), "work without a cache (%s)", cause->message));
    if (!is_noted)
        progress_note("working without a cache: %s; --cache-dir chooses another directory",
                      cause->message);
    is_noted = true;
    return NULL;
}

/* Nobody asked for a cache in the default directory, so that a host which has no place for one is
 * not an error. A full disk and a directory that is not safe are. */
static struct error *open_default(struct store *store)
{
    CLEANUP(freep) char *dir = NULL;
    struct error *err = store_locate(NULL, &dir);

    if (err == NULL)
        err = make_folder(dir, store);
    if (err == NULL) {
        TRY(refuse_shared(store));
        err = start_session(store);
    }
    return err == NULL || err->code == EXIT_DISK_FULL ? err : do_without(err, store);
}

struct error *store_open(const char *dir, bool throw_away, struct store **ret)
{
    uint64_t limit = 0;

    TRY(read_limit(&limit));
    struct store *store = xcalloc(1, sizeof *store);

    store->limit = limit;
    struct error *err = throw_away    ? open_temporary(store)
                        : dir != NULL ? open_given(dir, store)
                                      : open_default(store);

    if (err != NULL) {
        store_free(store);
        return error_advise(err, "%s", advice);
    }
    store->checks = store_checks_new(store->folder);
    *ret = store;
    return NULL;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    store_checks_free(store->checks);
    store_session_free(store->session);
    if (store->throw_away)
        temporary_remove(store->folder);
    free(store->folder);
    free(store);
}

bool store_is_thrown_away(const struct store *store)
{
    return store->throw_away;
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}

struct store_session *store_session(const struct store *store)
{
    return store->session;
}

uint64_t store_limit(const struct store *store)
{
    return store->limit;
}

/* The entry's path in the store. Keys are made by this program: digests, names of compressions. */
static char *entry_name(enum store_kind kind, const char *key)
{
    assert(key[0] != '\0' && key[0] != '.' && key[0] != '/' && strstr(key, "..") == NULL);
    return xasprintf("%s/%s", store_places[kind].folder, key);
}

static bool entry_exists(const char *name, void *context)
{
    const struct store *store = context;
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);

    return access(path, R_OK) == 0;
}

static char *find(struct store *store, enum store_kind kind, const char *key,
                  enum store_checks_moment moment)
{
    CLEANUP(freep) char *name = entry_name(kind, key);

    if (!store_session_use(store->session, name, entry_exists, store))
        return NULL;
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    store_file_touch(fd);
    return store_checks_pass(store->checks, name, fd, moment) ? STEAL(path) : NULL;
}

char *store_find(struct store *store, enum store_kind kind, const char *key)
{
    return find(store, kind, key, STORE_CHECKS_NOW);
}

char *store_find_unchecked(struct store *store, enum store_kind kind, const char *key)
{
    return find(store, kind, key, STORE_CHECKS_LATE);
}

char *store_find_for_reader(struct store *store, enum store_kind kind, const char *key)
{
    return find(store, kind, key, STORE_CHECKS_BY_BLOCK);
}

const char *store_name(const struct store *store, const char *path)
{
    size_t length = strlen(store->folder);

    return strncmp(path, store->folder, length) == 0 && path[length] == '/' ? path + length + 1
                                                                            : NULL;
}

void store_use(struct store *store, const char *path)
{
    const char *name = path == NULL ? NULL : store_name(store, path);

    if (name != NULL)
        store_checks_use(store->checks, name);
}

bool store_is_checked(struct store *store, const char *path)
{
    const char *name = store_name(store, path);

    return name != NULL && store_checks_has_passed(store->checks, name);
}

void store_mark_damaged(struct store *store, const char *path, int fd)
{
    store_checks_mark_damaged(store->checks, store_name(store, path), fd);
}

struct error *store_settle(struct store *store)
{
    return store_checks_wait(store->checks);
}

struct error *store_run(struct store *store, bool repeats, struct error *(*work)(void *context),
                        void *context)
{
    store_checks_set_late(store->checks, repeats);
    struct error *err = work(context);

    store_checks_set_late(store->checks, false);
    if (!store_checks_drop_damaged(store->checks))
        return err;
    if (!repeats)
        return error_advise(err, "the damaged entry was removed: run the command again");
    error_free(err);
    progress_note("starting again, without what was damaged");
    return error_new(EXIT_AGAIN, "start again: the cache was damaged");
}

/* Takes the lock FD of the entry NAME; notifies the user if that takes time. */
static bool take_lock(int fd, const char *name)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        progress_note("waiting for another vmbuild to create the cache entry '%s'", name);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

struct error *store_lock(struct store *store, enum store_kind kind, const char *key, int *ret_fd)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *path = store_file_flat(store->folder, "lock", name);

    for (;;) {
        CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0 && errno == EISDIR && store_file_remove(path))
            continue;
        if (fd < 0)
            return error_errno(EXIT_OTHER, "open the cache lock '%s'", path);
        if (!store->throw_away && !take_lock(fd, name))
            return error_errno(EXIT_OTHER, "lock '%s'", path);
        if (store_file_is_linked(fd, path)) { /* pruning removes those that no process holds */
            *ret_fd = steal_fd(&fd);
            return NULL;
        }
    }
}

struct error *store_temporary(struct store *store, char **ret_path, int *ret_fd)
{
    return store_session_temporary(store->session, ret_path, ret_fd);
}

struct publication {
    const char *path;
    const char *target;
    struct error *err;
};

static bool rename_entry(const char *name, void *context)
{
    struct publication *publication = context;

    (void)name;
    publication->err = store_file_rename(publication->path, publication->target);
    return publication->err == NULL;
}

struct error *store_publish(struct store *store, enum store_kind kind, const char *key,
                            const char *path, char **ret_path)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *target = xasprintf("%s/%s", store->folder, name);

    TRY(store_settle(store)); /* what it was made of must be right, too */
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || fchmod(fd, ENTRY_MODE) < 0)
        return error_errno(EXIT_OTHER, "write the cache entry '%s'", target);
    store_file_touch(fd);
    TRY(store_facts_record(store->session, name, fd));
    struct publication publication = {.path = path, .target = target};

    if (!store_session_use(store->session, name, rename_entry, &publication)) {
        if (publication.err != NULL)
            return publication.err;
        return error_new(EXIT_OTHER, "write the cache entry '%s': its use cannot be recorded",
                         target);
    }
    store_checks_vouch(store->checks, name);
    if (ret_path != NULL)
        *ret_path = STEAL(target);
    return NULL;
}

void store_drop(struct store *store, enum store_kind kind, const char *key)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);

    store_file_remove(path);
    store_facts_remove(store->folder, name);
    store_checks_forget(store->checks, name);
}
