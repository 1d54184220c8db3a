/*
 * The keys of the spec file: one table that holds everything about each of them. Reading and
 * freeing (spec_reader.h, spec.h), defaults, --set (spec_override.h), --dry-run (spec_describe),
 * the JSON Schema (spec_schema.h), the manual page and shell completion all come from it, so that a
 * key is one row there and one member of struct spec.
 */
#ifndef VMBUILD_SPEC_KEY_H
#define VMBUILD_SPEC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"
#include "host/spec/spec_kind.h"

/* What a key is about, which is where --dry-run shows it. */
enum spec_part {
    SPEC_PART_IMAGE, /* the image, and what it is made of */
    SPEC_PART_VM,    /* the VM and what runs in it: without effect if a build needs no VM */
};

struct spec_key {
    const char *name;
    const struct spec_kind *kind;
    size_t offset; /* of its member in struct spec */
    enum spec_part part;
    bool required;
    bool is_apart; /* not by its value in the key of a build (build/build_key.h): it cannot change
                      the layer, or what it leads to is in the key */

    /* The word that carries the value to the guest, in each call that takes it. GUEST_WORD_NONE:
     * the guest does not get it. */
    enum guest_word word;

    /* The default: a value as --set takes it, which is read if the key is not given; or else, for
     * the documents alone, words that describe what applies then. NULL: none. */
    const char *initial;
    const char *otherwise;

    const char *unit;     /* of a number: "MiB"; NULL: it is a count */
    uint64_t least, most; /* of a number */

    /* One sentence, for the schema and for completion. */
    const char *summary;

    /* The text for the manual page: sentences in paragraphs, which an empty line separates
     * ("\n\n"), with literal text between backquotes. It need not repeat type, default and
     * limits. */
    const char *documentation;
};

extern const struct spec_key spec_keys[];
extern const size_t spec_key_count;

/* Returns the key called NAME, or NULL. */
const struct spec_key *spec_key_find(const char *name);

/* Returns the type of KEY's values as the documents show it: its unit if it has one ("MiB"), else
 * its kind's ("string or list"). Static. */
const char *spec_key_type(const struct spec_key *key);

/* Returns the default of KEY as the documents show it: "10240", "the host's", "required", "none".
 * *RET_LITERAL: whether it is a value to be written as it stands, else words. Static. */
const char *spec_key_default(const struct spec_key *key, bool *ret_literal);

/* Reads TEXT, a value as --set and the table's defaults have it, into *RET, which is the caller's
 * and has no line. Errors: EXIT_USAGE, with what is wrong after "key 'NAME': ". */
[[nodiscard]] struct error *spec_key_value(const struct spec_key *key, const char *text,
                                           struct json **ret);

#endif
