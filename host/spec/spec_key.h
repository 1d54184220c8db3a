/*
 * The keys of the spec file: one table of names, types, limits, defaults and texts, from which the
 * parser (spec.c) and the schema (spec_schema.c) both work.
 */
#ifndef VMBUILD_SPEC_KEY_H
#define VMBUILD_SPEC_KEY_H

#include <stddef.h>
#include <stdint.h>

enum spec_key_kind {
    SPEC_NAME,      /* string: an image name */
    SPEC_TAG,       /* string: an image tag */
    SPEC_STRING,    /* string */
    SPEC_REFERENCE, /* string: an image reference or path */
    SPEC_PATHS,     /* string or list of strings: paths */
    SPEC_CLOSURE,   /* list of paths, or {"file": PATH} */
    SPEC_CONFIG,    /* object: image config */
    SPEC_SCRIPT,    /* string, or {"file": PATH} */
    SPEC_BOOLEAN,
    SPEC_NUMBER,       /* a whole number within limits */
    SPEC_SHARES,       /* list of {"source", "target"} */
    SPEC_ENV,          /* object of strings */
    SPEC_CREATED,      /* RFC 3339 or "now" */
    SPEC_ARCHITECTURE, /* string: a GOARCH name */
};

struct spec_key {
    const char *name;
    enum spec_key_kind kind;
    size_t offset;        /* of its member in struct spec */
    uint64_t initial;     /* of a number, when not given */
    uint64_t least, most; /* of a number */
    const char *text;     /* what it means, as the schema says it */
};

extern const struct spec_key spec_keys[];
extern const size_t spec_key_count;

/* The key called NAME, or NULL. */
const struct spec_key *spec_key_find(const char *name);

/* The name of key INDEX, for nearest_word. */
const char *spec_key_name(size_t index);

#endif
