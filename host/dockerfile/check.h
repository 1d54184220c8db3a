/*
 * What `docker build --check` finds in a Dockerfile that builds all the same: warnings, each of a
 * rule with a name. The directive `# check=` leaves rules out, or makes errors of warnings.
 *
 *     # check=skip=JSONArgsRecommended,StageNameCasing;error=true
 *
 * The rules, and when each applies, are those of BuildKit.
 */
#ifndef VMBUILD_CHECK_H
#define VMBUILD_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/error.h"

enum check_rule {
    CHECK_CONSISTENT_INSTRUCTION_CASING,
    CHECK_COPY_IGNORED_FILE,
    CHECK_DUPLICATE_STAGE_NAME,
    CHECK_EXPOSE_INVALID_FORMAT,
    CHECK_EXPOSE_PROTO_CASING,
    CHECK_FROM_AS_CASING,
    CHECK_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
    CHECK_INVALID_BASE_IMAGE_PLATFORM,
    CHECK_INVALID_DEFAULT_ARG_IN_FROM,
    CHECK_INVALID_DEFINITION_DESCRIPTION,
    CHECK_JSON_ARGS_RECOMMENDED,
    CHECK_LEGACY_KEY_VALUE_FORMAT,
    CHECK_MAINTAINER_DEPRECATED,
    CHECK_MULTIPLE_INSTRUCTIONS_DISALLOWED,
    CHECK_NO_EMPTY_CONTINUATION,
    CHECK_REDUNDANT_TARGET_PLATFORM,
    CHECK_RESERVED_STAGE_NAME,
    CHECK_SECRETS_USED_IN_ARG_OR_ENV,
    CHECK_STAGE_NAME_CASING,
    CHECK_UNDEFINED_ARG_IN_FROM,
    CHECK_UNDEFINED_VAR,
    CHECK_WORKDIR_RELATIVE_PATH,
    CHECK_COUNT
};

struct check_warning {
    enum check_rule rule;
    unsigned int line;
    char *text;
};

/* A zeroed one applies the rules that are no experiments. */
struct check {
    bool is_left_out[CHECK_COUNT];
    bool is_tried[CHECK_COUNT]; /* of rules that are experiments */
    bool is_strict;             /* a warning is an error */
    struct check_warning *warnings;
    size_t count;
};

/* Returns the name of RULE, as "UndefinedVar". */
const char *check_rule_name(enum check_rule rule);

/* Reads DIRECTIVE, the value of `# check=`, or NULL, into CHECK. Errors, which name no object:
 * EXIT_INPUT. */
[[nodiscard]] struct error *check_read(const char *directive, struct check *check);

/* Adds the formatted warning of RULE about LINE to CHECK, unless the rule is left out or it has the
 * same warning. */
void check_warn(struct check *check, enum check_rule rule, unsigned int line, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

/* Sorts CHECK's warnings by their lines. */
void check_sort(struct check *check);

void check_free(struct check *check);

#endif
