#include "host/build/reproducibility.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/build/differences.h"
#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"

#define PIECE (256u << 10) /* bytes compared at a time */

/* Shows how two images differ whose layers all have their tar_path. Adds to *COUNT. */
static struct error *compare_images(const struct image *first, const struct image *second,
                                    size_t *count)
{
    size_t layers =
        first->layer_count < second->layer_count ? first->layer_count : second->layer_count;

    if (first->layer_count != second->layer_count) {
        CLEANUP(freep) char *one = xasprintf("%zu", first->layer_count);
        CLEANUP(freep) char *other = xasprintf("%zu", second->layer_count);

        progress_difference("image", "layers", "number", one, other, NULL);
        ++*count;
    }
    for (size_t i = 0; i < layers; i++) {
        const struct layer *one = &first->layers[i], *other = &second->layers[i];
        CLEANUP(freep) char *where = xasprintf("layer %zu", i + 1);

        if (!digest_equal(&one->diff_id, &other->diff_id))
            TRY(differences_of_tars(where, one->tar_path, other->tar_path, count));
    }
    if (*count == 0) /* else what follows from them differs as well: diff IDs in the config */
        differences_of_json("config", first->config, second->config, count);
    return NULL;
}

static struct error *read_json(const char *path, struct json **ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    TRY(file_read_open(fd, JSON_SIZE_MAX, EXIT_OTHER, &text));
    return json_parse_lenient(path, text.data, text.length, ret);
}

static struct error *open_output(const struct output *output, struct store *store,
                                 struct image **ret)
{
    CLEANUP(reference_free) struct reference reference = {.path = xstrdup(output->path)};
    struct image_request request = {.forms = LAYER_TAR, .store = store};

    return image_open(&reference, &request, ret);
}

/* Whether the bytes of two files are the same. */
static struct error *are_identical(const char *one, const char *other, bool *ret)
{
    CLEANUP(fclosep) FILE *one_file = fopen(one, "re");
    CLEANUP(fclosep) FILE *other_file = fopen(other, "re");
    static char one_piece[PIECE], other_piece[PIECE];
    size_t length;

    if (one_file == NULL || other_file == NULL)
        return error_errno(EXIT_OTHER, "open '%s'", one_file == NULL ? one : other);
    do {
        length = fread(one_piece, 1, PIECE, one_file);
        *ret = fread(other_piece, 1, PIECE, other_file) == length &&
               memcmp(one_piece, other_piece, length) == 0;
    } while (*ret && length > 0);
    if (ferror(one_file) || ferror(other_file))
        return error_new(EXIT_OTHER, "read '%s' or '%s'", one, other);
    return NULL;
}

/* Shows how the images that two builds wrote differ. */
static struct error *compare_written(const struct output *first, const struct output *second,
                                     size_t *count)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(image_freep) struct image *one = NULL;
    CLEANUP(image_freep) struct image *other = NULL;

    TRY(store_open(NULL, true, &store));
    TRY(open_output(first, store, &one));
    TRY(open_output(second, store, &other));
    return compare_images(one, other, count);
}

/* The same for the JSON documents ONE and OTHER, files. */
static struct error *compare_documents(const char *one, const char *other, size_t *count)
{
    CLEANUP(json_freep) struct json *one_json = NULL;
    CLEANUP(json_freep) struct json *other_json = NULL;

    TRY(read_json(one, &one_json));
    TRY(read_json(other, &other_json));
    differences_of_json("json", one_json, other_json, count);
    return NULL;
}

/* Compares two outputs by the bytes of the archives, or of the directories' files: of a layout
 * its index, which names all others by their digests. Sets *RET_SAME, and adds to *COUNT what is
 * shown of differences. */
static struct error *compare_outputs(const struct output *first, const struct output *second,
                                     bool *ret_same, size_t *count)
{
    const struct output_format_row *format = output_format_row(first->format);

    *ret_same = true;
    for (const char *const *file = format->compared; *file != NULL; file++) {
        CLEANUP(freep) char *one = xasprintf("%s%s", first->path, *file);
        CLEANUP(freep) char *other = xasprintf("%s%s", second->path, *file);
        bool identical = false;

        TRY(are_identical(one, other, &identical));
        if (identical)
            continue;
        *ret_same = false;
        if (!format->is_layer)
            return compare_written(first, second, count);
        TRY(strcmp(*file, "/json") == 0 ? compare_documents(one, other, count)
                                        : differences_of_tars("layer", one, other, count));
    }
    return NULL;
}

/* Reports whether the outputs are the same. */
static struct error *report(const struct output *first, const struct output *second)
{
    bool same = false;
    size_t count = 0;

    progress_start("compare");
    TRY(compare_outputs(first, second, &same, &count));
    progress_done();
    if (same) {
        progress_note("check '%s': both builds are the same, to the bit", second->path);
        return NULL;
    }
    struct error *err =
        count == 0
            ? error_new(EXIT_DIFFERENT,
                        "check '%s': the two builds differ: the same image, encoded differently",
                        second->path)
            : error_new(EXIT_DIFFERENT, "check '%s': the two builds differ in %zu %s", second->path,
                        count, count == 1 ? "place" : "places");

    return error_advise(err, "REPRODUCIBILITY in vmbuild-spec(5) lists the usual causes");
}

/* The first build: an empty cache, another number of processors. OUTPUTS are its outputs. */
static struct error *build_varied(const struct build *build, const struct output *outputs)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct spec spec = *build->spec;
    struct build varied = *build;

    spec.cpus = spec.cpus == 1 ? 2 : 1;
    TRY(store_open(NULL, true, &store));
    varied.spec = &spec;
    varied.store = store;
    varied.outputs = outputs;
    varied.shared = NULL;
    varied.is_followed = true;
    return build_run(&varied);
}

/* Refuses OUTPUT if it cannot be read again. */
static struct error *check_output(const struct output *output)
{
    struct stat status;

    if (output->is_added && access(output->path, F_OK) == 0)
        return error_new(EXIT_USAGE,
                         "check '%s': --check compares no layout to which images are added",
                         output->path);
    if (!output_format_row(output->format)->is_remote && strcmp(output->path, "-") != 0 &&
        (stat(output->path, &status) < 0 || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
        return NULL;
    return error_new(EXIT_USAGE, "check '%s': --check compares only files and directories",
                     output->path);
}

/* Builds twice, the first time with VARIED, and compares each output. */
static struct error *build_and_compare(const struct build *build, const struct output *varied)
{
    struct build again = *build;

    TRY(error_context(build_varied(build, varied), "build the first time"));
    if (again.rebuild == BUILD_REBUILD_NOTHING) /* or there was nothing to compare */
        again.rebuild = BUILD_REBUILD_IMAGES;
    TRY(build_run(&again));
    for (size_t i = 0; i < build->output_count; i++)
        TRY(report(&varied[i], &build->outputs[i]));
    return NULL;
}

struct error *reproducibility_check(const struct build *build)
{
    CLEANUP(freep) struct output *varied = xcalloc(build->output_count, sizeof *varied);
    CLEANUP(strings_free) struct strings paths = {0};
    const char *folder;

    for (size_t i = 0; i < build->output_count; i++)
        TRY(check_output(&build->outputs[i]));
    TRY(temporary_run_folder(&folder));
    for (size_t i = 0; i < build->output_count; i++) {
        strings_take(&paths, xasprintf("%s/varied%zu", folder, i));
        varied[i] = build->outputs[i];
        varied[i].path = paths.items[i];
    }
    return build_and_compare(build, varied);
}
