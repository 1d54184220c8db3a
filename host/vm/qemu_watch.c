#include "host/vm/qemu_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/file_system.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/machine/monitor.h"
#include "host/machine/qemu_socket.h"

#define REPLY_SECONDS 1
#define STAT_BLOCK 512 /* bytes that st_blocks counts, whatever the file system */

struct qemu_watch {
    struct qemu_socket socket;
    void (*end)(void *context);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t replied;
    int connection;          /* a copy, to end the thread's wait; below 0: not connected */
    struct monitor *monitor; /* NULL: not open; freed when the thread has ended */
    unsigned int replies;    /* to commands sent */
    bool stopping;
    bool has_fault;
    struct qemu_fault fault;
};

/* Whether REASON is that of a full disk or one of a user's limits: QEMU marks ENOSPC alone, so the
 * others are known by their text. */
static bool is_limit(const char *reason)
{
    static const int limits[] = {ENOSPC, EDQUOT, EFBIG};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(reason, strerror(limits[i])) == 0)
            return true;
    return false;
}

static const char *text_of(const struct json *data, const char *key)
{
    const char *text = json_get_string(data, key);

    return text == NULL ? "" : text;
}

/* Asks for the state of the machine, which `take` will be given; requires the mutex. */
static void ask_status(struct qemu_watch *watch)
{
    error_free(monitor_send(watch->monitor, "query-status"));
}

/* Takes the object that QEMU sent. Returns whether it means that QEMU is to be ended: a fault, or
 * the state in which KVM fails to run the machine. */
static bool take(struct qemu_watch *watch, const struct json *object)
{
    const struct json *data = json_get(object, "data");
    const struct json *full = json_get(data, "nospace");
    const char *status = text_of(json_get(object, "return"), "status");

    if (*status != '\0')
        return strcmp(status, "internal-error") == 0;
    if (strcmp(text_of(object, "event"), "STOP") == 0)
        ask_status(watch);
    if (json_get(object, "return") != NULL || json_get(object, "error") != NULL) {
        watch->replies++;
        pthread_cond_signal(&watch->replied);
        return false;
    }
    if (strcmp(text_of(object, "event"), "BLOCK_IO_ERROR") != 0 ||
        strcmp(text_of(data, "action"), "stop") != 0)
        return false;
    struct qemu_fault *fault = &watch->fault;

    snprintf(fault->disk, sizeof fault->disk, "%s", text_of(data, "device"));
    snprintf(fault->reason, sizeof fault->reason, "%s", text_of(data, "reason"));
    fault->is_write = strcmp(text_of(data, "operation"), "read") != 0;
    fault->is_full =
        fault->is_write &&
        ((full != NULL && full->type == JSON_BOOLEAN && full->boolean) || is_limit(fault->reason));
    watch->has_fault = true;
    return true;
}

/* Listens until QEMU is to be ended, and returns true, or until QEMU ends, and returns false. */
static bool listen_to(struct qemu_watch *watch, struct monitor *monitor)
{
    /* It may have stopped before QEMU knew that it is to report that. */
    pthread_mutex_lock(&watch->mutex);
    ask_status(watch);
    pthread_mutex_unlock(&watch->mutex);
    for (bool faulty = false; !faulty;) {
        CLEANUP(json_freep) struct json *object = NULL;
        struct error *err = monitor_receive(monitor, &object);

        if (err != NULL) {
            error_free(err);
            return false;
        }
        pthread_mutex_lock(&watch->mutex);
        faulty = take(watch, object);
        pthread_mutex_unlock(&watch->mutex);
    }
    return true;
}

/* Looks for a fault from before QEMU knew that it is to report them. Returns whether there was one.
 */
static bool find_earlier(struct qemu_watch *watch, struct monitor *monitor)
{
    CLEANUP(json_freep) struct json *disks = NULL;
    struct error *err = monitor_execute(monitor, "query-block", NULL, -1, &disks);
    bool found = false;

    error_free(err);
    for (size_t i = 0; disks != NULL && disks->type == JSON_ARRAY && i < disks->count; i++) {
        const struct json *disk = disks->items[i];
        const char *status = text_of(disk, "io-status");
        struct qemu_fault fault = {.is_full = strcmp(status, "nospace") == 0};

        if (!fault.is_full && strcmp(status, "failed") != 0)
            continue;
        fault.is_write = fault.is_full;
        snprintf(fault.disk, sizeof fault.disk, "%s", text_of(disk, "device"));
        snprintf(fault.reason, sizeof fault.reason, "%s", strerror(fault.is_full ? ENOSPC : EIO));
        pthread_mutex_lock(&watch->mutex);
        watch->fault = fault;
        watch->has_fault = found = true;
        pthread_mutex_unlock(&watch->mutex);
    }
    return found;
}

/* Waits for QEMU to connect. Returns the connection, or below 0. */
static int await_qemu(struct qemu_watch *watch)
{
    int connection = qemu_socket_accept(&watch->socket, NULL);

    if (connection < 0)
        return connection;
    pthread_mutex_lock(&watch->mutex);
    watch->connection = fcntl(connection, F_DUPFD_CLOEXEC, 0);
    if (watch->stopping)
        shutdown(connection, SHUT_RDWR);
    pthread_mutex_unlock(&watch->mutex);
    return connection;
}

/* That QEMU ends, or sends what cannot be understood, is noticed by those that wait for the guest.
 */
static void *run(void *argument)
{
    struct qemu_watch *watch = argument;
    struct monitor *monitor = NULL;
    int connection = await_qemu(watch);
    struct error *err = connection < 0 ? NULL : monitor_open(connection, &monitor);

    bool faulty = monitor != NULL && find_earlier(watch, monitor);

    pthread_mutex_lock(&watch->mutex);
    watch->monitor = monitor;
    pthread_mutex_unlock(&watch->mutex);
    if (monitor != NULL && !faulty)
        faulty = listen_to(watch, monitor);
    if (faulty)
        watch->end(watch->context);
    error_free(err);
    return NULL;
}

struct error *qemu_watch_start(const char *folder, void (*end)(void *context), void *context,
                               struct qemu_watch **ret)
{
    struct qemu_socket socket;

    TRY(qemu_socket_listen(folder, "watch", &socket));
    struct qemu_watch *watch = xcalloc(1, sizeof *watch);

    watch->socket = socket;
    watch->end = end;
    watch->context = context;
    watch->connection = -1;
    pthread_mutex_init(&watch->mutex, NULL);
    pthread_cond_init(&watch->replied, NULL);
    int cause = pthread_create(&watch->thread, NULL, run, watch);

    if (cause != 0) {
        qemu_socket_close(&watch->socket);
        free(watch);
        return error_new(EXIT_OTHER, "start a thread to watch QEMU: %s", strerror(cause));
    }
    *ret = watch;
    return NULL;
}

const char *qemu_watch_socket(const struct qemu_watch *watch)
{
    return qemu_socket_path(&watch->socket);
}

bool qemu_watch_fault(struct qemu_watch *watch, struct qemu_fault *ret)
{
    if (watch == NULL)
        return false;
    pthread_mutex_lock(&watch->mutex);
    bool has_fault = watch->has_fault;

    if (has_fault)
        *ret = watch->fault;
    pthread_mutex_unlock(&watch->mutex);
    return has_fault;
}

/* Adds what can be done about the full file system that the disk at PATH is on. */
static struct error *advise_space(struct error *err, const char *path)
{
    struct stat status;
    uint64_t missing = 0;

    if (stat(path, &status) == 0 && status.st_size > status.st_blocks * STAT_BLOCK)
        missing = (uint64_t)(status.st_size - status.st_blocks * STAT_BLOCK);
    CLEANUP(freep) char *size = file_system_size(missing);

    return error_advise(err,
                        "the disk may grow by %s more: free space there, or set TMPDIR to a "
                        "directory on another file system",
                        size);
}

struct error *qemu_fault_error(const struct qemu_fault *fault, const char *operation,
                               const char *path)
{
    struct error *err = error_new(fault->is_full ? EXIT_DISK_FULL : EXIT_OTHER,
                                  "%s: the host failed to %s the VM's disk '%s': %s", operation,
                                  fault->is_write ? "write" : "read", path, fault->reason);

    if (!fault->is_full)
        return err;
    if (strcmp(fault->reason, strerror(EFBIG)) == 0)
        return error_advise(err, "raise the limit on the size of files (ulimit -f)");
    return advise_space(file_system_explain(err, path), path);
}

/* Executes COMMAND. Returns whether QEMU has replied. */
static bool execute(struct qemu_watch *watch, const char *command)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += REPLY_SECONDS;
    pthread_mutex_lock(&watch->mutex);
    unsigned int seen = watch->replies;
    struct error *err = watch->monitor == NULL ? NULL : monitor_send(watch->monitor, command);
    int cause = watch->monitor == NULL || err != NULL ? ENOTCONN : 0;

    error_free(err);
    while (cause == 0 && watch->replies == seen)
        cause = pthread_cond_clockwait(&watch->replied, &watch->mutex, CLOCK_MONOTONIC, &deadline);
    pthread_mutex_unlock(&watch->mutex);
    return cause == 0;
}

bool qemu_watch_pause(struct qemu_watch *watch)
{
    return execute(watch, "stop");
}

bool qemu_watch_continue(struct qemu_watch *watch)
{
    return execute(watch, "cont");
}

void qemu_watch_free(struct qemu_watch *watch)
{
    if (watch == NULL)
        return;
    qemu_socket_wake(&watch->socket);
    pthread_mutex_lock(&watch->mutex);
    watch->stopping = true;
    if (watch->connection >= 0)
        shutdown(watch->connection, SHUT_RDWR);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    monitor_free(watch->monitor);
    closep(&watch->connection);
    qemu_socket_close(&watch->socket);
    pthread_cond_destroy(&watch->replied);
    pthread_mutex_destroy(&watch->mutex);
    free(watch);
}
