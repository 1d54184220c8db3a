/*
 * A kind of spec key: all that depends on what form a value has. Each kind is one struct, defined
 * in spec_value.c, or in spec_path.c or spec_contents.c if its values name files of the host.
 * Reading, freeing, --set, --dry-run, the JSON Schema, the guest's words and the documents use
 * nothing else of a kind, so that a new one is one definition.
 */
#ifndef VMBUILD_SPEC_KIND_H
#define VMBUILD_SPEC_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

struct spec_key;
struct spec_graph_reader;

/* What a value may refer to beyond its own text. */
struct spec_source {
    const char *folder; /* absolute, without symlinks; relative paths are taken from it */
    int64_t now;        /* seconds since 1970: `created: now` */
    const char *source_date_epoch; /* the variable's text, or NULL */
    bool is_nameless;              /* it needs no name */

    /* The graph that is being read, and the node of it whose spec this is; NULL: the command builds
     * one image alone. */
    struct spec_graph_reader *graph;
    size_t node;
};

/* MEMBER is the key's member of struct spec (spec.h); a zeroed one is not given. */
struct spec_kind {
    const char *type; /* as the documents show it: "string or list" */

    /* How --set takes a value: as JSON if it begins with this ("": always), else as text. NULL:
     * always as text. */
    const char *json_start;

    /* Checks VALUE and stores it in MEMBER, which is empty. Errors: EXIT_INPUT, from spec_error. */
    struct error *(*read)(const struct spec_key *key, const struct spec_source *source,
                          struct json *value, void *member);

    /* Releases what MEMBER owns and zeroes it. NULL: it owns nothing. */
    void (*free)(void *member);

    /* Stores the default, if it depends on the host. NULL: the key's own text is the default. */
    struct error *(*fill)(const struct spec_source *source, void *member);

    /* What VALUE must be ("must be true or false"; the caller's) if it is not, else NULL. VALUE is
     * NULL if it is not even JSON. Only for kinds that need neither the host nor the file to judge:
     * such a value on the command line is an error of usage. NULL: no such judgement. */
    char *(*judge)(const struct spec_key *key, const struct json *value);

    /* MEMBER as --dry-run shows it; the caller's. */
    struct json *(*describe)(const void *member);

    bool is_script; /* --dry-run shows the plan's steps instead */

    /* The JSON Schema of a value; the caller's. */
    struct json *(*schema)(const struct spec_key *key);

    /* How the guest is told of MEMBER, for keys that have a word of guest/contract.h: the kind that
     * the word must have, and MEMBER as its values, which are added to OUT: none if it is false or
     * not given, several only of a list. NULL: not by a word. */
    enum guest_kind word_kind;
    void (*word_values)(const void *member, struct strings *out);
};

#endif
