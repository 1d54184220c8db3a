#include "output_port.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"
#include "progress.h"
#include "qemu_socket.h"

#define CHUNK 65536

/* What limits a guest that promises more than it sends: the promised bytes are on their way
 * already, in virtio's ring (128 writes of 32 KiB at most) and in a socket, and come at once. */
#define ON_THE_WAY_MAX (16u << 20) /* bytes */
#define LATE_MAX_MS 10000          /* in all, but for the time in which they are shown */

struct output_port {
    struct qemu_socket socket;
    void (*connected)(void *context, pid_t pid);
    void *context;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t received; /* bytes so far */
    uint64_t awaited;  /* bytes up to the end of the last wait */
    bool showing;      /* received bytes are just being shown, which may take the terminal long */
    bool ended;        /* no more will come */
};

/* Accepts QEMU. Return: its connection; below 0 when the port is closed meanwhile. */
static int accept_qemu(struct output_port *port)
{
    pid_t pid = 0;
    int connection = qemu_socket_accept(&port->socket, &pid);

    if (connection >= 0 && pid > 0)
        port->connected(port->context, pid);
    return connection;
}

static void set_showing(struct output_port *port, bool showing, size_t received)
{
    pthread_mutex_lock(&port->mutex);
    port->showing = showing;
    port->received += received;
    pthread_cond_signal(&port->changed);
    pthread_mutex_unlock(&port->mutex);
}

static void *pass_on(void *argument)
{
    struct output_port *port = argument;
    CLEANUP(freep) char *bytes = xcalloc(CHUNK, 1);
    CLEANUP(closep) int connection = accept_qemu(port);

    while (connection >= 0) {
        ssize_t length = recv(connection, bytes, CHUNK, 0);

        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            break;
        set_showing(port, true, 0);
        progress_output(bytes, (size_t)length);
        set_showing(port, false, (size_t)length);
    }
    pthread_mutex_lock(&port->mutex);
    port->ended = true;
    pthread_cond_signal(&port->changed);
    pthread_mutex_unlock(&port->mutex);
    return NULL;
}

struct error *output_port_open(const char *folder, void (*connected)(void *context, pid_t pid),
                               void *context, struct output_port **ret)
{
    struct output_port *port = xcalloc(1, sizeof *port);

    port->connected = connected;
    port->context = context;
    port->socket.listener = -1;
    pthread_mutex_init(&port->mutex, NULL);
    pthread_cond_init(&port->changed, NULL);
    struct error *err = qemu_socket_listen(folder, "output", &port->socket);
    if (err == NULL) {
        int cause = pthread_create(&port->thread, NULL, pass_on, port);

        if (cause != 0)
            err = error_new(EXIT_OTHER, "start the output's thread: %s", strerror(cause));
    }
    if (err != NULL) {
        qemu_socket_close(&port->socket);
        free(port);
        return err;
    }
    *ret = port;
    return NULL;
}

const char *output_port_path(const struct output_port *port)
{
    return qemu_socket_path(&port->socket);
}

static int64_t milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until something changes, with the mutex held, for LEFT milliseconds. Return: what is left
 * of them; where bytes are being shown, which may take a terminal that is stopped any time, all. */
static int64_t await_change(struct output_port *port, int64_t left)
{
    bool showing = port->showing;
    int64_t start = milliseconds(), end = start + left;
    struct timespec deadline = {end / 1000, end % 1000 * 1000000};

    pthread_cond_clockwait(&port->changed, &port->mutex, CLOCK_MONOTONIC, &deadline);
    return showing ? left : end - milliseconds();
}

struct error *output_port_wait(struct output_port *port, uint64_t count)
{
    int64_t left = LATE_MAX_MS;

    pthread_mutex_lock(&port->mutex);
    uint64_t seen = port->received - port->awaited;

    while (seen < count && count - seen <= ON_THE_WAY_MAX && !port->ended && left > 0) {
        left = await_change(port, left);
        seen = port->received - port->awaited;
    }
    port->awaited += seen < count ? seen : count;
    pthread_mutex_unlock(&port->mutex);
    progress_output_end();
    if (seen < count)
        return error_new(EXIT_VM, "show the script's output: %llu of its %llu bytes came",
                         (unsigned long long)seen, (unsigned long long)count);
    return NULL;
}

void output_port_close(struct output_port *port)
{
    if (port == NULL)
        return;
    /* Wakes a thread that still waits for QEMU; from one that ended, the last bytes are still read.
     */
    qemu_socket_wake(&port->socket);
    pthread_join(port->thread, NULL);
    progress_output_end();
    qemu_socket_close(&port->socket);
    pthread_cond_destroy(&port->changed);
    pthread_mutex_destroy(&port->mutex);
    free(port);
}
