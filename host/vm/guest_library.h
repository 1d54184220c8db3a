/*
 * libguestfs, the library that calls the guest, apart from any guest.
 */
#ifndef VMBUILD_GUEST_LIBRARY_H
#define VMBUILD_GUEST_LIBRARY_H

#include <guestfs.h>

#include "host/lib/error.h"
#include "host/machine/machine_type.h"

/* Makes a handle of libguestfs that takes nothing from the environment and prints no errors; it is
 * freed with guestfs_close. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *guest_library_new(guestfs_h **ret);

/* Finds the QEMU that will be started for a machine of TYPE. *RET is its path, the caller's.
 * Errors: EXIT_VM. */
[[nodiscard]] struct error *guest_library_find_qemu(const struct machine_type *type, char **ret);

/* Returns the version of libguestfs ("1.48.6"), or "unknown"; the caller's. */
char *guest_library_version(void);

#endif
