/*
 * A Unix socket that QEMU connects to when it starts: the host's end of one of its character
 * devices. It listens from qemu_socket_listen to qemu_socket_close; QEMU may connect before anyone
 * accepts.
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

/* Listens at FOLDER/NAME, a new file. Errors: EXIT_OTHER (the path is too long for a socket, ...),
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *qemu_socket_listen(const char *folder, const char *name,
                                               struct qemu_socket *ret);

/* The socket's path; borrowed. */
const char *qemu_socket_path(const struct qemu_socket *socket);

/* Waits for QEMU. Returns the connection, the caller's; below 0 once the socket was woken. *RET_PID
 * is QEMU's process, or 0 if the kernel does not know it; RET_PID may be NULL. */
int qemu_socket_accept(const struct qemu_socket *socket, pid_t *ret_pid);

/* Ends the wait of a thread in qemu_socket_accept, or of the next one. */
void qemu_socket_wake(const struct qemu_socket *socket);

/* Stops listening and removes the file. No thread may be accepting any more. Accepts a socket that
 * does not listen. */
void qemu_socket_close(struct qemu_socket *socket);

#endif
