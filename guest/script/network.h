/* The network interfaces: loopback, and the user-mode network that QEMU offers. */
#ifndef VMBUILD_GUEST_NETWORK_H
#define VMBUILD_GUEST_NETWORK_H

#include "guest/lib/fault.h"

/* Starts the loopback interface of this network namespace. */
int network_start_loopback(struct fault *fault);

/* Sets up the first other interface as ADDRESS/PREFIX,GATEWAY,DNS says (IPv4), and writes
 * GUEST_JOB_RESOLV_CONF for DNS where the job has none. Returns 0, or -1 with FAULT. */
int network_start(const char *setting, struct fault *fault);

#endif
