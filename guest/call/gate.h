/*
 * The gate: where the guest, its disks mounted but knowing nothing of its job, stops until the host
 * wants it. It may be saved there and resumed any number of times, by other processes on other
 * days; so what has to be new each time comes after it.
 */
#ifndef VMBUILD_GUEST_GATE_H
#define VMBUILD_GUEST_GATE_H

#include "guest/lib/fault.h"

/* Tells the host that the guest is here, and waits for randomness, which it gives to the kernel.
 * Then has that look for new devices, where the host says that there are some. Returns 0, or -1
 * with FAULT. */
int gate_pass(struct fault *fault);

#endif
