/*
 * Finding disks and virtio-serial ports by the names that the host gave them, since the kernel's
 * own names follow the order of probing. What the kernel has not found yet is awaited by its
 * events. Under User-Mode Linux the ports are those of line.h.
 */
#ifndef VMBUILD_GUEST_DEVICE_H
#define VMBUILD_GUEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/lib/fault.h"

#define DEVICE_PATH_MAX 300
#define DEVICE_WAIT_MS 10000

/* Opens the port NAME for reading and writing. Returns a descriptor, or -1 with
 * FAULT. */
int device_open_port(const char *name, struct fault *fault);

/* Returns whether the kernel has found a disk with the serial number SERIAL already. */
bool device_has_disk(const char *serial);

/* Fills RET, of DEVICE_PATH_MAX bytes, with the path of the disk with the serial number SERIAL.
 * Returns 0, or -1 with FAULT. */
int device_find_disk(const char *serial, char *ret, struct fault *fault);

/* Makes the kernel look for new PCI devices. Their drivers are ready when this returns. Returns 0,
 * or -1 with FAULT. */
int device_scan_pci(struct fault *fault);

/* Makes the kernel look for the LUNs of SCSI target 0. Returns 0, or -1 with FAULT. */
int device_scan_scsi(struct fault *fault);

/* Makes the kernel forget the disks of layers. Returns 0, or -1 with FAULT. */
int device_forget_layers(struct fault *fault);

#endif
