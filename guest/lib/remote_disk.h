/*
 * The base disk under User-Mode Linux: a network block device (contract.h), which the host serves
 * by a port of its own.
 */
#ifndef VMBUILD_GUEST_REMOTE_DISK_H
#define VMBUILD_GUEST_REMOTE_DISK_H

#include <stdbool.h>

#include "guest/lib/fault.h"

#define REMOTE_DISK "nbd0" /* the kernel's name for it */

/* Starts the process that connects the disk, if the host serves one. Returns 0, or -1 with FAULT.
 */
int remote_disk_start(struct fault *fault);

/* Whether that disk was started and has the serial number SERIAL. */
bool remote_disk_is(const char *serial);

#endif
