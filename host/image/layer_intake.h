/*
 * An intake: the bytes of one layer, taken in once, as they come.
 *
 * While they stream in they are hashed, their compression is recognised, and they are decompressed
 * and hashed again. The forms that are wanted are written to temporaries of the store. Hashing and
 * decompressing run on separate threads. The temporaries are not used before the digests have been
 * compared.
 */
#ifndef VMBUILD_LAYER_INTAKE_H
#define VMBUILD_LAYER_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/store/store.h"
#include "host/tar/compression.h"

struct layer_intake;

/* One form of the bytes. */
struct layer_intake_form {
    struct digest digest;
    uint64_t size;
    char *path; /* a temporary of the store, or NULL if it was not wanted */
};

/* If the bytes came uncompressed, tar and blob are the same, and the path, if either form was
 * wanted, is that of tar. */
struct layer_intake_result {
    enum compression compression;
    struct layer_intake_form blob; /* as they came */
    struct layer_intake_form tar;  /* decompressed */
    struct error *damage;          /* why they do not decompress, or NULL; tar is then not valid */
};

/* Starts an intake. NAME is what errors call the bytes. WANTED: enum layer_form bits of the forms
 * to write (image.h). */
[[nodiscard]] struct error *layer_intake_new(const char *name, unsigned int wanted,
                                             struct store *store, struct layer_intake **ret);

/* Takes the next LENGTH bytes. Errors: EXIT_DISK_FULL, EXIT_OTHER. */
[[nodiscard]] struct error *layer_intake_write(struct layer_intake *intake, const void *bytes,
                                               size_t length);

/* Ends the intake and frees INTAKE, also on error. Damaged bytes are not an error here, but part of
 * the result, which the caller owns. */
[[nodiscard]] struct error *layer_intake_finish(struct layer_intake *intake,
                                                struct layer_intake_result *ret);

/* Abandons it. */
void layer_intake_free(struct layer_intake *intake);
static inline void layer_intake_freep(struct layer_intake **intake)
{
    layer_intake_free(*intake);
}

/* Removes the temporaries that are left, and frees the rest. */
void layer_intake_result_free(struct layer_intake_result *result);

#endif
