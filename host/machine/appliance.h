/*
 * The appliance (the guest's kernel and initramfs) and the QEMU that boots it: where they are found
 * on this host. Nothing is kept; the environment is read at each call.
 */
#ifndef VMBUILD_APPLIANCE_H
#define VMBUILD_APPLIANCE_H

#include <stdbool.h>

#include "host/lib/error.h"
#include "host/machine/machine_type.h"

/* The names by which libguestfs finds them, side by side in one directory: those of the host's
 * processor, whatever the guest's. */
#ifdef __aarch64__
#define APPLIANCE_PROCESSOR "aarch64"
#else
#define APPLIANCE_PROCESSOR "x86_64"
#endif
#define APPLIANCE_KERNEL "vmlinuz." APPLIANCE_PROCESSOR
#define APPLIANCE_INITRAMFS "initramfs." APPLIANCE_PROCESSOR ".img"

/* Beside them, User-Mode Linux, if it was built. */
#define APPLIANCE_UML "linux." APPLIANCE_PROCESSOR

/* Finds the directory of the appliance for TYPE: VMBUILD_APPLIANCE in the environment; else
 * build/appliance beside the program (a build tree), ../lib/vmbuild from it (installed, wherever it
 * was moved), or the compiled-in VMBUILD_LIBDIR; of those, for a guest that is not the host's, the
 * directory with the guest's name. *RET is absolute and the caller's. Errors: EXIT_VM, with advice.
 */
[[nodiscard]] struct error *appliance_find(const struct machine_type *type, char **ret);

/* Whether User-Mode Linux is in the directory FOLDER. */
bool appliance_has_uml(const char *folder);

/* Returns the version of the kernel in the directory FOLDER ("6.1.0"), the caller's; NULL if it
 * does not show, as in a compressed kernel. */
char *appliance_kernel_version(const char *folder);

/* Finds QEMU for TYPE: VMBUILD_QEMU in the environment, for the host's own guest; else TYPE's
 * program in ../lib/vmbuild from this program (a release); else, for the host's own guest,
 * DEFAULT_PATH (libguestfs' own; may be NULL); else in PATH. *RET is the caller's. Errors: EXIT_VM,
 * whose advice names the package to install. */
[[nodiscard]] struct error *appliance_find_qemu(const struct machine_type *type,
                                                const char *default_path, char **ret);

/* Returns the path of this program, the caller's; NULL if its file was replaced or removed or, on a
 * host without /proc, cannot be found. */
char *appliance_find_program(void);

/* Returns the path of the program that confines QEMU (confined_qemu.h), the caller's: that of its
 * own that is built or installed with this program, or this program. NULL if its file was replaced
 * or removed since it was started. */
char *appliance_find_confiner(void);

/* Returns the path of qboot, the firmware of QEMU that boots a kernel fastest, for the program
 * QEMU: in its directory (a release), its ../share/qemu, or the system's; the caller's. NULL if
 * there is none: QEMU's default firmware will do. */
char *appliance_find_firmware(const char *qemu);

/* Returns the first line that the QEMU at PATH prints for --version, the caller's; NULL if it does
 * not run. */
char *appliance_qemu_version(const char *path);

#endif
