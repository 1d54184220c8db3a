/*
 * The accelerator that the VM runs under: KVM if it works, else TCG, QEMU's emulation.
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

#include "host/lib/error.h"

#define ACCELERATOR_KVM_DEVICE "/dev/kvm"
#define ACCELERATOR_PROBE_MS 2000 /* the most that all probes take if KVM is not requested */
#define ACCELERATOR_REQUESTED_PROBE_MS 10000 /* and if it is */

enum accelerator { ACCELERATOR_AUTO, ACCELERATOR_KVM, ACCELERATOR_TCG };

struct accelerator_choice {
    enum accelerator accelerator; /* KVM or TCG */
    char *reason; /* why not KVM, one line, the caller's; NULL with KVM or if TCG was requested */
};

/* Returns "KVM" or "TCG", for messages. */
const char *accelerator_name(enum accelerator accelerator);

/* Chooses by WANTED, and by a probe of DEVICE unless that is TCG. DEVICE is ACCELERATOR_KVM_DEVICE
 * except in tests. Errors: EXIT_VM if WANTED is KVM and it does not work. */
[[nodiscard]] struct error *accelerator_choose(enum accelerator wanted, const char *device,
                                               struct accelerator_choice *ret);

#endif
