#include "attendant.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest/contract.h"
#include "json.h"
#include "memory.h"
#include "migration_stream.h"
#include "monitor.h"
#include "qemu_socket.h"

#define STATE_NAME "state" /* of the file, within QEMU */

/* Bytes a second: more than any disk takes. QEMU's own limit is made for networks. */
#define SAVE_BANDWIDTH (INT64_C(1) << 34)

#define POLL_NS 1000000

struct attendant {
    struct attendant_plan plan;
    struct qemu_socket gate, monitor;
    int connection; /* with the gate; open until the guest has surely read from it */
    pthread_t thread;
    struct error *err;
};

/* Makes a call whose only argument is the text VALUE of KEY. */
static struct error *call(struct monitor *monitor, const char *command, const char *key,
                          const char *value, int file)
{
    struct json *arguments = json_object();

    json_set(arguments, key, json_string(value));
    return monitor_execute(monitor, command, arguments, file, NULL);
}

/* Asks QUERY until its status is no longer one of UNDER_WAY, a NULL-ended list, and compares it
 * with WANTED. */
static struct error *await(struct monitor *monitor, const char *query, const char *const *under_way,
                           const char *wanted)
{
    for (;;) {
        CLEANUP(json_freep) struct json *result = NULL;
        const struct timespec pause = {.tv_nsec = POLL_NS};
        bool waits = false;

        TRY(monitor_execute(monitor, query, NULL, -1, &result));
        const char *status = json_get_string(result, "status");
        for (size_t i = 0; under_way[i] != NULL; i++)
            waits = waits || (status != NULL && strcmp(status, under_way[i]) == 0);
        if (!waits && status != NULL && strcmp(status, wanted) == 0)
            return NULL;
        if (!waits)
            return error_new(EXIT_VM, "wait for QEMU: it says '%s', not '%s'",
                             status == NULL ? "nothing" : status, wanted);
        nanosleep(&pause, NULL);
    }
}

/* Waits for QEMU at its monitor. */
static struct error *open_monitor(struct attendant *attendant, struct monitor **ret)
{
    int fd = qemu_socket_accept(&attendant->monitor, NULL);

    if (fd < 0)
        return error_new(EXIT_VM, "wait for QEMU's monitor: QEMU has ended");
    return monitor_open(fd, ret);
}

/* A VM that was saved standing is resumed standing. */
static struct error *resume(struct attendant *attendant)
{
    static const char *const loading[] = {"inmigrate", NULL};
    CLEANUP(monitor_freep) struct monitor *monitor = NULL;

    TRY(open_monitor(attendant, &monitor));
    TRY(call(monitor, "getfd", "fdname", STATE_NAME, attendant->plan.state));
    TRY(call(monitor, "migrate-incoming", "uri", "fd:" STATE_NAME, -1));
    TRY(await(monitor, "query-status", loading, "paused"));
    return monitor_execute(monitor, "cont", NULL, -1, NULL);
}

/* Has QEMU write the VM's state to the descriptor TO, which is closed. */
static struct error *begin_migration(struct monitor *monitor, int to)
{
    CLEANUP(closep) int fd = to;

    TRY(call(monitor, "getfd", "fdname", STATE_NAME, fd));
    return call(monitor, "migrate", "uri", "fd:" STATE_NAME, -1);
}

/* Standing still, the guest does not write while its memory is read. */
static struct error *save(struct attendant *attendant)
{
    static const char *const saving[] = {"setup", "active", "device", NULL};
    CLEANUP(monitor_freep) struct monitor *monitor = NULL;
    int ends[2];

    TRY(open_monitor(attendant, &monitor));
    TRY(monitor_execute(monitor, "stop", NULL, -1, NULL));
    struct json *bandwidth = json_object();

    json_set(bandwidth, "max-bandwidth", json_integer(SAVE_BANDWIDTH));
    TRY(monitor_execute(monitor, "migrate-set-parameters", bandwidth, -1, NULL));
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(EXIT_VM, "make a pipe for QEMU");
    CLEANUP(closep) int from = ends[0];

    TRY(begin_migration(monitor, ends[1]));
    TRY(migration_stream_copy(from, attendant->plan.state));
    return await(monitor, "query-migrate", saving, "completed");
}

static struct error *await_guest(int gate)
{
    char word;
    ssize_t length;

    do {
        length = recv(gate, &word, sizeof word, 0);
    } while (length < 0 && errno == EINTR);
    return length == 1 ? NULL
                       : error_new(EXIT_VM, "wait for the guest at its gate: QEMU has ended");
}

/* The guest takes the key when it gets there. */
static struct error *open_gate(int gate, bool more_devices)
{
    unsigned char key[GUEST_GATE_SIZE] = {[GUEST_GATE_SEED] = more_devices};

    if (getrandom(key, GUEST_GATE_SEED, 0) != GUEST_GATE_SEED ||
        send(gate, key, sizeof key, MSG_NOSIGNAL) != (ssize_t)sizeof key)
        return error_errno(EXIT_VM, "open the guest's gate");
    return NULL;
}

static struct error *attend(struct attendant *attendant)
{
    attendant->connection = qemu_socket_accept(&attendant->gate, NULL);
    if (attendant->connection < 0)
        return error_new(EXIT_VM, "wait for the guest's gate: QEMU has ended");
    if (attendant->plan.task == ATTENDANT_SAVE) {
        TRY(await_guest(attendant->connection));
        return save(attendant);
    }
    if (attendant->plan.task == ATTENDANT_RESUME)
        TRY(resume(attendant));
    return open_gate(attendant->connection, attendant->plan.more_devices);
}

static void *run(void *argument)
{
    struct attendant *attendant = argument;

    attendant->err = attend(attendant);
    if (attendant->err != NULL || attendant->plan.task == ATTENDANT_SAVE)
        attendant->plan.end(attendant->plan.context);
    return NULL;
}

static struct error *start(const char *folder, struct attendant *attendant)
{
    TRY(qemu_socket_listen(folder, "gate", &attendant->gate));
    if (attendant->plan.task != ATTENDANT_BOOT)
        TRY(qemu_socket_listen(folder, "monitor", &attendant->monitor));
    int cause = pthread_create(&attendant->thread, NULL, run, attendant);

    return cause == 0 ? NULL
                      : error_new(EXIT_OTHER, "start the attendant's thread: %s", strerror(cause));
}

static void release(struct attendant *attendant)
{
    qemu_socket_close(&attendant->gate);
    qemu_socket_close(&attendant->monitor);
    closep(&attendant->connection);
    free(attendant);
}

struct error *attendant_start(const char *folder, const struct attendant_plan *plan,
                              struct attendant **ret)
{
    struct attendant *attendant = xcalloc(1, sizeof *attendant);

    attendant->plan = *plan;
    attendant->gate.listener = attendant->monitor.listener = attendant->connection = -1;
    struct error *err = start(folder, attendant);
    if (err != NULL)
        release(attendant);
    else
        *ret = attendant;
    return err;
}

const char *attendant_gate(const struct attendant *attendant)
{
    return qemu_socket_path(&attendant->gate);
}

const char *attendant_monitor(const struct attendant *attendant)
{
    return attendant->plan.task == ATTENDANT_BOOT ? NULL : qemu_socket_path(&attendant->monitor);
}

struct error *attendant_finish(struct attendant *attendant)
{
    if (attendant == NULL)
        return NULL;
    qemu_socket_wake(&attendant->gate);
    qemu_socket_wake(&attendant->monitor);
    pthread_join(attendant->thread, NULL);
    struct error *err = attendant->err;

    release(attendant);
    return err;
}
