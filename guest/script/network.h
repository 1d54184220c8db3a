/* The network interfaces: loopback, and the user-mode network that QEMU offers. */
#ifndef VMBUILD_GUEST_NETWORK_H
#define VMBUILD_GUEST_NETWORK_H

#include "guest/lib/fault.h"

/* Starts the loopback interface of this network namespace. Returns 0, or -1 with FAULT. */
int network_start_loopback(struct fault *fault);

/* Connects the first other interface to the contract's GUEST_NETWORK. Returns 0, or -1 with FAULT.
 */
int network_start(struct fault *fault);

#endif
