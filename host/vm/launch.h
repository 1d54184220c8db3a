/*
 * The launch: which accelerator, from a snapshot or by booting, and how often it is tried. Under
 * TCG a VM resumes from a snapshot where there is one (snapshot.h). Booting comes second: a guest
 * that has not reported in time is killed and booted once more, under TCG.
 */
#ifndef VMBUILD_LAUNCH_H
#define VMBUILD_LAUNCH_H

#include "host/lib/error.h"
#include "host/machine/machine.h"
#include "host/vm/guest_handle.h"

/* Starts the machine of OPTIONS, which are not needed afterwards. Errors: as vm_launch. */
[[nodiscard]] struct error *launch_guest(const struct vm_options *options,
                                         struct guest_handle **ret);

#endif
