/*
 * The host's end of a port that the guest writes to: its bytes go from QEMU's socket through a
 * thread of the port's own to a sink as they come. How many they are to be the guest says elsewhere
 * (guest/contract.h).
 *
 * The socket lies in a folder that only this user can enter. Whoever connects first is QEMU, and
 * the kernel says which process that is: libguestfs tells it only when the VM is up.
 */
#ifndef VMBUILD_GUEST_PORT_H
#define VMBUILD_GUEST_PORT_H

#include <stdint.h>
#include <sys/types.h>

#include "host/lib/error.h"
#include "host/lib/stream.h"

struct guest_port;

/* Listens on a new socket FOLDER/NAME for one QEMU, which may connect and write from now on.
 * Errors: EXIT_OTHER. */
[[nodiscard]] struct error *guest_port_open(const char *folder, const char *name,
                                            struct guest_port **ret);

/* The socket's path; borrowed. */
const char *guest_port_path(const struct guest_port *port);

/* Starts the thread, once. It calls CONNECTED(CONTEXT, pid), which may be NULL, when QEMU has
 * connected; then SINK, until that has an error. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *guest_port_start(struct guest_port *port, struct sink sink,
                                             void (*connected)(void *context, pid_t pid),
                                             void *context);

/* Waits until COUNT bytes more than at the end of the last wait have come and the sink has taken
 * them. Errors: EXIT_VM where they do not come within some seconds, or are more than can be on
 * their way; those of the sink are left to guest_port_stop. */
[[nodiscard]] struct error *guest_port_wait(struct guest_port *port, uint64_t count);

/* Ends the thread, once the sink has had what came until now; QEMU's later writes fail. Returns the
 * sink's error, or NULL. One that was not started is allowed. */
[[nodiscard]] struct error *guest_port_stop(struct guest_port *port);

/* Stops, removes the socket and frees PORT. NULL is allowed. */
void guest_port_close(struct guest_port *port);

#endif
