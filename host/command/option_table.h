/*
 * The table of options: how each is written, which commands take it, where its value goes in
 * struct options, and what it means. An option with another meaning for another command has a row
 * for each. See command_table.h.
 */
#ifndef VMBUILD_OPTION_TABLE_H
#define VMBUILD_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/command/argument.h"
#include "host/command/command_table.h"

/* What is done with an option. Its member of struct options is of the type in brackets. */
enum option_kind {
    OPTION_FLAG,     /* set (bool) */
    OPTION_CONSTANT, /* set to the row's constant (int) */
    OPTION_TEXT,     /* the value itself (char *) */
    OPTION_CHOICE,   /* the choice's value (an enum) */
    OPTION_OVERRIDE, /* NAME of the spec is overridden by the value; no member */
    OPTION_LIST,     /* the value, added to those of earlier ones (struct strings) */
    OPTION_SET,      /* KEY=VALUE, the same for any key; no member */
};

/* The sections that the manual has options in; the rows are in this order, too. */
enum option_group {
    OPTION_GROUP_BUILD,
    OPTION_GROUP_OUTPUT,
    OPTION_GROUP_IMAGE,
    OPTION_GROUP_CACHE,
    OPTION_GROUP_COMMON,
    OPTION_GROUP_COUNT,
};

struct option_row {
    const char *name; /* without the dashes */
    enum option_kind kind;
    enum option_group group;
    unsigned int commands;   /* that take it: a set of command_bit */
    unsigned int required;   /* that cannot do without it */
    const char *alternative; /* the option that may be there in its place; or NULL */
    int constant;            /* of OPTION_CONSTANT, or of a value that is left out */
    bool is_value_optional;  /* it is then given behind a '=' only */
    char letter;             /* "-o", or 0 */
    size_t offset;           /* of the member in struct options */
    struct argument argument;
    const char *summary; /* a phrase, for --help and completions */
    const char *text;    /* for the manual; see manual/mdoc.h for its form */
};

#define OPTION_ROWS_MAX 96

extern const struct option_row option_table[];
extern const size_t option_count;

/* The title of GROUP in the manual. */
const char *option_group_title(enum option_group group);

/* Whether COMMAND takes the option. */
bool option_is_of(const struct option_row *row, const struct command *command);

/* Whether COMMAND cannot do without the option. */
bool option_is_required(const struct option_row *row, const struct command *command);

/* Whether the option takes a value. */
bool option_has_value(const struct option_row *row);

#endif
