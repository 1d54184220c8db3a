/*
 * A virtual CPU of KVM that runs a few instructions: whether that works is known only once it was
 * done (accelerator.c). All calls are async-signal-safe; what they open and map stays, as the
 * process is to end.
 */
#ifndef VMBUILD_KVM_VCPU_H
#define VMBUILD_KVM_VCPU_H

#include <stdbool.h>

struct kvm_run;

/* Makes a machine of KVM, the file /dev/kvm, with one virtual CPU, and sets *RUN to the page that
 * it shares with the kernel. Returns its file, or below 0 with errno set. */
int kvm_vcpu_make(int kvm, struct kvm_run **run);

/* Whether the virtual CPU has left KVM_RUN as its last instruction says. */
bool kvm_vcpu_has_ended(const struct kvm_run *run);

#endif
