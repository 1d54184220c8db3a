/* An image reference: what was read is written, and reads back as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/reference.h"
#include "host/lib/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_and_read_back(const struct reference *reference)
{
    struct reference again = {0};
    char *first = reference_format(reference);
    struct error *err = reference_parse(first, &again);

    if (err != NULL)
        abort();
    char *second = reference_format(&again);

    if (strcmp(first, second) != 0 || again.transport != reference->transport)
        abort();
    free(first);
    free(second);
    reference_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);
    struct reference reference = {0};
    struct error *err = reference_parse(text, &reference);

    if (err == NULL)
        write_and_read_back(&reference);
    error_free(err);
    error_free(reference_check_name(text));
    error_free(reference_check_tag(text));
    reference_free(&reference);
    free(text);
    return 0;
}
