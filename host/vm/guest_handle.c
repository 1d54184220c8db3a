#include "host/vm/guest_handle.h"

#include <errno.h>
#include <guestfs.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/file_system.h"
#include "host/lib/landlock.h"
#include "host/lib/memory.h"
#include "host/lib/parent_death.h"
#include "host/lib/progress.h"
#include "host/lib/supervisor.h"
#include "host/lib/temporary.h"
#include "host/lib/terminal.h"
#include "host/vm/descriptor_limit.h"
#include "host/vm/guest_handle_private.h"
#include "host/vm/guest_library.h"
#include "host/vm/qemu_engine.h"
#include "host/vm/qemu_process.h"
#include "host/vm/uml_engine.h"

#define DESCRIPTORS 1024 /* for libguestfs and QEMU, which open a few, and two for each disk */

/* From here on, this process can signal only what it starts. */
static void scope_signals(void)
{
    if (landlock_abi() < LANDLOCK_ABI_SCOPES)
        return;
    CLEANUP(closep) int rules = landlock_new(LANDLOCK_SIGNALS);

    if (rules >= 0)
        (void)landlock_enforce(rules);
}

void guest_handle_prepare(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    (void)prctl(PR_SET_DUMPABLE, 0);
    progress_rest(); /* what follows is to hold for all threads */
    scope_signals();
    supervisor_prepare_suspension();
}

struct error *guest_handle_new(bool verbose, struct guest_handle **ret)
{
    CLEANUP(guest_handle_freep) struct guest_handle *handle = xcalloc(1, sizeof *handle);

    handle->verbose = verbose;
    pthread_mutex_init(&handle->diversion_mutex, NULL);
    guest_handle_prepare();
    TRY(watchdog_new(&handle->watchdog));
    TRY(socket_folder_choose(&handle->sockets));
    /* libguestfs would pass it on to the guest's kernel, and that to every script. */
    unsetenv("TERM");
    *ret = STEAL(handle);
    return NULL;
}

/* The sink of the console's mask. */
static struct error *note_console(void *context, const void *bytes, size_t length)
{
    struct guest_handle *handle = context;

    console_append(&handle->console, bytes, length);
    if (handle->verbose)
        console_show(&handle->console, bytes, length);
    return NULL;
}

/* Shows how far the current call is, as the guest tells. */
static void show_progress(const struct guest_handle *handle, uint64_t bytes)
{
    if (handle->expected > 0)
        progress_bytes(bytes < handle->expected ? bytes : handle->expected, handle->expected);
}

/* Without a handler, libguestfs prints some of these events on standard error. */
static void on_event(guestfs_h *g, void *context, uint64_t event, int event_handle, int flags,
                     const char *bytes, size_t length, const uint64_t *array, size_t array_length)
{
    struct guest_handle *handle = context;

    (void)g, (void)event_handle, (void)flags;
    if (event == GUESTFS_EVENT_APPLIANCE) {
        watchdog_note_output(handle->watchdog);
        error_free(
            mask_write(handle->console_mask, bytes, length, (struct sink){note_console, handle}));
    } else if (event == GUESTFS_EVENT_PROGRESS) {
        if (array_length > 2)
            show_progress(handle, array[2]);
    } else {
        progress_detail("libguestfs: %.*s", (int)length, bytes);
    }
}

/* Passes BYTES to where the output is diverted to. Returns false if it is not. */
static bool divert_output(struct guest_handle *handle, const void *bytes, size_t length,
                          struct error **ret_err)
{
    pthread_mutex_lock(&handle->diversion_mutex);
    bool diverts = handle->diversion.write != NULL;

    if (diverts)
        *ret_err = handle->diversion.write(handle->diversion.context, bytes, length);
    pthread_mutex_unlock(&handle->diversion_mutex);
    return diverts;
}

/* The sink of the output port. If it fails, nothing else ends the script. */
static struct error *show_output(void *context, const void *bytes, size_t length)
{
    struct guest_handle *handle = context;
    struct error *err = NULL;

    if (divert_output(handle, bytes, length, &err))
        return err;
    err = script_output_write(handle->scripts, bytes, length);
    if (err != NULL)
        watchdog_kill(handle->watchdog);
    return err;
}

void guest_handle_end_output(struct guest_handle *handle)
{
    if (handle->scripts != NULL)
        script_output_end(handle->scripts);
}

static void on_started(void *context, pid_t pid)
{
    struct guest_handle *handle = context;

    watchdog_set_target(handle->watchdog, pid);
}

static void end_machine(void *context)
{
    struct guest_handle *handle = context;

    watchdog_kill(handle->watchdog);
}

/* Sets up the handle for one launch. Returns false if libguestfs refuses something. */
static bool configure(struct guest_handle *handle, const char *run_folder)
{
    guestfs_h *g = handle->g;
    CLEANUP(freep) char *runtime = xasprintf("XDG_RUNTIME_DIR=%s", handle->sockets.path);
    char *const environment[] = {runtime, NULL};

    guestfs_set_event_callback(g, on_event,
                               GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_LIBRARY |
                                   GUESTFS_EVENT_WARNING | GUESTFS_EVENT_TRACE |
                                   GUESTFS_EVENT_PROGRESS,
                               0, handle);
    return guestfs_parse_environment_list(g, environment) == 0 &&
           guestfs_set_tmpdir(g, run_folder) == 0 && guestfs_set_verbose(g, handle->verbose) == 0 &&
           guestfs_set_autosync(g, 0) == 0 && handle->engine->kind->configure(handle->engine, g);
}

/* Adds the console to ERR; of a launch, an empty one tells that not even the firmware ran. */
static struct error *with_console(struct guest_handle *handle, struct error *err)
{
    return error_detail(guest_error_with_console(handle, err), "  the guest's console is empty");
}

/* Lets libguestfs launch the VM, for which it makes files in RUN_FOLDER and in directories of its
 * own. *RET_LATE: whether the guest did not report in time. */
static struct error *run_launch(struct guest_handle *handle, const struct guest_attempt *attempt,
                                const char *run_folder, bool *ret_late)
{
    const char *accelerator = accelerator_name(attempt->host.accelerator);
    struct rlimit before = descriptor_limit_lower(DESCRIPTORS);
    struct timespec start, end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    watchdog_arm_launch(handle->watchdog, attempt->seconds);
    parent_death_bind(true);
    int result = guestfs_launch(handle->g);

    parent_death_bind(false);
    *ret_late = watchdog_disarm(handle->watchdog);
    descriptor_limit_restore(before);
    if (result == 0)
        return NULL;
    clock_gettime(CLOCK_MONOTONIC, &end);
    guest_error_settle(handle);
    if (*ret_late)
        return with_console(
            handle,
            error_new(EXIT_VM, "start the VM under %s: it did not report within %lld seconds",
                      accelerator, (long long)(end.tv_sec - start.tv_sec)));
    struct host_memory memory;
    CLEANUP(freep) char *operation = xasprintf("start the VM under %s", accelerator);
    CLEANUP(freep) char *words = guest_error_words(handle);

    if (guest_error_read_host_memory(handle, &memory) ||
        console_host_lacks_memory(&handle->console))
        return with_console(handle, guest_error_of_host_memory(handle, operation, &memory));
    int cause = guestfs_last_errno(handle->g);
    struct error *err = error_new(cause == ENOSPC || cause == EDQUOT ? EXIT_DISK_FULL : EXIT_VM,
                                  "start the VM under %s: %s", accelerator, words);

    return with_console(handle, file_system_explain(err, run_folder));
}

/* While the program is suspended, the guest's clocks stand still, which its time limits count. */
static void on_suspend(void *context, bool suspends)
{
    struct guest_handle *handle = context;

    terminal_suspend(suspends);
    pace_suspend(&handle->pace, suspends);
    handle->engine->kind->suspend(handle->engine, suspends);
}

/* Opens the ports, and makes the engine that uses them. */
static struct error *make_engine(struct guest_handle *handle, const struct vm_options *options,
                                 const struct guest_attempt *attempt)
{
    const char *folder = handle->sockets.path;

    TRY(guest_port_open(folder, "output", &handle->output));
    TRY(guest_port_open(folder, "layer", &handle->layer));
    const struct engine_host host = {.sockets = &handle->sockets,
                                     .output = handle->output,
                                     .layer = handle->layer,
                                     .sink = {show_output, handle},
                                     .started = on_started,
                                     .end = end_machine,
                                     .context = handle};

    return (attempt->host.accelerator == ACCELERATOR_UML ? uml_engine_new : qemu_engine_new)(
        options, attempt, &host, &handle->engine);
}

struct error *guest_handle_start(struct guest_handle *handle, const struct vm_options *options,
                                 const struct guest_attempt *attempt, bool *ret_late)
{
    const char *run_folder = NULL;
    struct host_memory memory;

    *ret_late = false;
    TRY(temporary_run_folder(&run_folder));
    handle->kills = 0;
    (void)guest_error_read_host_memory(handle, &memory);
    handle->kills = memory.kills;
    handle->memory = options->machine.memory;
    handle->log = options->log;
    script_output_free(handle->scripts);
    handle->scripts = script_output_new(
        &(struct script_output_plan){options->secrets, options->log, options->tells_streams});
    mask_free(handle->console_mask);
    handle->console_mask = mask_new(options->secrets);
    TRY(make_engine(handle, options, attempt));
    TRY(guest_library_new(&handle->g));
    if (!configure(handle, run_folder)) {
        CLEANUP(freep) char *words = guest_error_words(handle);

        return error_new(EXIT_VM, "configure the VM: %s", words);
    }
    struct error *err = handle->engine->kind->launched(
        handle->engine, run_launch(handle, attempt, run_folder, ret_late));

    err = guest_handle_explain(handle, "start the VM", err);
    if (err == NULL)
        supervisor_on_suspend(on_suspend, handle);
    return err;
}

void guest_handle_stop(struct guest_handle *handle)
{
    supervisor_on_suspend(NULL, NULL);
    if (handle->g != NULL) {
        struct rlimit before = descriptor_limit_lower(DESCRIPTORS);

        watchdog_kill(handle->watchdog);
        guestfs_close(handle->g);
        descriptor_limit_restore(before);
        handle->g = NULL;
    }
    /* Whose threads call the engine. */
    guest_port_close(STEAL(handle->output));
    guest_port_close(STEAL(handle->layer));
    if (handle->engine != NULL)
        handle->engine->kind->free(STEAL(handle->engine));
    guest_handle_end_output(handle);
    progress_output_end();
    socket_folder_release(&handle->sockets);
    console_clear(&handle->console);
}

void guest_handle_free(struct guest_handle *handle)
{
    if (handle == NULL)
        return;
    if (handle->watchdog != NULL)
        guest_handle_stop(handle);
    watchdog_free(handle->watchdog);
    socket_folder_free(&handle->sockets);
    pthread_mutex_destroy(&handle->diversion_mutex);
    script_output_free(handle->scripts);
    mask_free(handle->console_mask);
    free(handle);
}

struct error *guest_handle_folders(const struct guest_handle *handle, struct strings *ret)
{
    const struct engine_kind *kind = handle->engine->kind;
    const char *own = kind->folder == NULL ? NULL : kind->folder(handle->engine);
    const char *run = NULL;

    TRY(temporary_run_folder(&run));
    strings_add(ret, run);
    if (own != NULL)
        strings_add(ret, own);
    strings_add(ret, handle->sockets.path);
    if (handle->sockets.adopted != NULL)
        strings_add(ret, handle->sockets.adopted);
    return NULL;
}

void guest_handle_processes(struct strings *ret)
{
    qemu_process_folders(getpid(), gettid(), ret);
}

char *guest_handle_take_tail(struct guest_handle *handle)
{
    return script_output_take_tail(handle->scripts);
}

void guest_handle_expect(struct guest_handle *handle, uint64_t bytes)
{
    handle->expected = bytes;
}

struct guest_port *guest_handle_output(struct guest_handle *handle)
{
    return handle->output;
}

void guest_handle_divert_output(struct guest_handle *handle, struct sink sink)
{
    pthread_mutex_lock(&handle->diversion_mutex);
    handle->diversion = sink;
    pthread_mutex_unlock(&handle->diversion_mutex);
}

void guest_handle_kill(struct guest_handle *handle)
{
    watchdog_kill(handle->watchdog);
}
