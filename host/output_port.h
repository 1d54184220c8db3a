/*
 * The host's end of the guest's output port: what the scripts write goes from QEMU's socket through
 * a thread of its own to progress.h as it comes.
 *
 * The socket lies in a folder that only this user can enter. Whoever connects first is QEMU, and
 * the kernel says which process that is: libguestfs tells it only when the VM is up.
 */
#ifndef VMBUILD_OUTPUT_PORT_H
#define VMBUILD_OUTPUT_PORT_H

#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct output_port;

/* Listens on a new socket in FOLDER for one QEMU, and calls CONNECTED(CONTEXT, pid) in the port's
 * own thread when it connects. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *output_port_open(const char *folder,
                                             void (*connected)(void *context, pid_t pid),
                                             void *context, struct output_port **ret);

/* The socket's path; borrowed. */
const char *output_port_path(const struct output_port *port);

/* Waits until COUNT bytes more than at the end of the last wait have come and been shown. Errors:
 * EXIT_VM where they do not come within some seconds, or are more than can be on their way. */
[[nodiscard]] struct error *output_port_wait(struct output_port *port, uint64_t count);

/* Shows the last that QEMU, which has ended, wrote; removes the socket and frees PORT. NULL is
 * allowed. */
void output_port_close(struct output_port *port);

#endif
