/* Any bytes as what a guest sends of a layer: frames, cut anywhere, and in them a tar. */
#include <stddef.h>
#include <stdint.h>

#include "host/image/layer_check.h"
#include "host/vm/layer_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct error *take(void *context, const void *bytes, size_t length)
{
    return layer_check_write(context, bytes, length);
}

static struct error *take_hole(void *context, uint64_t length)
{
    return layer_check_skip(context, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layer_check *check = layer_check_new();

    if (size % 2 == 0)
        layer_check_expect_guest(check, 1 << 20);
    struct layer_frames frames = {.sink = {take, take_hole, check}};
    size_t piece = size > 0 ? data[0] + 1u : 1;
    struct error *err = NULL;

    for (size_t at = 0; err == NULL && at < size; at += piece)
        err = layer_frames_write(&frames, data + at, size - at < piece ? size - at : piece);
    if (err == NULL)
        err = layer_frames_finish(&frames);
    if (err == NULL)
        err = layer_check_finish(check);
    layer_check_free(check);
    error_free(err);
    return 0;
}
