#include <stdlib.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/registry/registry_pull.h"
#include "host/registry/tag_list.h"

struct error *list_tags_command(const struct options *options)
{
    const char *text = options->arguments.items[0];
    const struct registry_access access = options_registry(options);
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(strings_free) struct strings tags = {0};
    CLEANUP(json_freep) struct json *result = json_object();
    CLEANUP(buffer_free) struct buffer out = {0};
    struct json *list = json_array();

    json_set(result, "Repository", json_null());
    json_set(result, "Tags", list);
    TRY(reference_parse(text, &reference));
    if (reference.transport != TRANSPORT_DOCKER)
        return error_advise(
            error_new(EXIT_USAGE, "read reference '%s': not a repository in a registry", text),
            "use docker://HOST/NAME");
    TRY(tag_list(&reference, &access, &tags));
    CLEANUP(freep) char *name = xasprintf("%s/%s", reference.host, reference.name);

    json_set(result, "Repository", json_string(name));
    for (size_t i = 0; i < tags.count; i++)
        json_append(list, json_string(tags.items[i]));
    json_write(result, true, &out);
    return file_write(out.data, out.length, STDOUT_FILENO, "standard output");
}
