#include "host/build/build.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/build/build_annotations.h"
#include "host/build/build_base.h"
#include "host/build/build_cache.h"
#include "host/build/build_history.h"
#include "host/build/build_key.h"
#include "host/build/build_outputs.h"
#include "host/build/build_result.h"
#include "host/build/built_image.h"
#include "host/build/guest_run.h"
#include "host/build/plan.h"
#include "host/build/remarks.h"
#include "host/build/spec_sources.h"
#include "host/image/image.h"
#include "host/image/image_config.h"
#include "host/image/layer_tar.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/parallel.h"
#include "host/lib/progress.h"
#include "host/lib/stream.h"
#include "host/lib/supervisor.h"
#include "host/lib/temporary.h"
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

    struct spec_sources sources;
    struct contents contents;
    struct mount_trees trees;
    struct guest_run guest_run;

    struct image *image;
    struct output_manifest *manifests; /* of each output */
    struct digest kept;                /* the name of the image in the store */
    struct digest key;                 /* of its layer; set by look */
    bool is_cached;                    /* its layer was made before */
    char *reason;                      /* why it was not made before, if that is known; or NULL */
};

/* Whether the build makes an image: a session whose image is not stored does not. */
static bool makes_image(const struct build *build)
{
    return build->session == NULL || build->session->is_stored;
}

/* The forms in which the base's layers are needed. Its tars are needed only by a base disk that is
 * yet to be made, or by the output. */
static unsigned int base_forms(const struct build *build)
{
    return makes_image(build) && !build->is_look ? build_outputs_want_base(build) : LAYER_BLOB;
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

/* With a base, the directories that no source names are left to the guest, which creates them as
 * the base has them. */
static struct contents contents_of(struct build_state *state)
{
    return (struct contents){.sources = state->sources.items,
                             .source_count = state->sources.count,
                             .closure = &state->spec->closure,
                             .base = state->base != NULL ? read_base_tree : NULL,
                             .base_context = state,
                             .clamp = latest_mtime(state),
                             .bare = state->plan.needs_base};
}

/* Finds the sources of the contents; from there on, nothing is opened. */
static struct error *open_sources(struct build_state *state)
{
    const struct image_request request = build_base_request(state->build, LAYER_BLOB);

    const struct spec_sources_origin origin = {.contents = &state->spec->contents,
                                               .built = state->build->built,
                                               .request = &request,
                                               .base = state->base};

    TRY(spec_sources_make(&origin, &state->sources));
    state->contents = contents_of(state);
    if (state->build->resumed != NULL) /* they are on the disk */
        return NULL;
    return mount_trees_make(&state->spec->mounts, &origin, latest_mtime(state), &state->trees);
}

static struct error *build_pure_layer(struct build_state *state, struct layer_writer *writer)
{
    progress_start("contents");
    struct error *err = contents_write(&state->contents, layer_writer_sink(writer));

    if (err != NULL && err->code == EXIT_SCRIPT) /* a secret, but not of a script's */
        err->code = EXIT_INPUT;
    TRY(err);
    progress_done();
    return NULL;
}

/* Whether the image gets a new layer: one that only changes a base's config does not, unless the
 * layer is all that is written. */
static bool needs_layer(const struct build_state *state)
{
    return state->plan.needs_vm || state->spec->contents.count > 0 ||
           state->spec->closure.count > 0 || (state->base == NULL && state->spec->empty_layer) ||
           build_outputs_are_layers(state->build);
}

/* Builds the layer in the forms that are WANTED. */
static struct error *build_layer(struct build_state *state, struct layer_form_wanted wanted,
                                 struct layer *ret)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    CLEANUP(freep) char *folder = NULL;
    const char *name;

    TRY(build_outputs_temporaries(state->build, &folder, &name));
    TRY(layer_writer_new(folder, name, wanted, &writer));
    layer_writer_forbid(writer, state->build->secrets);
    if (state->plan.needs_vm) {
        layer_writer_expect_guest(writer, state->spec->disk_size << 20);
        TRY(guest_run_layer(&state->guest_run, writer));
    } else {
        TRY(build_pure_layer(state, writer));
    }
    return layer_writer_finish(STEAL(writer), ret);
}

/* EARLIER: see struct build_key_source. */
static struct error *make_key(struct build_state *state, const struct build_key *earlier,
                              struct build_key *ret)
{
    const struct build_key_source source = {.spec = state->spec,
                                            .trace = state->build->trace,
                                            .needs_vm = state->plan.needs_vm,
                                            .type = state->guest_run.type,
                                            .base = state->base,
                                            .clamp = state->contents.clamp,
                                            .contents = &state->contents,
                                            .trees = &state->trees,
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
    if (!state->guest_run.is_touched && digest_equal(&after.digest, &cache->key->digest))
        build_cache_keep(cache, layer);
    return NULL;
}

/* Takes the layer from the cache, or builds and keeps it. */
static struct error *find_or_build_layer(struct build_state *state, struct build_cache *cache,
                                         struct layer *ret)
{
    struct layer_form_wanted wanted = build_outputs_want_new(state->build);

    TRY(build_cache_find(cache, wanted, ret, &state->is_cached));
    if (!state->is_cached) {
        wanted.blob_digest = wanted.blob; /* the name by which it is kept */
        state->reason = STEAL(cache->reason);
        TRY(build_layer(state, wanted, ret));
        TRY(keep_layer(state, cache, ret));
    }
    build_cache_share(cache);
    return NULL;
}

/* The shared caches that may have the layer. What is shared has an identity on this host alone. */
static struct shared_cache *shared_cache_of(const struct build_state *state)
{
    return state->spec->shares.count == 0 ? state->build->shared : NULL;
}

/* The cache for the layer of KEY. */
static struct build_cache cache_of(const struct build_state *state, const struct build_key *key)
{
    const struct build *build = state->build;

    return (struct build_cache){.store = build->store,
                                .name = state->spec->name,
                                .rebuild = build->rebuild != BUILD_REBUILD_NOTHING,
                                .max_age = build->max_age,
                                .key = key,
                                .shared = shared_cache_of(state),
                                .lock = -1};
}

static struct error *make_layer(struct build_state *state, struct layer *ret)
{
    const struct build *build = state->build;
    struct layer_form_wanted wanted = build_outputs_want_new(build);
    CLEANUP(build_key_free) struct build_key key = {0};
    CLEANUP(build_cache_free) struct build_cache cache = cache_of(state, &key);

    wanted.blob_digest = wanted.blob_digest || (wanted.blob && build->is_kept);
    /* What happens in a session is not in the spec, nor is all that a resumed step stands on. */
    if ((store_is_thrown_away(build->store) && build->shared == NULL) || build->session != NULL ||
        build->resumed != NULL)
        return build_layer(state, wanted, ret);
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

/* Makes the image of its parts; LAYER, the new one if there is one, is taken over. */
static struct error *assemble_image(struct build_state *state, bool has_new_layer,
                                    struct layer layer)
{
    const struct spec *spec = state->spec;
    struct image *image = state->image;

    name_image(state);
    image->found_count = state->base != NULL ? state->base->found_count : 0;
    take_base_layers(state);
    if (has_new_layer)
        image_add_layer(image, layer);
    image->annotations = build_annotations(spec, state->base);
    CLEANUP(freep) char *history = build_history_line(state->build, &state->plan, !has_new_layer);
    const struct image_config_parts parts = {.base =
                                                 state->base != NULL ? state->base->config : NULL,
                                             .config = spec->config,
                                             .created = spec->created,
                                             .created_by = history,
                                             .author = spec->author,
                                             .architecture = spec->architecture.name,
                                             .has_new_layer = has_new_layer};

    return image_config_make(&parts, image);
}

static struct error *make_image(struct build_state *state)
{
    bool has_new_layer = needs_layer(state);
    struct layer layer = {0};

    TRY(has_new_layer ? make_layer(state, &layer) : build_outputs_refuse_layers(state->build));
    return assemble_image(state, has_new_layer, layer);
}

/* Work of parallel_run: 0 ends the VM, which takes as long as writing a large file, and 1 writes
 * the output. 0 is done by the calling thread: libguestfs' error handler belongs to one thread. */
static struct error *finish(void *context, size_t index, const atomic_bool *stopped)
{
    struct build_state *state = context;

    (void)stopped;
    if (index > 0)
        return build_outputs_write(state->build, state->image, state->manifests);
    guest_run_end(&state->guest_run);
    return NULL;
}

/* Takes the image from the cache, if that has its layer. */
static struct error *look(struct build_state *state)
{
    CLEANUP(build_key_free) struct build_key key = {0};
    CLEANUP(build_cache_free) struct build_cache cache = cache_of(state, &key);
    struct layer layer = {0};
    bool has_new_layer = needs_layer(state);

    state->is_cached = !has_new_layer;
    if (has_new_layer) {
        TRY(make_key(state, NULL, &key));
        state->key = key.digest;
        state->is_cached = build_cache_look(&cache, build_outputs_want_new(state->build), &layer);
    }
    if (!state->is_cached)
        return NULL;
    TRY(assemble_image(state, has_new_layer, layer));
    built_image_note(state->image, state->build->store, &state->kept);
    return store_settle(state->build->store);
}

/* Makes the image, and keeps or writes it. */
static struct error *make_and_write(struct build_state *state)
{
    const struct build *build = state->build;

    TRY(make_image(state));
    if (build->is_kept)
        TRY(built_image_keep(state->image, build_outputs_of_others(build), build->store,
                             &state->kept));
    if (build->is_kept_only)
        return store_settle(build->store);
    return parallel_run(2, 2, finish, state);
}

/* The same, until shared caches have the layer, too. */
static struct error *make_output(struct build_state *state)
{
    TRY(make_and_write(state));
    if (state->build->shared != NULL)
        shared_cache_settle(state->build->shared);
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
    if (makes_image(build) && !build->is_kept_only && !build->is_look)
        TRY(build_outputs_check(build));
    bool uses_vm = state->plan.needs_vm && !build->is_look;

    /* A blob that is in the cache already is checked by a thread which stays. */
    if (uses_vm)
        supervisor_prepare_suspension();
    TRY(build_base_open(build, base_forms(build), &state->base));
    if (state->plan.needs_vm)
        TRY(build_base_machine(build, state->base, &state->guest_run.type));
    /* Before the other threads, but after the programs that keep credentials, which may signal. */
    if (uses_vm)
        vm_prepare();
    TRY(open_sources(state));
    if (build->is_look)
        return look(state);
    state->guest_run.base = state->base;
    remarks_show(state->spec, state->base != NULL ? state->base->config : NULL);
    if (makes_image(build))
        return make_output(state);
    return guest_run_layer(&state->guest_run, NULL);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now = *start;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* Tells what was found. */
static void tell_found(const struct build_state *state)
{
    struct json *result = json_object();

    json_set(result, "key", *state->key.hex != '\0' ? json_string(state->key.hex) : json_null());
    json_set(result, "cached", json_boolean(state->is_cached));
    if (state->is_cached)
        json_set(result, "kept", json_string(state->kept.hex));
    json_free(*state->build->ret_result);
    *state->build->ret_result = result;
}

/* Tells what was made, in SECONDS. */
static void show_result(const struct build_state *state, double seconds)
{
    const struct build *build = state->build;
    const struct build_facts facts = {.image = state->image,
                                      .manifests = state->manifests,
                                      .output_count = build->output_count,
                                      .is_cached = state->is_cached,
                                      .seconds = seconds,
                                      .reason = state->reason,
                                      .kept = build->is_kept ? &state->kept : NULL};

    if (build->is_look) {
        tell_found(state);
        return;
    }
    if (!build->is_followed && build->session == NULL)
        progress_image(build->spec->name, state->is_cached, seconds, state->reason);
    if (build->ret_result == NULL || !makes_image(build))
        return;
    json_free(*build->ret_result);
    *build->ret_result = build_result_make(&facts);
}

/* store_run: builds. */
static struct error *build_once(void *context)
{
    const struct build *build = context;
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(freep)
    struct output_manifest *manifests = xcalloc(build->output_count, sizeof *manifests);
    struct build_state state = {
        .build = build, .spec = build->spec, .image = image, .manifests = manifests};
    struct timespec start = {0};

    state.guest_run = (struct guest_run){.build = build,
                                         .plan = &state.plan,
                                         .contents = &state.contents,
                                         .trees = &state.trees,
                                         .disk = {.lock = -1}};
    clock_gettime(CLOCK_MONOTONIC, &start);
    struct error *err = run(&state);

    guest_run_end(&state.guest_run);
    if (err == NULL)
        show_result(&state, seconds_since(&start));
    merged_tree_free(state.base_tree);
    mount_trees_free(&state.trees);
    spec_sources_free(&state.sources);
    free(state.reason);
    image_free(state.base);
    return err;
}

struct error *build_run(const struct build *build)
{
    const struct spec_image *base = &build->spec->from_image;
    CLEANUP(reference_free) struct reference reference = {0};
    struct build copy = *build;

    if (base->name != NULL && !base->is_built)
        TRY(reference_parse(base->name, &reference));
    /* Standard input can be read only once. */
    bool repeats = base->name == NULL || base->is_built || !reference_is_stdin(&reference);

    return store_run(build->store, repeats, build_once, &copy);
}
