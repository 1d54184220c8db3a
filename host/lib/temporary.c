#include "host/lib/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define SLOTS 64      /* temporaries at a time; a build needs about ten */
#define NAME_TRIES 64 /* random names before giving up */

/* Run directories are recognised by their name, which no other temporary has: that of an output
 * lies beside the output, which may be in the same directory, and is not locked. */
#define RUN_FOLDER_PREFIX "vmbuild-run"
#define RUN_FOLDER_NAME "." RUN_FOLDER_PREFIX "." /* as random_path makes it */
#define ABANDONED_SECONDS 2 /* seconds after which an unlocked one is abandoned */

/* For the supervisor, which reads the table when the worker may have been killed at any
 * instruction, a path is valid once `used` is set: that is done last. */
struct slot {
    _Atomic bool used;
    char path[PATH_MAX];
};

static struct slot *table;
static pthread_mutex_t table_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t run_folder_mutex = PTHREAD_MUTEX_INITIALIZER;
static char *run_folder;

struct error *temporary_setup(void)
{
    void *shared = mmap(NULL, SLOTS * sizeof *table, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return error_errno(EXIT_OTHER, "map the table of temporary files");
    table = shared;
    return NULL;
}

/* Enters PATH into the table. Returns its slot, or NULL if the table is full. */
static struct slot *enter(const char *path)
{
    struct slot *found = NULL;

    pthread_mutex_lock(&table_mutex);
    for (size_t i = 0; i < SLOTS && found == NULL; i++)
        if (!table[i].used)
            found = &table[i];
    if (found != NULL) {
        memcpy(found->path, path, strlen(path) + 1);
        found->used = true;
    }
    pthread_mutex_unlock(&table_mutex);
    return found;
}

void temporary_adopt(const char *path)
{
    if (strlen(path) < PATH_MAX)
        (void)enter(path); /* a full table only means that a killed program would leave it behind */
}

static void leave(const char *path)
{
    pthread_mutex_lock(&table_mutex);
    for (size_t i = 0; i < SLOTS; i++)
        if (table[i].used && strcmp(table[i].path, path) == 0)
            table[i].used = false;
    pthread_mutex_unlock(&table_mutex);
}

/* Returns a path in DIR with a name that cannot be guessed. */
static char *random_path(const char *dir, const char *prefix)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    unsigned char bytes[10];
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

static struct error *make_entered(const char *dir, const char *prefix, bool folder, char **ret_path,
                                  int *ret_fd)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        CLEANUP(freep) char *path = random_path(dir, prefix);

        if (strlen(path) >= PATH_MAX)
            return error_new(EXIT_OTHER, "create a temporary file in '%s': the path is too long",
                             dir);
        if (enter(path) == NULL)
            return error_new(EXIT_OTHER, "create the temporary file '%s': more than %d are in use",
                             path, SLOTS);
        int fd = make(path, folder);

        if (fd >= 0) {
            *ret_path = STEAL(path);
            *ret_fd = fd;
            return NULL;
        }
        leave(path);
        if (errno != EEXIST)
            return error_errno(EXIT_OTHER, "create a temporary file in '%s'", dir);
    }
    return error_new(EXIT_OTHER,
                     "create a temporary file in '%s': every name that was tried exists", dir);
}

struct error *temporary_file(const char *dir, const char *prefix, char **ret_path, int *ret_fd)
{
    int fd = -1;

    TRY(make_entered(dir, prefix, false, ret_path, &fd));
    if (ret_fd != NULL)
        *ret_fd = fd;
    else
        close(fd);
    return NULL;
}

struct error *temporary_folder(const char *dir, const char *prefix, char **ret_path)
{
    int none;

    return make_entered(dir, prefix, true, ret_path, &none);
}

struct error *temporary_rename(const char *path, const char *target)
{
    if (rename(path, target) < 0)
        return error_errno(EXIT_OTHER, "rename '%s' to '%s'", path, target);
    leave(path);
    return NULL;
}

static void remove_at(int dir, const char *name);

/* Removes what is in the directory FD, which is closed. */
static void remove_children(int fd)
{
    DIR *dir = fdopendir(fd);

    if (dir == NULL) {
        close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_at(dirfd(dir), entry->d_name);
    closedir(dir);
}

/* Removes NAME in the directory DIR, and what is in it. Errors are ignored: there is nowhere to
 * report them. */
static void remove_at(int dir, const char *name)
{
    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return;
    /* A merged directory may be one that even its owner may not change. */
    if (errno == EISDIR && fchmodat(dir, name, 0700, 0) < 0)
        return;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        remove_children(fd);
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
        if (table[i].used)
            remove_path(table[i].path);
        table[i].used = false;
    }
}

/* Takes the lock that marks the directory PATH as in use, until this process ends. */
static void hold_lock(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
        close(fd);
}

/* Whether the directory NAME in DIR was left by a build that was killed together with its
 * supervisor. */
static bool is_abandoned(int dir, const char *name, time_t now)
{
    struct stat status;

    if (strncmp(name, RUN_FOLDER_NAME, strlen(RUN_FOLDER_NAME)) != 0)
        return false;
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != geteuid() || now - status.st_ctime < ABANDONED_SECONDS)
        return false;
    CLEANUP(closep) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes abandoned run directories in the directory PATH. */
static void remove_abandoned(const char *path)
{
    DIR *dir = opendir(path);
    time_t now = time(NULL);

    if (dir == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!is_abandoned(dirfd(dir), entry->d_name, now))
            continue;
        char *abandoned = xasprintf("%s/%s", path, entry->d_name);

        remove_path(abandoned);
        free(abandoned);
    }
    closedir(dir);
}

struct error *temporary_run_folder_in(const char *dir, char **ret)
{
    TRY(temporary_folder(dir, RUN_FOLDER_PREFIX, ret));
    hold_lock(*ret);
    remove_abandoned(dir);
    return NULL;
}

static struct error *make_run_folder(void)
{
    const char *dir = getenv("TMPDIR");

    if (dir == NULL || *dir == '\0')
        dir = access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
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
