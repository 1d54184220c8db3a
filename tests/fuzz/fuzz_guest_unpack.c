/* Layers unpacked one over the other, as a program makes them: the tree is the one that their
 * export unpacks to. */
#include "guest/tar/unpack.h"
#include "host/tree/export.h"
#include "tests/fuzz/guest_tree.h"
#include "tests/fuzz/tar_program.h"

#define LAYERS_MAX 3

struct layers {
    struct buffer tars[LAYERS_MAX];
    size_t count;
    struct fault fault;
};

/* Unpacks all layers into the root directory. */
static int unpack_all(void *context)
{
    struct layers *layers = context;
    int status = 0;

    for (size_t i = 0; i < layers->count && status == 0; i++) {
        int source = fuzz_file(layers->tars[i].data, layers->tars[i].length);

        status = unpack(source, i == 0 ? UNPACK_LOWEST_LAYER : UNPACK_LAYER, &layers->fault);
        close(source);
    }
    return status;
}

/* Unpacks the layers, and packs the tree that they become. Returns whether both could be done: a
 * name may be one that only a whiteout can have in a layer. */
static bool unpack_and_pack(struct layers *layers, struct buffer *ret)
{
    guest_tree_empty();
    if (guest_tree_do("tree", unpack_all, layers) != 0)
        return false;
    if (guest_tree_pack(ret, &layers->fault) == 0)
        return true;
    fuzz_expect(strstr(layers->fault.text, ".wh.") != NULL);
    return false;
}

/* Exports LAYERS as an image. Returns whether that could be done. */
static bool export(const struct layers *layers, struct buffer *ret)
{
    struct image *image = xcalloc(1, sizeof *image);

    for (size_t i = 0; i < layers->count; i++) {
        const struct buffer *tar = &layers->tars[i];
        struct layer layer = {.size = tar->length};
        int fd;

        fuzz_expect(temporary_file("/dev/shm", "layer", &layer.tar_path, &fd) == NULL &&
                    write(fd, tar->data, tar->length) == (ssize_t)tar->length);
        close(fd);
        image_add_layer(image, layer);
    }
    struct error *err = export_write(image, (struct sink){fuzz_append, ret});
    bool done = err == NULL;

    error_free(err);
    for (size_t i = 0; i < image->layer_count; i++)
        temporary_remove(image->layers[i].tar_path);
    image_free(image);
    return done;
}

static void compare(struct layers *layers)
{
    struct layers merged = {.count = 1};
    struct buffer of_layers = {0}, of_export = {0};

    /* A directory may have the name of a whiteout, which it then is in the export. */
    if (unpack_and_pack(layers, &of_layers) && export(layers, &merged.tars[0]) &&
        memmem(merged.tars[0].data, merged.tars[0].length, ".wh.", 4) == NULL)
        fuzz_expect(unpack_and_pack(&merged, &of_export) && of_layers.length == of_export.length &&
                    memcmp(of_layers.data, of_export.data, of_layers.length) == 0);
    buffer_free(&merged.tars[0]);
    buffer_free(&of_layers);
    buffer_free(&of_export);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes input = {data, size};
    struct layers layers = {0};

    if (guest_tree_folder == NULL)
        guest_tree_set_up();
    layers.count = tar_program(&input, layers.tars, LAYERS_MAX);
    compare(&layers);
    for (size_t i = 0; i < layers.count; i++)
        buffer_free(&layers.tars[i]);
    return 0;
}
