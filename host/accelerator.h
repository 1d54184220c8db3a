/*
 * Which accelerator the VM runs under. /dev/kvm can lie: it may open, make a VM, and still hang a
 * normal kernel for ever (nested or paravirtual KVM). So a probe runs one vCPU in real mode through
 * a counting loop under an interval timer; only a KVM that halts in time is used.
 */
#ifndef VMBUILD_ACCELERATOR_H
#define VMBUILD_ACCELERATOR_H

#include "error.h"

enum accelerator { ACCELERATOR_AUTO, ACCELERATOR_KVM, ACCELERATOR_TCG };

struct accelerator_choice {
    enum accelerator accelerator; /* KVM or TCG */
    char *reason; /* why not KVM, in one line; NULL under KVM or where TCG was asked for */
};

/* Decides. DEVICE is "/dev/kvm" but in tests. Errors: EXIT_VM where WANTED is KVM and it does not
 * work. */
[[nodiscard]] struct error *accelerator_choose(enum accelerator wanted, const char *device,
                                               struct accelerator_choice *ret);

#endif
