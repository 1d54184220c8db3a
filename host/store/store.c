#include "host/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/store/store_session.h"

#define FOLDER_MODE 0700
#define ENTRY_MODE 0444
#define ENTRY_MTIME 1        /* seconds since 1970: any later write moves it */
#define SAMPLE_SIZE 4096     /* bytes at each end that the facts hold a digest of */
#define HASH_PIECE (1 << 20) /* bytes that are hashed at a time */

/* The kernel's number of this boot, a UUID. */
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36

/* In the place of a boot's number: the entry is on the disk. */
#define DURABLE "durable"
#define DURABLE_AFTER 60 /* seconds, after which the kernel has mostly written it by itself */

/* What is known of an entry beside its name. */
struct facts {
    uint64_t size;
    struct digest sample;          /* of the first and last SAMPLE_SIZE bytes */
    char boot[BOOT_ID_LENGTH + 1]; /* that wrote it, or DURABLE */
    time_t recorded;
};

struct store {
    char *folder;
    bool throw_away;
    uint64_t limit;
    struct store_session *session;
};

static const char *const kind_folder[] = {
    [STORE_BLOB] = "blobs/sha256",
    [STORE_DERIVED] = "derived",
    [STORE_DISK] = "disks",
    [STORE_SNAPSHOT] = "snapshots",
};

static const char advice[] =
    "name another folder with --cache-dir, or do without a cache with --no-cache";

struct error *store_locate(const char *dir, char **ret)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (dir != NULL)
        *ret = xstrdup(dir);
    else if (cache != NULL && cache[0] == '/') /* the specification has relative ones ignored */
        *ret = xasprintf("%s/vmbuild", cache);
    else if (home != NULL && home[0] == '/')
        *ret = xasprintf("%s/.cache/vmbuild", home);
    else
        return error_advise(error_new(EXIT_OTHER, "find the cache: neither XDG_CACHE_HOME nor HOME "
                                                  "names a folder"),
                            "%s", advice);
    return NULL;
}

/* Makes the folder PATH and those above it that are missing. */
static struct error *make_folders(const char *path)
{
    if (mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST)
        return NULL;
    const char *slash = strrchr(path, '/');

    if (errno != ENOENT || slash == NULL || slash == path)
        return error_errno(EXIT_OTHER, "make the cache's folder '%s'", path);
    CLEANUP(freep) char *above = xstrndup(path, (size_t)(slash - path));

    TRY(make_folders(above));
    if (mkdir(path, FOLDER_MODE) < 0 && errno != EEXIST)
        return error_errno(EXIT_OTHER, "make the cache's folder '%s'", path);
    return NULL;
}

/* Tells programs that make backups to pass the store by (bford.info/cachedir). */
static void write_cachedir_tag(const char *folder)
{
    static const char text[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                               "# This folder is the cache of vmbuild.\n";
    CLEANUP(freep) char *path = xasprintf("%s/CACHEDIR.TAG", folder);
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0 && write(fd, text, sizeof text - 1) != (ssize_t)(sizeof text - 1))
        unlink(path);
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
            return error_new(EXIT_USAGE, "read VMBUILD_CACHE_LIMIT '%s': it is not a number of MiB",
                             text);
    }
    *ret = mib << 20;
    return NULL;
}

/* Makes DIR and what a store has in it, and sets STORE's folder to its absolute path. */
static struct error *make_store(const char *dir, struct store *store)
{
    static const char *const folders[] = {"blobs/sha256", "derived", "disks", "snapshots",
                                          "records",      "facts",   "lock",  "sessions"};
    struct stat status;

    TRY(make_folders(dir));
    store->folder = realpath(dir, NULL);
    if (store->folder == NULL || stat(store->folder, &status) < 0)
        return error_errno(EXIT_OTHER, "open the cache '%s'", dir);
    if (!S_ISDIR(status.st_mode))
        return error_new(EXIT_OTHER, "open the cache '%s': it is no folder", dir);
    if (status.st_mode & S_IWOTH)
        return error_new(EXIT_OTHER, "open the cache '%s': everyone may write to it", dir);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, folders[i]);

        TRY(make_folders(path));
    }
    write_cachedir_tag(store->folder);
    return NULL;
}

static struct error *open_at(const char *dir, struct store *store)
{
    CLEANUP(freep) char *folder = NULL;

    TRY(read_limit(&store->limit));
    if (store->throw_away) {
        const char *run;

        TRY(temporary_run_folder(&run));
        TRY(temporary_folder(run, "store", &folder));
    } else {
        TRY(store_locate(dir, &folder));
    }
    struct error *err = make_store(folder, store);

    if (err == NULL)
        err = store_session_start(store->folder, &store->session);
    return error_advise(err, "%s", advice);
}

struct error *store_open(const char *dir, bool throw_away, struct store **ret)
{
    struct store *store = xcalloc(1, sizeof *store);

    store->throw_away = throw_away;
    struct error *err = open_at(dir, store);

    if (err != NULL) {
        store_free(store);
        return err;
    }
    *ret = store;
    return NULL;
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
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

uint64_t store_limit(const struct store *store)
{
    return store->limit;
}

/* The entry's name, relative to the store. Keys are made by this program: digests, compression
 * names. */
static char *entry_name(enum store_kind kind, const char *key)
{
    assert(key[0] != '\0' && key[0] != '.' && key[0] != '/' && strstr(key, "..") == NULL);
    return xasprintf("%s/%s", kind_folder[kind], key);
}

/* Reads LENGTH bytes at OFFSET. Returns whether all were there. */
static bool read_at(int fd, char *bytes, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t got = pread(fd, bytes, length, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        length -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* Sets RET to the number of this boot; where the host does not tell, no entry is told from
 * another by it. */
static void read_boot_id(char ret[BOOT_ID_LENGTH + 1])
{
    CLEANUP(closep) int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

    memset(ret, 0, BOOT_ID_LENGTH + 1);
    if (fd < 0 || read(fd, ret, BOOT_ID_LENGTH) != BOOT_ID_LENGTH)
        strcpy(ret, DURABLE);
}

/* The facts of the file FD as it is now. */
static bool gather_facts(int fd, struct facts *ret)
{
    char sample[2 * SAMPLE_SIZE] = {0};
    struct stat status;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    ret->size = (uint64_t)status.st_size;
    size_t end = ret->size < SAMPLE_SIZE ? (size_t)ret->size : SAMPLE_SIZE;

    if (!read_at(fd, sample, end, 0) || !read_at(fd, sample + end, end, ret->size - end))
        return false;
    digest_of(sample, 2 * end, &ret->sample);
    read_boot_id(ret->boot);
    return true;
}

/* The file that FOLDER has for the entry NAME. */
static char *flat_path(const struct store *store, const char *folder, const char *name)
{
    CLEANUP(freep) char *flat = xstrdup(name);

    for (char *c = flat; *c != '\0'; c++)
        if (*c == '/')
            *c = '-';
    return xasprintf("%s/%s/%s", store->folder, folder, flat);
}

/* Reads the facts that were recorded when the entry NAME was published. */
static bool read_facts(struct store *store, const char *name, struct facts *ret)
{
    CLEANUP(freep) char *path = flat_path(store, "facts", name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[160] = "";
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || read(fd, text, sizeof text - 1) <= 0)
        return false;
    ret->recorded = status.st_mtim.tv_sec;
    return sscanf(text, "%" SCNu64 " %64s %36s", &ret->size, ret->sample.hex, ret->boot) == 3;
}

/* Renames the temporary PATH to TARGET; makes the target's folder where it is missing. */
static struct error *rename_to(const char *path, const char *target)
{
    if (rename(path, target) == 0)
        return NULL;
    if (errno == ENOENT) {
        CLEANUP(freep) char *folder = xstrndup(target, (size_t)(strrchr(target, '/') - target));

        TRY(make_folders(folder));
        if (rename(path, target) == 0)
            return NULL;
    }
    return error_errno(EXIT_OTHER, "write the cache's entry '%s'", target);
}

/* Writes LENGTH bytes as the small file TARGET of the store, whole or not at all. */
static struct error *write_small(struct store *store, const char *target, const char *bytes,
                                 size_t length)
{
    CLEANUP(temporary_removep) char *path = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(store_session_temporary(store->session, &path, &fd));
    TRY(file_write(bytes, length, fd, path));
    TRY(rename_to(path, target));
    freep(&path);
    path = NULL;
    return NULL;
}

static struct error *write_facts(struct store *store, const char *name, const struct facts *facts)
{
    CLEANUP(freep) char *path = flat_path(store, "facts", name);
    CLEANUP(freep)
    char *text = xasprintf("%" PRIu64 " %s %s\n", facts->size, facts->sample.hex, facts->boot);

    return write_small(store, path, text, strlen(text));
}

static bool rehash_matches(int fd, const char *hex)
{
    CLEANUP(freep) char *piece = xcalloc(1, HASH_PIECE);
    struct sha256 *hash = sha256_new();
    struct digest digest;
    uint64_t offset = 0;
    ssize_t got;

    while ((got = pread(fd, piece, HASH_PIECE, (off_t)offset)) > 0) {
        sha256_update(hash, piece, (size_t)got);
        offset += (uint64_t)got;
    }
    sha256_finish(hash, &digest);
    return got == 0 && strcmp(digest.hex, hex) == 0;
}

/* Sets the times of the entry FD: found now, never changed. Fails where the entry is another
 * user's, and then only pruning knows less. */
static void touch(int fd)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = ENTRY_MTIME}};

    (void)futimens(fd, times);
}

/* Whether the host cannot have crashed between writing the entry and its being on the disk. Entries
 * are not synchronized when they are published, since nobody should wait for that, but known not to
 * have been: half a base disk would look like a whole one at both ends. */
static bool has_lasted(const struct facts *recorded, const struct facts *now)
{
    return strcmp(recorded->boot, DURABLE) == 0 || strcmp(recorded->boot, now->boot) == 0;
}

/* Notes of the entry NAME, open as FD, that it is on the disk, once waiting for that costs
 * nothing. */
static void make_durable(struct store *store, const char *name, struct facts *recorded, int fd)
{
    if (strcmp(recorded->boot, DURABLE) == 0 || recorded->recorded > time(NULL) - DURABLE_AFTER ||
        fdatasync(fd) < 0)
        return;
    strcpy(recorded->boot, DURABLE);
    error_free(write_facts(store, name, recorded));
}

/* Whether the entry NAME, open as FD, is what was published. */
static bool is_whole(struct store *store, enum store_kind kind, const char *key, const char *name,
                     int fd)
{
    struct facts now;
    struct facts recorded;
    struct stat status;

    if (!gather_facts(fd, &now) || fstat(fd, &status) < 0)
        return false;
    if (status.st_mtim.tv_sec == ENTRY_MTIME && read_facts(store, name, &recorded) &&
        recorded.size == now.size && digest_equal(&recorded.sample, &now.sample) &&
        has_lasted(&recorded, &now)) {
        make_durable(store, name, &recorded, fd);
        return true;
    }
    /* A copied store has other times, and perhaps lost its facts. */
    if (kind != STORE_BLOB || !rehash_matches(fd, key))
        return false;
    error_free(write_facts(store, name, &now));
    return true;
}

/* Whether FD is still the file called PATH. */
static bool is_linked(int fd, const char *path)
{
    struct stat held;
    struct stat named;

    return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
           held.st_dev == named.st_dev;
}

static bool entry_exists(const char *name, void *context)
{
    const struct store *store = context;
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);

    return access(path, R_OK) == 0;
}

char *store_find(struct store *store, enum store_kind kind, const char *key)
{
    CLEANUP(freep) char *name = entry_name(kind, key);

    if (!store_session_use(store->session, name, entry_exists, store))
        return NULL;
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return NULL;
    if (!is_whole(store, kind, key, name, fd)) {
        /* Who saw the same may have put a new one in its place meanwhile. */
        if (is_linked(fd, path))
            store_drop(store, kind, key);
        return NULL;
    }
    touch(fd);
    return STEAL(path);
}

/* Takes the lock FD of the entry NAME; says so where that takes time. */
static bool take_lock(int fd, const char *name)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (errno == EWOULDBLOCK)
        progress_note("waiting for another vmbuild, which is making the cache's '%s'", name);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

struct error *store_lock(struct store *store, enum store_kind kind, const char *key, int *ret_fd)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *path = flat_path(store, "lock", name);

    for (;;) {
        CLEANUP(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

        if (fd < 0)
            return error_errno(EXIT_OTHER, "open the cache's lock '%s'", path);
        if (!take_lock(fd, name))
            return error_errno(EXIT_OTHER, "lock '%s'", path);
        if (is_linked(fd, path)) { /* pruning removes those that nobody holds */
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
    publication->err = rename_to(publication->path, publication->target);
    return publication->err == NULL;
}

struct error *store_publish(struct store *store, enum store_kind kind, const char *key,
                            const char *path, char **ret_path)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *target = xasprintf("%s/%s", store->folder, name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct facts facts;

    if (fd < 0 || !gather_facts(fd, &facts) || fchmod(fd, ENTRY_MODE) < 0)
        return error_errno(EXIT_OTHER, "write the cache's entry '%s'", target);
    touch(fd);
    TRY(write_facts(store, name, &facts));
    struct publication publication = {.path = path, .target = target};

    if (!store_session_use(store->session, name, rename_entry, &publication)) {
        if (publication.err != NULL)
            return publication.err;
        return error_new(EXIT_OTHER, "write the cache's entry '%s': its use cannot be noted",
                         target);
    }
    if (ret_path != NULL)
        *ret_path = STEAL(target);
    return NULL;
}

void store_drop(struct store *store, enum store_kind kind, const char *key)
{
    CLEANUP(freep) char *name = entry_name(kind, key);
    CLEANUP(freep) char *path = xasprintf("%s/%s", store->folder, name);
    CLEANUP(freep) char *facts = flat_path(store, "facts", name);

    unlink(path);
    unlink(facts);
}

static char *record_path(struct store *store, const char *kind, const char *key)
{
    assert(strchr(kind, '/') == NULL && strchr(key, '/') == NULL);
    return xasprintf("%s/records/%s/%s", store->folder, kind, key);
}

struct json *store_get_record(struct store *store, const char *kind, const char *key)
{
    CLEANUP(freep) char *path = record_path(store, kind, key);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(buffer_free) struct buffer text = {0};
    struct stat status;
    struct json *record = NULL;

    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > JSON_SIZE_MAX)
        return NULL;
    size_t size = (size_t)status.st_size;

    if (!read_at(fd, buffer_reserve(&text, size), size, 0))
        return NULL;
    text.length = size;
    struct error *err = json_parse(path, text.data, text.length, &record);

    if (err != NULL) {
        error_free(err);
        unlink(path);
        return NULL;
    }
    return record;
}

void store_put_record(struct store *store, const char *kind, const char *key,
                      const struct json *record)
{
    CLEANUP(freep) char *path = record_path(store, kind, key);
    CLEANUP(buffer_free) struct buffer text = {0};

    json_write(record, false, &text);
    error_free(write_small(store, path, text.data, text.length));
}
