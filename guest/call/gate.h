/*
 * The gate: where the guest, with its disks mounted but knowing nothing of its job, waits for the
 * host. It may be saved there and resumed any number of times, by other processes on other days, so
 * whatever has to be new each time comes after it.
 */
#ifndef VMBUILD_GUEST_GATE_H
#define VMBUILD_GUEST_GATE_H

#include "guest/lib/fault.h"

/* Tells the host that the guest is here, waits for randomness and passes it to the kernel. If the
 * host announces new devices, makes the kernel look for them. Returns 0, or -1 with FAULT. */
int gate_pass(struct fault *fault);

#endif
