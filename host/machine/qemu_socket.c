#include "host/machine/qemu_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

struct error *qemu_socket_listen(const char *folder, const char *name, struct qemu_socket *ret)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    struct qemu_socket made = {.address.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof made.address.sun_path)
        return error_new(EXIT_OTHER, "create the socket '%s': its path is too long", path);
    memcpy(made.address.sun_path, path, strlen(path) + 1);
    CLEANUP(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&made.address, sizeof made.address) < 0 ||
        listen(fd, 1) < 0)
        return error_errno(EXIT_OTHER, "create the socket '%s'", path);
    made.listener = steal_fd(&fd);
    *ret = made;
    return NULL;
}

const char *qemu_socket_path(const struct qemu_socket *socket)
{
    return socket->address.sun_path;
}

int qemu_socket_accept(const struct qemu_socket *socket, pid_t *ret_pid)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    int connection;

    do {
        connection = accept4(socket->listener, NULL, NULL, SOCK_CLOEXEC);
    } while (connection < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (connection >= 0 && ret_pid != NULL)
        *ret_pid =
            getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
    return connection;
}

void qemu_socket_wake(const struct qemu_socket *socket)
{
    if (socket->listener >= 0)
        shutdown(socket->listener, SHUT_RDWR);
}

void qemu_socket_close(struct qemu_socket *socket)
{
    if (socket->listener < 0)
        return;
    close(steal_fd(&socket->listener));
    unlink(socket->address.sun_path);
}
