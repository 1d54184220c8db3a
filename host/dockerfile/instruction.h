/*
 * An instruction of a Dockerfile as it is written: its keyword, flags and arguments. Variables are
 * not replaced, and whether it makes sense is not judged (instruction_rules.h does).
 */
#ifndef VMBUILD_INSTRUCTION_H
#define VMBUILD_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>

#include "host/dockerfile/heredoc.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

/* In the order of their names. */
enum keyword {
    KEYWORD_ADD,
    KEYWORD_ARG,
    KEYWORD_CMD,
    KEYWORD_COPY,
    KEYWORD_ENTRYPOINT,
    KEYWORD_ENV,
    KEYWORD_EXPOSE,
    KEYWORD_FROM,
    KEYWORD_HEALTHCHECK,
    KEYWORD_LABEL,
    KEYWORD_MAINTAINER,
    KEYWORD_ONBUILD,
    KEYWORD_RUN,
    KEYWORD_SHELL,
    KEYWORD_STOPSIGNAL,
    KEYWORD_USER,
    KEYWORD_VOLUME,
    KEYWORD_WORKDIR,
    KEYWORD_COUNT
};

/* One of ARG, ENV or LABEL. */
struct assignment {
    char *name;
    char *value;     /* with its quotes; NULL: ARG without a value */
    bool has_equals; /* else it is of the old form, `ENV NAME VALUE` */
};

struct assignments {
    struct assignment *items;
    size_t count;
};

struct instruction {
    enum keyword keyword;
    unsigned int first_line, last_line; /* from 1; here-documents included */
    char *text;                         /* the line, with those that continue it */
    char *comment;                      /* the last of those right above; or NULL */
    struct strings flags;               /* "--from=build" */
    bool is_json;                       /* the arguments were a JSON array */
    struct strings arguments;           /* of the shell form, one: the command */
    struct assignments assignments;     /* of ARG, ENV and LABEL, in place of arguments */
    struct heredocs heredocs;           /* of ADD, COPY and RUN */
    struct instruction *trigger;        /* of ONBUILD; NULL: there is none */
    bool has_gap;                       /* there is an empty line between those that it has */
};

/* Reads LINE, valid UTF-8 in one line, in which ESCAPE has its meaning; here-documents get no text
 * yet. *RET is freed by instruction_free. Errors, which name no line: EXIT_INPUT. */
[[nodiscard]] struct error *instruction_read(const char *line, char escape,
                                             struct instruction *ret);

/* Returns the name of KEYWORD, in capitals. */
const char *keyword_name(enum keyword keyword);

/* Releases what INSTRUCTION owns, and zeroes it. */
void instruction_free(struct instruction *instruction);

#endif
