/*
 * The spec file: bytes to a validated structure. The keys, their types, limits and texts are one
 * table, from which the parser and `vmbuild schema` both work. Errors carry line, column and key;
 * an unknown key names the nearest known one. No I/O but reading the spec (and `{"file": PATH}`
 * scripts).
 */
#ifndef VMBUILD_SPEC_H
#define VMBUILD_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

struct spec_share {
    char *source; /* absolute host path */
    char *target; /* absolute guest path, normalised */
};

/* A zeroed member means "not given" unless a default is named. */
struct spec {
    char *name;
    char *tag;        /* "latest" */
    char *from_image; /* reference text; a plain path is made absolute */
    char *from_image_name;
    char *from_image_tag;
    struct strings contents; /* absolute paths */
    struct strings closure;  /* absolute paths */
    struct json *config;
    char *run_as_root; /* the script's text */
    char *extra_commands;
    char *pre_mount, *post_mount, *post_umount;
    bool shadow_setup;
    uint64_t disk_size; /* MiB, 10240 */
    uint64_t memory;    /* MiB, 512 */
    uint64_t cpus;      /* 1 */
    bool network;
    struct spec_share *shares;
    size_t share_count;
    struct json *env; /* object of strings */
    bool still_clock;
    int64_t created; /* seconds since 1970 */
    char *architecture;
    uint64_t timeout; /* seconds, 3600 */
};

/* What the command line says over the file: each of --set KEY=VALUE and of --memory and so on is
 * one. They count as if they stood in the file; the last one for a key wins. */
struct spec_override {
    const char *option; /* "set", "memory", ...: for messages */
    const char *key;
    const char *value;
};

/* Reads the spec PATH ("-": standard input). NOW is the time that `created: now` means;
 * SOURCE_DATE_EPOCH is that variable's text or NULL. Errors: EXIT_INPUT; EXIT_USAGE where an
 * override's key or value can be none, which is found before the file is opened. *RET is the
 * caller's. */
[[nodiscard]] struct error *spec_read(const char *path, const struct spec_override *overrides,
                                      size_t override_count, int64_t now,
                                      const char *source_date_epoch, struct spec **ret);

/* The JSON Schema (2020-12) of the spec file, made from the same table. The caller's. */
struct json *spec_schema(void);

void spec_free(struct spec *spec);
static inline void spec_freep(struct spec **spec)
{
    spec_free(*spec);
}

#endif
