/*
 * The handle of the guest, as those that implement guest_handle.h share it: guest_handle.c (its
 * life), guest_call.c (the calls) and guest_error.c (what their errors say). Nothing else includes
 * this.
 */
#ifndef VMBUILD_GUEST_HANDLE_PRIVATE_H
#define VMBUILD_GUEST_HANDLE_PRIVATE_H

#include <guestfs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/lib/error.h"
#include "host/lib/log_file.h"
#include "host/lib/mask.h"
#include "host/lib/stream.h"
#include "host/machine/host_memory.h"
#include "host/vm/console.h"
#include "host/vm/engine.h"
#include "host/vm/guest_port.h"
#include "host/vm/pace.h"
#include "host/vm/script_output.h"
#include "host/vm/socket_folder.h"
#include "host/vm/watchdog.h"

struct guest_handle {
    guestfs_h *g;          /* NULL while stopped */
    struct engine *engine; /* the same */
    struct watchdog *watchdog;
    struct guest_port *output;
    struct guest_port *layer;
    struct console console;
    struct script_output *scripts; /* what they write; NULL: none was started yet */
    struct mask *console_mask;     /* over the console, to which a script can write as well */
    bool verbose;
    struct socket_folder sockets;
    struct pace pace;                /* of the transfer under way */
    struct log_file *log;            /* borrowed, or NULL */
    pthread_mutex_t diversion_mutex; /* held while the sink works */
    struct sink diversion;           /* of the output; zeroed: none */
    uint64_t expected;               /* bytes that the call reads; 0: it reports none */
    uint64_t memory;                 /* of the VM, MiB */
    uint64_t kills;                  /* host_memory.kills before the launch */
};

/* Returns the first line of the last error of libguestfs, without the name of its call, without
 * control characters and of limited length, since part of it comes from the guest; the caller's. */
char *guest_error_words(struct guest_handle *handle);

/* Waits until the engine knows what has ended the VM, which has ended. */
void guest_error_settle(struct guest_handle *handle);

/* Returns ERR with the last lines of the guest's console as its details. */
[[nodiscard]] struct error *guest_error_with_console(struct guest_handle *handle,
                                                     struct error *err);

/* Reads the host's memory. Returns whether it has killed a process for want of it since the launch.
 */
bool guest_error_read_host_memory(const struct guest_handle *handle, struct host_memory *ret);

/* Returns the error of OPERATION, during which the VM did not get its memory from the host. */
[[nodiscard]] struct error *guest_error_of_host_memory(const struct guest_handle *handle,
                                                       const char *operation,
                                                       const struct host_memory *memory);

/* Returns the error of a call that has failed, OPERATION. FIRED: the watchdog has killed the VM
 * after SECONDS. */
[[nodiscard]] struct error *guest_error_of_call(struct guest_handle *handle, const char *operation,
                                                bool fired, uint64_t seconds);

#endif
