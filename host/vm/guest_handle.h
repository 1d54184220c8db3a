/*
 * The guest as libguestfs lets the host reach it: a handle of libguestfs (backend direct, public
 * API only) whose appliance is ours. It starts, makes calls and ends; which way it starts is
 * launch.h's business, what the calls mean vm.h's and guest/contract.h's. The one module that knows
 * libguestfs.
 *
 * A launch that has not reported by its deadline is killed. Each call
 * has a deadline of its own, after which QEMU is killed. Where QEMU dies or the guest stops
 * answering, the error has the last lines of the guest's console as details. QEMU runs under its
 * seccomp sandbox, and in the process group of this program.
 */
#ifndef VMBUILD_GUEST_HANDLE_H
#define VMBUILD_GUEST_HANDLE_H

#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/machine/machine.h"
#include "host/vm/gatekeeper.h"
#include "host/vm/guest_port.h"

/* Seconds that a call may take which does nothing large. */
#define GUEST_HANDLE_CALL_SECONDS 120

struct guest_handle;

/* Finds the QEMU that will be booted. *RET is the caller's. Errors: EXIT_VM. */
[[nodiscard]] struct error *guest_handle_find_qemu(char **ret);

/* Returns libguestfs' version, "1.48.6"; the caller's. */
char *guest_handle_library_version(void);

/* One way to start the VM. */
struct guest_attempt {
    const char *appliance;    /* folder */
    const char *qemu;         /* path */
    struct machine_host host; /* but for its sockets, which guest_handle_start chooses */
    enum gatekeeper_task task;
    int state;        /* of the gatekeeper's plan; not for a boot */
    uint64_t seconds; /* that the guest may take to report */
};

/* A handle without a VM. VERBOSE: the kernel's messages and libguestfs' are shown as progress
 * details. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *guest_handle_new(bool verbose, struct guest_handle **ret);

/* Starts the machine of OPTIONS, which are not needed afterwards; where ATTEMPT saves it, it has
 * been saved and ended when this returns. After an error there may be another attempt, once the
 * handle was stopped. *RET_LATE: whether the error is that the guest did not report in time.
 * Errors: as vm_launch. */
[[nodiscard]] struct error *guest_handle_start(struct guest_handle *handle,
                                               const struct vm_options *options,
                                               const struct guest_attempt *attempt, bool *ret_late);

/* Kills QEMU, shows what it still wrote, and forgets the VM. */
void guest_handle_stop(struct guest_handle *handle);

/* Calls guestfs_command with WORDS, which are freed. OPERATION is what errors call it. *RET_REPLY
 * (may be NULL) is the caller's. Errors: EXIT_TIMEOUT after SECONDS; EXIT_VM, EXIT_MEMORY where the
 * VM ended; EXIT_INPUT, EXIT_DISK_FULL, EXIT_OTHER as the guest says. */
[[nodiscard]] struct error *guest_handle_command(struct guest_handle *handle, const char *operation,
                                                 uint64_t seconds, struct strings *words,
                                                 char **ret_reply);

/* Uploads the file behind the descriptor FD to the path TARGET. */
[[nodiscard]] struct error *guest_handle_upload(struct guest_handle *handle, const char *operation,
                                                int fd, const char *target);

/* Streams the tar that PRODUCE writes into the guest's folder TARGET. Errors of PRODUCE come first.
 */
[[nodiscard]] struct error *
guest_handle_tar_in(struct guest_handle *handle, const char *operation, const char *target,
                    struct error *(*produce)(void *context, struct sink sink), void *context);

/* Calls guestfs_command with WORDS, which are freed, and hands what the guest writes to its layer
 * port meanwhile to SINK. Errors of SINK come first. */
[[nodiscard]] struct error *guest_handle_receive_layer(struct guest_handle *handle,
                                                       const char *operation, struct strings *words,
                                                       struct sink sink);

/* The scripts' output; borrowed. */
struct guest_port *guest_handle_output(struct guest_handle *handle);

/* Stops the VM, removes all it needed and frees HANDLE. NULL is allowed. */
void guest_handle_free(struct guest_handle *handle);
static inline void guest_handle_freep(struct guest_handle **handle)
{
    guest_handle_free(*handle);
}

#endif
