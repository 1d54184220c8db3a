/*
 * What User-Mode Linux is to be started with, as the arguments of the process that confines it
 * (confined_uml.h): written by vmbuild's process, passed on by libguestfs among those of QEMU, and
 * read by the other.
 */
#ifndef VMBUILD_UML_PLAN_H
#define VMBUILD_UML_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"

#define UML_PLAN_OPTION "-uml" /* before each of our arguments */
#define UML_PLAN_DISKS_MAX 16  /* of the kernel */

struct uml_disk {
    const char *serial, *path;
    bool is_read_only;
};

/* What the machine is made of; all borrowed. Paths that the kernel's command line carries have
 * neither blanks, commas nor colons: INITRAMFS, FOLDER and those of disks. */
struct uml_plan {
    const char *kernel, *initramfs;
    const char *folder; /* for the memory: it may be on a tmpfs, but not be mounted noexec */
    uint64_t memory;    /* MiB */
    struct uml_disk disks[UML_PLAN_DISKS_MAX]; /* one less if there is BASE */
    unsigned disk_count;
    const char *sockets[GUEST_LINE_PORTS]; /* paths; NULL: none */
    const char *report;                    /* path of the socket that is told of the end */
    const char *base;                      /* serial number of the disk that is served, or NULL */
    const char *base_server;               /* path of its server's socket (disk_server.h) */
    bool network;
};

/* Appends the arguments for PLAN to *RET, each without UML_PLAN_OPTION. */
void uml_plan_write(const struct uml_plan *plan, struct strings *ret);

/* Reads the command line ARGV, which is changed and borrowed by *RET. Returns false if it is not
 * that of a machine. */
bool uml_plan_read(char *const *argv, struct uml_plan *ret);

#endif
