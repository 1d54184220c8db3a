/*
 * The accelerator that the VM runs under: KVM if it works, else TCG, QEMU's emulation. If the user
 * asks for it, UML takes TCG's place: the guest's kernel as a process of the host, User-Mode Linux.
 *
 * A /dev/kvm that opens proves little: nested or paravirtual KVM may make a VM and then hang a
 * normal kernel for ever. A probe therefore runs one virtual CPU in real mode through a loop that
 * counts to two million and halts, which real KVM does within milliseconds. The probe is a child
 * process. It is killed when it has used too much processor time, which a broken KVM burns at once,
 * or when it has taken too long, which leaves room for a busy host. On a host so busy that a
 * working KVM misses that, another probe has more time. If KVM is requested, there is one probe
 * with ample time.
 */
#ifndef VMBUILD_ACCELERATOR_H
#define VMBUILD_ACCELERATOR_H

#include <stdbool.h>

#include "host/lib/error.h"

#define ACCELERATOR_KVM_DEVICE "/dev/kvm"
#define ACCELERATOR_PROBE_MS 2000 /* the most that all probes take if KVM is not requested */
#define ACCELERATOR_REQUESTED_PROBE_MS 10000 /* and if it is */

enum accelerator {
    ACCELERATOR_AUTO,
    ACCELERATOR_KVM,
    ACCELERATOR_TCG,
    ACCELERATOR_UML,
    ACCELERATOR_AUTO_UML, /* KVM, else UML, else TCG */
};

struct accelerator_choice {
    enum accelerator accelerator; /* KVM, UML or TCG */
    char *reason; /* why not KVM, one line; NULL with KVM or if another one was requested */
    char *lack;   /* why not UML, if that was to come next; else NULL */
};

/* Returns "KVM", "UML" or "TCG", for messages. */
const char *accelerator_name(enum accelerator accelerator);

/* Whether WANTED allows UML. */
bool accelerator_may_be_uml(enum accelerator wanted);

/* Chooses by WANTED, by a probe of DEVICE if that allows KVM, and by whether this host can confine
 * UML if it allows that. DEVICE is ACCELERATOR_KVM_DEVICE except in tests. LACK: why UML cannot be
 * chosen for this machine, or NULL. *RET is freed with accelerator_choice_free. Errors: EXIT_VM if
 * WANTED is KVM or UML, and that does not work. */
[[nodiscard]] struct error *accelerator_choose(enum accelerator wanted, const char *device,
                                               const char *lack, struct accelerator_choice *ret);

void accelerator_choice_free(struct accelerator_choice *choice);

#endif
