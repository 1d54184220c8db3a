/* The scratch disk: holds the layer, and fills up when a script writes too much. */
#ifndef VMBUILD_GUEST_SCRATCH_H
#define VMBUILD_GUEST_SCRATCH_H

#include <stdbool.h>

#include "fault.h"

/* Mounts the disk with the serial number SERIAL and makes its folders. TRIM: what is deleted is
 * given back to the host at once. Returns 0, or -1 with FAULT. */
int scratch_mount(const char *serial, bool trim, struct fault *fault);

/* Whether no room is left on it. */
bool scratch_is_full(void);

#endif
