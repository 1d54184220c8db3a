#include "host/build/build.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest/contract.h"
#include "host/build/base_disk.h"
#include "host/build/build_cache.h"
#include "host/build/build_key.h"
#include "host/build/confinement.h"
#include "host/build/host_network.h"
#include "host/build/job.h"
#include "host/build/plan.h"
#include "host/build/remarks.h"
#include "host/build/script_failure.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/image_config.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/machine/machine.h"
#include "host/tree/contents.h"
#include "host/tree/image_merge.h"
#include "host/vm/vm.h"

/* What a build has made so far. */
struct build_state {
    const struct build *build;
    const struct spec *spec;
    struct plan plan;
    struct image *base;            /* NULL if the spec has no fromImage */
    struct merged_tree *base_tree; /* its paths, once they were needed */

    struct contents_source *sources; /* of the spec's contents */

    /* The VM and the disks it stands on, until end_vm. */
    struct vm *vm;
    struct base_disk disk;

    struct image *image;
    bool is_cached;  /* its layer was made before */
    bool is_touched; /* its layer is not of the spec alone: a shell was open in between */
    char *reason;    /* why it was not made before, if that is known; or NULL */
};

/* Ends the VM, if there is one, and releases the base disk. There is nothing to flush and no
 * orderly shutdown. */
static void end_vm(struct build_state *state)
{
    vm_free(STEAL(state->vm));
    base_disk_release(&state->disk);
}

/* Whether programs for ARCHITECTURE run in the guest. */
static bool runs_in_guest(const char *architecture)
{
    size_t length = strcspn(architecture, "/"); /* a variant follows */

    return (length == strlen(MACHINE_ARCHITECTURE) &&
            strncmp(architecture, MACHINE_ARCHITECTURE, length) == 0) ||
           strcmp(architecture, "386") == 0;
}

/* Refuses a base whose own shell could not run the script. (Hooks have the builder's.) */
static struct error *check_architecture(const struct build_state *state)
{
    const char *architecture = json_get_string(state->base->config, "architecture");

    bool runs = state->spec->run_as_root != NULL || state->build->session != NULL;

    if (!runs || architecture == NULL || runs_in_guest(architecture))
        return NULL;
    return error_new(EXIT_INPUT,
                     "open image '%s': runAsRoot needs programs for " MACHINE_ARCHITECTURE
                     ", but the image is for '%.40s'",
                     state->spec->from_image, architecture);
}

/* Whether the build makes an image: a session whose image is not stored does not. */
static bool makes_image(const struct build *build)
{
    return build->session == NULL || build->session->is_stored;
}

/* Refuses a base that is not the one below a kept layer. */
static struct error *check_base(const struct build_state *state)
{
    const struct kept_step *resumed = state->build->resumed;
    struct digest chain;

    if (resumed == NULL || resumed->chain == NULL)
        return NULL;
    image_chain_id(state->base, state->base->layer_count, &chain);
    CLEANUP(freep) char *found = xasprintf("sha256:%s", chain.hex);

    return strcmp(found, resumed->chain) == 0
               ? NULL
               : error_new(EXIT_INPUT,
                           "open image '%s': its layers are not those that the step was kept on "
                           "(chain ID %s)",
                           state->spec->from_image, resumed->chain);
}

/* Opens the base image. Its tars are needed only by a base disk that is yet to be made, or by the
 * output. */
static struct error *open_base(struct build_state *state)
{
    const struct spec *spec = state->spec;
    CLEANUP(reference_free) struct reference reference = {0};
    struct image_request request = {
        .choice = {.name = spec->from_image_name,
                   .tag = spec->from_image_tag,
                   .architecture = spec->architecture.is_given ? spec->architecture.name : NULL},
        .forms = makes_image(state->build) ? output_wants_base(&state->build->output) : LAYER_BLOB,
        .store = state->build->store,
        .registry = state->build->registry};

    if (spec->from_image == NULL)
        return NULL;
    progress_start("base");
    TRY(reference_parse(spec->from_image, &reference));
    TRY(image_open(&reference, &request, &state->base));
    progress_done();
    TRY(check_base(state));
    return check_architecture(state);
}

/* The contents_base of contents_of: the base's paths, which are read when they are needed. */
static struct error *read_base_tree(void *context, const struct merged_tree **ret)
{
    struct build_state *state = context;

    for (size_t i = 0; state->base_tree == NULL && i < state->base->layer_count; i++)
        TRY(layer_tar_use(&state->base->layers[i], state->build->store));
    if (state->base_tree == NULL)
        TRY(image_merge(state->base, &state->base_tree));
    *ret = state->base_tree;
    return NULL;
}

/* Returns the limit for mtimes in the layer, in seconds since 1970. It is not before the base was
 * made, so that what a script or a source touches is not older than what it comes from. */
static int64_t latest_mtime(const struct build_state *state)
{
    int64_t base = image_config_created(state->base != NULL ? state->base->config : NULL);

    return base > state->spec->created ? base : state->spec->created;
}

/* Returns the time that the guest's clock starts at, in seconds since 1970. */
static int64_t guest_clock(const struct build_state *state)
{
    return state->spec->network ? time(NULL) : latest_mtime(state);
}

/* The sources of CONTENTS, as many, which they borrow from. The caller's. */
static struct contents_source *make_sources(const struct spec_contents *contents)
{
    static const enum contents_mode modes[] = {
        [SPEC_MODE_ADD_WRITE] = CONTENTS_MODE_ADD_WRITE,
        [SPEC_MODE_KEEP] = CONTENTS_MODE_KEEP,
        [SPEC_MODE_SET] = CONTENTS_MODE_SET,
    };
    struct contents_source *sources = xcalloc(contents->count, sizeof *sources);

    for (size_t i = 0; i < contents->count; i++) {
        const struct spec_content *content = &contents->items[i];

        sources[i] = (struct contents_source){.path = content->source,
                                              .target = content->target + 1, /* without its '/' */
                                              .exclude = &content->exclude,
                                              .mode_rule = modes[content->mode_rule],
                                              .mode = content->mode,
                                              .keep_owner = content->keep_owner,
                                              .uid = content->uid,
                                              .gid = content->gid};
    }
    return sources;
}

/* With a base, the directories that no source names are left to the guest, which creates them as
 * the base has them. */
static struct contents contents_of(struct build_state *state)
{
    return (struct contents){.sources = state->sources,
                             .source_count = state->spec->contents.count,
                             .closure = &state->spec->closure,
                             .base = state->base != NULL ? read_base_tree : NULL,
                             .base_context = state,
                             .clamp = latest_mtime(state),
                             .bare = state->plan.needs_base};
}

static struct error *produce_contents(void *context, struct sink sink)
{
    struct contents contents = contents_of(context);

    return contents_write(&contents, sink);
}

/* Runs HOOK, or runAsRoot if it is GUEST_HOOK_COUNT. */
static struct error *run_script(struct build_state *state, struct vm *vm, enum guest_hook hook)
{
    const struct spec *spec = state->spec;
    bool in_image = hook == GUEST_HOOK_COUNT;
    CLEANUP(vm_script_free) struct vm_script script = {0};

    TRY(in_image ? vm_run_script(vm, &script) : vm_run_hook(vm, hook, &script));
    const struct script_run run = {.name = in_image ? GUEST_JOB_RUN : guest_hooks[hook].name,
                                   .text = in_image ? spec->run_as_root : spec->hooks[hook],
                                   .in_image = in_image,
                                   .network = in_image && spec->network,
                                   .timeout = spec->timeout,
                                   .seconds = script.seconds,
                                   .tail = script.tail};

    TRY(script_failure(&run, &script.outcome));
    if (script.outcome.oom > 0)
        progress_note("script '%s' succeeded, but the guest ran out of memory meanwhile and "
                      "killed %" PRIu64 " of its processes",
                      run.name, script.outcome.oom);
    return NULL;
}

/* Carries out one step of the plan in the guest. */
static struct error *run_step(struct build_state *state, struct vm *vm, enum plan_step step)
{
    if (step >= PLAN_HOOK)
        return run_script(state, vm, (enum guest_hook)(step - PLAN_HOOK));
    switch (step) {
    case PLAN_CONTENTS:
        return vm_add_contents(vm, produce_contents, state);
    case PLAN_MOUNT:
        return vm_mount_overlay(vm);
    case PLAN_RUN_AS_ROOT:
        return run_script(state, vm, GUEST_HOOK_COUNT);
    case PLAN_UNMOUNT:
        return vm_unmount_overlay(vm);
    case PLAN_UNPACK: /* with the base disk, before the steps */
    case PLAN_PACK:   /* into the layer, after them */
    case PLAN_HOOK:
    case PLAN_STEP_COUNT:
        break;
    }
    return NULL;
}

/* The same, as the user sees it. */
static struct error *show_step(struct build_state *state, struct vm *vm, enum plan_step step)
{
    progress_start(plan_step_name(step));
    TRY(run_step(state, vm, step));
    progress_output_end();
    progress_done();
    return NULL;
}

static bool is_script(enum plan_step step)
{
    return step >= PLAN_HOOK || step == PLAN_RUN_AS_ROOT;
}

/* Writes the base image to a temporary archive, *RET. */
static struct error *archive_base(struct build_state *state, char **ret)
{
    const struct build *build = state->build;
    bool names_blobs = output_format_row(build->output.format)->names_blobs;
    const char *run;
    CLEANUP(closep) int fd = -1;

    TRY(temporary_run_folder(&run));
    TRY(temporary_file(run, "base", ret, &fd));
    const struct output output = {.format =
                                      names_blobs ? FORMAT_OCI_ARCHIVE : FORMAT_DOCKER_ARCHIVE,
                                  .compression = COMPRESSION_NONE,
                                  .path = *ret};

    return output_write(state->base, &output, build->store);
}

static struct error *write_kept(struct build_state *state, struct vm *vm, enum plan_step step,
                                const char *reason)
{
    const struct build *build = state->build;
    CLEANUP(temporary_removep) char *archive = NULL;
    struct kept_content content = {.spec = state->spec,
                                   .base = state->base,
                                   .step = step,
                                   .reason = reason,
                                   .log = build->keep_log};

    TRY(vm_settle_disk(vm, &content.disk));
    if (build->keep_base && state->base != NULL)
        TRY(archive_base(state, &archive));
    content.archive = archive;
    return kept_step_write(build->keep, &content);
}

/* Keeps STEP, which has failed by ERR, in a file. */
static void keep_step(struct build_state *state, struct vm *vm, enum plan_step step,
                      const struct error *err)
{
    const char *path = state->build->keep;

    progress_done();
    progress_start("keep");
    struct error *keep_err = write_kept(state, vm, step, err->message);

    progress_done();
    if (keep_err == NULL)
        progress_note("'%s' keeps the step; 'vmbuild resume %s' opens a shell in it", path, path);
    else
        progress_note("the step could not be kept in '%s': %s", path, keep_err->message);
    error_free(keep_err);
}

/* The same, until the user gives up. */
static struct error *try_step(struct build_state *state, struct vm *vm, enum plan_step step)
{
    if (step == PLAN_UNPACK || step == PLAN_PACK)
        return NULL;
    for (;;) {
        struct error *err = show_step(state, vm, step);
        bool again = false;

        if (err != NULL && state->build->keep != NULL && is_script(step))
            keep_step(state, vm, step, err);
        if (err == NULL || state->build->shell_on_failure == NULL || !is_script(step))
            return err;
        progress_done();
        build_session_after_failure(step, state->build->shell_on_failure, err, vm, &again);
        if (!again)
            return err;
        error_free(err);
        state->is_touched = true;
        if (step == PLAN_RUN_AS_ROOT)
            TRY(vm_mount_overlay(vm));
    }
}

/* Carries the steps out; with a session those before it, and then that. */
static struct error *run_steps(struct build_state *state, struct vm *vm)
{
    const struct build_session *session = state->build->session;
    const struct kept_step *resumed = state->build->resumed;
    bool goes_on = resumed == NULL;

    for (size_t i = 0; i < state->plan.step_count; i++) {
        enum plan_step step = state->plan.steps[i];

        goes_on = goes_on || step == resumed->step;
        if (!goes_on)
            continue;
        if (resumed != NULL && step == resumed->step && step == PLAN_RUN_AS_ROOT)
            TRY(vm_mount_overlay(vm));
        bool is_last = session != NULL && step == session->step;

        if (!is_last || session->is_after)
            TRY(try_step(state, vm, step));
        if (is_last)
            return build_session_run(session, state->spec, vm);
    }
    return NULL;
}

/* Fills a new base disk and publishes it, then mounts it. *RET_DAMAGED: whether the disk is from
 * the store and cannot be mounted. */
static struct error *use_base_disk(struct build_state *state, bool *ret_damaged)
{
    struct base_disk *disk = &state->disk;

    if (!state->plan.needs_base)
        return NULL;
    if (disk->is_new) {
        progress_start("unpack");
        TRY(vm_unpack_base(state->vm));
        TRY(base_disk_publish(state->build->store, disk));
        progress_done();
    }
    struct error *err = vm_mount_base(state->vm);

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

static struct error *launch(struct build_state *state)
{
    const struct spec *spec = state->spec;
    const struct base_disk *disk = &state->disk;
    size_t base_count = state->base != NULL ? state->base->layer_count : 0;
    size_t count = 0;
    CLEANUP(freep) const char **layers = xcalloc(base_count, sizeof *layers);
    CLEANUP(freep) const char **shares = xcalloc(spec->shares.count, sizeof *shares);
    CLEANUP(strings_free) struct strings grants = {0};
    struct call_words words = {0};
    const struct kept_step *resumed = state->build->resumed;

    find_grants(state->build, &grants);
    for (size_t i = 0; disk->is_new && i < base_count; i++)
        if (state->base->layers[i].size > 0) /* no disk is empty */
            layers[count++] = state->base->layers[i].tar_path;
    for (size_t i = 0; i < spec->shares.count; i++)
        shares[i] = spec->shares.items[i].source;
    const struct vm_options options = {.machine = {.memory = spec->memory,
                                                   .cpus = spec->cpus,
                                                   .network = spec->network,
                                                   .shares = shares,
                                                   .share_count = spec->shares.count,
                                                   .base = disk->path,
                                                   .base_is_new = disk->is_new,
                                                   .layers = layers,
                                                   .layer_count = count},
                                       .grants = grants,
                                       .accelerator = state->build->accelerator,
                                       .scratch_size = spec->disk_size << 20,
                                       .scratch_from = resumed != NULL ? resumed->disk : NULL,
                                       .base_mark = base_disk_mark(disk),
                                       .clock = guest_clock(state),
                                       .store = state->build->store,
                                       .log = state->build->log,
                                       .verbose = state->build->verbose};

    progress_start("launch");
    job_words(spec, latest_mtime(state), &words);
    if (state->build->trace)
        call_words_set_flag(&words, GUEST_WORD_TRACE);
    TRY(vm_launch(&options, &words, &state->vm));
    progress_done();
    return NULL;
}

/* One VM from its disks to the layer, unless WRITER is NULL; end_vm ends it. */
static struct error *run_vm(struct build_state *state, struct layer_writer *writer,
                            bool *ret_damaged)
{
    if (state->plan.needs_base)
        TRY(base_disk_open(state->build->store, state->base, &state->disk));
    TRY(launch(state));
    TRY(use_base_disk(state, ret_damaged));
    TRY(job_put(state->spec, state->base != NULL ? state->base->config : NULL, state->vm));
    if (!state->build->is_followed)
        TRY(confinement_enter(state->build, state->vm));
    TRY(run_steps(state, state->vm));
    if (writer == NULL)
        return NULL;
    progress_start("pack");
    TRY(vm_pack_layer(state->vm, layer_writer_sparse_sink(writer)));
    progress_done();
    return NULL;
}

/* The layer of a spec that needs the VM, unless WRITER is NULL. A base disk that the guest cannot
 * mount is made again, once. */
static struct error *build_root_layer(struct build_state *state, struct layer_writer *writer)
{
    bool damaged = false;
    struct error *err = run_vm(state, writer, &damaged);

    if (err == NULL || !damaged)
        return err;
    progress_note("the cached base disk is damaged (%s); making it again", err->message);
    error_free(err);
    base_disk_discard(state->build->store, &state->disk);
    end_vm(state);
    return run_vm(state, writer, &damaged);
}

static struct error *build_pure_layer(struct build_state *state, struct layer_writer *writer)
{
    struct contents contents = contents_of(state);

    progress_start("contents");
    TRY(contents_write(&contents, layer_writer_sink(writer)));
    progress_done();
    return NULL;
}

/* Whether the image gets a new layer: one that only changes a base's config does not. */
static bool needs_layer(const struct build_state *state)
{
    return state->plan.needs_vm || state->spec->contents.count > 0 ||
           state->spec->closure.count > 0 || state->base == NULL ||
           output_format_row(state->build->output.format)->is_layer;
}

/* Builds the layer in the forms that are WANTED. */
static struct error *build_layer(struct build_state *state, struct layer_form_wanted wanted,
                                 struct layer *ret)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    CLEANUP(freep) char *folder = NULL;
    const char *name;

    if (state->plan.needs_vm)
        vm_prepare(); /* before the threads of the layer's writer */
    TRY(output_temporaries(&state->build->output, &folder, &name));
    TRY(layer_writer_new(folder, name, wanted, &writer));
    if (state->plan.needs_vm) {
        layer_writer_expect_guest(writer, state->spec->disk_size << 20);
        TRY(build_root_layer(state, writer));
    } else {
        TRY(build_pure_layer(state, writer));
    }
    return layer_writer_finish(STEAL(writer), ret);
}

/* EARLIER: see struct build_key_source. */
static struct error *make_key(struct build_state *state, const struct build_key *earlier,
                              struct build_key *ret)
{
    struct contents contents = contents_of(state);
    const struct build_key_source source = {.spec = state->spec,
                                            .trace = state->build->trace,
                                            .needs_vm = state->plan.needs_vm,
                                            .base = state->base,
                                            .clamp = latest_mtime(state),
                                            .contents = &contents,
                                            .store = state->build->store,
                                            .earlier = earlier};

    return build_key_make(&source, ret);
}

/* Keeps LAYER, unless its inputs have changed while it was made of them. */
static struct error *keep_layer(struct build_state *state, struct build_cache *cache,
                                struct layer *layer)
{
    CLEANUP(build_key_free) struct build_key after = {0};

    TRY(make_key(state, cache->key, &after));
    if (!state->is_touched && digest_equal(&after.digest, &cache->key->digest))
        build_cache_keep(cache, layer);
    return NULL;
}

/* Takes the layer from the cache, or builds and keeps it. */
static struct error *find_or_build_layer(struct build_state *state, struct build_cache *cache,
                                         struct layer *ret)
{
    struct layer_form_wanted wanted = output_wants_new(&state->build->output);

    TRY(build_cache_find(cache, wanted, ret, &state->is_cached));
    if (state->is_cached)
        return NULL;
    wanted.blob_digest = wanted.blob; /* the name by which it is kept */
    state->reason = STEAL(cache->reason);
    TRY(build_layer(state, wanted, ret));
    return keep_layer(state, cache, ret);
}

static struct error *make_layer(struct build_state *state, struct layer *ret)
{
    const struct build *build = state->build;
    CLEANUP(build_key_free) struct build_key key = {0};
    CLEANUP(build_cache_free)
    struct build_cache cache = {.store = build->store,
                                .name = state->spec->name,
                                .rebuild = build->rebuild != BUILD_REBUILD_NOTHING,
                                .max_age = build->max_age,
                                .key = &key,
                                .lock = -1};

    /* What happens in a session is not in the spec, nor is all that a resumed step stands on. */
    if (store_is_thrown_away(build->store) || build->session != NULL || build->resumed != NULL)
        return build_layer(state, output_wants_new(&build->output), ret);
    TRY(make_key(state, NULL, &key));
    return find_or_build_layer(state, &cache, ret);
}

/* Moves the base's layers to the new image. */
static void take_base_layers(struct build_state *state)
{
    struct image *base = state->base;

    for (size_t i = 0; base != NULL && i < base->layer_count; i++) {
        image_add_layer(state->image, base->layers[i]);
        base->layers[i] = (struct layer){0};
    }
    if (base != NULL)
        base->layer_count = 0;
}

static void name_image(struct build_state *state)
{
    const struct build_session *session = state->build->session;
    const struct image *base = state->base;
    bool keeps = session != NULL && session->keeps_name && base != NULL && base->name != NULL &&
                 base->tag != NULL;

    state->image->name = xstrdup(keeps ? base->name : state->spec->name);
    state->image->tag = xstrdup(keeps ? base->tag : state->spec->tag);
}

static struct error *make_image(struct build_state *state)
{
    const struct spec *spec = state->spec;
    struct image *image = state->image;
    bool has_new_layer = needs_layer(state);
    struct layer layer = {0};

    name_image(state);
    if (state->base != NULL)
        output_begin_checks(state->base, &state->build->output, state->build->store);
    if (has_new_layer)
        TRY(make_layer(state, &layer));
    take_base_layers(state);
    if (has_new_layer)
        image_add_layer(image, layer);
    return image_config_make(state->base != NULL ? state->base->config : NULL, spec->config,
                             spec->created, spec->architecture.name, has_new_layer, image);
}

/* Work of parallel_run: 0 ends the VM, which takes as long as writing a large file, and 1 writes
 * the output. 0 is done by the calling thread: libguestfs' error handler belongs to one thread. */
static struct error *finish(void *context, size_t index, const atomic_bool *stopped)
{
    struct build_state *state = context;

    (void)stopped;
    if (index > 0)
        return output_write(state->image, &state->build->output, state->build->store);
    end_vm(state);
    return NULL;
}

/* Makes the image and writes it. */
static struct error *make_output(struct build_state *state)
{
    TRY(make_image(state));
    progress_start("output");
    TRY(parallel_run(2, 2, finish, state));
    progress_done();
    return NULL;
}

static struct error *run(struct build_state *state)
{
    const struct build *build = state->build;

    temporary_remove_abandoned();
    if (build->session != NULL)
        build_session_plan(build->session, state->spec, &state->plan);
    else
        plan_make(state->spec, &state->plan);
    if (state->plan.needs_vm && !runs_in_guest(state->spec->architecture.name))
        return error_new(EXIT_INPUT,
                         "plan image '%s': scripts need " MACHINE_ARCHITECTURE
                         ", but the image is for '%s'",
                         state->spec->name, state->spec->architecture.name);
    if (makes_image(build))
        TRY(output_check(&build->output));
    TRY(open_base(state));
    remarks_show(state->spec, state->base != NULL ? state->base->config : NULL);
    if (makes_image(build))
        return make_output(state);
    vm_prepare();
    return build_root_layer(state, NULL);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now = *start;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* store_run: builds. */
static struct error *build_once(void *context)
{
    const struct build *build = context;
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    struct build_state state = {.build = build,
                                .spec = build->spec,
                                .sources = make_sources(&build->spec->contents),
                                .disk = {.lock = -1},
                                .image = image};
    struct timespec start = {0};

    clock_gettime(CLOCK_MONOTONIC, &start);
    struct error *err = run(&state);

    end_vm(&state);
    if (err == NULL && !build->is_followed && build->session == NULL)
        progress_image(build->spec->name, state.is_cached, seconds_since(&start), state.reason);
    merged_tree_free(state.base_tree);
    free(state.sources);
    free(state.reason);
    image_free(state.base);
    return err;
}

struct error *build_run(const struct build *build)
{
    const char *base = build->spec->from_image;
    CLEANUP(reference_free) struct reference reference = {0};
    struct build copy = *build;

    if (base != NULL)
        TRY(reference_parse(base, &reference));
    /* Standard input can be read only once. */
    return store_run(build->store, base == NULL || !reference_is_stdin(&reference), build_once,
                     &copy);
}
