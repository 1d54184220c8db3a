/*
 * The gatekeeper: a thread that sees to a new VM while libguestfs waits for it.
 *
 * Before the guest reports to libguestfs it stops at its gate, a port of its own, until it is given
 * randomness. That is the place where a VM can be saved and resumed: the guest has booted and
 * mounted its disks, and has seen nothing yet of what it is for.
 *
 *   boot     the guest boots; the gate is open when it gets there
 *   resume   QEMU has been started to wait for a saved state, which it is given; the gate is open
 *   save     the guest boots; at the gate, its state is written down, and the VM is ended
 */
#ifndef VMBUILD_GATEKEEPER_H
#define VMBUILD_GATEKEEPER_H

#include <stdbool.h>

#include "host/lib/error.h"

enum gatekeeper_task { GATEKEEPER_BOOT, GATEKEEPER_RESUME, GATEKEEPER_SAVE };

struct gatekeeper_plan {
    enum gatekeeper_task task;
    bool more_devices; /* the guest is to look for devices that it has not found booting */
    int state;         /* the file to resume from or to save to, at its position; borrowed */
    void (*end)(void *context); /* ends QEMU; called from the gatekeeper's thread where its task has
                                   failed, and after a save */
    void *context;
};

struct gatekeeper;

/* Makes its sockets in FOLDER and starts its thread. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *gatekeeper_start(const char *folder, const struct gatekeeper_plan *plan,
                                             struct gatekeeper **ret);

/* The paths of the sockets that QEMU's devices are to be connected to; borrowed. The monitor's is
 * NULL for a boot, which needs none. */
const char *gatekeeper_gate(const struct gatekeeper *gatekeeper);
const char *gatekeeper_monitor(const struct gatekeeper *gatekeeper);

/* To be called when the launch has ended one way or the other: ends the thread, removes the sockets
 * and frees GATEKEEPER; NULL is allowed. Errors: EXIT_VM, the task is not done. */
[[nodiscard]] struct error *gatekeeper_finish(struct gatekeeper *gatekeeper);

#endif
