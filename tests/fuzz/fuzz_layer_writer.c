/* Any bytes as the layer that a guest sends. */
#include <stdint.h>
#include <stdlib.h>

#include "host/image/layer_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct layer_writer *writer = NULL;
    struct layer layer = {0};
    struct error *err = layer_writer_new("/tmp", "layer", (struct layer_form_wanted){0}, &writer);

    if (err == NULL)
        err = layer_writer_write(writer, data, size);
    if (err == NULL) {
        err = layer_writer_finish(writer, &layer);
        writer = NULL;
    }
    layer_writer_free(writer);
    layer_free(&layer);
    error_free(err);
    return 0;
}
