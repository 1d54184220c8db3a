/*
 * The host's end of a port that the guest writes to, and may read: a thread passes the bytes from
 * QEMU's socket to a sink as they arrive. How many there will be, the guest reports elsewhere
 * (guest/contract.h).
 *
 * States: open -> started -> stopped, or paused, from which it is started again. QEMU may connect
 * and write from the first on; the bytes then wait in the socket.
 *
 * The socket lies in a directory that only this user can enter, so the first process to connect is
 * QEMU. The kernel reports its PID, which libguestfs does only when the VM is up.
 */
#ifndef VMBUILD_GUEST_PORT_H
#define VMBUILD_GUEST_PORT_H

#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct guest_port;

/* Listens on a new socket FOLDER/NAME for one QEMU. *RET is freed with guest_port_close. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *guest_port_open(const char *folder, const char *name,
                                            struct guest_port **ret);

/* The socket's path; borrowed. */
const char *guest_port_path(const struct guest_port *port);

/* Starts the thread, of a port that is open or paused. The thread calls CONNECTED(CONTEXT, pid),
 * which may be NULL, when QEMU has connected, and then SINK until that fails. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *guest_port_start(struct guest_port *port, struct sink sink,
                                             void (*connected)(void *context, pid_t pid),
                                             void *context);

/* Waits until the sink has taken COUNT bytes more than at the end of the last wait. Errors: EXIT_VM
 * if they do not arrive soon, or are more than can be on their way; an error of the
 * sink is left to guest_port_stop. */
[[nodiscard]] struct error *guest_port_wait(struct guest_port *port, uint64_t count);

/* Returns a copy of the connection, to send to the guest with; the caller's. Below 0, with errno,
 * if QEMU has not connected within some seconds or the connection has ended. */
int guest_port_copy_connection(struct guest_port *port);

/* Ends the thread when the sink has taken what has arrived until now; later writes of QEMU fail.
 * Returns the sink's error, or NULL. Accepts a port that was not started. */
[[nodiscard]] struct error *guest_port_stop(struct guest_port *port);

/* Ends the thread when the sink has taken what has arrived until now; what arrives later waits in
 * the socket until the port is started again. Returns the sink's error, or NULL. */
[[nodiscard]] struct error *guest_port_pause(struct guest_port *port);

/* Stops PORT, removes the socket and frees PORT; accepts NULL. */
void guest_port_close(struct guest_port *port);

#endif
