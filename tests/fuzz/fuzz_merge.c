/* Layers merged into one tar: which is the same each time, and again if it is merged itself. */
#include <fcntl.h>

#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/tree/export.h"
#include "tests/fuzz/tar_program.h"

#define LAYERS_MAX 4

/* Adds TAR as a layer of IMAGE, in a file. */
static void add_layer(struct image *image, const struct buffer *tar)
{
    struct layer layer = {.size = tar->length};
    int fd;

    fuzz_expect(temporary_file("/dev/shm", "merge", &layer.tar_path, &fd) == NULL &&
                write(fd, tar->data, tar->length) == (ssize_t)tar->length);
    close(fd);
    image_add_layer(image, layer);
}

static void free_image(struct image *image)
{
    for (size_t i = 0; i < image->layer_count; i++)
        temporary_remove(image->layers[i].tar_path);
    image_free(image);
}

static struct error *export(const struct image *image, struct buffer *ret)
{
    return export_write(image, (struct sink){fuzz_append, ret});
}

static void expect_same(const struct image *image, const struct buffer *tar)
{
    struct buffer again = {0};

    fuzz_expect(export(image, &again) == NULL && again.length == tar->length &&
                memcmp(again.data, tar->data, tar->length) == 0);
    buffer_free(&again);
}

static void merge(const struct buffer *layers, size_t count)
{
    struct image *image = xcalloc(1, sizeof *image);
    struct buffer tar = {0};

    for (size_t i = 0; i < count; i++)
        add_layer(image, &layers[i]);
    struct error *err = export(image, &tar);

    if (err == NULL) {
        struct image *merged = xcalloc(1, sizeof *merged);

        expect_same(image, &tar);
        add_layer(merged, &tar);
        /* A directory may have the name of a whiteout, which it then is in the next merge. */
        if (memmem(tar.data, tar.length, ".wh.", 4) == NULL)
            expect_same(merged, &tar);
        free_image(merged);
    }
    error_free(err);
    buffer_free(&tar);
    free_image(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool set_up;
    struct fuzz_bytes input = {data, size};
    struct buffer layers[LAYERS_MAX] = {{0}};
    size_t count = tar_program(&input, layers, LAYERS_MAX);

    if (!set_up)
        fuzz_expect(temporary_setup() == NULL && atexit(temporary_remove_all) == 0);
    set_up = true;
    merge(layers, count);
    for (size_t i = 0; i < count; i++)
        buffer_free(&layers[i]);
    return 0;
}
