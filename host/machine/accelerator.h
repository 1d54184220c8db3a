/*
 * Which accelerator the VM runs under.
 *
 * /dev/kvm can lie: it may open, make a VM, and still hang a normal kernel for ever (nested or
 * paravirtual KVM). So a probe runs one vCPU in real mode through a loop that counts to two million
 * and halts. Real KVM does so within milliseconds. The probe is a child process that is killed when
 * it has used ACCELERATOR_PROBE_CPU_MS of processor time, which a lying KVM burns at once, or
 * ACCELERATOR_PROBE_MS have passed, which leaves room for a busy host. Nothing of it stays behind.
 */
#ifndef VMBUILD_ACCELERATOR_H
#define VMBUILD_ACCELERATOR_H

#include "host/lib/error.h"

#define ACCELERATOR_KVM_DEVICE "/dev/kvm"
#define ACCELERATOR_PROBE_CPU_MS 100
#define ACCELERATOR_PROBE_MS 500

enum accelerator { ACCELERATOR_AUTO, ACCELERATOR_KVM, ACCELERATOR_TCG };

struct accelerator_choice {
    enum accelerator accelerator; /* KVM or TCG */
    char *reason; /* why not KVM, in one line; NULL under KVM or where TCG was asked for. The
                     caller's to free. */
};

/* "KVM" or "TCG", as users know them. */
const char *accelerator_name(enum accelerator accelerator);

/* Decides. DEVICE is ACCELERATOR_KVM_DEVICE but in tests. Errors: EXIT_VM where WANTED is KVM and
 * it does not work. */
[[nodiscard]] struct error *accelerator_choose(enum accelerator wanted, const char *device,
                                               struct accelerator_choice *ret);

#endif
