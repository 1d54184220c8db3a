/*
 * The watch over QEMU: a thread that listens to a monitor of its own from QEMU's start to its end.
 *
 * If the host cannot read or write a disk, QEMU stops the machine (machine.h) and reports it. The
 * first such fault is kept, and QEMU is ended: the guest cannot go on. What waits for the guest
 * then fails, and finds the cause with qemu_watch_fault.
 *
 * QEMU also stops the machine if KVM fails to run it, and reports why on the console. It is then
 * ended as well, since it would stay stopped for ever.
 *
 * The same monitor pauses the machine while the program is suspended.
 */
#ifndef VMBUILD_QEMU_WATCH_H
#define VMBUILD_QEMU_WATCH_H

#include <stdbool.h>

#include "host/lib/error.h"

struct qemu_watch;

struct qemu_fault {
    char disk[64];    /* the id of the disk in QEMU; "": not known */
    char reason[128]; /* strerror(errno) in QEMU */
    bool is_write;
    bool is_full; /* the host's file system is full, or a quota or limit of the user is reached */
};

/* Makes the socket in FOLDER and starts the thread. END(CONTEXT) ends QEMU; it is called from the
 * thread after a fault or a failure of KVM. *RET is freed with qemu_watch_free. Errors: EXIT_OTHER,
 * EXIT_DISK_FULL. */
[[nodiscard]] struct error *qemu_watch_start(const char *folder, void (*end)(void *context),
                                             void *context, struct qemu_watch **ret);

/* The path of the socket for QEMU; borrowed. */
const char *qemu_watch_socket(const struct qemu_watch *watch);

/* Returns whether there was a fault, which *RET is set to. WATCH may be NULL. */
bool qemu_watch_fault(struct qemu_watch *watch, struct qemu_fault *ret);

/* Returns the error of OPERATION, which FAULT has made fail. PATH: the disk's. Errors:
 * EXIT_DISK_FULL, whose message names the host's file system, else EXIT_OTHER. */
[[nodiscard]] struct error *qemu_fault_error(const struct qemu_fault *fault, const char *operation,
                                             const char *path);

/* Stops the machine, with its clocks, or lets it go on. Returns whether QEMU has done so; it has a
 * second to answer. To be called only while the guest runs. */
bool qemu_watch_pause(struct qemu_watch *watch);
bool qemu_watch_continue(struct qemu_watch *watch);

/* Ends the thread, removes the socket and frees WATCH; accepts NULL. */
void qemu_watch_free(struct qemu_watch *watch);

#endif
