#include "host/vm/launch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/machine/accelerator.h"
#include "host/machine/appliance.h"
#include "host/machine/machine.h"
#include "host/machine/scratch_disk.h"
#include "host/machine/tsc.h"
#include "host/vm/guest_library.h"
#include "host/vm/snapshot.h"
#include "host/vm/uml_engine.h"

/* Seconds of QEMU's own time that the guest may take to report: in a first attempt, and on a host
 * so slow that it failed. */
#define LAUNCH_SECONDS 30
#define LAUNCH_AGAIN_SECONDS 90

/* A launch: what was requested, and what was found on this host. */
struct launch {
    const struct vm_options *options;
    const struct machine_type *type;
    char *appliance;
    char *qemu;     /* NULL if it is not used */
    char *firmware; /* or NULL */
    uint64_t tsc_khz;
    struct guest_handle *handle;
};

static void launch_free(struct launch *launch)
{
    guest_handle_free(launch->handle);
    free(launch->appliance);
    free(launch->qemu);
    free(launch->firmware);
}

/* The counter is measured over the time that finding the rest takes. */
static struct error *find_qemu(struct launch *launch)
{
    struct tsc_sample start;

    tsc_take(&start);
    TRY(guest_library_find_qemu(launch->type, &launch->qemu));
    TRY(guest_handle_new(launch->options->verbose, &launch->handle));
    if (launch->type->is_pc) {
        launch->firmware = appliance_find_firmware(launch->qemu);
        launch->tsc_khz = tsc_khz(&start);
    }
    return NULL;
}

static struct guest_attempt make_attempt(const struct launch *launch, enum accelerator accelerator,
                                         enum gatekeeper_task task, int state)
{
    return (struct guest_attempt){
        .appliance = launch->appliance,
        .qemu = launch->qemu,
        .host = {.accelerator = accelerator,
                 .tsc_khz = accelerator == ACCELERATOR_TCG ? launch->tsc_khz : 0,
                 .firmware = launch->firmware},
        .memory = launch->type->memory,
        .task = task,
        .state = state,
        .seconds = LAUNCH_SECONDS};
}

static struct error *make_disk(const struct launch *launch)
{
    const struct vm_options *options = launch->options;

    if (options->scratch_from == NULL)
        return scratch_disk_make(options->machine.scratch, options->scratch_size);
    CLEANUP(closep) int fd = open(options->machine.scratch, O_WRONLY | O_TRUNC | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open '%s'", options->machine.scratch);
    return file_copy_sparse(options->scratch_from, fd, options->machine.scratch);
}

static bool has_known_base(const struct machine_options *machine)
{
    return machine->base != NULL && !machine->base_is_new;
}

/* The options of the VM that is saved: without what belongs to one build. */
static struct vm_options bare_options(const struct vm_options *options)
{
    const struct machine_options *machine = &options->machine;
    bool has_base = has_known_base(machine);

    return (struct vm_options){.machine = {.type = machine->type,
                                           .memory = machine->memory,
                                           .cpus = machine->cpus,
                                           .scratch = machine->scratch,
                                           .base = has_base ? machine->base : NULL},
                               .base_disk = has_base ? options->base_disk : NULL,
                               .verbose = options->verbose,
                               .store = options->store};
}

/* Appends to TRAITS all that shapes the VM that is saved, except for its files. In place of paths
 * it has what they lead to. */
static void describe_traits(const struct launch *launch, struct buffer *traits)
{
    const struct vm_options *options = launch->options;
    CLEANUP(freep) char *library = guest_library_version();
    struct machine_options bare = bare_options(options).machine;
    struct machine_host host = make_attempt(launch, ACCELERATOR_TCG, GATEKEEPER_SAVE, -1).host;
    struct machine machine;

    bare.scratch = "";
    bare.base = bare.base == NULL ? NULL : options->base_mark;
    host.output = host.layer = host.gate = host.monitor = host.watch = "";
    host.base = bare.base == NULL ? NULL : options->base_mark;
    machine_describe(&bare, &host, &machine);
    buffer_printf(traits, "libguestfs %s, %llu MiB, disk of %llu, %s", library,
                  (unsigned long long)bare.memory, (unsigned long long)options->scratch_size,
                  machine.append);
    for (size_t i = 0; i < machine.parameters.count; i++)
        buffer_printf(traits, " %s", machine.parameters.items[i]);
    machine_free(&machine);
}

/* Sets *RET to the snapshot's key. Returns false if there is none: a file is too new, the base disk
 * cannot be told from others, no such VM can resume, or the guest has to measure the host's time
 * stamp counter, which may run at another frequency where it resumes. */
static bool find_key(const struct launch *launch, struct digest *ret)
{
    CLEANUP(freep) char *kernel = xasprintf("%s/" APPLIANCE_KERNEL, launch->appliance);
    CLEANUP(freep) char *initramfs = xasprintf("%s/" APPLIANCE_INITRAMFS, launch->appliance);
    CLEANUP(buffer_free) struct buffer traits = {0};
    const char *const paths[] = {launch->qemu, kernel, initramfs};

    if (launch->type->stays_unsaved || (launch->type->is_pc && launch->tsc_khz == 0) ||
        (has_known_base(&launch->options->machine) && launch->options->base_mark == NULL))
        return false;
    describe_traits(launch, &traits);
    return snapshot_key(paths, sizeof paths / sizeof *paths, &traits, ret);
}

/* Boots a VM and saves it. *RET_LATE: whether the guest did not report in time. */
static struct error *make_snapshot(const struct launch *launch, const struct digest *key,
                                   bool *ret_late)
{
    CLEANUP(temporary_removep) char *path = NULL;
    CLEANUP(closep) int fd = -1;
    const struct vm_options bare = bare_options(launch->options);

    TRY(store_temporary(bare.store, &path, &fd));
    TRY(make_disk(launch));
    TRY(snapshot_seek_state(fd, launch->options->scratch_size));
    struct guest_attempt attempt = make_attempt(launch, ACCELERATOR_TCG, GATEKEEPER_SAVE, fd);

    attempt.state_path = path;
    struct error *err = guest_handle_start(launch->handle, &bare, &attempt, ret_late);

    guest_handle_stop(launch->handle);
    TRY(err);
    return snapshot_keep(bare.store, key, path, fd, launch->options->scratch_size,
                         bare.machine.scratch);
}

/* Returns a descriptor of the snapshot, or below 0 if there is none. *RET_DUE: there is none, and
 * one should be made now. */
static int open_snapshot(const struct launch *launch, const struct digest *key, bool *ret_due)
{
    struct store *store = launch->options->store;
    int fd = snapshot_open(store, key);

    /* A known base disk was made by an earlier build. */
    *ret_due = fd < 0 && snapshot_is_due(store, key, has_known_base(&launch->options->machine));
    return fd;
}

/* The same, but makes a snapshot that is due. Of several builds one does, and the others wait. */
static int obtain_snapshot(const struct launch *launch, const struct digest *key)
{
    struct store *store = launch->options->store;
    CLEANUP(closep) int lock = -1;
    bool due, late = false;
    int fd = open_snapshot(launch, key, &due);

    if (!due)
        return fd;
    struct error *err = snapshot_lock(store, key, &lock);

    if (err == NULL)
        fd = open_snapshot(launch, key, &due);
    if (err == NULL && due)
        err = make_snapshot(launch, key, &late);
    if (err == NULL)
        return due ? snapshot_open(store, key) : fd;
    if (err->code == EXIT_DISK_FULL)
        progress_note("the VM could not be saved for later builds: %s", err->message);
    else
        progress_detail("the VM could not be saved: %s", err->message);
    if (!late && err->code != EXIT_DISK_FULL)
        snapshot_give_up(store, key);
    error_free(err);
    return -1;
}

static struct error *resume_from(const struct launch *launch, int snapshot, bool *ret_late)
{
    const struct vm_options *options = launch->options;
    const struct guest_attempt attempt =
        make_attempt(launch, ACCELERATOR_TCG, GATEKEEPER_RESUME, snapshot);

    *ret_late = false;
    TRY(snapshot_restore_disk(snapshot, options->scratch_size, options->machine.scratch));
    TRY(snapshot_seek_state(snapshot, options->scratch_size));
    return guest_handle_start(launch->handle, options, &attempt, ret_late);
}

/* Resumes the VM from a snapshot. Returns whether it runs. */
static bool try_resume(const struct launch *launch)
{
    struct store *store = launch->options->store;
    struct digest key;
    bool late;

    if (launch->options->scratch_from != NULL) /* a saved VM has one of its own */
        return false;
    if (store == NULL || store_is_thrown_away(store) || !find_key(launch, &key))
        return false;
    CLEANUP(closep) int snapshot = obtain_snapshot(launch, &key);

    if (snapshot < 0)
        return false;
    struct error *err = resume_from(launch, snapshot, &late);

    if (err == NULL)
        return true;
    progress_detail("the VM could not resume, and boots: %s", err->message);
    guest_handle_stop(launch->handle);
    if (err->code != EXIT_DISK_FULL)
        (late ? snapshot_drop : snapshot_give_up)(store, &key);
    error_free(err);
    return false;
}

/* Boots a VM that may take SECONDS. *RET_LATE: whether the guest did not report in time. */
static struct error *boot(const struct launch *launch, enum accelerator accelerator,
                          uint64_t seconds, bool *ret_late)
{
    struct guest_attempt attempt = make_attempt(launch, accelerator, GATEKEEPER_BOOT, -1);

    *ret_late = false;
    attempt.seconds = seconds;
    TRY(make_disk(launch));
    return guest_handle_start(launch->handle, launch->options, &attempt, ret_late);
}

static struct error *start_under_tcg(const struct launch *launch)
{
    bool late;

    if (try_resume(launch))
        return NULL;
    struct error *err = boot(launch, ACCELERATOR_TCG, LAUNCH_SECONDS, &late);

    if (err == NULL || !late)
        return err;
    progress_note("the VM did not report in time; starting it once more");
    error_free(err);
    guest_handle_stop(launch->handle);
    return boot(launch, ACCELERATOR_TCG, LAUNCH_AGAIN_SECONDS, &late);
}

/* Notes that ERR is the reason for another attempt, with the last line of its details: the guest's
 * console, to which QEMU complains as well. */
static void note_failure(const struct error *err)
{
    const char *details = err->details == NULL ? "" : err->details;
    const char *end = strrchr(details, '\n');
    const char *line = end == NULL ? details : end + 1;

    line += strspn(line, " ");
    progress_note("%s%s%s%s; trying TCG, which is slower", err->message, *line == '\0' ? "" : " (",
                  line, *line == '\0' ? "" : ")");
}

static struct error *start_under_kvm(const struct launch *launch)
{
    bool late;
    struct error *err = boot(launch, ACCELERATOR_KVM, LAUNCH_SECONDS, &late);

    if (err == NULL || err->code != EXIT_VM)
        return err;
    if (launch->options->accelerator == ACCELERATOR_KVM)
        return error_advise(err, "use --accel auto or tcg");
    note_failure(err);
    error_free(err);
    guest_handle_stop(launch->handle);
    return try_resume(launch) ? NULL : boot(launch, ACCELERATOR_TCG, LAUNCH_AGAIN_SECONDS, &late);
}

/* A guest that was late may find a less busy host. */
static struct error *start_under_uml(const struct launch *launch)
{
    bool late;
    struct error *err = boot(launch, ACCELERATOR_UML, LAUNCH_SECONDS, &late);

    if (err != NULL && late) {
        progress_note("the VM did not report in time; starting it once more");
        error_free(err);
        guest_handle_stop(launch->handle);
        err = boot(launch, ACCELERATOR_UML, LAUNCH_AGAIN_SECONDS, &late);
    }
    return err != NULL && err->code == EXIT_VM ? error_advise(err, "use --accel auto or tcg") : err;
}

/* Starts the VM under UML. If that fails, and TCG is to take its place, the launch has no handle.
 */
static struct error *try_uml(struct launch *launch)
{
    TRY(guest_handle_new(launch->options->verbose, &launch->handle));
    struct error *err = start_under_uml(launch);

    if (err == NULL || err->code != EXIT_VM || launch->options->accelerator == ACCELERATOR_UML)
        return err;
    note_failure(err);
    error_free(err);
    guest_handle_free(STEAL(launch->handle));
    return NULL;
}

static const struct machine_type *machine_type_of(const struct vm_options *options)
{
    return options->machine.type != NULL ? options->machine.type : machine_type_native();
}

/* Returns why the machine cannot run under UML, whatever the host, the caller's; NULL if it
 * can. */
static char *find_lack(const struct launch *launch)
{
    const char *lack = uml_engine_lacks(&launch->options->machine);

    if (!machine_type_is_hosts(launch->type))
        return xasprintf("it runs no programs for %s on this host", launch->type->architecture);
    if (!appliance_has_uml(launch->appliance))
        return xasprintf("'%s/" APPLIANCE_UML "' is not there; 'make uml' builds it",
                         launch->appliance);
    return lack == NULL ? NULL : xasprintf("it has no %s", lack);
}

/* KVM runs no other architecture than the host's, and not all that it has. */
static struct error *choose_accelerator(const struct launch *launch, struct accelerator_choice *ret)
{
    enum accelerator asked = launch->options->accelerator;
    CLEANUP(freep) char *lack = accelerator_may_be_uml(asked) ? find_lack(launch) : NULL;

    if (machine_type_has_kvm(launch->type) || asked == ACCELERATOR_UML)
        return accelerator_choose(asked, ACCELERATOR_KVM_DEVICE, lack, ret);
    if (asked == ACCELERATOR_KVM)
        return error_advise(error_new(EXIT_VM, "use KVM: it runs no programs for %s on this host",
                                      launch->type->architecture),
                            "use --accel auto or tcg");
    *ret = (struct accelerator_choice){.accelerator = ACCELERATOR_TCG};
    return NULL;
}

static void note_choice(const struct vm_options *options, const struct accelerator_choice *choice)
{
    if (choice->accelerator == ACCELERATOR_UML && options->machine.cpus > 1)
        progress_note("the VM has one processor: it runs under UML");
    if (choice->accelerator == ACCELERATOR_UML)
        progress_detail("the VM runs under UML, without a processor of its own between it and "
                        "what confines it");
    else if (choice->lack != NULL)
        progress_note("the VM does not run under UML: %s", choice->lack);
    if (choice->accelerator == ACCELERATOR_TCG && choice->reason != NULL)
        progress_note("the VM runs without KVM, slower: %s", choice->reason);
}

struct error *launch_guest(const struct vm_options *options, struct guest_handle **ret)
{
    CLEANUP(launch_free)
    struct launch launch = {.options = options, .type = machine_type_of(options)};
    CLEANUP(accelerator_choice_free) struct accelerator_choice choice = {0};

    TRY(appliance_find(launch.type, &launch.appliance));
    TRY(choose_accelerator(&launch, &choice));
    note_choice(options, &choice);
    if (choice.accelerator == ACCELERATOR_UML)
        TRY(try_uml(&launch));
    if (launch.handle == NULL) {
        TRY(find_qemu(&launch));
        TRY((choice.accelerator == ACCELERATOR_KVM ? start_under_kvm : start_under_tcg)(&launch));
    }
    *ret = STEAL(launch.handle);
    return NULL;
}
