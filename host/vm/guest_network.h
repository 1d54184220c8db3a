/*
 * The guest's network: the process of network/network_stack.h, as the worker starts and watches it.
 *
 * It is a child that ends with the thread that started it (parent_death.h), in the worker's process
 * group. A thread reads its reports and shows each target that was blocked. If the process ends
 * while QEMU runs, the guest could only wait: QEMU is ended, too, and what waits for the guest
 * finds the cause with guest_network_explain.
 */
#ifndef VMBUILD_GUEST_NETWORK_H
#define VMBUILD_GUEST_NETWORK_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"

struct guest_network;

/* Makes the socket in FOLDER and starts the process, which lets the guest reach public addresses
 * and what GRANTS, a list of grants (network/egress.h), allow; borrowed until this returns.
 * END(CONTEXT) ends QEMU; it is called from the thread if the process has failed. *RET is freed
 * with guest_network_stop. Errors: EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *guest_network_start(const char *folder, const struct strings *grants,
                                                void (*end)(void *context), void *context,
                                                struct guest_network **ret);

/* The path of the socket for QEMU; borrowed. */
const char *guest_network_socket(const struct guest_network *network);

/* Returns ERR, an error of OPERATION, or in its place that the process has failed (EXIT_VM). NULL
 * stays NULL. NETWORK may be NULL. */
[[nodiscard]] struct error *guest_network_explain(struct guest_network *network,
                                                  const char *operation, struct error *err);

/* Ends the process and the thread, removes the socket and frees NETWORK; accepts NULL. QEMU must
 * have ended. */
void guest_network_stop(struct guest_network *network);

#endif
