/*
 * The machine: what QEMU is told beyond libguestfs' own command line, and the words added to the
 * kernel's. Pure.
 *
 * Disks. The scratch disk and the base disk are virtio-blk devices: the guest finds them at boot
 * without a scan. The layers of a new base, of which there can be hundreds, are LUNs of the SCSI
 * adapter that libguestfs adds to every machine, beside LUN 0, its own placeholder. Each disk carries
 * the serial number that guest/contract.h gives it. None is a drive of libguestfs: it would put a
 * qcow2 overlay on each read-only one.
 *
 * Network. QEMU's user-mode stack with fixed addresses, and none at all unless it is asked for. As
 * QEMU has it, the gateway's address leads to services that listen on the host's loopback: a script
 * with the network can reach them, and nothing else of the host.
 */
#ifndef VMBUILD_MACHINE_H
#define VMBUILD_MACHINE_H

#include "accelerator.h"
#include "buffer.h"
#include "vm.h"

/* As the guest is told them: ADDRESS/PREFIX,GATEWAY,DNS. */
#define MACHINE_NETWORK "10.0.2.15/24,10.0.2.2,10.0.2.3"

struct machine {
    struct strings parameters; /* of QEMU: name and value in turn; their order does not matter */
    char *append;              /* words for the kernel's command line */
};

/* Describes the machine of OPTIONS under ACCELERATOR (KVM or TCG) whose output port is QEMU's
 * connection to the socket OUTPUT. */
void machine_describe(const struct vm_options *options, enum accelerator accelerator,
                      const char *output, struct machine *ret);

/* The tag of share number INDEX; the caller's. */
char *machine_share_tag(size_t index);

void machine_free(struct machine *machine);

#endif
