#include "host/vm/guest_port.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/stream.h"
#include "host/machine/qemu_socket.h"

#define CHUNK (256u << 10) /* more than a socket holds by default */

/* Limits for a guest that announces more than it sends. Announced bytes are already on their way,
 * in a socket and in virtio's ring, and arrive as soon as the host has time to pass them on. A ring
 * has at most 1024 writes (VIRTQUEUE_MAX_SIZE of QEMU: Debian 13's 10.0.13 lets every device have
 * as many, earlier ones 128) of 32 KiB (port_fops_write() of the kernel's virtio_console.c). */
#define ON_THE_WAY_MAX (64u << 20) /* bytes */
#define LATE_MAX_MS 10000          /* in all, except for the time that the sink takes, and: */
#define BYTES_PER_LATE_MS 1024     /* that arrive */

struct guest_port {
    struct qemu_socket socket;
    char *name;
    struct sink sink;
    void (*connected)(void *context, pid_t pid);
    void *context;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int pause;         /* an eventfd: the thread is to end, and leave the connection */
    int kept;          /* the connection that it has left, or below 0 */
    int connection;    /* below 0: not yet, or no longer */
    bool stopping;     /* what arrives from now on is not read */
    uint64_t received; /* bytes that the sink has taken so far */
    uint64_t awaited;  /* bytes up to the end of the last wait */
    bool taking;       /* the sink is at work, for ever if the terminal is stopped */
    bool ended;        /* no more will arrive */
    struct error *err; /* the sink's */
};

/* Waits for QEMU. Returns its connection, or below 0 if the port is stopped meanwhile. */
static int accept_qemu(struct guest_port *port)
{
    pid_t pid = 0;
    int connection = qemu_socket_accept(&port->socket, &pid);

    if (connection >= 0 && pid > 0 && port->connected != NULL)
        port->connected(port->context, pid);
    return connection;
}

/* What has arrived before is still read. */
static void end_connection(int connection)
{
    if (connection >= 0)
        shutdown(connection, SHUT_RD);
}

static void set_connection(struct guest_port *port, int connection)
{
    pthread_mutex_lock(&port->mutex);
    port->connection = connection;
    pthread_cond_signal(&port->changed);
    if (port->stopping)
        end_connection(connection);
    pthread_mutex_unlock(&port->mutex);
}

static void set_taking(struct guest_port *port, bool taking, size_t received)
{
    pthread_mutex_lock(&port->mutex);
    port->taking = taking;
    port->received += received;
    pthread_cond_signal(&port->changed);
    pthread_mutex_unlock(&port->mutex);
}

/* Waits until there is something to read from CONNECTION. Returns false if the port is paused. */
static bool await_bytes(const struct guest_port *port, int connection)
{
    struct pollfd poll_fds[] = {{.fd = connection, .events = POLLIN},
                                {.fd = port->pause, .events = POLLIN}};

    while (poll(poll_fds, 2, -1) < 0)
        if (errno != EINTR)
            return true;
    return poll_fds[1].revents == 0;
}

/* Returns how many bytes have arrived by CONNECTION and were not read. */
static size_t count_waiting(int connection)
{
    int count = 0;

    return ioctl(connection, FIONREAD, &count) < 0 || count < 0 ? 0 : (size_t)count;
}

static void *pass_bytes(void *argument)
{
    struct guest_port *port = argument;
    CLEANUP(freep) char *bytes = xcalloc(CHUNK, 1);
    CLEANUP(closep) int connection = port->kept >= 0 ? steal_fd(&port->kept) : accept_qemu(port);
    size_t left = SIZE_MAX; /* bytes that are still read */

    set_connection(port, connection);
    while (connection >= 0 && port->err == NULL && left > 0) {
        if (left == SIZE_MAX && !await_bytes(port, connection)) {
            left = count_waiting(connection);
            continue;
        }
        ssize_t length = recv(connection, bytes, left < CHUNK ? left : CHUNK, 0);

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            break;
        set_taking(port, true, 0);
        port->err = port->sink.write(port->sink.context, bytes, (size_t)length);
        set_taking(port, false, (size_t)length);
        left -= left == SIZE_MAX ? 0 : (size_t)length;
    }
    pthread_mutex_lock(&port->mutex);
    port->connection = -1;
    port->ended = true;
    if (left == 0)
        port->kept = steal_fd(&connection);
    pthread_cond_signal(&port->changed);
    pthread_mutex_unlock(&port->mutex);
    return NULL;
}

struct error *guest_port_open(const char *folder, const char *name, struct guest_port **ret)
{
    struct qemu_socket socket;

    TRY(qemu_socket_listen(folder, name, &socket));
    struct guest_port *port = xcalloc(1, sizeof *port);

    port->socket = socket;
    port->name = xstrdup(name);
    port->connection = port->kept = -1;
    port->pause = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&port->mutex, NULL);
    pthread_cond_init(&port->changed, NULL);
    *ret = port;
    return NULL;
}

const char *guest_port_path(const struct guest_port *port)
{
    return qemu_socket_path(&port->socket);
}

struct error *guest_port_start(struct guest_port *port, struct sink sink,
                               void (*connected)(void *context, pid_t pid), void *context)
{
    port->ended = false;
    port->sink = sink;
    port->connected = connected;
    port->context = context;
    int cause = pthread_create(&port->thread, NULL, pass_bytes, port);

    if (cause != 0)
        return error_new(EXIT_OTHER, "start a thread for the guest's port '%s': %s", port->name,
                         strerror(cause));
    port->started = true;
    return NULL;
}

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a change, for at most LEFT milliseconds; requires the mutex. Returns what is left of
 * them: all if the sink was at work. */
static int64_t await_change(struct guest_port *port, int64_t left)
{
    bool taking = port->taking;
    int64_t start = milliseconds(), end = start + left;
    struct timespec deadline = {end / 1000, end % 1000 * 1000000};

    pthread_cond_clockwait(&port->changed, &port->mutex, CLOCK_MONOTONIC, &deadline);
    return taking ? left : end - milliseconds();
}

struct error *guest_port_wait(struct guest_port *port, uint64_t count)
{
    int64_t left = LATE_MAX_MS;

    pthread_mutex_lock(&port->mutex);
    uint64_t seen = port->received - port->awaited;

    while (seen < count && count - seen <= ON_THE_WAY_MAX && !port->ended && left > 0) {
        uint64_t before = seen;

        left = await_change(port, left);
        seen = port->received - port->awaited;
        left += (int64_t)((seen - before) / BYTES_PER_LATE_MS);
    }
    port->awaited += seen < count ? seen : count;
    pthread_mutex_unlock(&port->mutex);
    if (seen < count)
        return error_new(EXIT_VM, "read the guest's port '%s': only %llu of %llu bytes arrived",
                         port->name, (unsigned long long)seen, (unsigned long long)count);
    return NULL;
}

int guest_port_copy_connection(struct guest_port *port)
{
    int64_t left = LATE_MAX_MS;

    pthread_mutex_lock(&port->mutex);
    while (port->connection < 0 && !port->ended && left > 0)
        left = await_change(port, left);
    int copy = fcntl(port->connection, F_DUPFD_CLOEXEC, 0);

    pthread_mutex_unlock(&port->mutex);
    return copy;
}

struct error *guest_port_stop(struct guest_port *port)
{
    if (!port->started)
        return NULL;
    qemu_socket_wake(&port->socket);
    pthread_mutex_lock(&port->mutex);
    port->stopping = true;
    end_connection(port->connection);
    pthread_mutex_unlock(&port->mutex);
    pthread_join(port->thread, NULL);
    port->started = false;
    return STEAL(port->err);
}

struct error *guest_port_pause(struct guest_port *port)
{
    uint64_t number = 1;

    pthread_mutex_lock(&port->mutex);
    bool is_connected = port->connection >= 0;

    pthread_mutex_unlock(&port->mutex);
    if (!is_connected || write(port->pause, &number, sizeof number) < 0)
        return guest_port_stop(port);
    pthread_join(port->thread, NULL);
    port->started = false;
    (void)!read(port->pause, &number, sizeof number);
    return STEAL(port->err);
}

void guest_port_close(struct guest_port *port)
{
    if (port == NULL)
        return;
    error_free(guest_port_stop(port));
    qemu_socket_close(&port->socket);
    closep(&port->kept);
    closep(&port->pause);
    pthread_cond_destroy(&port->changed);
    pthread_mutex_destroy(&port->mutex);
    free(port->name);
    free(port);
}
