/*
 * A conversion while it is made (conversion.h): what its parts share. `conversion_stage` is a stage
 * at one of its instructions.
 */
#ifndef VMBUILD_CONVERSION_STATE_H
#define VMBUILD_CONVERSION_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/dockerfile/conversion.h"
#include "host/dockerfile/shell_word.h"
#include "host/dockerfile/stages.h"
#include "host/dockerfile/variables.h"

struct conversion_stage {
    bool is_done;
    char *name;                   /* of its images */
    char *architecture;           /* of its images; NULL: it is not fixed */
    struct variables variables;   /* ARG and ENV: what an instruction finds */
    struct variables arguments;   /* those of ARG */
    struct variables environment; /* those of ENV, and the base's */
    struct json *config;          /* of the image so far: User, WorkingDir, Shell, Cmd */
    struct json *changes;         /* of it since the last node; NULL: none */
    struct json *from;            /* of the next node; NULL: nothing */
    struct json *node;            /* the last one, which has no name yet; or NULL */
    size_t node_count;
    bool has_command;            /* there was a CMD */
    bool has_folder;             /* there was a WORKDIR */
    char *author;                /* MAINTAINER; or NULL */
    bool is_author_new;          /* no node has it yet */
    struct strings declared;     /* ARGs, with or without a value */
    struct strings configuring;  /* the instructions since the last node */
    struct strings triggers;     /* ONBUILDs of its base */
    struct strings own_triggers; /* its own, for stages that are based on it */
};

struct conversion {
    const struct dockerfile *file;
    const struct conversion_options *options;
    conversion_config config;
    void *context;
    struct stages stages;
    struct variables globals;        /* what a FROM finds */
    struct conversion_stage *states; /* one for each stage */
    struct json *images;             /* the nodes that have a name */
    struct check *check;
    char *created;      /* the time that SOURCE_DATE_EPOCH sets, for a spec; or NULL */
    size_t text_length; /* bytes of what variables became so far */
    unsigned int line;  /* of the instruction that is converted */
    bool has_error;     /* which tells already where it is */
};

/* Returns ERR with the formatted text before it, unless it tells where it is: that is the error of
 * another stage, which the instruction needs. */
[[nodiscard]] struct error *conversion_context(const struct conversion *conversion,
                                               struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Returns ERR, of INSTRUCTION, with the file, the line and the instruction before it, likewise. */
[[nodiscard]] struct error *conversion_locate(struct conversion *conversion, struct error *err,
                                              const struct instruction *instruction);

/* Counts LENGTH bytes that variables became. Errors: EXIT_INPUT if there are too many. */
[[nodiscard]] struct error *conversion_count(struct conversion *conversion, size_t length);

/* Sets *RET to TEXT, of STAGE, or, if that is NULL, of a FROM, with the variables replaced; the
 * caller's. A variable that is not set is a warning. Errors, which name no line: EXIT_INPUT. */
[[nodiscard]] struct error *conversion_expand(struct conversion *conversion,
                                              const struct conversion_stage *stage,
                                              const char *text, char **ret);

/* The same for text of an ARG before the first FROM: VARIABLES are those before it. No warnings. */
[[nodiscard]] struct error *conversion_expand_global(const struct conversion *conversion,
                                                     const struct variables *variables,
                                                     const char *text, char **ret);

/* The same for the text of a here-document, in which quotes are ordinary. */
[[nodiscard]] struct error *conversion_expand_text(struct conversion *conversion,
                                                   const struct conversion_stage *stage,
                                                   const char *text, char **ret);

/* The same, and adds the words that result to RET. */
[[nodiscard]] struct error *conversion_split(const struct conversion *conversion,
                                             const struct conversion_stage *stage, const char *text,
                                             struct strings *ret);

/* Adds a warning of RULE about the instruction that is converted. */
#define conversion_warn(conversion, rule, ...)                                                     \
    check_warn((conversion)->check, rule, (conversion)->line, __VA_ARGS__)

/* Sets member NAME of the config of STAGE's image to VALUE, which is taken over. */
void conversion_configure(struct conversion_stage *stage, const char *name, struct json *value);

/* Returns a member of that config that may be changed, an object: NAME, empty if there was none. */
struct json *conversion_config_object(struct conversion_stage *stage, const char *name);

/* Sets the variable NAME of STAGE's image to VALUE. */
void conversion_set_variable(struct conversion_stage *stage, const char *name, const char *value);

/* Gives VALUE and all in it the line of the instruction that is converted, unless it has one. */
void conversion_mark(const struct conversion *conversion, struct json *value);

/* Begins the next node of STAGE. Returns it, borrowed: a spec with all that the changes of the
 * config need. */
struct json *conversion_begin_node(struct conversion *conversion, struct conversion_stage *stage);

/* Gives the last node of STAGE the stage's name. It is then what `from` names. */
void conversion_end_stage(struct conversion *conversion, struct conversion_stage *stage);

/* Converts the stage INDEX, with all that it needs, unless that was done. Errors: as those of
 * conversion_make. */
[[nodiscard]] struct error *conversion_do_stage(struct conversion *conversion, size_t index);

/* Sets the globals: the platforms, and the ARGs before the first FROM. TARGET: the name of the
 * stage that is asked for, or NULL. Errors: as those of conversion_make. */
[[nodiscard]] struct error *conversion_define_globals(struct conversion *conversion,
                                                      const char *target);

/* Defines the ARGs of INSTRUCTION in STAGE: each has the command line's value, or its own, or that
 * of the one before the first FROM. Errors, which name no line: EXIT_INPUT. */
[[nodiscard]] struct error *conversion_define(struct conversion *conversion,
                                              struct conversion_stage *stage,
                                              const struct instruction *instruction);

/* Returns the value that the command line has for the ARG NAME; NULL: none. */
const char *conversion_given(const struct conversion *conversion, const char *name);

/* Warns of FROMs that name no image if the command line gives no ARGs. */
void conversion_check_bases(struct conversion *conversion);

/* Sets *RET to what a spec has for the image that a FROM calls NAME: a stage before the stage END,
 * which is converted, a build context or a reference; the caller's. *RET_STAGE is the stage, or
 * STAGE_NONE. Errors: as those of conversion_make. */
[[nodiscard]] struct error *conversion_find_image(struct conversion *conversion, const char *name,
                                                  size_t end, struct json **ret, size_t *ret_stage);

/* The same for what a `--from` of the stage INDEX calls NAME, which may be a stage's number. If it
 * is a directory, *RET_FOLDER, borrowed, is set in place of *RET. */
[[nodiscard]] struct error *conversion_find_source(struct conversion *conversion, const char *name,
                                                   size_t index, struct json **ret,
                                                   const char **ret_folder);

/* Puts all files of the image TARGET, of STAGE, into one layer, by a node that is made of it and
 * gets its name. */
void conversion_squash(struct conversion *conversion, const struct conversion_stage *stage,
                       const char *target);

/* Returns the shell of STAGE's image, a list; the caller's. */
struct json *conversion_shell(const struct conversion_stage *stage);

/* Returns the working directory of STAGE's image, borrowed. */
const char *conversion_folder(const struct conversion_stage *stage);

/* Returns the owner that TEXT, as of --chown or USER, names, for a spec; the caller's, or NULL:
 * none. As for BuildKit, "root" need not be in the image's files, and a part that is empty is root,
 * or the user's group. */
char *conversion_owner(const char *text);

/* Returns what the history of an image has for INSTRUCTION of STAGE, as BuildKit writes it; the
 * caller's. WORDS: the command of a RUN, or the sources and the target of COPY and ADD. */
char *conversion_history(const struct conversion_stage *stage,
                         const struct instruction *instruction, const struct strings *words);

/* One kind of instruction each, of the stage INDEX. Errors, which name neither line nor
 * instruction: EXIT_INPUT; those of conversion_make. */
[[nodiscard]] struct error *conversion_run(struct conversion *conversion, size_t index,
                                           const struct instruction *instruction);
[[nodiscard]] struct error *conversion_copy(struct conversion *conversion, size_t index,
                                            const struct instruction *instruction);
[[nodiscard]] struct error *conversion_set(struct conversion *conversion, size_t index,
                                           const struct instruction *instruction);

#endif
