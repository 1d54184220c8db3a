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

/* Has a process make the network namespace of the next script, unless it does so already. Moving
 * the interface takes as long as the kernel waits for what may still use it, which is time for all
 * that comes before the script. Returns 0, or -1 with FAULT. */
int network_prepare(struct fault *fault);

/* Enters that namespace, whose interfaces are loopback and the first other one of init's, connected
 * to the contract's GUEST_NETWORK. It ends when the last process in it does. Returns 0, or -1 with
 * FAULT. */
int network_enter(struct fault *fault);

/* Goes back to init's. Returns 0, or -1 with FAULT. */
int network_leave(struct fault *fault);

/* Ends what network_prepare has begun, if no script needs it. Returns 0, or -1 with FAULT. */
int network_forget(struct fault *fault);

#endif
