#include "host/vm/guest_handle.h"

#include <errno.h>
#include <fcntl.h>
#include <guestfs.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_system.h"
#include "host/lib/landlock.h"
#include "host/lib/log_file.h"
#include "host/lib/memory.h"
#include "host/lib/parent_death.h"
#include "host/lib/printable.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/lib/supervisor.h"
#include "host/lib/temporary.h"
#include "host/machine/appliance.h"
#include "host/machine/confined_qemu.h"
#include "host/machine/host_memory.h"
#include "host/machine/machine.h"
#include "host/store/store.h"
#include "host/vm/console.h"
#include "host/vm/descriptor_limit.h"
#include "host/vm/disk_server.h"
#include "host/vm/gatekeeper.h"
#include "host/vm/guest_feed.h"
#include "host/vm/guest_network.h"
#include "host/vm/layer_frames.h"
#include "host/vm/outcome.h"
#include "host/vm/pace.h"
#include "host/vm/qemu_facts.h"
#include "host/vm/qemu_process.h"
#include "host/vm/qemu_watch.h"
#include "host/vm/socket_folder.h"
#include "host/vm/watchdog.h"

#define WORDS_MAX_BYTES 1024 /* of the guest's own words; they end in the cause */

#define DESCRIPTORS 1024 /* for libguestfs and QEMU, which open a few, and two for each disk */

#define ADVICE_DISK "raise \"diskSize\" in the spec"
#define ADVICE_MEMORY "raise \"memory\" in the spec or --memory"

struct guest_handle {
    guestfs_h *g; /* NULL while stopped */
    struct watchdog *watchdog;
    struct guest_port *output;
    struct guest_port *layer;
    struct gatekeeper *gatekeeper; /* during a launch */
    struct qemu_watch *watch;
    struct guest_network *network;   /* NULL: the machine has none */
    struct disk_server *disk_server; /* of a base disk that is not new; else NULL */
    char *scratch, *base;            /* the paths of these disks; BASE may be NULL */
    struct console console;
    bool verbose;
    struct socket_folder sockets;
    struct pace pace;     /* of the transfer under way */
    struct log_file *log; /* borrowed, or NULL */
    uint64_t memory;      /* of the VM, MiB */
    uint64_t kills;       /* host_memory.kills before the launch */
};

/* Returns the first line of the last error of libguestfs, without the name of its call, without
 * control characters and of limited length, since part of it comes from the guest; the caller's. */
static char *library_error(struct guest_handle *handle)
{
    static const char *const calls[] = {"command: ", "upload: ", "tar_in: "};
    const char *text = guestfs_last_error(handle->g);

    if (text == NULL)
        return xstrdup("no reason given by libguestfs");
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strncmp(text, calls[i], strlen(calls[i])) == 0)
            text += strlen(calls[i]);
    CLEANUP(freep)
    char *words = printable_copy(text, strcspn(text, "\n"), PRINTABLE_UTF8, PRINTABLE_MARK);

    return printable_cut(words, WORDS_MAX_BYTES);
}

static struct error *with_console(struct guest_handle *handle, struct error *err)
{
    CLEANUP(freep) char *tail = console_tail(&handle->console);

    return error_detail(err, *tail != '\0' ? tail : "  the guest's console is empty");
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), suffix_length = strlen(suffix);

    return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

/* Returns the path of the disk ID, or ID itself if it is unknown or a layer; borrowed. */
static const char *disk_path(const struct guest_handle *handle, const char *id)
{
    if (strcmp(id, GUEST_DISK_SCRATCH) == 0)
        return handle->scratch;
    if (handle->base != NULL &&
        (strcmp(id, GUEST_DISK_BASE) == 0 || strcmp(id, GUEST_DISK_NEW_BASE) == 0))
        return handle->base;
    return id;
}

struct error *guest_handle_explain(struct guest_handle *handle, const char *operation,
                                   struct error *err)
{
    struct qemu_fault fault;
    struct error *log_err =
        err != NULL && handle->log != NULL ? log_file_take_error(handle->log) : NULL;

    if (log_err != NULL) {
        error_free(err);
        return error_context(log_err, "%s", operation);
    }
    if (err == NULL || !qemu_watch_fault(handle->watch, &fault))
        return guest_network_explain(handle->network, operation, err);
    error_free(err);
    return qemu_fault_error(&fault, operation, disk_path(handle, fault.disk));
}

/* Reads the host's memory. Returns whether it has killed a process for want of it since the launch.
 */
static bool read_host_memory(const struct guest_handle *handle, struct host_memory *ret)
{
    host_memory_read("/proc", "/sys/fs/cgroup", ret);
    return ret->kills > handle->kills;
}

/* Returns the error of OPERATION, during which the VM did not get its memory from the host. */
static struct error *host_memory_error(const struct guest_handle *handle, const char *operation,
                                       const struct host_memory *memory)
{
    CLEANUP(freep) char *description = host_memory_describe(memory);

    return error_advise(
        error_new(EXIT_VM, "%s: the host has not enough memory for a VM of %" PRIu64 " MiB: %s",
                  operation, handle->memory, description),
        "lower \"memory\" in the spec or --memory, or raise the limit");
}

/* Returns the error of a call that has failed. FIRED: the watchdog has killed QEMU after SECONDS.
 */
static struct error *guest_error(struct guest_handle *handle, const char *operation, bool fired,
                                 uint64_t seconds)
{
    CLEANUP(freep) char *words = library_error(handle);

    if (fired && handle->pace.watchdog != NULL)
        return with_console(handle, pace_error(&handle->pace, operation));
    if (fired)
        return with_console(handle,
                            error_new(EXIT_TIMEOUT, "%s: the guest did not answer for %llu seconds",
                                      operation, (unsigned long long)seconds));
    if (guestfs_is_ready(handle->g) != 1) {
        if (console_out_of_memory(&handle->console))
            return error_advise(
                with_console(handle,
                             error_new(EXIT_MEMORY, "%s: the guest ran out of memory", operation)),
                ADVICE_MEMORY);
        struct host_memory memory;

        if (read_host_memory(handle, &memory))
            return host_memory_error(handle, operation, &memory);
        return with_console(handle, error_new(EXIT_VM, "%s: the VM ended: %s", operation, words));
    }
    if (ends_with(words, GUEST_DISK_FULL_SUFFIX))
        return error_advise(error_new(EXIT_DISK_FULL, "%s: %s", operation, words), ADVICE_DISK);
    if (strncmp(words, GUEST_BAD_LAYER_PREFIX, strlen(GUEST_BAD_LAYER_PREFIX)) == 0)
        return error_new(EXIT_INPUT, "%s: %s", operation, words);
    return with_console(handle, error_new(EXIT_OTHER, "%s: %s", operation, words));
}

/* The same, unless the host is the cause. */
static struct error *call_error(struct guest_handle *handle, const char *operation, bool fired,
                                uint64_t seconds)
{
    return guest_handle_explain(handle, operation, guest_error(handle, operation, fired, seconds));
}

/* Makes a handle that takes nothing from the environment. */
static struct error *make_handle(guestfs_h **ret)
{
    *ret = guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT | GUESTFS_CREATE_NO_CLOSE_ON_EXIT);
    if (*ret == NULL)
        return error_errno(EXIT_OTHER, "start libguestfs");
    guestfs_set_error_handler(*ret, NULL, NULL);
    return NULL;
}

struct error *guest_handle_find_qemu(char **ret)
{
    guestfs_h *g = NULL;

    TRY(make_handle(&g));
    CLEANUP(freep) char *hv = guestfs_get_hv(g);

    guestfs_close(g);
    return appliance_find_qemu(hv == NULL ? "" : hv, ret);
}

char *guest_handle_library_version(void)
{
    guestfs_h *g = NULL;
    struct error *err = make_handle(&g);

    if (err != NULL) {
        error_free(err);
        return xstrdup("unknown");
    }
    struct guestfs_version *version = guestfs_version(g);
    char *text = version == NULL ? xstrdup("unknown")
                                 : xasprintf("%lld.%lld.%lld%s", (long long)version->major,
                                             (long long)version->minor, (long long)version->release,
                                             version->extra);

    guestfs_free_version(version);
    guestfs_close(g);
    return text;
}

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
    scope_signals();
    supervisor_prepare_suspension();
}

struct error *guest_handle_new(bool verbose, struct guest_handle **ret)
{
    CLEANUP(guest_handle_freep) struct guest_handle *handle = xcalloc(1, sizeof *handle);

    handle->verbose = verbose;
    guest_handle_prepare();
    TRY(watchdog_new(&handle->watchdog));
    TRY(socket_folder_choose(&handle->sockets));
    /* libguestfs would pass it on to the guest's kernel, and that to every script. */
    unsetenv("TERM");
    *ret = STEAL(handle);
    return NULL;
}

/* Without a handler, libguestfs prints some of these events on standard error. */
static void on_event(guestfs_h *g, void *context, uint64_t event, int event_handle, int flags,
                     const char *bytes, size_t length, const uint64_t *array, size_t array_length)
{
    struct guest_handle *handle = context;

    (void)g, (void)event_handle, (void)flags, (void)array, (void)array_length;
    if (event == GUESTFS_EVENT_APPLIANCE) {
        console_append(&handle->console, bytes, length);
        watchdog_note_output(handle->watchdog);
        if (handle->verbose)
            console_show(&handle->console, bytes, length);
    } else {
        progress_detail("libguestfs: %.*s", (int)length, bytes);
    }
}

/* The sink of the output port. If the log cannot be kept, nothing else ends the script. */
static struct error *show_output(void *context, const void *bytes, size_t length)
{
    struct guest_handle *handle = context;

    progress_output(bytes, length);
    if (handle->log == NULL || log_file_write(handle->log, bytes, length))
        return NULL;
    watchdog_kill(handle->watchdog);
    return error_new(EXIT_OTHER, "keep the log"); /* log_file_take_error has the cause */
}

static void on_connected(void *context, pid_t qemu)
{
    struct guest_handle *handle = context;

    watchdog_set_target(handle->watchdog, qemu);
    if (handle->sockets.adopted == NULL)
        socket_folder_adopt(&handle->sockets);
}

/* Sets what the machine has beyond the defaults of libguestfs. Returns false if it refuses that. */
static bool configure_machine(struct guest_handle *handle, const struct vm_options *options,
                              const struct guest_attempt *attempt)
{
    struct machine_host host = attempt->host;
    struct machine machine;

    host.output = guest_port_path(handle->output);
    host.layer = guest_port_path(handle->layer);
    host.gate = gatekeeper_gate(handle->gatekeeper);
    host.monitor = gatekeeper_monitor(handle->gatekeeper);
    host.watch = qemu_watch_socket(handle->watch);
    host.network = handle->network == NULL ? NULL : guest_network_socket(handle->network);
    host.base = handle->disk_server == NULL ? NULL : disk_server_socket(handle->disk_server);
    host.resumes = attempt->task == GATEKEEPER_RESUME;
    machine_describe(&options->machine, &host, &machine);
    bool done = guestfs_set_append(handle->g, machine.append) == 0;

    for (size_t i = 0; done && i + 1 < machine.parameters.count; i += 2)
        done = guestfs_config(handle->g, machine.parameters.items[i],
                              machine.parameters.items[i + 1]) == 0;
    machine_free(&machine);
    return done;
}

/* Returns the directory for what libguestfs finds out about QEMU, the caller's. It knows QEMU by
 * the size and time of the program that it starts, which is the one that confines QEMU. */
static char *probe_folder(const struct vm_options *options, const char *qemu,
                          const char *run_folder)
{
    struct stat status = {0};

    if (options->store == NULL || stat(qemu, &status) < 0)
        return xstrdup(run_folder);
    CLEANUP(freep)
    char *folder = xasprintf("%s/qemu-%lld-%lld", store_folder(options->store),
                             (long long)status.st_size, (long long)status.st_mtime);

    return mkdir(folder, 0700) == 0 || errno == EEXIST ? STEAL(folder) : xstrdup(run_folder);
}

/* Sets up the handle for one launch; CACHE is probe_folder's. Returns false if libguestfs refuses
 * something. */
static bool configure(struct guest_handle *handle, const struct vm_options *options,
                      const struct guest_attempt *attempt, const char *run_folder,
                      const char *cache)
{
    guestfs_h *g = handle->g;
    CLEANUP(freep) char *runtime = xasprintf("XDG_RUNTIME_DIR=%s", handle->sockets.path);
    char *const environment[] = {runtime, NULL};
    const char *accelerator =
        attempt->host.accelerator == ACCELERATOR_KVM ? "force_kvm" : "force_tcg";

    /* It was asked for because it works. */
    if (attempt->host.accelerator == ACCELERATOR_KVM)
        qemu_facts_forget_no_kvm(cache);
    guestfs_set_event_callback(g, on_event,
                               GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_LIBRARY |
                                   GUESTFS_EVENT_WARNING | GUESTFS_EVENT_TRACE,
                               0, handle);
    return guestfs_parse_environment_list(g, environment) == 0 &&
           guestfs_set_tmpdir(g, run_folder) == 0 && guestfs_set_cachedir(g, cache) == 0 &&
           guestfs_set_backend(g, "direct") == 0 &&
           guestfs_set_backend_setting(g, accelerator, "1") == 0 &&
           guestfs_set_verbose(g, handle->verbose) == 0 && guestfs_set_autosync(g, 0) == 0 &&
           /* QEMU is bound to this process by the kernel; libguestfs' process only looks now and
            * then, and may be killed, too. */
           guestfs_set_recovery_proc(g, 0) == 0 && guestfs_set_path(g, attempt->appliance) == 0 &&
           guestfs_set_hv(g, attempt->qemu) == 0 &&
           guestfs_set_memsize(g, (int)options->machine.memory) == 0 &&
           guestfs_set_smp(g, (int)options->machine.cpus) == 0 &&
           /* It does not launch without a drive; this one is an empty file. */
           guestfs_add_drive_opts(g, "/dev/null", GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", -1) == 0 &&
           configure_machine(handle, options, attempt);
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
    if (*ret_late)
        return with_console(
            handle,
            error_new(EXIT_VM, "start the VM under %s: it did not report within %lld seconds",
                      accelerator, (long long)(end.tv_sec - start.tv_sec)));
    struct host_memory memory;
    CLEANUP(freep) char *operation = xasprintf("start the VM under %s", accelerator);
    CLEANUP(freep) char *words = library_error(handle);

    if (read_host_memory(handle, &memory) || console_host_lacks_memory(&handle->console))
        return with_console(handle, host_memory_error(handle, operation, &memory));
    int cause = guestfs_last_errno(handle->g);
    struct error *err = error_new(cause == ENOSPC || cause == EDQUOT ? EXIT_DISK_FULL : EXIT_VM,
                                  "start the VM under %s: %s", accelerator, words);

    return with_console(handle, file_system_explain(err, run_folder));
}

static void end_qemu(void *context)
{
    struct guest_handle *handle = context;

    watchdog_kill(handle->watchdog);
}

/* Starts all that QEMU connects to. */
static struct error *start_peers(struct guest_handle *handle, const struct vm_options *options,
                                 const struct gatekeeper_plan *plan)
{
    const char *folder = handle->sockets.path;
    const struct machine_options *machine = &options->machine;

    TRY(guest_port_open(folder, "output", &handle->output));
    TRY(guest_port_open(folder, "layer", &handle->layer));
    TRY(guest_port_start(handle->output, (struct sink){show_output, handle}, on_connected, handle));
    TRY(qemu_watch_start(folder, end_qemu, handle, &handle->watch));
    if (options->machine.network)
        TRY(guest_network_start(folder, &options->grants, end_qemu, handle, &handle->network));
    if (machine->base != NULL && !machine->base_is_new)
        TRY(disk_server_start(folder, options->store, machine->base, &handle->disk_server));
    return gatekeeper_start(folder, plan, &handle->gatekeeper);
}

/* Of a VM that was saved or should have resumed, the gatekeeper knows the cause. */
static struct error *finish_launch(struct guest_handle *handle, const struct guest_attempt *attempt,
                                   struct error *err)
{
    struct error *gatekeeper_err = gatekeeper_finish(STEAL(handle->gatekeeper));

    if (attempt->task == GATEKEEPER_BOOT || err == NULL) {
        error_free(gatekeeper_err);
        return guest_handle_explain(handle, "start the VM", err);
    }
    error_free(err);
    return guest_handle_explain(handle, "start the VM", gatekeeper_err);
}

/* While the program is suspended, the guest's clocks stand still, which its time limits count. */
static void on_suspend(void *context, bool suspends)
{
    struct guest_handle *handle = context;

    pace_suspend(&handle->pace, suspends);
    (void)(suspends ? qemu_watch_pause : qemu_watch_continue)(handle->watch);
}

/* Copies this program, whose file was replaced or removed, to the new file PATH. */
static struct error *copy_program(const char *path)
{
    static const char program[] = "/proc/self/exe";
    CLEANUP(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

    if (fd < 0)
        return error_errno(EXIT_VM, "create '%s'", path);
    struct stat status;

    return stat(program, &status) < 0 ? error_errno(EXIT_VM, "open '%s'", program)
                                      : file_copy(program, (uint64_t)status.st_size, fd, path);
}

/* Makes the links to the program that confines QEMU (confined_qemu.h), *RET, which is the caller's,
 * and to QEMU. */
static struct error *link_qemu(const struct guest_handle *handle, const char *qemu, char **ret)
{
    CLEANUP(freep) char *real = realpath(qemu, NULL);
    CLEANUP(freep) char *confiner = appliance_find_confiner();
    CLEANUP(freep) char *target = NULL;
    CLEANUP(freep) char *lack = NULL;
    CLEANUP(freep) char *confinement = confined_qemu_describe(&lack);

    if (confiner == NULL) {
        confiner = xasprintf("%s/vmbuild", handle->sockets.path);
        if (access(confiner, X_OK) < 0)
            TRY(copy_program(confiner));
    }
    progress_detail("QEMU is confined by %s%s%s", confinement,
                    lack == NULL ? "" : ", but not in: ", lack == NULL ? "" : lack);
    TRY(socket_folder_link(&handle->sockets, CONFINED_QEMU_TARGET, real == NULL ? qemu : real,
                           &target));
    return socket_folder_link(&handle->sockets, CONFINED_QEMU, confiner, ret);
}

struct error *guest_handle_start(struct guest_handle *handle, const struct vm_options *options,
                                 const struct guest_attempt *attempt, bool *ret_late)
{
    const struct gatekeeper_plan plan = {.task = attempt->task,
                                         .more_devices =
                                             attempt->task == GATEKEEPER_RESUME &&
                                             machine_has_more_than_saved(&options->machine),
                                         .state = attempt->state,
                                         .state_path = attempt->state_path,
                                         .end = end_qemu,
                                         .context = handle};
    const char *run_folder = NULL;
    struct guest_attempt linked = *attempt;
    CLEANUP(freep) char *qemu = NULL;
    CLEANUP(freep) char *appliance = NULL;

    *ret_late = false;
    TRY(temporary_run_folder(&run_folder));
    TRY(link_qemu(handle, attempt->qemu, &qemu));
    TRY(socket_folder_link(&handle->sockets, "appliance", attempt->appliance, &appliance));
    linked.qemu = qemu;
    linked.appliance = appliance;
    struct host_memory memory;

    handle->kills = 0;
    (void)read_host_memory(handle, &memory);
    handle->kills = memory.kills;
    handle->memory = options->machine.memory;
    handle->log = options->log;
    handle->scratch = xstrdup(options->machine.scratch);
    handle->base = options->machine.base == NULL ? NULL : xstrdup(options->machine.base);
    TRY(start_peers(handle, options, &plan));
    TRY(make_handle(&handle->g));
    CLEANUP(freep) char *cache = probe_folder(options, attempt->qemu, run_folder);

    if (!configure(handle, options, &linked, run_folder, cache)) {
        CLEANUP(freep) char *words = library_error(handle);

        return error_new(EXIT_VM, "configure the VM: %s", words);
    }
    struct error *err =
        finish_launch(handle, attempt, run_launch(handle, attempt, run_folder, ret_late));

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
    error_free(gatekeeper_finish(STEAL(handle->gatekeeper)));
    qemu_watch_free(STEAL(handle->watch));
    guest_network_stop(STEAL(handle->network));
    disk_server_free(STEAL(handle->disk_server));
    free(STEAL(handle->scratch));
    free(STEAL(handle->base));
    guest_port_close(STEAL(handle->output));
    guest_port_close(STEAL(handle->layer));
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
    free(handle);
}

/* Calls guestfs_command, as guest_handle_command, with the watchdog armed for SECONDS already. */
static struct error *call(struct guest_handle *handle, const char *operation, uint64_t seconds,
                          struct strings *words, char **ret_reply)
{
    char *reply = guestfs_command(handle->g, words->items);
    bool fired = watchdog_disarm(handle->watchdog);

    strings_free(words);
    if (reply == NULL)
        return call_error(handle, operation, fired, seconds);
    if (ret_reply != NULL)
        *ret_reply = reply;
    else
        free(reply);
    return NULL;
}

struct error *guest_handle_command(struct guest_handle *handle, const char *operation,
                                   uint64_t seconds, struct strings *words, char **ret_reply)
{
    watchdog_arm(handle->watchdog, seconds);
    return call(handle, operation, seconds, words, ret_reply);
}

struct error *guest_handle_upload(struct guest_handle *handle, const char *operation,
                                  const char *path, const char *target)
{
    watchdog_arm(handle->watchdog, GUEST_HANDLE_CALL_SECONDS);
    int result = guestfs_upload(handle->g, path, target);
    bool fired = watchdog_disarm(handle->watchdog);

    return result == 0 ? NULL : call_error(handle, operation, fired, GUEST_HANDLE_CALL_SECONDS);
}

/* A transfer under way. */
struct stream {
    struct guest_handle *handle;

    /* To the guest. */
    const char *folder; /* in it */
    struct error *(*produce)(void *context, struct sink sink);
    void *producer;
    struct sink sink;

    /* From it. */
    struct sparse_sink layer;
    struct layer_frames frames;
};

static int call_tar_in(void *context, const char *path)
{
    struct stream *stream = context;

    return guestfs_tar_in(stream->handle->g, path, stream->folder);
}

static void cancel_call(void *context)
{
    struct stream *stream = context;

    guestfs_user_cancel(stream->handle->g);
}

/* The sink between both ends of a transfer to the guest, whose turn it is while this lasts. */
static struct error *pass_on(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    pace_guest(&stream->handle->pace);
    struct error *err = stream->sink.write(stream->sink.context, bytes, length);

    pace_host(&stream->handle->pace, length);
    return err;
}

static struct error *produce_watched(void *context, struct sink sink)
{
    struct stream *stream = context;

    stream->sink = sink;
    pace_host(&stream->handle->pace, 0);
    struct error *err =
        stream->produce(stream->producer, (struct sink){.write = pass_on, .context = stream});

    pace_guest(&stream->handle->pace); /* to unpack what it has got */
    return err;
}

struct error *guest_handle_tar_in(struct guest_handle *handle, const char *operation,
                                  const char *target,
                                  struct error *(*produce)(void *context, struct sink sink),
                                  void *context)
{
    struct stream stream = {
        .handle = handle, .folder = target, .produce = produce, .producer = context};
    const struct guest_feed feed = {.call = call_tar_in, .cancel = cancel_call, .context = &stream};
    int result = -1;

    pace_start(&handle->pace, handle->watchdog);
    struct error *err = guest_feed_send(&feed, produce_watched, &stream, &result);
    bool fired = watchdog_disarm(handle->watchdog);

    if (err != NULL || result == 0)
        err = guest_handle_explain(handle, operation, err);
    else
        err = call_error(handle, operation, fired, PACE_STALL_SECONDS);
    pace_end(&handle->pace);
    return err;
}

/* The sink of the frames' tar: while it works, it is the host's turn. */
static struct error *pass_layer(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;

    pace_host(&stream->handle->pace, length);
    struct error *err = stream->layer.write(stream->layer.context, bytes, length);

    pace_guest(&stream->handle->pace);
    return err;
}

/* A hole is eight bytes to the guest, which earn it nothing. */
static struct error *pass_hole(void *context, uint64_t length)
{
    struct stream *stream = context;

    pace_host(&stream->handle->pace, 0);
    struct error *err = stream->layer.skip(stream->layer.context, length);

    pace_guest(&stream->handle->pace);
    return err;
}

/* The sink of the layer's port. If it fails, nothing else ends the guest's call. */
static struct error *take_frames(void *context, const void *bytes, size_t length)
{
    struct stream *stream = context;
    struct error *err = layer_frames_write(&stream->frames, bytes, length);

    if (err != NULL)
        watchdog_kill(stream->handle->watchdog);
    return err;
}

/* Makes the call of WORDS and takes the layer. Returns the error of the call; *RET_SINK_ERR is that
 * of the sink. */
static struct error *take_layer(struct guest_handle *handle, const char *operation,
                                struct strings *words, struct stream *stream,
                                struct error **ret_sink_err)
{
    CLEANUP(freep) char *reply = NULL;
    uint64_t count = 0;

    pace_start(&handle->pace, handle->watchdog);
    struct error *err =
        guest_port_start(handle->layer, (struct sink){take_frames, stream}, NULL, NULL);

    if (err != NULL)
        strings_free(words);
    else
        err = call(handle, operation, PACE_STALL_SECONDS, words, &reply);
    if (err == NULL)
        err = outcome_parse_layer(reply, &count);
    if (err == NULL)
        err = guest_port_wait(handle->layer, count);
    *ret_sink_err = guest_port_stop(handle->layer);
    watchdog_disarm(handle->watchdog);
    pace_end(&handle->pace);
    return err;
}

struct error *guest_handle_receive_layer(struct guest_handle *handle, const char *operation,
                                         struct strings *words, struct sparse_sink sink)
{
    struct stream stream = {.handle = handle, .layer = sink};
    struct error *sink_err = NULL;

    stream.frames.sink = (struct sparse_sink){pass_layer, pass_hole, &stream};
    struct error *err = take_layer(handle, operation, words, &stream, &sink_err);

    if (sink_err == NULL)
        return err != NULL ? guest_handle_explain(handle, operation, err)
                           : layer_frames_finish(&stream.frames);
    error_free(err);
    return sink_err;
}

struct error *guest_handle_folders(const struct guest_handle *handle, struct strings *ret)
{
    const char *run = NULL;

    TRY(temporary_run_folder(&run));
    strings_add(ret, run);
    strings_add(ret, handle->sockets.path);
    if (handle->sockets.adopted != NULL)
        strings_add(ret, handle->sockets.adopted);
    return NULL;
}

void guest_handle_processes(struct strings *ret)
{
    qemu_process_folders(getpid(), gettid(), ret);
}

struct guest_port *guest_handle_output(struct guest_handle *handle)
{
    return handle->output;
}
