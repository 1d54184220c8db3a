/*
 * The network interfaces: loopback, and the user-mode network that QEMU offers. Each script of the
 * image has a network namespace of its own, so that no connection, route or filter of one is left
 * for the next. The interface comes back to init's namespace when the last process of one has
 * ended.
 */
#ifndef VMBUILD_GUEST_NETWORK_H
#define VMBUILD_GUEST_NETWORK_H

#include "guest/lib/fault.h"

/* Starts the loopback interface of this network namespace. Returns 0, or -1 with FAULT. */
int network_start_loopback(struct fault *fault);

/* Enters a new network namespace, whose interfaces are loopback and the first other one of init's,
 * connected to the contract's GUEST_NETWORK. Returns 0, or -1 with FAULT. */
int network_enter(struct fault *fault);

#endif
