#include "host/vm/vm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/machine/machine.h"
#include "host/vm/guest_handle.h"
#include "host/vm/guest_port.h"
#include "host/vm/launch.h"
#include "host/vm/outcome.h"

#define UNPACK_SECONDS_PER_MIB 1 /* beside those of any call */
#define SCRIPT_GRACE_SECONDS 4 /* beyond a script's own limit, which the guest sees to within two */

struct vm {
    struct guest_handle *guest;
    char *scratch; /* path of the scratch disk */
    bool network;
    bool still_clock;
    bool base_is_new;
    int64_t clock;         /* what each script's begins at, but with a network the host's time */
    struct strings shares; /* TAG:TARGET */
    size_t layer_count;
    uint64_t layer_bytes; /* of the tars to unpack */
};

/* Makes the call of the single word VERB. */
static struct error *simple_command(struct vm *vm, const char *operation, const char *verb)
{
    struct strings words = {0};

    strings_add(&words, verb);
    return guest_handle_command(vm->guest, operation, GUEST_HANDLE_CALL_SECONDS, &words, NULL);
}

static void add_number(struct strings *words, const char *key, int64_t value)
{
    strings_take(words, xasprintf("%s=%lld", key, (long long)value));
}

static void add_shares(const struct vm *vm, struct strings *words)
{
    for (size_t i = 0; i < vm->shares.count; i++)
        strings_take(words, xasprintf("share=%s", vm->shares.items[i]));
}

static uint64_t layer_bytes(const struct vm_options *options)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < options->layer_count; i++) {
        struct stat status;

        if (stat(options->layers[i], &status) == 0)
            bytes += (uint64_t)status.st_size;
    }
    return bytes;
}

/* Sets the guest's clock. */
static struct error *start(struct vm *vm, const struct vm_options *options)
{
    struct strings words = {0};

    strings_add(&words, "start");
    /* Smaller times are only ever the default of a spec without a base image, whose files get that
     * as their time anyway. */
    vm->clock = options->clock > GUEST_CLOCK_LEAST ? options->clock : GUEST_CLOCK_LEAST;
    add_number(&words, "clock", vm->clock);
    add_number(&words, "clamp", options->clamp);
    return guest_handle_command(vm->guest, "start the build in the VM", GUEST_HANDLE_CALL_SECONDS,
                                &words, NULL);
}

/* Launches the machine of OPTIONS with a scratch disk of its own. */
static struct error *launch(struct vm *vm, const struct vm_options *options)
{
    struct vm_options with_scratch = *options;
    const char *folder;

    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "scratch", &vm->scratch, NULL));
    with_scratch.scratch = vm->scratch;
    return launch_guest(&with_scratch, &vm->guest);
}

struct error *vm_launch(const struct vm_options *options, struct vm **ret)
{
    CLEANUP(vm_freep) struct vm *vm = xcalloc(1, sizeof *vm);

    vm->network = options->network;
    vm->still_clock = options->still_clock;
    vm->base_is_new = options->base_is_new;
    vm->layer_count = options->layer_count;
    vm->layer_bytes = layer_bytes(options);
    for (size_t i = 0; i < options->share_count; i++) {
        CLEANUP(freep) char *tag = machine_share_tag(i);

        strings_take(&vm->shares, xasprintf("%s:%s", tag, options->shares[i].target));
    }
    TRY(launch(vm, options));
    TRY(start(vm, options));
    *ret = STEAL(vm);
    return NULL;
}

/* libguestfs uploads files; this one lives in memory. */
static struct error *memory_file(const void *bytes, size_t length, int *ret_fd)
{
    CLEANUP(closep) int fd = memfd_create("job", MFD_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "make a file in memory");
    TRY(file_write(bytes, length, fd, "a file in memory"));
    *ret_fd = steal_fd(&fd);
    return NULL;
}

struct error *vm_put(struct vm *vm, const char *name, const void *bytes, size_t length)
{
    CLEANUP(closep) int fd = -1;
    CLEANUP(freep) char *operation = xasprintf("give the guest '%s'", name);
    CLEANUP(freep) char *target = xasprintf("%s/%s", GUEST_JOB_DIR, name);

    if (length > GUEST_JOB_FILE_MAX)
        return error_new(EXIT_INPUT, "%s: it is larger than %u bytes", operation,
                         GUEST_JOB_FILE_MAX);
    TRY(error_context(memory_file(bytes, length, &fd), "%s", operation));
    return guest_handle_upload(vm->guest, operation, fd, target);
}

struct error *vm_unpack_base(struct vm *vm)
{
    struct strings words = {0};

    strings_add(&words, "unpack");
    strings_add(&words, "base=" GUEST_DISK_NEW_BASE);
    for (size_t i = 0; i < vm->layer_count; i++)
        strings_take(&words, xasprintf("layer=%s%zu", GUEST_DISK_LAYER, i));
    TRY(guest_handle_command(vm->guest, "unpack the base image",
                             GUEST_HANDLE_CALL_SECONDS +
                                 (vm->layer_bytes >> 20) * UNPACK_SECONDS_PER_MIB,
                             &words, NULL));
    progress_bytes(vm->layer_bytes, vm->layer_bytes);
    return NULL;
}

struct error *vm_mount_base(struct vm *vm)
{
    struct strings words = {0};

    strings_add(&words, "base");
    strings_add(&words, vm->base_is_new ? "base=" GUEST_DISK_NEW_BASE : "base=" GUEST_DISK_BASE);
    return guest_handle_command(vm->guest, "mount the base image", GUEST_HANDLE_CALL_SECONDS,
                                &words, NULL);
}

struct error *vm_add_contents(struct vm *vm,
                              struct error *(*produce)(void *context, struct sink sink),
                              void *context)
{
    return guest_handle_tar_in(vm->guest, "add the contents", GUEST_LAYER, produce, context);
}

struct error *vm_mount_overlay(struct vm *vm)
{
    return simple_command(vm, "mount the overlay", "mount");
}

struct error *vm_unmount_overlay(struct vm *vm)
{
    return simple_command(vm, "unmount the overlay", "unmount");
}

/* Runs the script NAME by the call of WORDS. */
static struct error *run(struct vm *vm, const char *name, uint64_t timeout, struct strings *words)
{
    CLEANUP(freep) char *operation = xasprintf("run script '%s'", name);
    CLEANUP(freep) char *reply = NULL;
    struct outcome outcome;

    add_number(words, "timeout", (int64_t)timeout);
    add_number(words, "clock", vm->network ? time(NULL) : vm->clock);
    if (vm->still_clock)
        strings_add(words, "still=1");
    TRY(guest_handle_command(vm->guest, operation, timeout + SCRIPT_GRACE_SECONDS, words, &reply));
    TRY(error_context(outcome_parse(reply, &outcome), "%s", operation));
    TRY(error_context(guest_port_wait(guest_handle_output(vm->guest), outcome.output), "%s",
                      operation));
    progress_output_end();
    TRY(outcome_error(&outcome, name, timeout));
    if (outcome.oom > 0)
        progress_note("script '%s' succeeded, but the guest ran out of memory meanwhile and "
                      "killed %llu of its processes",
                      name, (unsigned long long)outcome.oom);
    return NULL;
}

struct error *vm_run_script(struct vm *vm, bool shadow_setup, uint64_t timeout)
{
    struct strings words = {0};

    strings_add(&words, "run");
    if (vm->network)
        strings_add(&words, "network=" MACHINE_NETWORK);
    add_shares(vm, &words);
    if (shadow_setup)
        strings_add(&words, "shadow=1");
    return run(vm, GUEST_JOB_RUN, timeout, &words);
}

struct error *vm_run_hook(struct vm *vm, const char *name, uint64_t timeout)
{
    struct strings words = {0};

    strings_add(&words, "hook");
    strings_take(&words, xasprintf("name=%s", name));
    add_shares(vm, &words);
    return run(vm, name, timeout, &words);
}

struct error *vm_pack_layer(struct vm *vm, struct sink sink)
{
    struct strings words = {0};

    strings_add(&words, "pack");
    return guest_handle_receive_layer(vm->guest, "pack the layer", &words, sink);
}

void vm_free(struct vm *vm)
{
    if (vm == NULL)
        return;
    guest_handle_free(vm->guest);
    temporary_remove(vm->scratch);
    free(vm->scratch);
    strings_free(&vm->shares);
    free(vm);
}
