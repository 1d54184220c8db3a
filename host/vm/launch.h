/*
 * The launch: the choice of accelerator, of resuming or booting, and of another attempt.
 *
 *   KVM   boots; if that fails for whatever reason but the host's disks, and KVM was not requested,
 *         it is TCG's turn, once
 *   TCG   resumes from a snapshot if there is one or one can be made now (snapshot.h); else, or if
 *         that fails, boots, and boots once more if the guest does not report in time
 */
#ifndef VMBUILD_LAUNCH_H
#define VMBUILD_LAUNCH_H

#include "host/lib/error.h"
#include "host/vm/guest_handle.h"
#include "host/vm/vm_options.h"

/* Starts the VM of OPTIONS, which are not needed afterwards. *RET is freed with guest_handle_free.
 * Errors: as vm_launch. */
[[nodiscard]] struct error *launch_guest(const struct vm_options *options,
                                         struct guest_handle **ret);

#endif
