#include "host/vm/qemu_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/machine/appliance.h"
#include "host/machine/confined_qemu.h"
#include "host/store/store.h"
#include "host/vm/disk_server.h"
#include "host/vm/guest_network.h"
#include "host/vm/qemu_facts.h"
#include "host/vm/qemu_watch.h"

struct qemu_engine {
    struct engine engine;
    struct engine_host host;
    const struct vm_options *options;    /* until it is launched */
    const struct guest_attempt *attempt; /* the same */
    struct gatekeeper *gatekeeper;       /* the same */
    struct qemu_watch *watch;
    struct guest_network *network;   /* NULL: the machine has none */
    struct disk_server *disk_server; /* of a base disk that is no file; else NULL */
    char *scratch, *base;            /* the paths of these disks; BASE may be NULL */
    char *program, *appliance;       /* what libguestfs is to start: links */
    char *cache;                     /* for what it finds out about QEMU */
};

static struct qemu_engine *of(struct engine *engine)
{
    return (struct qemu_engine *)engine;
}

/* Returns the path of the disk ID, or ID itself if it is unknown or a layer; borrowed. */
static const char *disk_path(const struct qemu_engine *qemu, const char *id)
{
    if (strcmp(id, GUEST_DISK_SCRATCH) == 0)
        return qemu->scratch;
    if (qemu->base != NULL &&
        (strcmp(id, GUEST_DISK_BASE) == 0 || strcmp(id, GUEST_DISK_NEW_BASE) == 0))
        return qemu->base;
    return id;
}

static struct error *explain(struct engine *engine, const char *operation, struct error *err)
{
    struct qemu_engine *qemu = of(engine);
    struct qemu_fault fault;

    if (err == NULL || !qemu_watch_fault(qemu->watch, &fault))
        return guest_network_explain(qemu->network, operation, err);
    error_free(err);
    return qemu_fault_error(&fault, operation, disk_path(qemu, fault.disk));
}

static void on_connected(void *context, pid_t pid)
{
    struct qemu_engine *qemu = context;

    qemu->host.started(qemu->host.context, pid);
    if (qemu->host.sockets->adopted == NULL)
        socket_folder_adopt(qemu->host.sockets);
}

/* Starts all that QEMU connects to. */
static struct error *start_peers(struct qemu_engine *qemu)
{
    const struct engine_host *host = &qemu->host;
    const struct machine_options *machine = &qemu->options->machine;
    const char *folder = host->sockets->path;
    const struct guest_attempt *attempt = qemu->attempt;
    const struct gatekeeper_plan plan = {.task = attempt->task,
                                         .more_devices = attempt->task == GATEKEEPER_RESUME &&
                                                         machine_has_more_than_saved(machine),
                                         .memory = attempt->memory,
                                         .state = attempt->state,
                                         .state_path = attempt->state_path,
                                         .end = host->end,
                                         .context = host->context};

    TRY(guest_port_start(host->output, host->sink, on_connected, qemu));
    TRY(qemu_watch_start(folder, host->end, host->context, &qemu->watch));
    if (machine->network)
        TRY(guest_network_start(folder, &qemu->options->grants, host->end, host->context,
                                &qemu->network));
    if (qemu->options->base_disk != NULL)
        TRY(disk_server_start(folder, qemu->options->base_disk, &qemu->disk_server));
    return gatekeeper_start(folder, &plan, &qemu->gatekeeper);
}

/* Sets what the machine has beyond the defaults of libguestfs. Returns false if it refuses that. */
static bool configure_machine(const struct qemu_engine *qemu, guestfs_h *g)
{
    struct machine_host host = qemu->attempt->host;
    struct machine machine;

    host.output = guest_port_path(qemu->host.output);
    host.layer = guest_port_path(qemu->host.layer);
    host.gate = gatekeeper_gate(qemu->gatekeeper);
    host.monitor = gatekeeper_monitor(qemu->gatekeeper);
    host.watch = qemu_watch_socket(qemu->watch);
    host.network = qemu->network == NULL ? NULL : guest_network_socket(qemu->network);
    host.base = qemu->disk_server == NULL ? NULL : disk_server_socket(qemu->disk_server);
    host.resumes = qemu->attempt->task == GATEKEEPER_RESUME;
    machine_describe(&qemu->options->machine, &host, &machine);
    bool done = guestfs_set_append(g, machine.append) == 0;

    for (size_t i = 0; done && i + 1 < machine.parameters.count; i += 2)
        done = guestfs_config(g, machine.parameters.items[i], machine.parameters.items[i + 1]) == 0;
    machine_free(&machine);
    return done;
}

/* Returns the directory for what libguestfs finds out about QEMU, the caller's. It knows QEMU by
 * the size and time of the program that it starts, which is the one that confines QEMU. */
static char *probe_folder(const struct vm_options *options, const char *path,
                          const char *run_folder)
{
    struct stat status = {0};

    if (options->store == NULL || stat(path, &status) < 0)
        return xstrdup(run_folder);
    CLEANUP(freep)
    char *folder = xasprintf("%s/qemu-%lld-%lld", store_folder(options->store),
                             (long long)status.st_size, (long long)status.st_mtime);

    return mkdir(folder, 0700) == 0 || errno == EEXIST ? STEAL(folder) : xstrdup(run_folder);
}

static bool configure(struct engine *engine, guestfs_h *g)
{
    const struct qemu_engine *qemu = of(engine);
    const struct machine_options *machine = &qemu->options->machine;
    bool kvm = qemu->attempt->host.accelerator == ACCELERATOR_KVM;

    /* It was asked for because it works. */
    if (kvm)
        qemu_facts_forget_no_kvm(qemu->cache);
    return guestfs_set_cachedir(g, qemu->cache) == 0 && guestfs_set_backend(g, "direct") == 0 &&
           guestfs_set_backend_setting(g, kvm ? "force_kvm" : "force_tcg", "1") == 0 &&
           /* QEMU is bound to this process by the kernel; libguestfs' process only looks now and
            * then, and may be killed, too. */
           guestfs_set_recovery_proc(g, 0) == 0 && guestfs_set_path(g, qemu->appliance) == 0 &&
           guestfs_set_hv(g, qemu->program) == 0 &&
           guestfs_set_memsize(g, (int)machine->memory) == 0 &&
           guestfs_set_smp(g, (int)machine->cpus) == 0 &&
           /* It does not launch without a drive; this one is an empty file. */
           guestfs_add_drive_opts(g, "/dev/null", GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", -1) == 0 &&
           configure_machine(qemu, g);
}

/* Of a VM that was saved or should have resumed, the gatekeeper knows the cause. */
static struct error *launched(struct engine *engine, struct error *err)
{
    struct qemu_engine *qemu = of(engine);
    struct error *gatekeeper_err = gatekeeper_finish(STEAL(qemu->gatekeeper));

    if (qemu->attempt->task == GATEKEEPER_BOOT || err == NULL) {
        error_free(gatekeeper_err);
        return err;
    }
    error_free(err);
    return gatekeeper_err;
}

static void suspend(struct engine *engine, bool suspends)
{
    (void)(suspends ? qemu_watch_pause : qemu_watch_continue)(of(engine)->watch);
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

/* Makes the links to the program that confines QEMU (confined_qemu.h), and to QEMU. */
static struct error *link_program(struct qemu_engine *qemu)
{
    const struct socket_folder *sockets = qemu->host.sockets;
    const char *path = qemu->attempt->qemu;
    CLEANUP(freep) char *real = realpath(path, NULL);
    CLEANUP(freep) char *confiner = appliance_find_confiner();
    CLEANUP(freep) char *target = NULL;
    CLEANUP(freep) char *lack = NULL;
    CLEANUP(freep) char *confinement = confined_qemu_describe(&lack);

    if (confiner == NULL) {
        confiner = xasprintf("%s/vmbuild", sockets->path);
        if (access(confiner, X_OK) < 0)
            TRY(copy_program(confiner));
    }
    progress_detail("QEMU is confined by %s%s%s", confinement,
                    lack == NULL ? "" : ", but not in: ", lack == NULL ? "" : lack);
    TRY(socket_folder_link(sockets, CONFINED_QEMU_TARGET, real == NULL ? path : real, &target));
    return socket_folder_link(sockets, CONFINED_QEMU, confiner, &qemu->program);
}

static void qemu_engine_free(struct engine *engine)
{
    struct qemu_engine *qemu = of(engine);

    error_free(gatekeeper_finish(qemu->gatekeeper));
    qemu_watch_free(qemu->watch);
    guest_network_stop(qemu->network);
    disk_server_free(qemu->disk_server);
    free(qemu->scratch);
    free(qemu->base);
    free(qemu->program);
    free(qemu->appliance);
    free(qemu->cache);
    free(qemu);
}

static const struct engine_kind kind = {.configure = configure,
                                        .launched = launched,
                                        .explain = explain,
                                        .suspend = suspend,
                                        .free = qemu_engine_free};

static struct error *set_up(struct qemu_engine *qemu)
{
    const char *run_folder = NULL;

    TRY(temporary_run_folder(&run_folder));
    TRY(link_program(qemu));
    TRY(socket_folder_link(qemu->host.sockets, "appliance", qemu->attempt->appliance,
                           &qemu->appliance));
    qemu->cache = probe_folder(qemu->options, qemu->attempt->qemu, run_folder);
    return start_peers(qemu);
}

struct error *qemu_engine_new(const struct vm_options *options, const struct guest_attempt *attempt,
                              const struct engine_host *host, struct engine **ret)
{
    const char *base = options->machine.base;
    struct qemu_engine *qemu = xcalloc(1, sizeof *qemu);

    *qemu = (struct qemu_engine){.engine = {.kind = &kind},
                                 .host = *host,
                                 .options = options,
                                 .attempt = attempt,
                                 .scratch = xstrdup(options->machine.scratch),
                                 .base = base == NULL ? NULL : xstrdup(base)};
    struct error *err = set_up(qemu);

    if (err != NULL)
        qemu_engine_free(&qemu->engine);
    else
        *ret = &qemu->engine;
    return err;
}
