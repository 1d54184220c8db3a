#include "host/store/store_pruning.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store_facts.h"
#include "host/store/store_file.h"
#include "host/store/store_session.h"

#define STAT_BLOCK 512 /* bytes of st_blocks' unit, whatever the file system's block is */

struct listing {
    struct store_entry *entries;
    size_t count, capacity;
};

static void listing_free(struct listing *listing)
{
    store_entries_free(listing->entries, listing->count);
}

void store_entries_free(struct store_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(entries[i].name);
    free(entries);
}

static void add(struct listing *listing, const char *name, const struct stat *status)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity > 0 ? 2 * listing->capacity : 64;
        listing->entries =
            xreallocarray(listing->entries, listing->capacity, sizeof *listing->entries);
    }
    listing->entries[listing->count++] = (struct store_entry){
        .name = xstrdup(name),
        .size = (uint64_t)status->st_size,
        .disk_size = (uint64_t)status->st_blocks * STAT_BLOCK,
        .used = status->st_atim,
    };
}

/* Lists the regular files DEPTH levels below FOLDER/NAME. */
static struct error *collect(const char *folder, const char *name, unsigned int depth,
                             struct listing *listing)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    CLEANUP(closedirp) DIR *dir = opendir(path);

    if (dir == NULL && errno != ENOENT && errno != ENOTDIR)
        return error_errno(EXIT_OTHER, "read the cache directory '%s'", path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        CLEANUP(freep) char *child = xasprintf("%s/%s", name, entry->d_name);
        struct stat status;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (depth > 1)
            TRY(collect(folder, child, depth - 1, listing));
        else if (fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                 S_ISREG(status.st_mode))
            add(listing, child, &status);
    }
    return NULL;
}

static struct error *collect_all(const char *folder, struct listing *listing)
{
    for (size_t i = 0; i < sizeof store_places / sizeof *store_places; i++)
        TRY(collect(folder, store_places[i].folder, store_places[i].depth, listing));
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

/* The least recently used first. */
static int by_use(const void *a, const void *b)
{
    const struct store_entry *left = a;
    const struct store_entry *right = b;

    if (left->used.tv_sec != right->used.tv_sec)
        return left->used.tv_sec < right->used.tv_sec ? -1 : 1;
    if (left->used.tv_nsec != right->used.tv_nsec)
        return left->used.tv_nsec < right->used.tv_nsec ? -1 : 1;
    return by_name(a, b);
}

static bool is_record(const struct store_entry *entry)
{
    return strncmp(entry->name, "records/", strlen("records/")) == 0;
}

struct error *store_list(struct store *store, bool with_records, struct store_entry **ret,
                         size_t *ret_count)
{
    CLEANUP(listing_free) struct listing listing = {0};
    CLEANUP(strings_free) struct strings uses = {0};
    CLEANUP(closep) int gate = -1;
    size_t kept = 0;

    TRY(store_session_close_gate(store_folder(store), &gate, &uses));
    TRY(collect_all(store_folder(store), &listing));
    for (size_t i = 0; i < listing.count; i++) {
        struct store_entry *entry = &listing.entries[i];

        if (!with_records && is_record(entry)) {
            free(entry->name);
            continue;
        }
        entry->in_use = strings_contain(&uses, entry->name);
        listing.entries[kept++] = *entry;
    }
    listing.count = kept;
    if (kept > 0)
        qsort(listing.entries, kept, sizeof *listing.entries, by_name);
    *ret = STEAL(listing.entries);
    *ret_count = kept;
    listing.count = 0;
    return NULL;
}

/* Removes the entry NAME and its facts. */
static struct error *remove_entry(const char *folder, const char *name)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

    if (unlink(path) < 0 && errno != ENOENT)
        return error_errno(EXIT_OTHER, "remove the cache entry '%s'", path);
    store_facts_remove(folder, name);
    return NULL;
}

/* Removes lock files that no process holds. A process that has opened one meanwhile notices, once
 * it has the lock, that the file is gone, and makes another (store_lock). */
static void remove_idle_locks(const char *folder)
{
    CLEANUP(freep) char *path = xasprintf("%s/lock", folder);
    CLEANUP(closedirp) DIR *dir = opendir(path);

    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        /* These two must stay the same files: their lockers do not check. */
        if (strcmp(entry->d_name, "gate") == 0 || strcmp(entry->d_name, "sessions") == 0)
            continue;
        CLEANUP(closep)
        int fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
}

struct error *store_prune(struct store *store, uint64_t limit, uint64_t *ret_freed)
{
    const char *folder = store_folder(store);
    CLEANUP(listing_free) struct listing listing = {0};
    CLEANUP(strings_free) struct strings uses = {0};
    CLEANUP(closep) int gate = -1;
    uint64_t total = 0;
    uint64_t freed = 0;

    TRY(store_session_close_gate(folder, &gate, &uses));
    TRY(collect_all(folder, &listing));
    for (size_t i = 0; i < listing.count; i++)
        total += listing.entries[i].disk_size;
    if (listing.count > 0)
        qsort(listing.entries, listing.count, sizeof *listing.entries, by_use);
    for (size_t i = 0; i < listing.count && total - freed > limit; i++) {
        if (strings_contain(&uses, listing.entries[i].name))
            continue;
        TRY(remove_entry(folder, listing.entries[i].name));
        freed += listing.entries[i].disk_size;
    }
    remove_idle_locks(folder);
    if (ret_freed != NULL)
        *ret_freed = freed;
    return NULL;
}

/* Returns whether files appeared in the directory PATH, or went, DEPTH levels below it, from SINCE
 * on. */
static bool has_changed(const char *path, unsigned int depth, const struct timespec *since)
{
    CLEANUP(closedirp) DIR *dir = opendir(path);
    struct stat status;
    bool changed = false;

    if (dir == NULL || fstat(dirfd(dir), &status) < 0)
        return errno != ENOENT;
    if (status.st_mtim.tv_sec != since->tv_sec)
        changed = status.st_mtim.tv_sec > since->tv_sec;
    else
        changed = status.st_mtim.tv_nsec >= since->tv_nsec;
    for (struct dirent *entry; depth > 1 && !changed && (entry = readdir(dir)) != NULL;) {
        CLEANUP(freep) char *child = xasprintf("%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            changed = has_changed(child, depth - 1, since);
    }
    return changed;
}

/* Returns whether entries of STORE were made since its session began. Records do not count: they
 * are small, and every command makes some. */
static bool has_grown(const struct store *store)
{
    struct timespec since = store_session_began(store_session(store));
    bool changed = false;

    for (size_t i = 0; !changed && i < sizeof store_places / sizeof *store_places; i++) {
        CLEANUP(freep)
        char *path = xasprintf("%s/%s", store_folder(store), store_places[i].folder);

        changed = strcmp(store_places[i].folder, "records") != 0 &&
                  has_changed(path, store_places[i].depth, &since);
    }
    return changed;
}

void store_trim(struct store *store)
{
    struct error *err = has_grown(store) ? store_prune(store, store_limit(store), NULL) : NULL;

    if (err != NULL)
        progress_detail("%s", err->message);
    error_free(err);
}
