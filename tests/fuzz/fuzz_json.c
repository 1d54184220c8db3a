/* A JSON document: what was read is written, and reads back as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/json.h"
#include "host/lib/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_back(const struct json *value, bool pretty)
{
    struct buffer first = {0}, second = {0};
    struct json *again = NULL;

    json_write(value, pretty, &first);
    struct error *err = json_parse("again", first.data, first.length, &again);

    if (err != NULL)
        abort();
    json_write(again, pretty, &second);
    if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)
        abort();
    json_free(again);
    buffer_free(&first);
    buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *value = NULL;
    struct error *err = json_parse("document", (const char *)data, size, &value);

    if (err == NULL) {
        write_and_read_back(value, false);
        write_and_read_back(value, true);
    }
    error_free(err);
    json_free(value);
    return 0;
}
