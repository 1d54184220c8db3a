/*
 * The machine: QEMU's parameters beyond those of libguestfs, and the arguments added to the
 * kernel's command line. Pure functions: nothing is looked up, opened or started here.
 *
 * Disks. The scratch disk and the base disk are virtio-blk devices. The layers of a new base, of
 * which there can be hundreds, are LUNs of the SCSI adapter that libguestfs adds to every machine,
 * after LUN 0, its own placeholder. Each disk carries the serial number that guest/contract.h
 * defines. None of them is a drive of libguestfs, which would put a qcow2 overlay on each read-only
 * one.
 *
 * A base disk that was made before is read through this program, which checks it, and so is one
 * that is made of another (NBD).
 *
 * A failed write or read of a disk stops the machine: the guest never sees a fault of the host,
 * such as a full file system behind the scratch disk, and QEMU reports it to its monitors.
 *
 * Time. Under TCG the guest of a PC spares itself the search for clocks and timers: it is told the
 * frequency of the host's time stamp counter, which it reads, and with one CPU it uses the timer
 * that costs least to set up.
 *
 * Network. Only if it is requested: a network card, whose frames go to a socket.
 */
#ifndef VMBUILD_MACHINE_H
#define VMBUILD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/machine/accelerator.h"
#include "host/machine/machine_type.h"

/* What is requested of a machine; all borrowed. */
struct machine_options {
    const struct machine_type *type; /* NULL: that of this host */
    uint64_t memory;                 /* MiB */
    uint64_t cpus;
    bool network;
    const char *const *shares; /* absolute directories of the host */
    size_t share_count;
    const char *scratch; /* path of the scratch disk */
    const char *base;    /* path of the base disk; NULL: no base image */
    bool base_is_new;    /* the base disk is writable, to be filled from `layers` */
    size_t base_layers;  /* layers that a new base disk has: it is served then, and else an empty
                           file */
    const char *const
        *caches; /* paths of disks for GUEST_DISK_CACHE, each with its serial number */
    const char *const *cache_serials;
    size_t cache_count;
    const char *const *layers; /* paths of uncompressed layer tars, lowest first */
    size_t layer_count;
};

/* What the machine depends on beside its options. */
struct machine_host {
    enum accelerator accelerator; /* KVM or TCG */
    uint64_t tsc_khz;             /* frequency of the time stamp counter; 0: unknown */
    const char *firmware;         /* path of qboot; NULL: QEMU's default firmware */
    const char *output;           /* path of the output port's socket */
    const char *layer;            /* path of the layer port's socket */
    const char *gate;             /* path of the gate's socket */
    const char *monitor;          /* path of the socket for QEMU's monitor; NULL: none */
    const char *watch;            /* path of the socket for the monitor that reports faults */
    const char *network;          /* path of the network's socket; needed only with `network` */
    const char *base;             /* path of the socket that serves a base disk */
    bool resumes;                 /* QEMU is to wait for a saved state, which the monitor loads */
};

struct machine {
    struct strings parameters; /* of QEMU: name, value, name, ...; their order does not matter */
    char *append;              /* arguments for the kernel's command line */
};

/* Whether a machine of OPTIONS has devices that a saved one lacks, so that its guest has to look
 * for them after it has resumed. */
bool machine_has_more_than_saved(const struct machine_options *options);

/* Describes the machine of OPTIONS on HOST; *RET is freed with machine_free. A machine can resume
 * the state of another one if both have the same scratch and base disk: those have the same places
 * in every machine. */
void machine_describe(const struct machine_options *options, const struct machine_host *host,
                      struct machine *ret);

/* Returns the tag by which the guest mounts share number INDEX, the caller's. */
char *machine_share_tag(size_t index);

void machine_free(struct machine *machine);

#endif
