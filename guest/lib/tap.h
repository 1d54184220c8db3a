/*
 * The network under User-Mode Linux: an interface whose frames go to the host by a port of their
 * own (contract.h).
 */
#ifndef VMBUILD_GUEST_TAP_H
#define VMBUILD_GUEST_TAP_H

#include "guest/lib/fault.h"

/* Makes the interface, if the host has a network for the guest, and starts the process that passes
 * on its frames. The interface ends with the network namespace that it was moved to; then there is
 * another one at once. Returns 0, or -1 with FAULT. */
int tap_start(struct fault *fault);

#endif
