/*
 * The table of commands: what each is called, what it takes and what it is for. The parser, --help,
 * the manual page and the shells' completions are made from it and from option_table.h. It is data
 * alone, so that the program which makes the last two (host/manual) needs nothing else of vmbuild.
 */
#ifndef VMBUILD_COMMAND_TABLE_H
#define VMBUILD_COMMAND_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/command/argument.h"

enum command_id {
    COMMAND_BUILD,
    COMMAND_CONVERT,
    COMMAND_GRAPH,
    COMMAND_SHELL,
    COMMAND_RUN,
    COMMAND_RESUME,
    COMMAND_EXPORT,
    COMMAND_PULL,
    COMMAND_PUSH,
    COMMAND_COPY,
    COMMAND_LOGIN,
    COMMAND_LOGOUT,
    COMMAND_MERGE,
    COMMAND_TARSUM,
    COMMAND_INSPECT,
    COMMAND_LIST_TAGS,
    COMMAND_DOCTOR,
    COMMAND_CACHE,
    COMMAND_SCHEMA,
    COMMAND_COUNT,
};

#define COMMAND_ARGUMENTS_MAX 2

struct command {
    const char *name;
    struct argument arguments[COMMAND_ARGUMENTS_MAX];
    int arguments_min, arguments_max; /* -1: the last one may be repeated */
    const char *summary;              /* a phrase, for lists */
    const char *text;                 /* for the manual; see manual/mdoc.h for its form */
    bool supervised; /* makes temporaries or processes, so it runs under the supervisor */
    bool is_prefix;  /* what follows its first argument is a command line with options of its own */
};

extern const struct command command_table[COMMAND_COUNT];

/* The command called NAME, or NULL. */
const struct command *command_find(const char *name);

/* Whether COMMAND's argument INDEX may be repeated: the last one, if any number is allowed. */
bool command_repeats(const struct command *command, int index);

/* COMMAND's bit in the sets of option_table.h. */
unsigned int command_bit(const struct command *command);

#endif
