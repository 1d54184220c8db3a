#include "host/store/store_session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"

#define USES_SIZE_MAX (16u << 20) /* bytes of a `uses` file that are read */

struct store_session {
    char *store;  /* the store's folder */
    char *folder; /* this session's */
    bool is_alone;
    int uses_fd; /* holds the lock that shows that the session is alive */
    int gate_fd;
    struct timespec began;
    pthread_mutex_t mutex; /* for what follows, and for the lock of gate_fd, which threads share */
    struct strings uses;
    unsigned int temporaries; /* made so far: their names */
};

/* flock(2), not interrupted. */
static int lock(int fd, int operation)
{
    int result;

    do
        result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    return result;
}

/* The same for SESSION, which needs no lock if it is alone. */
static int lock_for(const struct store_session *session, int fd, int operation)
{
    return session->is_alone ? 0 : lock(fd, operation);
}

/* Opens the lock file NAME of the store FOLDER. */
static struct error *open_lock(const char *folder, const char *name, int *ret_fd)
{
    CLEANUP(freep) char *path = xasprintf("%s/lock/%s", folder, name);

    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*ret_fd < 0)
        return error_errno(EXIT_OTHER, "open the cache lock '%s'", path);
    return NULL;
}

/* Opens the `uses` file of the session in the directory PATH. Returns whether the session is alive;
 * one whose file cannot be opened counts as alive. *RET_FD is the caller's, or below 0; if the
 * session is dead, it holds the lock. */
static bool is_alive(const char *path, int *ret_fd)
{
    CLEANUP(freep) char *uses = xasprintf("%s/uses", path);

    /* For writing: NFS takes an exclusive lock only on a file open for writing. */
    *ret_fd = open(uses, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (*ret_fd < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return lock(*ret_fd, LOCK_EX | LOCK_NB) < 0;
}

typedef void (*session_visit)(const char *path, void *context);

/* Calls VISIT with the path of each directory in sessions/. */
static struct error *each_session(const char *folder, session_visit visit, void *context)
{
    CLEANUP(freep) char *sessions = xasprintf("%s/sessions", folder);
    CLEANUP(closedirp) DIR *dir = opendir(sessions);

    if (dir == NULL)
        return error_errno(EXIT_OTHER, "read the cache directory '%s'", sessions);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        CLEANUP(freep) char *path = xasprintf("%s/%s", sessions, entry->d_name);

        visit(path, context);
    }
    return NULL;
}

static void remove_if_dead(const char *path, void *context)
{
    CLEANUP(closep) int fd = -1;

    (void)context;
    if (!is_alive(path, &fd))
        temporary_remove(path);
}

/* Makes the session's directory and takes its lock. The caller holds the lock on all sessions, so
 * that no process removes a directory that is not locked yet. A process that prunes may hold the
 * lock for a moment, so this waits. */
static struct error *make_folder(const char *folder, struct store_session *session)
{
    CLEANUP(freep) char *sessions = xasprintf("%s/sessions", folder);

    TRY(temporary_folder(sessions, "session", &session->folder));
    CLEANUP(freep) char *uses = xasprintf("%s/uses", session->folder);

    session->uses_fd = open(uses, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (session->uses_fd < 0 || lock_for(session, session->uses_fd, LOCK_EX) < 0)
        return error_errno(EXIT_OTHER, "create and lock '%s'", uses);
    struct stat status;

    if (fstat(session->uses_fd, &status) == 0)
        session->began = status.st_mtim;
    return NULL;
}

static struct error *start(const char *folder, struct store_session *session)
{
    CLEANUP(closep) int all = -1;

    TRY(open_lock(folder, "gate", &session->gate_fd));
    TRY(open_lock(folder, "sessions", &all));
    if (lock_for(session, all, LOCK_EX) < 0)
        return error_errno(EXIT_OTHER, "lock the cache '%s'", folder);
    TRY(each_session(folder, remove_if_dead, NULL));
    return make_folder(folder, session);
}

struct error *store_session_start(const char *folder, bool alone, struct store_session **ret)
{
    struct store_session *session = xcalloc(1, sizeof *session);

    session->store = xstrdup(folder);
    session->is_alone = alone;
    session->uses_fd = -1;
    session->gate_fd = -1;
    pthread_mutex_init(&session->mutex, NULL);
    struct error *err = start(folder, session);

    if (err != NULL) {
        store_session_free(session);
        return err;
    }
    *ret = session;
    return NULL;
}

void store_session_free(struct store_session *session)
{
    if (session == NULL)
        return;
    temporary_remove(session->folder);
    closep(&session->uses_fd);
    closep(&session->gate_fd);
    pthread_mutex_destroy(&session->mutex);
    strings_free(&session->uses);
    free(session->store);
    free(session->folder);
    free(session);
}

struct error *store_session_begin_process(struct store_session *session)
{
    closep(&session->gate_fd);
    session->gate_fd = -1;
    return open_lock(session->store, "gate", &session->gate_fd);
}

struct timespec store_session_began(const struct store_session *session)
{
    return session->began;
}

const char *store_session_folder(const struct store_session *session)
{
    return session->folder;
}

const char *store_session_store(const struct store_session *session)
{
    return session->store;
}

struct error *store_session_temporary(struct store_session *session, char **ret_path, int *ret_fd)
{
    pthread_mutex_lock(&session->mutex);
    unsigned int number = session->temporaries++;

    pthread_mutex_unlock(&session->mutex);

    CLEANUP(freep)
    char *path = xasprintf("%s/%jd-%u", session->folder, (intmax_t)getpid(), number);

    *ret_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*ret_fd < 0)
        return error_errno(EXIT_OTHER, "create the temporary '%s' in the cache", path);
    *ret_path = STEAL(path);
    return NULL;
}

/* Appends NAME to `uses` unless it is there. */
static bool note_use(struct store_session *session, const char *name)
{
    if (strings_contain(&session->uses, name))
        return true;
    CLEANUP(freep) char *line = xasprintf("%s\n", name);
    size_t length = strlen(line);

    if (write(session->uses_fd, line, length) != (ssize_t)length)
        return false;
    strings_add(&session->uses, name);
    return true;
}

bool store_session_use(struct store_session *session, const char *name,
                       bool (*check)(const char *name, void *context), void *context)
{
    bool found = false;

    pthread_mutex_lock(&session->mutex);
    if (lock_for(session, session->gate_fd, LOCK_SH) == 0) {
        found = note_use(session, name) && check(name, context);
        lock_for(session, session->gate_fd, LOCK_UN);
    }
    pthread_mutex_unlock(&session->mutex);
    return found;
}

/* Adds the lines of the living session PATH to the list CONTEXT. */
static void collect_uses(const char *path, void *context)
{
    struct strings *uses = context;
    CLEANUP(closep) int fd = -1;

    if (!is_alive(path, &fd))
        return;
    CLEANUP(buffer_free) struct buffer text = {0};
    ssize_t got;

    do {
        got = pread(fd, buffer_reserve(&text, 65536), 65536, (off_t)text.length);
        text.length += got > 0 ? (size_t)got : 0;
    } while (got > 0 && text.length < USES_SIZE_MAX);
    if (text.length == 0)
        return;
    text.data[text.length] = '\0';
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n")) != NULL;)
        if (*line != '\0')
            strings_add(uses, line);
}

struct error *store_session_close_gate(const char *folder, int *ret_fd, struct strings *uses)
{
    CLEANUP(closep) int gate = -1;

    TRY(open_lock(folder, "gate", &gate));
    if (lock(gate, LOCK_EX) < 0)
        return error_errno(EXIT_OTHER, "lock the cache '%s'", folder);
    TRY(each_session(folder, collect_uses, uses));
    *ret_fd = steal_fd(&gate);
    return NULL;
}
