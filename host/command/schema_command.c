#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/spec/spec_schema.h"

struct error *schema_command(const struct options *options)
{
    CLEANUP(json_freep) struct json *schema = spec_schema();
    CLEANUP(buffer_free) struct buffer text = {0};

    (void)options;
    json_write(schema, true, &text);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}
