/*
 * The text of /proc/cpuinfo that scripts see. It describes as many processors as there are, but not
 * those: what QEMU emulates depends on its version, and under KVM it is the host's.
 */
#ifndef VMBUILD_GUEST_CPUINFO_H
#define VMBUILD_GUEST_CPUINFO_H

#include <stdio.h>

/* Writes it to TO: on amd64 processors of x86-64-v2, or of x86-64 if they are no more than that; on
 * other architectures old ones (processor.h). Returns a negative number with errno on failure. */
int cpuinfo_write(FILE *to);

#endif
