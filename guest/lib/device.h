/*
 * Finding disks and virtio-serial ports by the names that the host gave them. What the kernel has
 * not found yet is waited for by its events.
 */
#ifndef VMBUILD_GUEST_DEVICE_H
#define VMBUILD_GUEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"

#define DEVICE_PATH_MAX 300
#define DEVICE_WAIT_MS 10000

/* Opens the virtio-serial port NAME for reading and writing. Returns a descriptor, or -1 with
 * FAULT. */
int device_open_port(const char *name, struct fault *fault);

/* Whether the kernel has found a disk with this serial number already. */
bool device_has_disk(const char *serial);

/* Fills RET, of DEVICE_PATH_MAX bytes, with the device file of the disk with this serial number.
 * Returns 0, or -1 with FAULT. */
int device_find_disk(const char *serial, char *ret, struct fault *fault);

/* Has the kernel look for PCI devices that it does not know yet. Their drivers are ready when it
 * returns. Returns 0, or -1 with FAULT. */
int device_scan_pci(struct fault *fault);

/* Has the kernel look for the LUNs of SCSI target 0. Returns 0, or -1 with FAULT. */
int device_scan_scsi(struct fault *fault);

/* Has the kernel forget all SCSI disks. Returns 0, or -1 with FAULT. */
int device_forget_scsi(struct fault *fault);

#endif
