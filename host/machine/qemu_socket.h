/*
 * A Unix socket that QEMU connects to when it starts: the host's end of one of its character
 * devices.
 */
#ifndef VMBUILD_QEMU_SOCKET_H
#define VMBUILD_QEMU_SOCKET_H

#include <sys/types.h>
#include <sys/un.h>

#include "host/lib/error.h"

struct qemu_socket {
    struct sockaddr_un address;
    int listener; /* below 0: not listening */
};

/* Listens at FOLDER/NAME. Errors: EXIT_OTHER (the path is too long for a socket, no room). */
[[nodiscard]] struct error *qemu_socket_listen(const char *folder, const char *name,
                                               struct qemu_socket *ret);

/* The socket's path; borrowed. */
const char *qemu_socket_path(const struct qemu_socket *socket);

/* Waits for QEMU. *RET_PID (may be NULL): its process, 0 where the kernel does not tell. Returns
 * the connection, the caller's; below 0 once the socket was woken. */
int qemu_socket_accept(const struct qemu_socket *socket, pid_t *ret_pid);

/* Ends the wait of whoever accepts, now or later. */
void qemu_socket_wake(const struct qemu_socket *socket);

/* Closes it and removes it from its folder; nobody may be accepting any more. One that does not
 * listen is allowed. */
void qemu_socket_close(struct qemu_socket *socket);

#endif
