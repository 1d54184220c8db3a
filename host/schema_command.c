#include <stdio.h>

#include "cleanup.h"
#include "commands.h"

struct error *schema_command(const struct options *options)
{
    CLEANUP(json_freep) struct json *schema = spec_schema();
    CLEANUP(buffer_free) struct buffer text = {0};

    (void)options;
    json_write(schema, true, &text);
    if (fwrite(text.data, 1, text.length, stdout) != text.length || fflush(stdout) == EOF)
        return error_errno(EXIT_OTHER, "write to standard output");
    return NULL;
}
