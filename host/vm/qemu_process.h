/*
 * QEMU's process as the kernel shows it: what it does, and an end to it before it has connected to
 * anything.
 *
 * While libguestfs launches the VM, QEMU is a child of the launching thread; before it, so are the
 * trial runs by which libguestfs finds out what QEMU offers. What the user names as QEMU may be a
 * script that starts QEMU as a child of its own.
 */
#ifndef VMBUILD_QEMU_PROCESS_H
#define VMBUILD_QEMU_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "host/lib/buffer.h"

struct qemu_activity {
    pid_t pid;      /* of the process looked at; 0: none */
    int64_t cpu_ns; /* the processor time that it has used, nanoseconds */
    bool rests;     /* all of its threads sleep: none runs, waits for a processor or for a disk, or
                       is stopped */
};

/* Returns the child that THREAD, a thread of this process, has started last; 0 if it has none, or
 * if the kernel does not list children. */
pid_t qemu_process_child(pid_t thread);

/* Describes the process PID, which may have ended or be 0: it rests then. */
struct qemu_activity qemu_process_look(pid_t pid);

/* Appends the directories in /proc of the children that THREAD of the process PID has started, and
 * of what they have started. */
void qemu_process_folders(pid_t pid, pid_t thread, struct strings *ret);

/* Kills the children that THREAD of the process PID has started later than AFTER, its child, with
 * what they have started; all of them if AFTER is 0 or has been reaped. */
void qemu_process_kill_children(pid_t pid, pid_t thread, pid_t after);

#endif
