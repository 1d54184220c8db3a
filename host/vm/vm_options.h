/*
 * What is requested of a VM run, handed down from vm_launch to the launch and the handle of the
 * guest. All of it is borrowed until vm_launch returns.
 */
#ifndef VMBUILD_VM_OPTIONS_H
#define VMBUILD_VM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/log_file.h"
#include "host/lib/secret.h"
#include "host/machine/accelerator.h"
#include "host/machine/machine.h"
#include "host/store/store.h"
#include "host/store/store_disk.h"

struct vm_options {
    struct machine_options machine; /* vm_launch makes the scratch disk and sets its path */
    struct strings grants;          /* what the network may reach beyond public addresses
                                       (network/egress.h) */
    enum accelerator accelerator;   /* as requested: which one is used, a probe decides */
    const struct secrets *secrets;  /* of runAsRoot, as long as the VM runs; or NULL */
    struct log_file *log; /* that keeps the scripts' output, as long as the VM runs; or NULL */
    bool tells_streams;   /* the scripts' standard output and error, to the user */
    bool verbose; /* messages of the kernel and of libguestfs are shown as progress details */
    uint64_t scratch_size;        /* of the scratch disk, bytes */
    const char *scratch_from;     /* path of one that was used, which is copied; NULL: a new one */
    struct store_disk *base_disk; /* that is served as the base disk; NULL: it is a file */
    const char *base_mark; /* identifies the base disk among all others; NULL: nothing does */
    int64_t clock;         /* the guest's clock at its start, seconds since 1970 */
    struct store *store;   /* for snapshots, and for what libguestfs found out about QEMU (100 KiB),
                              which takes half a second each time; NULL: none */
};

#endif
