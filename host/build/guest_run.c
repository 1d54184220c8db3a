#include "host/build/guest_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/contract.h"
#include "host/build/build.h"
#include "host/build/build_history.h"
#include "host/build/confinement.h"
#include "host/build/host_network.h"
#include "host/build/job.h"
#include "host/build/script_failure.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/machine/machine.h"
#include "host/vm/vm.h"

void guest_run_end(struct guest_run *run)
{
    vm_free(STEAL(run->vm));
    base_disk_release(&run->disk);
    mount_caches_free(&run->caches);
}

/* Returns the time that the guest's clock starts at, in seconds since 1970. */
static int64_t clock_of(const struct guest_run *run)
{
    return run->build->spec->network ? time(NULL) : run->contents->clamp;
}

/* vm_add_contents: CONTEXT is a struct contents. */
static struct error *produce_contents(void *context, struct sink sink)
{
    return contents_write(context, sink);
}

/* Runs the script of STEP. */
static struct error *run_script(struct guest_run *run, enum plan_step step)
{
    const struct spec *spec = run->build->spec;
    bool in_image = plan_step_is_in_image(step);
    const char *name = plan_step_name(step);
    CLEANUP(vm_script_free) struct vm_script script = {0};

    TRY(in_image ? vm_run_script(run->vm, name, &script)
                 : vm_run_hook(run->vm, (enum guest_hook)(step - PLAN_HOOK), &script));
    const struct script_run ran = {.name = name,
                                   .text = plan_step_text(spec, step),
                                   .in_image = in_image,
                                   .network = in_image && spec->network,
                                   .timeout = spec->timeout,
                                   .seconds = script.seconds,
                                   .tail = script.tail};

    TRY(script_failure(&ran, &script.outcome));
    if (script.outcome.oom > 0)
        progress_note("script '%s' succeeded, but the guest ran out of memory meanwhile and "
                      "killed %" PRIu64 " of its processes",
                      ran.name, script.outcome.oom);
    return NULL;
}

/* Carries out one step of the plan in the guest. */
static struct error *run_step(struct guest_run *run, enum plan_step step)
{
    if (plan_step_is_script(step))
        return run_script(run, step);
    switch (step) {
    case PLAN_CONTENTS:
        return vm_add_contents(run->vm, produce_contents, run->contents);
    case PLAN_MOUNT:
        return vm_mount_overlay(run->vm);
    case PLAN_UNMOUNT:
        return vm_unmount_overlay(run->vm);
    case PLAN_UNPACK: /* with the base disk, before the steps */
    case PLAN_PACK:   /* into the layer, after them */
    case PLAN_RUN_AS_ROOT:
    case PLAN_RUN:
    case PLAN_HOOK:
    case PLAN_STEP_COUNT:
        break;
    }
    return NULL;
}

/* The same, as the user sees it. */
static struct error *show_step(struct guest_run *run, enum plan_step step)
{
    progress_start(plan_step_name(step));
    TRY(run_step(run, step));
    progress_output_end();
    progress_done();
    return NULL;
}

/* Writes the base image to a temporary archive, *RET. */
static struct error *archive_base(struct guest_run *run, char **ret)
{
    const struct build *build = run->build;
    bool names_blobs = output_format_row(build->outputs[0].format)->names_blobs;
    const char *folder;
    CLEANUP(closep) int fd = -1;

    TRY(temporary_run_folder(&folder));
    TRY(temporary_file(folder, "base", ret, &fd));
    const struct output output = {.format =
                                      names_blobs ? FORMAT_OCI_ARCHIVE : FORMAT_DOCKER_ARCHIVE,
                                  .compression = COMPRESSION_NONE,
                                  .path = *ret};

    return output_write(run->base, &output, build->store);
}

static struct error *write_kept(struct guest_run *run, enum plan_step step, const char *reason)
{
    const struct build *build = run->build;
    CLEANUP(temporary_removep) char *archive = NULL;
    CLEANUP(freep) char *contents = build_history_contents(build->spec);
    struct kept_content content = {.spec = build->spec,
                                   .contents = contents,
                                   .base = run->base,
                                   .step = step,
                                   .reason = reason,
                                   .secrets = build->secrets,
                                   .log = build->keep_log};

    TRY(vm_settle_disk(run->vm, &content.disk));
    if (build->keep_base && run->base != NULL)
        TRY(archive_base(run, &archive));
    content.archive = archive;
    return kept_step_write(build->keep, &content);
}

/* Returns the command that resumes what PATH keeps, with the options that have to be given again;
 * the caller's. */
static char *resume_words(const struct spec *spec, const char *path)
{
    struct buffer words = {0};

    buffer_printf(&words, "vmbuild resume %s", path);
    for (size_t i = 0; i < spec->secrets.count; i++)
        buffer_printf(&words, " --secret id=%s,src=FILE", spec->secrets.items[i].id);
    for (size_t i = 0; i < spec->variables.count; i++) {
        const char *variable = spec->variables.items[i];

        buffer_printf(&words, " --env %.*s", (int)strcspn(variable, "="), variable);
    }
    return buffer_steal(&words);
}

/* Keeps STEP, which has failed by ERR, in a file. */
static void keep_step(struct guest_run *run, enum plan_step step, const struct error *err)
{
    const char *path = run->build->keep;
    CLEANUP(freep) char *words = resume_words(run->build->spec, path);

    progress_start("keep");
    struct error *keep_err = write_kept(run, step, err->message);

    progress_done();
    if (keep_err == NULL)
        progress_note("'%s' keeps the step; '%s' opens a shell in it", path, words);
    else
        progress_note("the step could not be kept in '%s': %s", path, keep_err->message);
    error_free(keep_err);
}

/* Carries STEP out; after a failed script again, as long as the user wants that. */
static struct error *try_step(struct guest_run *run, enum plan_step step)
{
    if (step == PLAN_UNPACK || step == PLAN_PACK)
        return NULL;
    for (;;) {
        struct error *err = show_step(run, step);
        bool again = false;

        if (err != NULL)
            progress_failed(err);
        if (err != NULL && run->build->keep != NULL && plan_step_is_script(step))
            keep_step(run, step, err);
        if (err == NULL || run->build->shell_on_failure == NULL || !plan_step_is_script(step))
            return err;
        build_session_after_failure(run->build->spec, step, run->build->shell_on_failure, err,
                                    run->vm, &again);
        if (!again)
            return err;
        error_free(err);
        run->is_touched = true;
        if (plan_step_is_in_image(step))
            TRY(vm_mount_overlay(run->vm));
    }
}

/* Keeps what the script of STEP has left in its caches. */
static struct error *keep_caches(struct guest_run *run, enum plan_step step)
{
    const char *disk;

    if (run->caches.count == 0 || run->build->session != NULL || !plan_step_is_in_image(step))
        return NULL;
    TRY(vm_settle_disk(run->vm, &disk));
    TRY(mount_caches_publish(&run->caches, run->build->store));
    return vm_mount_overlay(run->vm);
}

/* Carries the steps out; with a session those before it, and then that. */
static struct error *run_steps(struct guest_run *run)
{
    const struct build_session *session = run->build->session;
    const struct kept_step *resumed = run->build->resumed;
    bool goes_on = resumed == NULL;

    for (size_t i = 0; i < run->plan->step_count; i++) {
        enum plan_step step = run->plan->steps[i];

        goes_on = goes_on || step == resumed->step;
        if (!goes_on)
            continue;
        if (resumed != NULL && step == resumed->step && plan_step_is_in_image(step))
            TRY(vm_mount_overlay(run->vm));
        bool is_last = session != NULL && step == session->step;

        if (!is_last || session->is_after)
            TRY(try_step(run, step));
        TRY(keep_caches(run, step));
        if (is_last)
            return build_session_run(session, run->build->spec, run->vm);
    }
    return NULL;
}

/* Fills a new base disk and publishes it. *RET_DAMAGED: whether it lies over one of the store that
 * the guest cannot use. */
static struct error *fill_base_disk(struct guest_run *run, bool *ret_damaged)
{
    struct base_disk *disk = &run->disk;

    progress_start("unpack");
    struct error *err = vm_unpack_base(run->vm);

    *ret_damaged = err != NULL && err->code == EXIT_OTHER && disk->stored != NULL;
    TRY(err);
    TRY(base_disk_publish(run->build->store, disk));
    progress_done();
    return NULL;
}

/* Fills a new base disk and publishes it, then mounts it. *RET_DAMAGED: whether the disk is from
 * the store, or lies over one that is, and cannot be mounted. */
static struct error *use_base_disk(struct guest_run *run, bool *ret_damaged)
{
    struct base_disk *disk = &run->disk;

    if (!run->plan->needs_base)
        return NULL;
    if (disk->is_new)
        TRY(fill_base_disk(run, ret_damaged));
    struct error *err = vm_mount_base(run->vm);

    *ret_damaged = err != NULL && !disk->is_new;
    return err;
}

/* Adds what the guest's network may reach to GRANTS. */
static void find_grants(const struct build *build, struct strings *grants)
{
    if (!build->spec->network)
        return;
    for (size_t i = 0; i < build->grants->count; i++)
        strings_add(grants, build->grants->items[i]);
    host_network_grants(grants);
}

/* CONTAINER: see job_words. */
static void describe_words(const struct guest_run *run, const struct json *container,
                           struct call_words *ret)
{
    job_words(run->build->spec, container, run->contents->clamp, ret);
    if (run->build->trace)
        call_words_set_flag(ret, GUEST_WORD_TRACE);
}

/* The same. */
static struct error *launch(struct guest_run *run, const struct json *container)
{
    const struct spec *spec = run->build->spec;
    const struct base_disk *disk = &run->disk;
    size_t base_count = run->base != NULL ? run->base->layer_count : 0;
    size_t count = 0;
    CLEANUP(freep) const char **layers = xcalloc(base_count, sizeof *layers);
    CLEANUP(freep) const char **shares = xcalloc(spec->shares.count, sizeof *shares);
    CLEANUP(strings_free) struct strings grants = {0};
    struct call_words words = {0};
    const struct kept_step *resumed = run->build->resumed;

    find_grants(run->build, &grants);
    for (size_t i = disk->first; disk->is_new && i < base_count; i++)
        if (run->base->layers[i].size > 0) /* no disk is empty */
            layers[count++] = run->base->layers[i].tar_path;
    for (size_t i = 0; i < spec->shares.count; i++)
        shares[i] = spec->shares.items[i].source;
    const struct vm_options options = {
        .machine = {.type = run->type,
                    .memory = machine_type_memory(run->type, spec->memory),
                    .cpus = spec->cpus,
                    .network = spec->network,
                    .shares = shares,
                    .share_count = spec->shares.count,
                    .base = base_disk_path(disk),
                    .base_is_new = disk->is_new || disk->is_held,
                    .base_layers = disk->is_new || disk->is_held ? disk->below : 0,
                    .caches = (const char *const *)run->caches.paths,
                    .cache_serials = (const char *const *)run->caches.serials,
                    .cache_count = run->caches.count,
                    .layers = layers,
                    .layer_count = count},
        .grants = grants,
        .accelerator = run->build->accelerator,
        .scratch_size = spec->disk_size << 20,
        .scratch_from = resumed != NULL ? resumed->disk : NULL,
        .base_disk = disk->stored,
        .base_mark = base_disk_mark(disk),
        .clock = clock_of(run),
        .store = run->build->store,
        .secrets = run->build->secrets,
        .log = run->build->log,
        .tells_streams = progress_tells_streams(),
        .verbose = run->build->verbose};

    progress_start("launch");
    describe_words(run, container, &words);
    TRY(vm_launch(&options, &words, &run->vm));
    progress_done();
    return NULL;
}

/* Whether the VM goes on to the next build. */
static bool is_held(const struct guest_run *run)
{
    return run->build->held != NULL && held_vm_is_wanted(run->build->held);
}

/* Starts a VM that has its disks, of which the base disk is open. *RET_DAMAGED: whether that is at
 * fault. */
static struct error *start_on_disk(struct guest_run *run, const struct json *container,
                                   bool *ret_damaged)
{
    struct error *err = run->plan->needs_base && is_held(run) ? base_disk_hold(&run->disk) : NULL;

    if (err == NULL)
        err = launch(run, container);
    if (err == NULL)
        err = use_base_disk(run, ret_damaged);
    base_disk_freeze(&run->disk);
    *ret_damaged = err != NULL && (*ret_damaged || base_disk_is_damaged(&run->disk));
    return err;
}

static struct error *start_vm(struct guest_run *run, const struct json *container,
                              bool *ret_damaged)
{
    if (run->plan->needs_base)
        TRY(base_disk_open(run->build->store, run->base, &run->disk));
    return start_on_disk(run, container, ret_damaged);
}

/* Makes the disk of the lower layers of the base, those of an image that was not built, if the
 * store has no disk that this build's can be made of: so that they need not be unpacked again for
 * another image that is made of them, or for this one when its own layers have changed. */
static struct error *make_lower_disk(struct guest_run *run, const struct json *container,
                                     bool *ret_damaged)
{
    struct image *base = run->base;
    bool lacks = false;

    if (!run->plan->needs_base || base == NULL || base->found_count == 0 ||
        base->found_count >= base->layer_count)
        return NULL;
    TRY(base_disk_lacks(run->build->store, base, base->found_count, &lacks));
    if (!lacks)
        return NULL;
    size_t count = base->layer_count;

    base->layer_count = base->found_count;
    struct error *err = base_disk_open(run->build->store, base, &run->disk);

    if (err == NULL && run->disk.is_new) /* else another build has just made it */
        err = start_on_disk(run, container, ret_damaged);
    base->layer_count = count;
    if (err == NULL)
        guest_run_end(run);
    return err;
}

/* Takes the VM of the build before, if there is one, or starts one. */
static struct error *get_vm(struct guest_run *run, const struct json *container, bool *ret_damaged)
{
    struct held_vm *held = run->build->held;
    struct call_words words = {0};

    if (held == NULL || !held->is_started)
        return start_vm(run, container, ret_damaged);
    held->is_spent = held->type != run->type;
    if (held->is_spent)
        return error_new(EXIT_VM, "use the VM of the build before: it is of another type");
    describe_words(run, container, &words);
    return held_vm_take(held, run->build->store, run->base, &words, clock_of(run), &run->vm,
                        &run->disk);
}

/* Confines this process, unless that was done for a build before. */
static struct error *confine(struct guest_run *run)
{
    struct held_vm *held = run->build->held;

    if (run->build->is_followed || (held != NULL && held->is_started))
        return NULL;
    if (held != NULL) {
        held->is_started = true;
        held->type = run->type;
    }
    return confinement_enter(run->build, run->vm);
}

/* One VM from its disks to the layer, unless WRITER is NULL. */
static struct error *run_vm(struct guest_run *run, struct layer_writer *writer, bool *ret_damaged)
{
    const struct json *config = run->base != NULL ? run->base->config : NULL;
    CLEANUP(json_freep) struct json *container = NULL;

    TRY(job_container(run->build->spec, config, &container));
    if (run->build->held == NULL || !run->build->held->is_started)
        TRY(make_lower_disk(run, container, ret_damaged));
    TRY(mount_caches_open(&run->build->spec->mounts, run->build->store, &run->caches));
    TRY(get_vm(run, container, ret_damaged));
    TRY(job_put(run->build->spec, config, container, run->vm));
    if (run->build->resumed == NULL) /* else the disk has them */
        TRY(mount_trees_send(run->trees, run->vm));
    TRY(confine(run));
    TRY(run_steps(run));
    if (writer == NULL)
        return NULL;
    progress_start("pack");
    TRY(vm_pack_layer(run->vm, layer_writer_sparse_sink(writer)));
    progress_done();
    if (is_held(run) && run->disk.stored != NULL && (run->disk.is_new || run->disk.is_held))
        held_vm_keep(run->build->held, &run->vm, &run->disk);
    return NULL;
}

struct error *guest_run_layer(struct guest_run *run, struct layer_writer *writer)
{
    for (;;) {
        bool damaged = false;
        struct error *err = run_vm(run, writer, &damaged);

        if (err == NULL || !damaged)
            return err;
        progress_failed(err);
        progress_note("the cached base disk is damaged (%s); making it again", err->message);
        error_free(err);
        base_disk_discard(&run->disk);
        guest_run_end(run);
    }
}
