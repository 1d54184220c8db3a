/*
 * Fills in a template of a manual page or of a shell's completion: a line "@NAME@" becomes what the
 * tables of commands, options and spec keys have for it, any other stays. It runs when vmbuild is
 * built and is not installed.
 *
 * usage: generate TEMPLATE > FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/manual/bash.h"
#include "host/manual/fish.h"
#include "host/manual/pages.h"
#include "host/manual/zsh.h"

struct part {
    const char *name;
    void (*append)(struct buffer *out);
};

static const struct part parts[] = {
    {"system", pages_system},
    {"synopsis", pages_synopsis},
    {"commands", pages_commands},
    {"options", pages_options},
    {"keys", pages_keys},
    {"bash-commands", bash_commands},
    {"bash-options", bash_options},
    {"bash-values", bash_values},
    {"bash-arguments", bash_arguments},
    {"zsh-commands", zsh_commands},
    {"zsh-valued", zsh_valued},
    {"zsh-options", zsh_options},
    {"zsh-keys", zsh_keys},
    {"fish-valued", fish_valued},
    {"fish-names", fish_names},
    {"fish-commands", fish_commands},
    {"fish-options", fish_options},
    {"fish-arguments", fish_arguments},
};

/* Returns the part that LINE names, without its "@"s; NULL if it is not of that form. */
static char *part_of(const char *line)
{
    size_t indent = strspn(line, " ");
    size_t length = line[indent] == '@' ? strcspn(line + indent + 1, "@\n") : 0;

    if (length == 0 || strcmp(line + indent + 1 + length, "@\n") != 0)
        return NULL;
    return xstrndup(line + indent + 1, length);
}

/* Returns whether there is such a part. */
static bool append_part(const char *name, struct buffer *out)
{
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strcmp(parts[i].name, name) != 0)
            continue;
        parts[i].append(out);
        return true;
    }
    return false;
}

/* Returns whether all parts that the template names are there. */
static bool fill_in(FILE *template, struct buffer *out)
{
    CLEANUP(freep) char *line = NULL;
    size_t capacity = 0;

    while (getline(&line, &capacity, template) >= 0) {
        CLEANUP(freep) char *name = part_of(line);

        if (name == NULL) {
            buffer_printf(out, "%s", line);
        } else if (!append_part(name, out)) {
            fprintf(stderr, "generate: unknown part '%s'\n", name);
            return false;
        }
    }
    return !ferror(template);
}

int main(int argc, char **argv)
{
    CLEANUP(fclosep) FILE *template = argc == 2 ? fopen(argv[1], "re") : NULL;
    CLEANUP(buffer_free) struct buffer text = {0};

    if (template == NULL) {
        fprintf(stderr, "usage: generate TEMPLATE > FILE\n");
        return EXIT_FAILURE;
    }
    if (!fill_in(template, &text) || fwrite(text.data, text.length, 1, stdout) != 1 ||
        fflush(stdout) == EOF)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
