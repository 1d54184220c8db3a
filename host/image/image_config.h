/*
 * The config document of an image (OCI image-spec, "Image Configuration"; also Docker's): read as
 * its source has it, made for the new image, and written.
 *
 * The new one is the base's whole document, with the spec's `config` over its `config`:
 *
 *   Env                             merged by variable name
 *   Labels, Volumes, ExposedPorts   merged by key
 *   Cmd                             cleared if the spec sets Entrypoint and no Cmd, as Docker does
 *   any other key                   the spec's replaces the base's
 *   null                            removes the base's key, or its entry in one of the maps
 *
 * created is the spec's; architecture, variant and os stay the base's. rootfs and history are
 * extended by the new layer. History is optional in OCI. In a history, the entries without
 * `empty_layer` stand for the layers: if the base's is too short, it is filled up; if it has more
 * such entries than layers, it is dropped. Docker's notes on the container and the build that made
 * the base, and on its v1 ID, would not be true of the new image and are dropped too.
 */
#ifndef VMBUILD_IMAGE_CONFIG_H
#define VMBUILD_IMAGE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "host/image/image.h"
#include "host/image/platform.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

/* Parses BYTES, which errors call NAME, and gives document and bytes to IMAGE. BYTES is empty
 * afterwards. *RET_DIFF_IDS is an array of *RET_COUNT, the caller's. Errors: EXIT_INPUT if it is
 * not a config, not for Linux, or has more than IMAGE_LAYERS_MAX layers. */
[[nodiscard]] struct error *image_config_read(const char *name, struct buffer *bytes,
                                              struct image *image, struct digest **ret_diff_ids,
                                              size_t *ret_count);

/* Rates the image of CONFIG for WANTED, as platform_rate. */
int image_config_rate(const struct json *config, const struct platform *wanted);

/* Appends CONFIG's platform to OUT, as in "linux/arm/v7". */
void image_config_append_platform(const struct json *config, struct buffer *out);

/* Checks that IMAGE, which errors call NAME, is for ARCHITECTURE (as platform_parse reads it; NULL:
 * any). Errors: EXIT_INPUT, which tells what it is for. */
[[nodiscard]] struct error *image_config_check_platform(const char *name, const struct image *image,
                                                        const char *architecture);

/* What a config document is made of; all borrowed. */
struct image_config_parts {
    const struct json *base;   /* the base's document; NULL: none */
    const struct json *config; /* the spec's `config` object, or NULL */
    int64_t created;           /* seconds since 1970 */
    const char *created_by;    /* what made the image: for the new entry of the history */
    const char *author;        /* NULL: the base's */
    const char *architecture;  /* GOARCH, for a base that names none */
    bool has_new_layer;        /* the last of the image's layers is new */
};

/* Lays OVER, a `config` object or NULL, over that of BASE_DOCUMENT, or NULL. *RET is the
 * caller's. Errors: EXIT_INPUT if one of them is malformed. */
[[nodiscard]] struct error *image_config_merge(const struct json *base_document,
                                               const struct json *over, struct json **ret);

/* Makes IMAGE->config from PARTS and IMAGE->layers. Errors: EXIT_INPUT if the base's or the spec's
 * config is malformed. */
[[nodiscard]] struct error *image_config_make(const struct image_config_parts *parts,
                                              struct image *image);

/* Returns when the image with this CONFIG (NULL: there is none) was made, in seconds since 1970:
 * the latest of the document's `created` and those of its history, since tools that make
 * reproducible images set the former to a time before that of the layers below. INT64_MIN if there
 * is none. */
int64_t image_config_created(const struct json *config);

/* Appends the bytes of IMAGE's config document: unchanged if it has them, else as compact JSON. */
void image_config_write(const struct image *image, struct buffer *out);

#endif
