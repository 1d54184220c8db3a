/*
 * Confined User-Mode Linux: the process that starts the kernel, confines it, and passes on what it
 * reads and writes by its line (uml_line.h). It ends with the kernel.
 *
 * Libguestfs starts it in place of QEMU, as the name CONFINED_UML: it knows of no other machine
 * (its backend "unix", which connects to one that runs, is gone since 1.48). What it asks of QEMU
 * first is answered. Of the command line only the socket of its channel is used; what the machine
 * is made of are further arguments (uml_plan).
 *
 * A script is root of that kernel, which is a process of the user's: what holds a guest that has
 * taken it over is the confinement alone. So all of it is required:
 *
 *   files     Landlock: the kernel (execute), its initramfs (read), the disks, /proc/cpuinfo, and
 *             the directory of its memory, which is empty otherwise
 *   calls     a list of those that it needs (uml_calls.h); no socket can be made or connected
 *   limits    of files' size, open files, cores; no new privileges
 *   the rest  an empty environment, no descriptor but its own, a session of its own
 *
 * It runs on one processor: with several, each of its system calls would wait for the wake-up of
 * another one.
 *
 * SIGTSTP stops the kernel and then this process, SIGCONT lets both go on. It is killed with the
 * thread that started this process, and its own processes are killed with it.
 */
#ifndef VMBUILD_CONFINED_UML_H
#define VMBUILD_CONFINED_UML_H

#include <stdbool.h>

#include "host/machine/uml_plan.h"

#define CONFINED_UML "uml-machine"

/* How the kernel has ended: the byte that the report's socket gets. */
enum confined_uml_end {
    CONFINED_UML_ENDED = 1,  /* as it does */
    CONFINED_UML_KILLED,     /* by a signal that is none of these */
    CONFINED_UML_DISK_FULL,  /* a disk of the host's */
    CONFINED_UML_DISK_FAULT, /* the same */
    CONFINED_UML_NO_MEMORY,  /* of the host's */
    CONFINED_UML_CALL,       /* that the filter does not allow */
    CONFINED_UML_WRONG,      /* what it sent by its line */
};

/* Whether a program that was started as NAME is to start User-Mode Linux. */
bool confined_uml_is_asked(const char *name);

/* Runs the machine of ARGV, or answers a question for QEMU. Returns an exit code, after a message
 * on standard error unless the report has the reason. */
int confined_uml_run(char *const *argv);

/* Returns why User-Mode Linux cannot be confined or run on this host, one line, the caller's; NULL
 * if it can. */
char *confined_uml_reason_against(void);

#endif
