/*
 * The attendant: a thread that sees to a new VM while libguestfs waits for it.
 *
 * Before the guest reports to libguestfs it stops at its gate, a port of its own, until it is given
 * randomness. That is the place where a VM can be saved and resumed: the guest has booted and
 * mounted its disks, and has seen nothing yet of what it is for.
 *
 *   boot     the guest boots; the gate is open when it gets there
 *   resume   QEMU has been started to wait for a saved state, which it is given; the gate is open
 *   save     the guest boots; at the gate, its state is written down, and the VM is ended
 */
#ifndef VMBUILD_ATTENDANT_H
#define VMBUILD_ATTENDANT_H

#include <stdbool.h>

#include "error.h"

enum attendant_task { ATTENDANT_BOOT, ATTENDANT_RESUME, ATTENDANT_SAVE };

struct attendant_plan {
    enum attendant_task task;
    bool more_devices; /* the guest is to look for devices that it has not found booting */
    int state;         /* the file to resume from or to save to, at its position; borrowed */
    void (*end)(void *context); /* ends QEMU; called from the attendant's thread where its task has
                                   failed, and after a save */
    void *context;
};

struct attendant;

/* Makes its sockets in FOLDER and starts its thread. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *attendant_start(const char *folder, const struct attendant_plan *plan,
                                            struct attendant **ret);

/* The paths of the sockets that QEMU's devices are to be connected to; borrowed. The monitor's is
 * NULL for a boot, which needs none. */
const char *attendant_gate(const struct attendant *attendant);
const char *attendant_monitor(const struct attendant *attendant);

/* To be called when the launch has ended one way or the other: ends the thread, removes the sockets
 * and frees ATTENDANT; NULL is allowed. Errors: EXIT_VM, the task is not done. */
[[nodiscard]] struct error *attendant_finish(struct attendant *attendant);

#endif
