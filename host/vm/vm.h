/*
 * The VM run: boots the appliance, makes the calls of guest/contract.h in the order that the build
 * asks for, and ends it.
 *
 * The layers below: launch.h decides how the VM is started, guest_handle.h reaches the guest,
 * call_words.h puts a call into words, outcome.h reads the replies, and machine.h describes what
 * QEMU is to emulate.
 *
 * A VM owns its scratch disk and everything of the running QEMU; vm_free releases it at any time,
 * also after an error. Calls are made from one thread. After an error of EXIT_VM, EXIT_MEMORY or
 * EXIT_TIMEOUT the VM may have ended, and later calls then fail. A script's time limit is enforced
 * by the guest; a guest that has not answered a few seconds after the limit is killed.
 *
 * Errors of all calls: EXIT_VM, EXIT_MEMORY or EXIT_TIMEOUT, if the VM has ended, has run out of
 * memory or does not answer; EXIT_OTHER with the guest's own words; and those named below.
 */
#ifndef VMBUILD_VM_H
#define VMBUILD_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/stream.h"
#include "host/vm/call_words.h"
#include "host/vm/outcome.h"
#include "host/vm/vm_options.h"

struct vm;

/* Prepares this process for VMs (guest_handle.h), which vm_launch does, too, but then other threads
 * that there are by then are left out. */
void vm_prepare(void);

/* Starts a VM, which is freed with vm_free. OPTIONS are not needed afterwards. WORDS go into each
 * call whose verb takes them; the VM takes them over, after an error too. Errors: EXIT_VM (QEMU
 * missing or killed, appliance missing, no report in time, KVM required but not usable), with
 * advice. */
[[nodiscard]] struct error *vm_launch(const struct vm_options *options, struct call_words *words,
                                      struct vm **ret);

/* Ends the VM at once, whatever its state, shows the output that is left, removes the scratch disk
 * and frees VM; accepts NULL. The disks are not unmounted: a new base disk is complete since
 * vm_unpack_base. */
void vm_free(struct vm *vm);
static inline void vm_freep(struct vm **vm)
{
    vm_free(*vm);
}

/* Appends the directories that the running VM changes on the host, and removes at its end. Errors:
 * EXIT_OTHER. */
[[nodiscard]] struct error *vm_folders(const struct vm *vm, struct strings *ret);

/* Appends the directories that have to be read to end the VM; to be called by the thread that has
 * started it. */
void vm_processes(const struct vm *vm, struct strings *ret);

/* Ends the build that VM has served, and starts another one with WORDS, which the VM takes over,
 * after an error too, and CLOCK, as vm_launch does. Errors: EXIT_OTHER, if a script has left
 * something: the VM is to be freed. */
[[nodiscard]] struct error *vm_renew(struct vm *vm, int64_t clock, struct call_words *words);

/* Unpacks another layer onto the base disk, which is new (vm_options.h) and not mounted: the tar
 * PATH. Errors: as vm_unpack_base. */
[[nodiscard]] struct error *vm_add_base_layer(struct vm *vm, const char *path);

/* Uploads LENGTH bytes as the file NAME of the guest's job (GUEST_JOB_*). Errors: EXIT_INPUT if it
 * is too large. */
[[nodiscard]] struct error *vm_put(struct vm *vm, const char *name, const void *bytes,
                                   size_t length);

/* Unpacks the layers onto the new base disk and unmounts it: the disk file is then complete, and
 * the host can copy it before the scripts of the spec run. Errors: EXIT_INPUT with the layer's
 * number, EXIT_DISK_FULL. */
[[nodiscard]] struct error *vm_unpack_base(struct vm *vm);

/* Mounts the base disk read-only. */
[[nodiscard]] struct error *vm_mount_base(struct vm *vm);

/* Unpacks the tar that PRODUCE(CONTEXT, sink) writes, in another thread, into the upper directory.
 * Errors: those of PRODUCE, EXIT_DISK_FULL. */
[[nodiscard]] struct error *
vm_add_contents(struct vm *vm, struct error *(*produce)(void *context, struct sink sink),
                void *context);

/* Mounts and unmounts the merged view. */
/* The same for what the mount NUMBER shows. */
[[nodiscard]] struct error *vm_add_tree(struct vm *vm, size_t number,
                                        struct error *(*produce)(void *context, struct sink sink),
                                        void *context);

[[nodiscard]] struct error *vm_mount_overlay(struct vm *vm);
[[nodiscard]] struct error *vm_unmount_overlay(struct vm *vm);

/* How a script has run. */
struct vm_script {
    struct outcome outcome;
    double seconds;
    char *tail; /* the last lines of its output (output_tail.h); freed with it */
};

/* Runs the job's script or command for the image, which errors call NAME, or HOOK. *RET, the
 * caller's, says how it ended. A guest that does not report in time that the script's limit was
 * reached is ended, and counts as if it had. */
[[nodiscard]] struct error *vm_run_script(struct vm *vm, const char *name, struct vm_script *ret);
[[nodiscard]] struct error *vm_run_hook(struct vm *vm, enum guest_hook hook, struct vm_script *ret);

void vm_script_free(struct vm_script *script);

/* Has the guest write everything to the scratch disk, whose path is *RET, borrowed: it can be
 * copied until the next call. */
[[nodiscard]] struct error *vm_settle_disk(struct vm *vm, const char **ret);

/* A session of the user's. */
struct vm_session {
    bool is_of_hook; /* its view is that of HOOK, else of the image */
    enum guest_hook hook;
    struct strings command; /* empty: a shell */
    bool rescue;            /* the builder's shell in the image */
    char *terminal;         /* TERM of the user's terminal (lib/terminal.h); NULL: without one */
    bool has_input;         /* of standard input */
    uint64_t limit;         /* seconds; 0: none */
};

/* Runs SESSION in exactly the view that the script has, with the user's standard streams.
 * *RET_STATUS is its exit status, as a shell shows it: 128 and the signal's number if one has
 * killed it. Errors: EXIT_TIMEOUT; EXIT_OTHER, if the user has ended it or the streams cannot be
 * written. */
[[nodiscard]] struct error *vm_run_session(struct vm *vm, const struct vm_session *session,
                                           int *ret_status);

/* Passes the layer to SINK as a tar, as it arrives, from another thread. Errors: those of SINK. */
[[nodiscard]] struct error *vm_pack_layer(struct vm *vm, struct sparse_sink sink);

#endif
