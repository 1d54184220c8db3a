/*
 * QEMU as an engine (engine.h): a child that libguestfs starts (its backend "direct"), confined
 * (machine/confined_qemu.h). It runs in the process group of this program, and ends with the thread
 * that started it.
 *
 * The engine owns what QEMU connects to: gatekeeper, watch, network, and the server of the base
 * disk.
 */
#ifndef VMBUILD_QEMU_ENGINE_H
#define VMBUILD_QEMU_ENGINE_H

#include "host/vm/engine.h"

/* Starts what the machine of OPTIONS connects to. If ATTEMPT is to save it, it has been saved, and
 * has ended, after the launch. OPTIONS and ATTEMPT are borrowed until then, HOST as long as the
 * engine lives. *RET is freed with its kind's function. Errors: EXIT_VM, EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *qemu_engine_new(const struct vm_options *options,
                                            const struct guest_attempt *attempt,
                                            const struct engine_host *host, struct engine **ret);

#endif
