/*
 * The ports of User-Mode Linux, by one serial line and memory shared with the host (contract.h).
 * To the rest of init each is a stream socket. Between these and the line stands a process, the
 * pump, which ends when the line or init does.
 */
#ifndef VMBUILD_GUEST_LINE_H
#define VMBUILD_GUEST_LINE_H

#include <stdbool.h>

#include "guest/contract.h"
#include "guest/lib/fault.h"

/* Whether this kernel is User-Mode Linux, as its devices show, which are in /dev. */
bool line_is_there(void);

/* Starts the pump. Returns 0, or -1 with FAULT. */
int line_start(struct fault *fault);

/* Returns the socket of PORT, once; then, or if no pump was started, -1. */
int line_take_port(enum guest_line_port port);

/* Returns the same for the virtio-serial port NAME. */
int line_take_named_port(const char *name);

#endif
