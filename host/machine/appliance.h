/*
 * The appliance: where the guest's kernel and initramfs lie, and the QEMU that boots them.
 */
#ifndef VMBUILD_APPLIANCE_H
#define VMBUILD_APPLIANCE_H

#include "host/lib/error.h"

/* The names that libguestfs knows them by, side by side in one folder. */
#define APPLIANCE_KERNEL "vmlinuz.x86_64"
#define APPLIANCE_INITRAMFS "initramfs.x86_64.img"

/* Finds the folder: $VMBUILD_APPLIANCE, else build/appliance beside the program (a build
 * tree), ../lib/vmbuild from it (installed, wherever it was moved), or VMBUILD_LIBDIR. *RET is
 * absolute and the caller's. Errors: EXIT_VM naming the folder. */
[[nodiscard]] struct error *appliance_find(char **ret);

/* Returns the version of the kernel in FOLDER ("6.1.0"), the caller's; NULL where it cannot be
 * told, as of a compressed one. */
char *appliance_kernel_version(const char *folder);

/* Finds QEMU: $VMBUILD_QEMU, else DEFAULT_PATH (libguestfs' own), else qemu-system-x86_64 on $PATH.
 * *RET is the caller's. Errors: EXIT_VM with the package to install. */
[[nodiscard]] struct error *appliance_find_qemu(const char *default_path, char **ret);

/* Returns the path of qboot, QEMU's firmware that boots a kernel in the least time, beside the QEMU
 * at PATH; the caller's. NULL where there is none: QEMU's default firmware does as well. */
char *appliance_find_firmware(const char *qemu);

/* Returns what the QEMU at PATH says of its version, the caller's; NULL where it does not run. */
char *appliance_qemu_version(const char *path);

#endif
