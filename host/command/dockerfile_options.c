#include "host/command/dockerfile_options.h"

#include <string.h>

/* Refuses what is for Dockerfiles alone. */
static struct error *check_without(const struct options *options)
{
    const struct {
        const char *name;
        bool is_given;
    } own[] = {
        {"target", options->target != NULL},
        {"build-arg", options->build_args.count > 0},
        {"build-context", options->build_contexts.count > 0},
        {"tag", options->names.count > 0},
        {"squash", options->squash},
    };

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].is_given)
            return error_new(EXIT_USAGE, "read option '--%s': it needs --file", own[i].name);
    return NULL;
}

struct error *dockerfile_options_check(const struct options *options)
{
    bool builds = options->command == &command_table[COMMAND_BUILD];

    if (!builds && options->command != &command_table[COMMAND_CONVERT])
        return NULL;
    if (builds && options->file == NULL)
        return check_without(options);
    if (options->spec != NULL)
        return error_new(EXIT_USAGE, "read option '--file': with --spec, there is no Dockerfile");
    if (options->arguments.count > 1)
        return error_new(EXIT_USAGE, "read command '%s': unexpected argument '%s'",
                         options->command->name, options->arguments.items[1]);
    if (options->names.count > 1)
        return error_advise(
            error_new(EXIT_USAGE, "read option '--tag': an image has one name"),
            "give its outputs the others: -o docker-archive:FILE:NAME, or -o docker://NAME");
    if (!builds && options->platforms.count > 1)
        return error_new(EXIT_USAGE, "read option '--platform': a spec is for one platform");
    return NULL;
}
