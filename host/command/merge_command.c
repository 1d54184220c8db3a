#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/command/commands.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/tree/contents.h"

/* Sets *RET to ARGUMENTS as absolute paths. Errors: EXIT_INPUT if one does not exist. */
static struct error *find_sources(const struct strings *arguments, struct strings *ret)
{
    for (size_t i = 0; i < arguments->count; i++) {
        char *path = realpath(arguments->items[i], NULL);

        if (path == NULL)
            return error_errno(EXIT_INPUT, "open '%s'", arguments->items[i]);
        strings_take(ret, path);
    }
    return NULL;
}

/* Sets *RET, which the caller frees, to the absolute path of OUTPUT's directory. */
static struct error *find_parent(const char *output, char **ret)
{
    CLEANUP(freep) char *folder = file_folder(output);

    *ret = realpath(folder, NULL);
    if (*ret == NULL)
        return error_errno(EXIT_OTHER, "open directory '%s'", folder);
    return NULL;
}

/* Writes the list of SOURCES to the file OUTPUT, as mergeDrvs with onlyDeps does. */
static struct error *write_list(const struct strings *sources, const char *parent,
                                const char *output)
{
    CLEANUP(temporary_removep) char *path = NULL;
    int fd = -1;

    TRY(temporary_output_file(parent, &path, &fd));
    CLEANUP(fclosep) FILE *file = fdopen(fd, "w");

    if (file == NULL)
        return error_errno(EXIT_OTHER, "write '%s'", output);
    for (size_t i = 0; i < sources->count; i++)
        fprintf(file, "%s\n", sources->items[i]);
    if (fchmod(fd, 0644) < 0 || fflush(file) == EOF || ferror(file))
        return error_errno(EXIT_OTHER, "write '%s'", output);
    return temporary_rename(path, output);
}

/* Makes the merged tree next to OUTPUT, which must not exist, and renames it to that. */
static struct error *write_folder(const struct strings *sources, const char *parent,
                                  const char *output)
{
    CLEANUP(temporary_removep) char *path = NULL;
    CLEANUP(freep) struct contents_source *items = xcalloc(sources->count, sizeof *items);
    struct contents contents = {
        .sources = items, .source_count = sources->count, .clamp = INT64_MAX};

    for (size_t i = 0; i < sources->count; i++)
        items[i] =
            (struct contents_source){.path = sources->items[i], .mode_rule = CONTENTS_MODE_KEEP};

    TRY(temporary_output_folder(parent, &path));
    TRY(contents_extract(&contents, path));
    if (chmod(path, 0755) < 0)
        return error_errno(EXIT_OTHER, "set the mode of '%s'", path);
    return error_advise(temporary_rename(path, output),
                        "remove '%s' first, or choose another path with -o", output);
}

struct error *merge_command(const struct options *options)
{
    CLEANUP(strings_free) struct strings sources = {0};
    CLEANUP(freep) char *parent = NULL;

    CLEANUP(freep) char *output = file_without_slash(options->output);

    TRY(find_sources(&options->arguments, &sources));
    TRY(find_parent(output, &parent));
    if (options->only_deps)
        TRY(write_list(&sources, parent, output));
    else
        TRY(write_folder(&sources, parent, output));
    progress_written(options->output, NULL);
    return NULL;
}
