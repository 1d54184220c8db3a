#include "host/vm/vm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/lib/terminal.h"
#include "host/machine/machine.h"
#include "host/machine/scratch_disk.h"
#include "host/vm/guest_handle.h"
#include "host/vm/guest_port.h"
#include "host/vm/launch.h"
#include "host/vm/outcome.h"
#include "host/vm/session.h"

#define TAR_PIECE (256u << 10)   /* bytes */
#define UNPACK_SECONDS_PER_MIB 1 /* in addition to those of any call */
#define SIGNAL_STATUS 128        /* a shell's, of what a signal has killed */
#define SCRIPT_GRACE_SECONDS 4   /* after a script's limit, which the guest enforces within two */

struct vm {
    struct guest_handle *guest;
    char *scratch;         /* path of the scratch disk */
    uint64_t scratch_size; /* bytes */
    bool tells_streams;
    struct call_words words; /* for every call that takes them */
    bool network;
    bool base_is_new;
    size_t base_layers; /* that a new base disk has already */
    int64_t clock; /* of the guest as a script starts; with the network, the host's time is used */
    size_t layer_count;
    uint64_t layer_bytes;          /* of the tars to unpack */
    struct buffer unsent;          /* by sessions */
    const struct secrets *secrets; /* borrowed, or NULL */
};

/* Calls VERB with OWN and those of the VM's words that it takes. */
static struct error *command(struct vm *vm, const char *operation, enum guest_verb verb,
                             const struct call_words *own, uint64_t seconds, char **ret_reply)
{
    struct strings words = {0};

    call_words_write(verb, own, &vm->words, &words);
    return guest_handle_command(vm->guest, operation, seconds, &words, ret_reply);
}

/* Calls VERB, which takes no words of its own and does nothing large. */
static struct error *simple_command(struct vm *vm, const char *operation, enum guest_verb verb)
{
    const struct call_words none = {0};

    return command(vm, operation, verb, &none, GUEST_HANDLE_CALL_SECONDS, NULL);
}

static uint64_t layer_bytes(const struct vm_options *options)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < options->machine.layer_count; i++) {
        struct stat status;

        if (stat(options->machine.layers[i], &status) == 0)
            bytes += (uint64_t)status.st_size;
    }
    return bytes;
}

/* Starts the guest's part of the build, and its clock. */
static struct error *start(struct vm *vm, int64_t clock)
{
    CLEANUP(call_words_free) struct call_words own = {0};

    /* Only the default of a spec without a base image is an earlier time; its files get that time
     * whatever the clock shows. */
    vm->clock = clock > GUEST_CLOCK_LEAST ? clock : GUEST_CLOCK_LEAST;
    call_words_set_number(&own, GUEST_WORD_CLOCK, vm->clock);
    if (vm->tells_streams)
        call_words_set_flag(&own, GUEST_WORD_STREAMS);
    return command(vm, "start the build in the VM", GUEST_VERB_START, &own,
                   GUEST_HANDLE_CALL_SECONDS, NULL);
}

/* Launches the VM of OPTIONS with a new scratch disk. */
static struct error *launch(struct vm *vm, const struct vm_options *options)
{
    struct vm_options with_scratch = *options;
    const char *folder;

    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "scratch", &vm->scratch, NULL));
    with_scratch.machine.scratch = vm->scratch;
    return launch_guest(&with_scratch, &vm->guest);
}

void vm_prepare(void)
{
    guest_handle_prepare();
}

struct error *vm_launch(const struct vm_options *options, struct call_words *words, struct vm **ret)
{
    CLEANUP(vm_freep) struct vm *vm = xcalloc(1, sizeof *vm);

    vm->words = *words;
    *words = (struct call_words){0};
    vm->network = options->machine.network;
    vm->scratch_size = options->scratch_size;
    vm->tells_streams = options->tells_streams;
    vm->secrets = options->secrets;
    vm->base_is_new = options->machine.base_is_new;
    vm->base_layers = options->machine.base_layers;
    vm->layer_count = options->machine.layer_count;
    vm->layer_bytes = layer_bytes(options);
    TRY(launch(vm, options));
    TRY(start(vm, options->clock));
    *ret = STEAL(vm);
    return NULL;
}

struct error *vm_renew(struct vm *vm, int64_t clock, struct call_words *words)
{
    call_words_free(&vm->words);
    vm->words = *words;
    *words = (struct call_words){0};
    TRY(simple_command(vm, "end the build in the VM", GUEST_VERB_END));
    TRY(scratch_disk_make(vm->scratch, vm->scratch_size));
    return start(vm, clock);
}

void vm_free(struct vm *vm)
{
    if (vm == NULL)
        return;
    guest_handle_free(vm->guest);
    temporary_remove(vm->scratch);
    free(vm->scratch);
    call_words_free(&vm->words);
    buffer_free(&vm->unsent);
    free(vm);
}

struct error *vm_folders(const struct vm *vm, struct strings *ret)
{
    return guest_handle_folders(vm->guest, ret);
}

void vm_processes(const struct vm *vm, struct strings *ret)
{
    (void)vm;
    guest_handle_processes(ret);
}

struct error *vm_put(struct vm *vm, const char *name, const void *bytes, size_t length)
{
    CLEANUP(freep) char *operation = xasprintf("upload '%s' to the guest", name);
    CLEANUP(freep) char *target = xasprintf("%s/%s", GUEST_JOB_DIR, name);

    if (length > GUEST_JOB_FILE_MAX)
        return error_new(EXIT_INPUT, "%s: larger than %u bytes", operation, GUEST_JOB_FILE_MAX);
    return guest_handle_upload(vm->guest, operation, bytes, length, target);
}

/* Uploads the secrets, which the guest forgets after each run. */
static struct error *put_secrets(struct vm *vm)
{
    for (size_t i = 0; vm->secrets != NULL && i < vm->secrets->count; i++) {
        const struct secret *secret = &vm->secrets->items[i];
        CLEANUP(freep) char *name = xasprintf("%s%zu", GUEST_JOB_SECRET, i);

        TRY(vm_put(vm, name, secret->bytes, secret->length));
    }
    return NULL;
}

struct error *vm_unpack_base(struct vm *vm)
{
    CLEANUP(call_words_free) struct call_words own = {0};

    call_words_set_text(&own, GUEST_WORD_BASE, GUEST_DISK_NEW_BASE);
    if (vm->base_layers > 0)
        call_words_set_number(&own, GUEST_WORD_FIRST, (int64_t)vm->base_layers);
    for (size_t i = 0; i < vm->layer_count; i++)
        call_words_take_item(&own, GUEST_WORD_LAYER, xasprintf("%s%zu", GUEST_DISK_LAYER, i));
    guest_handle_expect(vm->guest, vm->layer_bytes);
    TRY(command(vm, "unpack the base image", GUEST_VERB_UNPACK, &own,
                GUEST_HANDLE_CALL_SECONDS + (vm->layer_bytes >> 20) * UNPACK_SECONDS_PER_MIB,
                NULL));
    guest_handle_expect(vm->guest, 0);
    progress_bytes(vm->layer_bytes, vm->layer_bytes);
    return NULL;
}

/* guest_handle_tar_in: CONTEXT is the path of a tar. */
static struct error *produce_tar(void *context, struct sink sink)
{
    const char *path = context;
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(freep) char *piece = xcalloc(1, TAR_PIECE);
    ssize_t got = -1;

    while (fd >= 0 && (got = read(fd, piece, TAR_PIECE)) > 0)
        TRY(sink.write(sink.context, piece, (size_t)got));
    return got == 0 ? NULL : error_errno(EXIT_OTHER, "read '%s'", path);
}

struct error *vm_add_base_layer(struct vm *vm, const char *path)
{
    CLEANUP(freep) char *context = xstrdup(path);

    return guest_handle_tar_in(vm->guest, "unpack the base image", GUEST_BASE, produce_tar,
                               context);
}

struct error *vm_mount_base(struct vm *vm)
{
    CLEANUP(call_words_free) struct call_words own = {0};

    call_words_set_text(&own, GUEST_WORD_BASE,
                        vm->base_is_new ? GUEST_DISK_NEW_BASE : GUEST_DISK_BASE);
    return command(vm, "mount the base image", GUEST_VERB_BASE, &own, GUEST_HANDLE_CALL_SECONDS,
                   NULL);
}

struct error *vm_add_contents(struct vm *vm,
                              struct error *(*produce)(void *context, struct sink sink),
                              void *context)
{
    return guest_handle_tar_in(vm->guest, "add the contents", GUEST_LAYER, produce, context);
}

struct error *vm_add_tree(struct vm *vm, size_t number,
                          struct error *(*produce)(void *context, struct sink sink), void *context)
{
    CLEANUP(freep) char *target = xasprintf("%s%zu", GUEST_MOUNTS, number);

    return guest_handle_tar_in(vm->guest, "add what is mounted", target, produce, context);
}

struct error *vm_mount_overlay(struct vm *vm)
{
    return simple_command(vm, "mount the overlay", GUEST_VERB_MOUNT);
}

struct error *vm_unmount_overlay(struct vm *vm)
{
    return simple_command(vm, "unmount the overlay", GUEST_VERB_UNMOUNT);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Calls VERB with OWN, and waits for the output that its reply announces. A guest that is too busy
 * to end the script in time is no other case to the user than one that has ended it. */
static struct error *call_script(struct vm *vm, const char *operation, enum guest_verb verb,
                                 const struct call_words *own, struct outcome *ret)
{
    CLEANUP(freep) char *reply = NULL;
    uint64_t timeout = (uint64_t)call_words_number(&vm->words, GUEST_WORD_TIMEOUT);
    struct error *err = command(vm, operation, verb, own, timeout + SCRIPT_GRACE_SECONDS, &reply);

    if (err != NULL && err->code == EXIT_TIMEOUT) {
        error_free(err);
        *ret = (struct outcome){.end = OUTCOME_TIMEOUT};
        return NULL;
    }
    TRY(err);
    TRY(error_context(outcome_parse(reply, ret), "%s", operation));
    return guest_handle_explain(
        vm->guest, operation,
        error_context(guest_port_wait(guest_handle_output(vm->guest), ret->output), "%s",
                      operation));
}

/* Runs the script NAME by calling VERB with OWN, to which the clock is added. */
static struct error *run(struct vm *vm, const char *name, enum guest_verb verb,
                         struct call_words *own, struct vm_script *ret)
{
    CLEANUP(freep) char *operation = xasprintf("run script '%s'", name);
    double start = now();

    progress_output_begin();
    call_words_set_number(own, GUEST_WORD_CLOCK, vm->network ? time(NULL) : vm->clock);
    struct error *err = call_script(vm, operation, verb, own, &ret->outcome);

    guest_handle_end_output(vm->guest);
    TRY(err);
    progress_output_end();
    ret->seconds = now() - start;
    ret->tail = guest_handle_take_tail(vm->guest);
    return NULL;
}

struct error *vm_run_script(struct vm *vm, const char *name, struct vm_script *ret)
{
    CLEANUP(call_words_free) struct call_words own = {0};

    TRY(put_secrets(vm));
    return run(vm, name, GUEST_VERB_RUN, &own, ret);
}

struct error *vm_run_hook(struct vm *vm, enum guest_hook hook, struct vm_script *ret)
{
    CLEANUP(call_words_free) struct call_words own = {0};

    call_words_set_text(&own, GUEST_WORD_NAME, guest_hooks[hook].name);
    return run(vm, guest_hooks[hook].name, GUEST_VERB_HOOK, &own, ret);
}

void vm_script_free(struct vm_script *script)
{
    free(script->tail);
    *script = (struct vm_script){0};
}

struct error *vm_settle_disk(struct vm *vm, const char **ret)
{
    TRY(vm_unmount_overlay(vm));
    TRY(guest_handle_sync(vm->guest, "write the scratch disk"));
    *ret = vm->scratch;
    return NULL;
}

/* Uploads the command of SESSION, if it has one. */
static struct error *put_command(struct vm *vm, const struct vm_session *session)
{
    CLEANUP(buffer_free) struct buffer list = {0};

    for (size_t i = 0; i < session->command.count; i++)
        buffer_append(&list, session->command.items[i], strlen(session->command.items[i]) + 1);
    return list.length > 0 ? vm_put(vm, GUEST_JOB_COMMAND, list.data, list.length) : NULL;
}

/* Sets the words of the call for SESSION, which may take LIMIT seconds. */
static void set_session_words(struct vm *vm, const struct vm_session *session, uint64_t limit,
                              struct call_words *own)
{
    unsigned rows, columns;

    call_words_set_flag(own, GUEST_WORD_SESSION);
    call_words_set_number(own, GUEST_WORD_TIMEOUT, (int64_t)limit);
    call_words_set_number(own, GUEST_WORD_CLOCK, vm->network ? time(NULL) : vm->clock);
    if (session->is_of_hook)
        call_words_set_text(own, GUEST_WORD_NAME, guest_hooks[session->hook].name);
    if (session->rescue)
        call_words_set_flag(own, GUEST_WORD_RESCUE);
    if (session->terminal == NULL)
        return;
    terminal_size(&rows, &columns);
    CLEANUP(freep) char *kind = xstrndup(session->terminal, GUEST_TERMINAL_MAX);

    call_words_set_text(own, GUEST_WORD_TERMINAL, kind);
    call_words_set_number(own, GUEST_WORD_ROWS, rows);
    call_words_set_number(own, GUEST_WORD_COLUMNS, columns);
}

static void kill_guest(void *context)
{
    guest_handle_kill(context);
}

/* Makes the call with OWN while the user's streams are connected. */
static struct error *run_connected(struct vm *vm, const struct vm_session *session,
                                   const char *operation, const struct call_words *own,
                                   uint64_t limit, struct outcome *ret)
{
    const struct session_plan plan = {.has_terminal = session->terminal != NULL,
                                      .has_input = session->has_input,
                                      .port = guest_handle_output(vm->guest),
                                      .unsent = &vm->unsent,
                                      .end = kill_guest,
                                      .context = vm->guest};
    CLEANUP(freep) char *reply = NULL;
    struct session *streams = NULL;

    TRY(session_start(&plan, &streams));
    guest_handle_divert_output(vm->guest, session_sink(streams));
    struct error *err =
        command(vm, operation, session->is_of_hook ? GUEST_VERB_HOOK : GUEST_VERB_RUN, own,
                limit + SCRIPT_GRACE_SECONDS, &reply);

    if (err == NULL)
        err = error_context(outcome_parse(reply, ret), "%s", operation);
    if (err == NULL)
        err = error_context(guest_port_wait(guest_handle_output(vm->guest), ret->output), "%s",
                            operation);
    guest_handle_divert_output(vm->guest, (struct sink){0});
    return guest_handle_explain(vm->guest, operation, session_finish(streams, err));
}

struct error *vm_run_session(struct vm *vm, const struct vm_session *session, int *ret_status)
{
    CLEANUP(call_words_free) struct call_words own = {0};
    bool has_command = session->command.count > 0;
    CLEANUP(freep)
    char *operation = has_command ? xasprintf("run command '%s'", session->command.items[0])
                                  : xstrdup("run the shell");
    uint64_t limit = session->limit > 0 ? session->limit : GUEST_TIMEOUT_MAX;
    struct outcome outcome = {0};

    if (!session->is_of_hook) { /* a script may have run in the view already */
        TRY(vm_mount_overlay(vm));
        TRY(put_secrets(vm));
    }
    TRY(put_command(vm, session));
    set_session_words(vm, session, limit, &own);
    TRY(run_connected(vm, session, operation, &own, limit, &outcome));
    if (outcome.end == OUTCOME_TIMEOUT)
        return error_new(EXIT_TIMEOUT, "%s: it ran longer than its limit of %llu seconds",
                         operation, (unsigned long long)limit);
    if (outcome.oom > 0)
        progress_note("the guest ran out of memory and killed %llu processes",
                      (unsigned long long)outcome.oom);
    *ret_status = outcome.end == OUTCOME_KILLED ? SIGNAL_STATUS + outcome.number : outcome.number;
    return NULL;
}

struct error *vm_pack_layer(struct vm *vm, struct sparse_sink sink)
{
    const struct call_words none = {0};
    struct strings words = {0};

    call_words_write(GUEST_VERB_PACK, &none, &vm->words, &words);
    return guest_handle_receive_layer(vm->guest, "pack the layer", &words, sink);
}
