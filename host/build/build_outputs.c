#include "host/build/build_outputs.h"

#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store_session.h"

static const struct output_format_row *row_of(const struct output *output)
{
    return output_format_row(output->format);
}

bool build_outputs_is_written(const struct build *build, size_t index)
{
    return !build->is_kept_only && !row_of(&build->outputs[index])->is_remote;
}

/* Adds what another output wants to ALL. There is one blob at most: that of the outputs that name
 * it by its digest, since a docker-archive of another compression can be made from the tar. */
static void add_wanted(struct layer_form_wanted *all, struct layer_form_wanted wanted)
{
    bool differs = all->blob && wanted.blob && all->compression != wanted.compression;

    if (wanted.blob && (!all->blob || wanted.blob_digest))
        all->compression = wanted.compression;
    all->tar = all->tar || wanted.tar || differs;
    all->blob = all->blob || wanted.blob;
    all->blob_digest = all->blob_digest || wanted.blob_digest;
    all->tarsum = all->tarsum || wanted.tarsum;
}

struct layer_form_wanted build_outputs_want_new(const struct build *build)
{
    struct layer_form_wanted all = output_wants_new(&build->outputs[0]);

    for (size_t i = 1; i < build->output_count; i++)
        add_wanted(&all, output_wants_new(&build->outputs[i]));
    return all;
}

unsigned int build_outputs_want_base(const struct build *build)
{
    unsigned int forms = 0;

    for (size_t i = 0; i < build->output_count; i++)
        forms |= output_wants_base(&build->outputs[i]);
    return forms;
}

const struct output *build_outputs_of_others(const struct build *build)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (row_of(&build->outputs[i])->names_blobs)
            return &build->outputs[i];
    return &build->outputs[0];
}

bool build_outputs_are_layers(const struct build *build)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (!row_of(&build->outputs[i])->is_layer)
            return false;
    return true;
}

struct error *build_outputs_refuse_layers(const struct build *build)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (row_of(&build->outputs[i])->is_layer)
            return error_new(EXIT_INPUT, "write '%s': the spec makes no layer",
                             build->outputs[i].path);
    return NULL;
}

struct error *build_outputs_check(const struct build *build)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (build_outputs_is_written(build, i))
            TRY(output_check(&build->outputs[i]));
    return NULL;
}

struct error *build_outputs_temporaries(const struct build *build, char **ret,
                                        const char **ret_name)
{
    for (size_t i = 0; i < build->output_count; i++)
        if (build_outputs_is_written(build, i))
            return output_temporaries(&build->outputs[i], ret, ret_name);
    *ret = xstrdup(store_session_folder(store_session(build->store)));
    *ret_name = store_folder(build->store);
    return NULL;
}

static size_t last_written(const struct build *build)
{
    size_t last = 0;

    for (size_t i = 0; i < build->output_count; i++)
        if (build_outputs_is_written(build, i))
            last = i;
    return last;
}

/* Writes IMAGE, whose new layer, if it is a temporary, only the last output may use up. */
struct error *build_outputs_write(const struct build *build, const struct image *image,
                                  struct output_manifest *manifests)
{
    struct layer *layer = image->layer_count > 0 ? &image->layers[image->layer_count - 1] : NULL;
    bool is_temporary = layer != NULL && layer->is_temporary;
    size_t last = last_written(build);

    for (size_t i = 0; i <= last; i++) {
        struct output output = build->outputs[i];

        if (!build_outputs_is_written(build, i))
            continue;
        if (layer != NULL)
            layer->is_temporary = is_temporary && i == last;
        output.ret_manifest = &manifests[i];
        progress_start("output");
        TRY(output_write(image, &output, build->store));
        progress_done();
    }
    return NULL;
}
