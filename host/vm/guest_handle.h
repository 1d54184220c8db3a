/*
 * The guest as libguestfs lets the host reach it: a libguestfs handle (backend direct, public API
 * only) that boots our appliance. How a VM is started is decided by launch.h, what runs it is an
 * engine (engine.h); what the calls mean is defined by guest/contract.h, and used by vm.h.
 *
 * States: stopped <-> running. A handle is made stopped. guest_handle_start makes it running, and
 * the calls require that; guest_handle_stop makes it stopped again, after any error too.
 *
 * A launch and each call have a deadline, after which the VM is killed (watchdog.h). If it dies or
 * the guest stops answering, the details of the error are the last lines of the guest's console
 * (console.h). If the host is at fault, such as by a full file system, the error is that.
 *
 * The handle owns everything that a running VM needs: watchdog, engine, sockets, ports and console.
 * Its functions are called from one thread.
 */
#ifndef VMBUILD_GUEST_HANDLE_H
#define VMBUILD_GUEST_HANDLE_H

#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/vm/engine.h"
#include "host/vm/guest_port.h"
#include "host/vm/vm_options.h"

/* Seconds that a call may take unless it moves much data. */
#define GUEST_HANDLE_CALL_SECONDS 120

struct guest_handle;

/* Prepares this process, the worker, for guests that may attack it, and for being suspended while
 * one runs: as far as the kernel allows it, it cannot be read or traced by other processes of the
 * user, and can signal only what it starts from now on. To be called before it has other threads. A
 * further call does nothing. */
void guest_handle_prepare(void);

/* Makes a stopped handle, which is freed with guest_handle_free, prepares the process as above, and
 * removes TERM from the environment. VERBOSE: messages of the guest's kernel and of libguestfs are
 * shown as progress details. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *guest_handle_new(bool verbose, struct guest_handle **ret);

/* Starts the machine of OPTIONS, which are not needed afterwards. If ATTEMPT is to save it, it has
 * been saved, and has ended, when this returns. After an error, the handle can be stopped and
 * another attempt made. *RET_LATE: whether the error is that the guest did not report in time.
 * Errors: as vm_launch. */
[[nodiscard]] struct error *guest_handle_start(struct guest_handle *handle,
                                               const struct vm_options *options,
                                               const struct guest_attempt *attempt, bool *ret_late);

/* Kills QEMU, shows the output that is left, and releases all that the VM needed. */
void guest_handle_stop(struct guest_handle *handle);

/* Calls guestfs_command with WORDS, which are freed. OPERATION names it in errors. *RET_REPLY is
 * the guest's reply, the caller's; RET_REPLY may be NULL. Errors: EXIT_TIMEOUT after SECONDS;
 * EXIT_VM or EXIT_MEMORY if the VM has ended; EXIT_DISK_FULL or EXIT_OTHER after a fault of the
 * host's disk; EXIT_INPUT, EXIT_DISK_FULL or EXIT_OTHER as the guest reports. */
[[nodiscard]] struct error *guest_handle_command(struct guest_handle *handle, const char *operation,
                                                 uint64_t seconds, struct strings *words,
                                                 char **ret_reply);

/* Uploads LENGTH bytes as the guest's file TARGET; they are on no disk of the host's. Errors:
 * as guest_handle_command. */
[[nodiscard]] struct error *guest_handle_upload(struct guest_handle *handle, const char *operation,
                                                const void *bytes, size_t length,
                                                const char *target);

/* Has the guest write all that it holds back to its disks. Errors: as guest_handle_command. */
[[nodiscard]] struct error *guest_handle_sync(struct guest_handle *handle, const char *operation);

/* Unpacks the tar that PRODUCE(CONTEXT, sink) writes, in another thread, into the guest's directory
 * TARGET. Errors: those of PRODUCE, else as guest_handle_command. */
[[nodiscard]] struct error *
guest_handle_tar_in(struct guest_handle *handle, const char *operation, const char *target,
                    struct error *(*produce)(void *context, struct sink sink), void *context);

/* Calls guestfs_command with WORDS, which are freed, and passes what the guest writes to its layer
 * port meanwhile to SINK, in another thread. Errors: those of SINK, else as guest_handle_command.
 */
[[nodiscard]] struct error *guest_handle_receive_layer(struct guest_handle *handle,
                                                       const char *operation, struct strings *words,
                                                       struct sparse_sink sink);

/* Returns ERR, an error of OPERATION, or in its place the fault of the host that has ended the VM
 * (engine.h). NULL stays NULL. */
[[nodiscard]] struct error *guest_handle_explain(struct guest_handle *handle, const char *operation,
                                                 struct error *err);

/* Appends the directories that the handle of a running VM changes and removes. Errors: EXIT_OTHER.
 */
[[nodiscard]] struct error *guest_handle_folders(const struct guest_handle *handle,
                                                 struct strings *ret);

/* Appends the directories in /proc of the processes that this thread has started for VMs, which
 * have to be read to end them. */
void guest_handle_processes(struct strings *ret);

/* Lets the guest's output go to SINK from now on; if that is zeroed, to the user and the log. When
 * this returns, the earlier sink is not at work and will not be. */
void guest_handle_divert_output(struct guest_handle *handle, struct sink sink);

/* Shows what was held back of the scripts' output, since a secret could begin with it: the script
 * has ended, and what it wrote has arrived. If the log cannot be kept, log_file_finish reports it.
 */
void guest_handle_end_output(struct guest_handle *handle);

/* Ends the VM at once; may be called from any thread. A call under way then fails. */
void guest_handle_kill(struct guest_handle *handle);
/* Returns the last lines that scripts have written since the last call; the caller's. */
char *guest_handle_take_tail(struct guest_handle *handle);

/* The calls from now on read BYTES, and report their progress, which is shown; 0: they do not. */
void guest_handle_expect(struct guest_handle *handle, uint64_t bytes);

/* Returns the port of the scripts' output; borrowed. */
struct guest_port *guest_handle_output(struct guest_handle *handle);

/* Stops the VM and frees HANDLE; accepts NULL. */
void guest_handle_free(struct guest_handle *handle);
static inline void guest_handle_freep(struct guest_handle **handle)
{
    guest_handle_free(*handle);
}

#endif
