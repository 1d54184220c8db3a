/*
 * The gatekeeper: a thread that manages a new VM while libguestfs waits for it to report.
 *
 * Before the guest reports to libguestfs, it stops at its gate, a virtio-serial port, until it
 * receives randomness. There a VM can be saved and resumed: the guest has booted and mounted its
 * disks, and knows nothing yet about the build.
 *
 *   boot     the guest boots and finds the gate open
 *   resume   QEMU has been started to wait for a saved state, which the gatekeeper has it load; the
 *            guest finds the gate open
 *   save     the guest boots; at the gate, its state is saved, and the VM is ended
 */
#ifndef VMBUILD_GATEKEEPER_H
#define VMBUILD_GATEKEEPER_H

#include <stdbool.h>

#include "host/lib/error.h"

enum gatekeeper_task { GATEKEEPER_BOOT, GATEKEEPER_RESUME, GATEKEEPER_SAVE };

struct gatekeeper_plan {
    enum gatekeeper_task task;
    bool more_devices;  /* the guest has to look for devices that were not there when it booted */
    const char *memory; /* name of the main memory's block (machine_type.h); static */
    int state;          /* the file to resume from or save to, at its position; borrowed */
    const char *state_path;     /* of the file to save to; borrowed */
    void (*end)(void *context); /* ends QEMU; called from the gatekeeper's thread if its task has
                                   failed, and after a save */
    void *context;
};

struct gatekeeper;

/* Makes the sockets in FOLDER and starts the thread. *RET is freed with gatekeeper_finish. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *gatekeeper_start(const char *folder, const struct gatekeeper_plan *plan,
                                             struct gatekeeper **ret);

/* The paths of the sockets for QEMU's devices; borrowed. A boot needs no monitor, whose path is
 * then NULL. */
const char *gatekeeper_gate(const struct gatekeeper *gatekeeper);
const char *gatekeeper_monitor(const struct gatekeeper *gatekeeper);

/* Ends the thread, removes the sockets and frees GATEKEEPER; accepts NULL. To be called when the
 * launch has ended, successfully or not. Errors: EXIT_VM if the task was not done. */
[[nodiscard]] struct error *gatekeeper_finish(struct gatekeeper *gatekeeper);

#endif
