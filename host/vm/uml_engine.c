#include "host/vm/uml_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/machine/appliance.h"
#include "host/machine/confined_uml.h"
#include "host/machine/host_memory.h"
#include "host/machine/machine.h"
#include "host/machine/qemu_socket.h"
#include "host/machine/share_disk.h"
#include "host/vm/disk_server.h"
#include "host/vm/guest_network.h"
#include "host/vm/qemu_watch.h"

#define MEMORY_FOLDER "/dev/shm"
#define REPORT_MS 2000 /* that the process may take to report the end of the kernel */

struct uml_engine {
    struct engine engine;
    struct engine_host host;
    const struct vm_options *options; /* until it is launched */
    struct gatekeeper *gatekeeper;    /* the same */
    struct guest_network *network;    /* NULL: the machine has none */
    struct store_disk *base_file;     /* a new base disk that lies over none; else NULL */
    struct disk_server *disk_server;  /* of the base disk; NULL: there is none */
    struct qemu_socket report;        /* for the machine's end */
    char *scratch, *base;             /* the paths of these disks; BASE may be NULL */
    char *memory;                     /* the directory of the guest's memory; a temporary */
    char *program, *appliance;        /* what libguestfs is to start: links */
    char *cache;                      /* for what it finds out about that */
    struct strings links;             /* by which the kernel names its files */
    struct strings shares;            /* the disks that are made of them; temporaries */
    struct strings arguments;         /* of the process */
    pid_t process;                    /* 0: not known */
    enum confined_uml_end end;        /* 0: not known */
};

static struct uml_engine *of(struct engine *engine)
{
    return (struct uml_engine *)engine;
}

const char *uml_engine_lacks(const struct machine_options *options)
{
    size_t disks = 1 + (options->base != NULL ? 1 : 0) + options->cache_count +
                   options->share_count + (options->base_is_new ? options->layer_count : 0);

    return disks > UML_PLAN_DISKS_MAX ? "room for so many layers, caches or shares" : NULL;
}

/* Returns a byte that has come by the socket LISTENER, or comes within REPORT_MS; 0 if none does.
 */
static unsigned char read_report(int listener)
{
    struct pollfd waiting = {.fd = listener, .events = POLLIN};
    unsigned char byte = 0;
    int ready;

    while ((ready = poll(&waiting, 1, REPORT_MS)) < 0 && errno == EINTR)
        ;
    CLEANUP(closep) int fd = ready <= 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return 0;
    waiting.fd = fd;
    while ((ready = poll(&waiting, 1, REPORT_MS)) < 0 && errno == EINTR)
        ;
    return ready > 0 && recv(fd, &byte, sizeof byte, MSG_DONTWAIT) == 1 ? byte : 0;
}

static void settle(struct engine *engine)
{
    struct uml_engine *uml = of(engine);

    if (uml->end == 0)
        uml->end = read_report(uml->report.listener);
}

/* Returns the error of OPERATION, during which the served base disk failed; NULL: it did not. */
static struct error *base_error(const struct uml_engine *uml, const char *operation)
{
    struct qemu_fault fault = {0};
    int cause = uml->disk_server == NULL ? 0 : disk_server_fault(uml->disk_server, &fault.is_write);

    if (cause == 0)
        return NULL;
    fault.is_full = cause == ENOSPC;
    snprintf(fault.reason, sizeof fault.reason, "%s", strerror(cause));
    return qemu_fault_error(&fault, operation, uml->base);
}

/* Returns what has ended the machine during OPERATION, or NULL if that is not the host's or the
 * kernel's fault. */
static struct error *end_error(const struct uml_engine *uml, const char *operation)
{
    const struct qemu_fault full = {
        .reason = "No space left on device", .is_write = true, .is_full = true};
    const struct qemu_fault broken = {.reason = "Input/output error", .is_write = true};

    switch (uml->end) {
    case CONFINED_UML_DISK_FULL:
        return qemu_fault_error(&full, operation, uml->scratch);
    case CONFINED_UML_DISK_FAULT:
        return qemu_fault_error(&broken, operation, uml->scratch);
    case CONFINED_UML_NO_MEMORY:
        return error_advise(
            error_new(EXIT_VM, "%s: the host has no memory left for the VM", operation),
            "lower \"memory\" in the spec or --memory");
    case CONFINED_UML_CALL:
        return error_new(EXIT_VM,
                         "%s: the VM was ended, since it made a system call of the host "
                         "that it does not need",
                         operation);
    case CONFINED_UML_WRONG:
        return error_new(EXIT_VM, "%s: the guest broke the protocol of its line", operation);
    default:
        return NULL;
    }
}

static struct error *explain(struct engine *engine, const char *operation, struct error *err)
{
    struct uml_engine *uml = of(engine);
    struct error *cause = err == NULL ? NULL : base_error(uml, operation);

    if (err != NULL && cause == NULL)
        cause = end_error(uml, operation);

    if (cause == NULL)
        return guest_network_explain(uml->network, operation, err);
    cause = error_detail(cause, err->details);
    error_free(err);
    return cause;
}

static bool configure(struct engine *engine, guestfs_h *g)
{
    const struct uml_engine *uml = of(engine);
    bool done =
        guestfs_set_cachedir(g, uml->cache) == 0 && guestfs_set_backend(g, "direct") == 0 &&
        guestfs_set_backend_setting(g, "force_tcg", "1") == 0 &&
        guestfs_set_recovery_proc(g, 0) == 0 && guestfs_set_path(g, uml->appliance) == 0 &&
        guestfs_set_hv(g, uml->program) == 0 &&
        guestfs_add_drive_opts(g, "/dev/null", GUESTFS_ADD_DRIVE_OPTS_FORMAT, "raw", -1) == 0;

    for (size_t i = 0; done && i < uml->arguments.count; i++)
        done = guestfs_config(g, UML_PLAN_OPTION, uml->arguments.items[i]) == 0;
    return done;
}

static struct error *launched(struct engine *engine, struct error *err)
{
    struct uml_engine *uml = of(engine);

    error_free(gatekeeper_finish(STEAL(uml->gatekeeper)));
    uml->options = NULL;
    return err;
}

static const char *folder(const struct engine *engine)
{
    return ((const struct uml_engine *)engine)->memory;
}

static void suspend(struct engine *engine, bool suspends)
{
    const struct uml_engine *uml = of(engine);

    if (uml->process > 0)
        kill(uml->process, suspends ? SIGTSTP : SIGCONT);
}

static void uml_engine_free(struct engine *engine)
{
    struct uml_engine *uml = of(engine);

    for (size_t i = 0; i < uml->shares.count; i++)
        temporary_remove(uml->shares.items[i]);
    strings_free(&uml->shares);
    error_free(gatekeeper_finish(uml->gatekeeper));
    guest_network_stop(uml->network);
    disk_server_free(uml->disk_server);
    store_disk_free(uml->base_file);
    qemu_socket_close(&uml->report);
    strings_free(&uml->links);
    strings_free(&uml->arguments);
    temporary_removep(&uml->memory);
    free(uml->scratch);
    free(uml->base);
    free(uml->program);
    free(uml->appliance);
    free(uml->cache);
    free(uml);
}

static const struct engine_kind kind = {.configure = configure,
                                        .launched = launched,
                                        .settle = settle,
                                        .explain = explain,
                                        .folder = folder,
                                        .suspend = suspend,
                                        .free = uml_engine_free};

static void on_connected(void *context, pid_t pid)
{
    struct uml_engine *uml = context;

    uml->process = pid;
    uml->host.started(uml->host.context, pid);
    if (uml->host.sockets->adopted == NULL)
        socket_folder_adopt(uml->host.sockets);
}

/* Starts the server of the base disk, if there is one. A new one is served as well, so that scripts
 * find the disks of later builds. */
static struct error *serve_base(struct uml_engine *uml)
{
    const struct vm_options *options = uml->options;

    if (options->machine.base == NULL)
        return NULL;
    if (options->base_disk == NULL)
        TRY(store_disk_open_file(options->machine.base, &uml->base_file));
    TRY(disk_server_start(uml->host.sockets->path,
                          uml->base_file != NULL ? uml->base_file : options->base_disk,
                          &uml->disk_server));
    disk_server_on_fault(uml->disk_server, uml->host.end, uml->host.context);
    return NULL;
}

/* Starts all that the machine connects to. */
static struct error *start_peers(struct uml_engine *uml)
{
    const struct engine_host *host = &uml->host;
    const char *folder = host->sockets->path;
    const struct gatekeeper_plan plan = {
        .task = GATEKEEPER_BOOT, .state = -1, .end = host->end, .context = host->context};

    TRY(qemu_socket_listen(folder, "report", &uml->report));
    TRY(guest_port_start(host->output, host->sink, on_connected, uml));
    if (uml->options->machine.network)
        TRY(guest_network_start(folder, &uml->options->grants, host->end, host->context,
                                &uml->network));
    TRY(serve_base(uml));
    return gatekeeper_start(folder, &plan, &uml->gatekeeper);
}

/* Whether programs can be mapped from files in FOLDER, as the guest's are from its memory. */
static bool can_execute(const char *folder)
{
    CLEANUP(closep) int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    void *page = fd < 0 || ftruncate(fd, 1) < 0
                     ? MAP_FAILED
                     : mmap(NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

    if (page == MAP_FAILED)
        return false;
    munmap(page, 1);
    return true;
}

/* Makes the directory for MIB of memory: in a tmpfs that has the room, else in the build's own, on
 * a disk. */
static struct error *choose_memory_folder(struct uml_engine *uml, uint64_t mib)
{
    struct host_memory memory;
    struct statvfs status;
    const char *run = NULL;

    host_memory_read("/proc", "/sys/fs/cgroup", &memory);
    if (mib > memory.total >> 20)
        return host_memory_error(&memory, "start the VM under UML", mib);
    if (statvfs(MEMORY_FOLDER, &status) == 0 &&
        ((uint64_t)status.f_bavail * status.f_frsize) >> 20 > mib && can_execute(MEMORY_FOLDER)) {
        struct error *err = temporary_run_folder_in(MEMORY_FOLDER, &uml->memory);

        if (err == NULL)
            return NULL;
        error_free(err);
    }
    TRY(temporary_run_folder(&run));
    if (!can_execute(run))
        return error_advise(
            error_new(EXIT_VM, "make the guest's memory in '%s': no program can be run from there",
                      run),
            "set TMPDIR to a directory of a file system that is not mounted noexec");
    return temporary_folder(run, "memory", &uml->memory);
}

/* Makes a link to the file PATH, whose own path the kernel might not understand. *RET is borrowed.
 */
static struct error *link_file(struct uml_engine *uml, const char *name, const char *path,
                               const char **ret)
{
    char *link = NULL;

    TRY(socket_folder_link(uml->host.sockets, name, path, &link));
    strings_take(&uml->links, link);
    *ret = link;
    return NULL;
}

/* SERIAL is borrowed as long as PLAN is used. */
static struct error *add_disk(struct uml_engine *uml, struct uml_plan *plan, const char *serial,
                              const char *path, bool is_read_only)
{
    struct uml_disk *disk = &plan->disks[plan->disk_count++];
    CLEANUP(freep) char *name = xasprintf("disk-%s", serial);

    *disk = (struct uml_disk){.serial = serial, .is_read_only = is_read_only};
    return link_file(uml, name, path, &disk->path);
}

static struct error *add_layers(struct uml_engine *uml, struct uml_plan *plan)
{
    const struct machine_options *machine = &uml->options->machine;

    for (size_t i = 0; i < machine->layer_count; i++) {
        char *serial = xasprintf("%s%zu", GUEST_DISK_LAYER, i);

        strings_take(&uml->links, serial);
        TRY(add_disk(uml, plan, serial, machine->layers[i], true));
    }
    return NULL;
}

/* Makes a disk of each share. */
static struct error *add_shares(struct uml_engine *uml, struct uml_plan *plan)
{
    const struct machine_options *machine = &uml->options->machine;
    const char *run = NULL;

    TRY(temporary_run_folder(&run));
    for (size_t i = 0; i < machine->share_count; i++) {
        char *tag = machine_share_tag(i), *path = NULL;

        strings_take(&uml->links, tag);
        TRY(temporary_file(run, tag, &path, NULL));
        strings_take(&uml->shares, path);
        TRY(share_disk_make(path, machine->shares[i]));
        TRY(add_disk(uml, plan, tag, path, true));
    }
    return NULL;
}

/* Layers last: once they are unpacked, scripts see the other disks alone. */
static struct error *add_disks(struct uml_engine *uml, struct uml_plan *plan)
{
    const struct machine_options *machine = &uml->options->machine;

    TRY(add_disk(uml, plan, GUEST_DISK_SCRATCH, machine->scratch, false));
    if (uml->disk_server != NULL)
        plan->base = machine->base_is_new ? GUEST_DISK_NEW_BASE : GUEST_DISK_BASE;
    for (size_t i = 0; i < machine->cache_count; i++)
        TRY(add_disk(uml, plan, machine->cache_serials[i], machine->caches[i], false));
    TRY(add_shares(uml, plan));
    return machine->base_is_new ? add_layers(uml, plan) : NULL;
}

/* Writes the arguments of the process. */
static struct error *describe(struct uml_engine *uml, const char *appliance)
{
    const struct machine_options *machine = &uml->options->machine;
    CLEANUP(freep) char *kernel = xasprintf("%s/" APPLIANCE_UML, appliance);
    CLEANUP(freep) char *initramfs = xasprintf("%s/" APPLIANCE_INITRAMFS, appliance);
    struct uml_plan plan = {.kernel = kernel,
                            .memory = machine->memory,
                            .network = machine->network,
                            .report = qemu_socket_path(&uml->report),
                            .sockets = {[GUEST_LINE_OUTPUT] = guest_port_path(uml->host.output),
                                        [GUEST_LINE_LAYER] = guest_port_path(uml->host.layer),
                                        [GUEST_LINE_GATE] = gatekeeper_gate(uml->gatekeeper)}};

    if (uml->network != NULL)
        plan.sockets[GUEST_LINE_FRAMES] = guest_network_socket(uml->network);
    if (uml->disk_server != NULL)
        plan.base_server = disk_server_socket(uml->disk_server);
    TRY(choose_memory_folder(uml, machine->memory));
    TRY(link_file(uml, "memory", uml->memory, &plan.folder));
    TRY(link_file(uml, "initramfs", initramfs, &plan.initramfs));
    TRY(add_disks(uml, &plan));
    uml_plan_write(&plan, &uml->arguments);
    return NULL;
}

/* Makes the link to the program that confines the kernel. */
static struct error *link_program(struct uml_engine *uml)
{
    CLEANUP(freep) char *confiner = appliance_find_confiner();

    if (confiner == NULL)
        return error_advise(error_new(EXIT_VM, "find this program: its file was replaced"),
                            "start it again");
    return socket_folder_link(uml->host.sockets, CONFINED_UML, confiner, &uml->program);
}

static struct error *set_up(struct uml_engine *uml, const char *appliance)
{
    const char *run_folder = NULL;

    TRY(temporary_run_folder(&run_folder));
    uml->cache = xstrdup(run_folder);
    TRY(link_program(uml));
    TRY(socket_folder_link(uml->host.sockets, "appliance", appliance, &uml->appliance));
    TRY(start_peers(uml));
    return describe(uml, appliance);
}

struct error *uml_engine_new(const struct vm_options *options, const struct guest_attempt *attempt,
                             const struct engine_host *host, struct engine **ret)
{
    const char *base = options->machine.base;
    struct uml_engine *uml = xcalloc(1, sizeof *uml);

    *uml = (struct uml_engine){.engine = {.kind = &kind},
                               .host = *host,
                               .options = options,
                               .report = {.listener = -1},
                               .scratch = xstrdup(options->machine.scratch),
                               .base = base == NULL ? NULL : xstrdup(base)};
    struct error *err = set_up(uml, attempt->appliance);

    if (err != NULL)
        uml_engine_free(&uml->engine);
    else
        *ret = &uml->engine;
    return err;
}
