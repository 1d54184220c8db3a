#include <unistd.h>

#include "host/command/commands.h"
#include "host/command/dockerfile_spec.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"

struct error *convert_command(const struct options *options)
{
    CLEANUP(dockerfile_spec_free) struct dockerfile_spec dockerfile = {0};
    CLEANUP(buffer_free) struct buffer text = {0};

    TRY(dockerfile_spec_make(options, &dockerfile));
    if (options->check && dockerfile.warnings > 0)
        return error_new(EXIT_INPUT, "check '%s': %zu %s", dockerfile.name, dockerfile.warnings,
                         dockerfile.warnings == 1 ? "warning" : "warnings");
    if (options->check)
        return NULL;
    json_write(dockerfile.specs[0], true, &text);
    return file_write(text.data, text.length, STDOUT_FILENO, "standard output");
}
