#include "host/lib/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define SLOTS 1024    /* temporaries at a time; a build needs about ten */
#define NAME_TRIES 64 /* random names before giving up */

/* Those that lie in a directory of the user's are locked as long as they are used. They are
 * recognised by their names, which no other temporary has. */
#define RUN_FOLDER_PREFIX "vmbuild-run"
#define OUTPUT_PREFIX "vmbuild-out"
#define SUFFIX_LENGTH 10 /* random characters at the end of a name */

/* In a run directory: a symlink to what a library made elsewhere. */
#define ADOPTED_NAME "adopted"

/* For the supervisor, which reads the table when the worker may have been killed at any
 * instruction, a path is valid once the slot is in use: that is set last. Several processes may
 * take slots. */
enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_USED };

struct slot {
    _Atomic int state;
    pid_t owner;
};

/* The paths lie apart, so that a look for a slot touches few pages. */
struct table {
    struct slot slots[SLOTS];
    char paths[SLOTS][PATH_MAX];
};

static struct table *table;
static int locks[SLOTS]; /* this process's descriptors that hold the locks; 0: none */
static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t run_folder_mutex = PTHREAD_MUTEX_INITIALIZER;
static char *run_folder;

struct error *temporary_setup(void)
{
    void *shared =
        mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return error_errno(EXIT_OTHER, "map the table of temporary files");
    table = shared;
    return NULL;
}

static bool take_slot(size_t slot)
{
    int state = SLOT_FREE;

    return atomic_compare_exchange_strong(&table->slots[slot].state, &state, SLOT_TAKEN);
}

/* Enters PATH into the table. Returns the number of its slot, or SLOTS if the table is full. */
static size_t enter(const char *path)
{
    size_t slot = 0;

    pthread_mutex_lock(&table_mutex);
    while (slot < SLOTS && !take_slot(slot))
        slot++;
    if (slot < SLOTS) {
        memcpy(table->paths[slot], path, strlen(path) + 1);
        table->slots[slot].owner = getpid();
        table->slots[slot].state = SLOT_USED;
    }
    pthread_mutex_unlock(&table_mutex);
    return slot;
}

static void clear_slot(size_t slot)
{
    if (locks[slot] > 0)
        close(locks[slot]);
    locks[slot] = 0;
    table->slots[slot].state = SLOT_FREE;
}

static void leave(const char *path)
{
    pthread_mutex_lock(&table_mutex);
    for (size_t i = 0; i < SLOTS; i++)
        if (table->slots[i].state == SLOT_USED && strcmp(table->paths[i], path) == 0)
            clear_slot(i);
    pthread_mutex_unlock(&table_mutex);
}

/* Names PATH in the run directory, for when the supervisor is killed, too. Returns whether it is
 * named there. */
static bool note_adopted(const char *path)
{
    pthread_mutex_lock(&run_folder_mutex);
    CLEANUP(freep)
    char *link = run_folder == NULL ? NULL : xasprintf("%s/" ADOPTED_NAME, run_folder);

    pthread_mutex_unlock(&run_folder_mutex);
    if (link == NULL)
        return false;
    unlink(link);
    return symlink(path, link) == 0;
}

/* A failure only means that PATH is left behind if the program is killed. */
void temporary_adopt(const char *path)
{
    if (strlen(path) < PATH_MAX)
        (void)enter(path);
    (void)note_adopted(path);
}

/* Opens NAME in the directory DIR to lock it. NFS locks files only if they are open for writing. */
static int open_to_lock(int dir, const char *name)
{
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(dir, name, O_RDWR | flags);

    return fd < 0 && errno == EISDIR ? openat(dir, name, O_RDONLY | O_DIRECTORY | flags) : fd;
}

/* Whether the open file FD is still called NAME in the directory DIR. */
static bool is_called(int fd, int dir, const char *name)
{
    struct stat open_file, named;

    return fstat(fd, &open_file) == 0 && fstatat(dir, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* Takes the lock that marks the temporary PATH in SLOT as in use. Returns false if another process
 * removes it, since it was not locked yet. */
static bool hold(const char *path, size_t slot)
{
    CLEANUP(closep) int fd = open_to_lock(AT_FDCWD, path);

    if (fd < 0)
        return errno != ENOENT;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno != EWOULDBLOCK; /* else this file system has no locks */
    if (!is_called(fd, AT_FDCWD, path))
        return false;
    locks[slot] = steal_fd(&fd);
    return true;
}

/* Returns a path in DIR with a name that cannot be guessed. */
static char *random_path(const char *dir, const char *prefix)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char bytes[SUFFIX_LENGTH];
    char suffix[sizeof bytes + 1];

    if (getentropy(bytes, sizeof bytes) < 0)
        memset(bytes, 0, sizeof bytes); /* O_EXCL still keeps two apart */
    for (size_t i = 0; i < sizeof bytes; i++)
        suffix[i] = letters[bytes[i] % (sizeof letters - 1)];
    suffix[sizeof bytes] = '\0';
    return xasprintf("%s/.%s.%s", dir, prefix, suffix);
}

/* Makes the file or directory PATH. Returns a descriptor of the file, 0 for a directory, below 0 on
 * error. */
static int make(const char *path, bool folder)
{
    if (folder)
        return mkdir(path, 0700);
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static struct error *make_entered(const char *dir, const char *prefix, bool folder, bool locked,
                                  char **ret_path, int *ret_fd)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        CLEANUP(freep) char *path = random_path(dir, prefix);

        if (strlen(path) >= PATH_MAX)
            return error_new(EXIT_OTHER, "create a temporary file in '%s': the path is too long",
                             dir);
        size_t slot = enter(path);

        if (slot == SLOTS)
            return error_new(EXIT_OTHER, "create the temporary file '%s': more than %d are in use",
                             path, SLOTS);
        int fd = make(path, folder);

        if (fd < 0 && errno != EEXIST) {
            leave(path);
            return error_errno(EXIT_OTHER, "create a temporary file in '%s'", dir);
        }
        if (fd >= 0 && (!locked || hold(path, slot))) {
            *ret_path = STEAL(path);
            *ret_fd = fd;
            return NULL;
        }
        if (fd > 0)
            close(fd);
        leave(path);
    }
    return error_new(EXIT_OTHER,
                     "create a temporary file in '%s': every name that was tried exists", dir);
}

struct error *temporary_file(const char *dir, const char *prefix, char **ret_path, int *ret_fd)
{
    int fd = -1;

    TRY(make_entered(dir, prefix, false, false, ret_path, &fd));
    if (ret_fd != NULL)
        *ret_fd = fd;
    else
        close(fd);
    return NULL;
}

struct error *temporary_folder(const char *dir, const char *prefix, char **ret_path)
{
    int none;

    return make_entered(dir, prefix, true, false, ret_path, &none);
}

struct error *temporary_rename(const char *path, const char *target)
{
    if (rename(path, target) < 0)
        return error_errno(EXIT_OTHER, "rename '%s' to '%s'", path, target);
    leave(path);
    return NULL;
}

/* Opens the directory NAME in DIR to change it. Returns below 0 if that is not possible. A merged
 * directory may be one that even its owner may not change. */
static int open_to_change(int dir, const char *name)
{
    if (fchmodat(dir, name, 0700, 0) < 0)
        return -1;
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Removes NAME in the directory DIR unless it is a directory that is not empty. Returns whether it
 * is gone. */
static bool remove_name(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 || errno == ENOENT ||
           (errno == EISDIR && unlinkat(dir, name, AT_REMOVEDIR) == 0);
}

/* Returns a stream of the directory FD from its start, or NULL. */
static DIR *open_stream(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = copy < 0 ? NULL : fdopendir(copy);

    if (stream == NULL && copy >= 0)
        close(copy);
    return stream;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Moves the directory NAME in FD to TOP, under the first name from *NUMBER on that is free. */
static void move_up(int fd, const char *name, int top, unsigned int *number)
{
    int status;

    do {
        CLEANUP(freep) char *moved = xasprintf(".vmbuild-removed.%u", (*number)++);

        status = renameat(fd, name, top, moved);
    } while (status < 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR));
}

/* Empties the directory NAME in TOP, whose own directories are moved up into TOP unless they are
 * empty. *NUMBER is that of their next name there. */
static void flatten(int top, const char *name, unsigned int *number)
{
    CLEANUP(closep) int fd = open_to_change(top, name);
    DIR *stream = fd < 0 ? NULL : open_stream(fd);

    for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
        if (is_dot(entry->d_name) || remove_name(fd, entry->d_name))
            continue;
        if (fchmodat(fd, entry->d_name, 0700, 0) == 0) /* moving it changes its ".." */
            move_up(fd, entry->d_name, top, number);
    }
    if (stream != NULL)
        closedir(stream);
}

/* Removes what is in the directory TOP, however deep, with a few descriptors: directories that are
 * not empty are flattened, until none is left or none can be removed. */
static void empty_folder(int top)
{
    unsigned int number = 0;

    for (bool some = true; some;) {
        DIR *stream = open_stream(top);

        some = false;
        for (struct dirent *entry; stream != NULL && (entry = readdir(stream)) != NULL;) {
            if (is_dot(entry->d_name))
                continue;
            if (!remove_name(top, entry->d_name))
                flatten(top, entry->d_name, &number);
            some = remove_name(top, entry->d_name) || some;
        }
        if (stream != NULL)
            closedir(stream);
    }
}

/* Removes NAME in the directory DIR, and what is in it. Errors are ignored: there is nowhere to
 * report them. */
static void remove_at(int dir, const char *name)
{
    if (remove_name(dir, name))
        return;
    CLEANUP(closep) int fd = open_to_change(dir, name);

    if (fd >= 0)
        empty_folder(fd);
    unlinkat(dir, name, AT_REMOVEDIR);
}

static void remove_path(const char *path)
{
    remove_at(AT_FDCWD, path);
}

void temporary_remove(const char *path)
{
    if (path == NULL)
        return;
    int saved = errno;

    remove_path(path);
    leave(path);
    errno = saved;
}

void temporary_removep(char **path)
{
    temporary_remove(*path);
    freep(path);
}

void temporary_remove_all(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (table->slots[i].state == SLOT_USED)
            remove_path(table->paths[i]);
        clear_slot(i);
    }
}

void temporary_remove_own(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (table->slots[i].state != SLOT_USED || table->slots[i].owner != getpid())
            continue;
        remove_path(table->paths[i]);
        clear_slot(i);
    }
}

void temporary_begin_process(void)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (locks[i] > 0)
            close(locks[i]);
        locks[i] = 0;
    }
    run_folder = NULL;
}

/* Whether NAME is that of a temporary that is locked while it is used. */
static bool has_locked_name(const char *name)
{
    static const char *const prefixes[] = {"." RUN_FOLDER_PREFIX ".", "." OUTPUT_PREFIX "."};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (length == strlen(prefixes[i]) + SUFFIX_LENGTH &&
            strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

/* Returns whether NAME in the directory DIR was left by a program that was killed together with its
 * supervisor. *RET_FD, the caller's, then holds its lock. */
static bool is_abandoned(int dir, const char *name, int *ret_fd)
{
    struct stat status;

    if (!has_locked_name(name) || fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode)) || status.st_uid != geteuid())
        return false;
    *ret_fd = open_to_lock(dir, name);
    return *ret_fd >= 0 && flock(*ret_fd, LOCK_EX | LOCK_NB) == 0 && is_called(*ret_fd, dir, name);
}

/* Removes what the abandoned run directory FOLDER has adopted. */
static void remove_adopted(int folder)
{
    char path[PATH_MAX];
    ssize_t length = readlinkat(folder, ADOPTED_NAME, path, sizeof path - 1);
    struct stat status;

    if (length <= 0)
        return;
    path[length] = '\0';
    if (path[0] == '/' && lstat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_uid == geteuid())
        remove_path(path);
}

/* Removes abandoned temporaries in the directory PATH. */
static void remove_abandoned(const char *path)
{
    DIR *dir = opendir(path);

    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        CLEANUP(closep) int fd = -1;

        if (!is_abandoned(dirfd(dir), entry->d_name, &fd))
            continue;
        remove_adopted(fd);
        remove_at(dirfd(dir), entry->d_name);
    }
    closedir(dir);
}

struct error *temporary_output_file(const char *dir, char **ret_path, int *ret_fd)
{
    remove_abandoned(dir);
    return make_entered(dir, OUTPUT_PREFIX, false, true, ret_path, ret_fd);
}

struct error *temporary_output_folder(const char *dir, char **ret_path)
{
    int none;

    remove_abandoned(dir);
    return make_entered(dir, OUTPUT_PREFIX, true, true, ret_path, &none);
}

struct error *temporary_run_folder_in(const char *dir, char **ret)
{
    int none;

    remove_abandoned(dir);
    return make_entered(dir, RUN_FOLDER_PREFIX, true, true, ret, &none);
}

/* Returns the directory for temporaries, borrowed. */
static const char *base_folder(void)
{
    const char *dir = getenv("TMPDIR");

    if (dir == NULL || *dir == '\0')
        dir = access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
    return dir;
}

void temporary_remove_abandoned(void)
{
    remove_abandoned(base_folder());
}

static struct error *make_run_folder(void)
{
    const char *dir = base_folder();
    CLEANUP(freep) char *absolute = realpath(dir, NULL);
    struct error *err =
        absolute == NULL
            ? error_errno(EXIT_OTHER, "open the directory for temporary files '%s'", dir)
            : temporary_run_folder_in(absolute, &run_folder);

    return error_advise(err, "set TMPDIR to a directory that you can write to");
}

struct error *temporary_run_folder(const char **ret)
{
    pthread_mutex_lock(&run_folder_mutex);
    struct error *err = run_folder == NULL ? make_run_folder() : NULL;

    pthread_mutex_unlock(&run_folder_mutex);
    if (err == NULL)
        *ret = run_folder;
    return err;
}
