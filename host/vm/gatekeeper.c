#include "host/vm/gatekeeper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file_system.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/machine/migration_stream.h"
#include "host/machine/monitor.h"
#include "host/machine/qemu_socket.h"

#define STATE_NAME "state" /* of the file in QEMU */

/* Bytes a second: more than any disk writes. QEMU's default is meant for networks. */
#define SAVE_BANDWIDTH (INT64_C(1) << 34)

#define POLL_NS 1000000

struct gatekeeper {
    struct gatekeeper_plan plan;
    struct qemu_socket gate, monitor;
    int connection; /* to the gate; stays open so that the guest can read at any time */
    pthread_t thread;
    struct error *err;
};

/* Executes COMMAND with the single argument KEY: VALUE. */
static struct error *execute_with(struct monitor *monitor, const char *command, const char *key,
                                  const char *value, int file)
{
    struct json *arguments = json_object();

    json_set(arguments, key, json_string(value));
    return monitor_execute(monitor, command, arguments, file, NULL);
}

/* Repeats QUERY while its status is one of UNDER_WAY, a NULL-terminated list. Fails unless it is
 * WANTED then. */
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
            return error_new(EXIT_VM, "wait for QEMU: its status is '%s', not '%s'",
                             status == NULL ? "unknown" : status, wanted);
        nanosleep(&pause, NULL);
    }
}

/* Waits for QEMU to connect its monitor. */
static struct error *open_monitor(struct gatekeeper *gatekeeper, struct monitor **ret)
{
    int fd = qemu_socket_accept(&gatekeeper->monitor, NULL);

    if (fd < 0)
        return error_new(EXIT_VM, "wait for QEMU's monitor: QEMU has ended");
    return monitor_open(fd, ret);
}

/* The VM was paused when it was saved, and is paused when it is loaded. */
static struct error *resume(struct gatekeeper *gatekeeper)
{
    static const char *const loading[] = {"inmigrate", NULL};
    CLEANUP(monitor_freep) struct monitor *monitor = NULL;

    TRY(open_monitor(gatekeeper, &monitor));
    TRY(execute_with(monitor, "getfd", "fdname", STATE_NAME, gatekeeper->plan.state));
    TRY(execute_with(monitor, "migrate-incoming", "uri", "fd:" STATE_NAME, -1));
    TRY(await(monitor, "query-status", loading, "paused"));
    return monitor_execute(monitor, "cont", NULL, -1, NULL);
}

/* Makes QEMU write the VM's state to the descriptor TO, which is closed. */
static struct error *begin_migration(struct monitor *monitor, int to)
{
    CLEANUP(closep) int fd = to;

    TRY(execute_with(monitor, "getfd", "fdname", STATE_NAME, fd));
    return execute_with(monitor, "migrate", "uri", "fd:" STATE_NAME, -1);
}

/* The guest is paused, so that it does not write while its memory is read. */
static struct error *save(struct gatekeeper *gatekeeper)
{
    static const char *const saving[] = {"setup", "active", "device", NULL};
    CLEANUP(monitor_freep) struct monitor *monitor = NULL;
    int ends[2];

    TRY(open_monitor(gatekeeper, &monitor));
    TRY(monitor_execute(monitor, "stop", NULL, -1, NULL));
    struct json *bandwidth = json_object();

    json_set(bandwidth, "max-bandwidth", json_integer(SAVE_BANDWIDTH));
    TRY(monitor_execute(monitor, "migrate-set-parameters", bandwidth, -1, NULL));
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(EXIT_VM, "create a pipe for QEMU");
    CLEANUP(closep) int from = ends[0];

    TRY(begin_migration(monitor, ends[1]));
    TRY(file_system_explain(
        migration_stream_copy(from, gatekeeper->plan.memory, gatekeeper->plan.state),
        gatekeeper->plan.state_path));
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

/* Sends the key, which waits for the guest. */
static struct error *open_gate(int gate, bool more_devices)
{
    unsigned char key[GUEST_GATE_SIZE] = {[GUEST_GATE_SEED] = more_devices};

    if (getrandom(key, GUEST_GATE_SEED, 0) != GUEST_GATE_SEED ||
        send(gate, key, sizeof key, MSG_NOSIGNAL) != (ssize_t)sizeof key)
        return error_errno(EXIT_VM, "open the guest's gate");
    return NULL;
}

static struct error *do_task(struct gatekeeper *gatekeeper)
{
    gatekeeper->connection = qemu_socket_accept(&gatekeeper->gate, NULL);
    if (gatekeeper->connection < 0)
        return error_new(EXIT_VM, "wait for the guest's gate: QEMU has ended");
    if (gatekeeper->plan.task == GATEKEEPER_SAVE) {
        TRY(await_guest(gatekeeper->connection));
        return save(gatekeeper);
    }
    if (gatekeeper->plan.task == GATEKEEPER_RESUME)
        TRY(resume(gatekeeper));
    return open_gate(gatekeeper->connection, gatekeeper->plan.more_devices);
}

static void *run(void *argument)
{
    struct gatekeeper *gatekeeper = argument;

    gatekeeper->err = do_task(gatekeeper);
    if (gatekeeper->err != NULL || gatekeeper->plan.task == GATEKEEPER_SAVE)
        gatekeeper->plan.end(gatekeeper->plan.context);
    return NULL;
}

static struct error *start(const char *folder, struct gatekeeper *gatekeeper)
{
    TRY(qemu_socket_listen(folder, "gate", &gatekeeper->gate));
    if (gatekeeper->plan.task != GATEKEEPER_BOOT)
        TRY(qemu_socket_listen(folder, "monitor", &gatekeeper->monitor));
    int cause = pthread_create(&gatekeeper->thread, NULL, run, gatekeeper);

    return cause == 0 ? NULL
                      : error_new(EXIT_OTHER, "start the gatekeeper's thread: %s", strerror(cause));
}

static void release(struct gatekeeper *gatekeeper)
{
    qemu_socket_close(&gatekeeper->gate);
    qemu_socket_close(&gatekeeper->monitor);
    closep(&gatekeeper->connection);
    free(gatekeeper);
}

struct error *gatekeeper_start(const char *folder, const struct gatekeeper_plan *plan,
                               struct gatekeeper **ret)
{
    struct gatekeeper *gatekeeper = xcalloc(1, sizeof *gatekeeper);

    gatekeeper->plan = *plan;
    gatekeeper->gate.listener = gatekeeper->monitor.listener = gatekeeper->connection = -1;
    struct error *err = start(folder, gatekeeper);

    if (err != NULL)
        release(gatekeeper);
    else
        *ret = gatekeeper;
    return err;
}

const char *gatekeeper_gate(const struct gatekeeper *gatekeeper)
{
    return qemu_socket_path(&gatekeeper->gate);
}

const char *gatekeeper_monitor(const struct gatekeeper *gatekeeper)
{
    return gatekeeper->plan.task == GATEKEEPER_BOOT ? NULL : qemu_socket_path(&gatekeeper->monitor);
}

struct error *gatekeeper_finish(struct gatekeeper *gatekeeper)
{
    if (gatekeeper == NULL)
        return NULL;
    qemu_socket_wake(&gatekeeper->gate);
    qemu_socket_wake(&gatekeeper->monitor);
    pthread_join(gatekeeper->thread, NULL);
    struct error *err = gatekeeper->err;

    release(gatekeeper);
    return err;
}
