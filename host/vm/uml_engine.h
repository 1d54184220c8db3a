/*
 * User-Mode Linux as an engine (engine.h): a process that this one starts confined
 * (machine/confined_uml.h), and to whose init libguestfs connects (its backend "unix").
 *
 * The base disk is served as to QEMU, the other disks are files of the host's: if one of them
 * cannot be written, the guest sees it, and the engine says that it was the host. Shares are disks,
 * too (machine/share_disk.h).
 */
#ifndef VMBUILD_UML_ENGINE_H
#define VMBUILD_UML_ENGINE_H

#include "host/vm/engine.h"

/* Starts what the machine of OPTIONS connects to; ATTEMPT is a boot. OPTIONS and ATTEMPT are
 * borrowed until the launch has ended, HOST as long as the engine lives. *RET is freed with its
 * kind's function. Errors: EXIT_VM, EXIT_OTHER, EXIT_DISK_FULL. */
[[nodiscard]] struct error *uml_engine_new(const struct vm_options *options,
                                           const struct guest_attempt *attempt,
                                           const struct engine_host *host, struct engine **ret);

/* Returns what a machine of OPTIONS has that User-Mode Linux cannot give it, for messages; NULL if
 * there is nothing. Static. */
const char *uml_engine_lacks(const struct machine_options *options);

#endif
