/* A TOML document: what was read is a tree that can be written. */
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/json_text.h"
#include "host/lib/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *value = NULL;
    struct buffer out = {0};
    struct error *err = toml_parse("document", (const char *)data, size, &value);

    if (err == NULL)
        json_write(value, false, &out);
    error_free(err);
    json_free(value);
    buffer_free(&out);
    return 0;
}
