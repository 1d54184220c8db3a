/*
 * The spec: what a build is to make, as read from the spec file and the command line
 * (spec_reader.h) and validated. Each member is the value of one key, whose row in the table of
 * keys (spec_key.h) defines how it is read, shown and freed.
 */
#ifndef VMBUILD_SPEC_H
#define VMBUILD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/digest.h"
#include "host/lib/json.h"
#include "host/spec/spec_key.h"

/* Seconds since 1970 that `created` is if nothing gives another time: some programs take 0 for "not
 * set". */
#define SPEC_CREATED_DEFAULT 1

/* What becomes of the modes of an element of `contents`. */
enum spec_mode {
    SPEC_MODE_ADD_WRITE, /* "+w" */
    SPEC_MODE_KEEP,
    SPEC_MODE_SET,    /* to a number */
    SPEC_MODE_CHANGE, /* in words */
};

/* What an element of `contents` is. */
enum spec_content_kind {
    SPEC_CONTENT_SOURCE, /* a path of the host */
    SPEC_CONTENT_IMAGE,  /* a path in an image */
    SPEC_CONTENT_DIRECTORY,
    SPEC_CONTENT_TEXT,
    SPEC_CONTENT_URL,
};

/* An image that another one is made of. The name comes first, as for kinds that are a string. */
struct spec_image {
    char *name;    /* a reference, in which a plain path is absolute; or a name in the graph. NULL:
                      there is no image */
    bool is_built; /* it is the one of NODE in the graph of images (spec_graph.h) */
    size_t node;
};

/* An element of `contents`. */
struct spec_content {
    char *source;            /* absolute host path */
    char *written;           /* the path of the host as the spec has it, if that is relative; or
                                NULL */
    struct spec_image image; /* which it is of */
    char *path;              /* in the image or in SOURCE, normalised, a pattern; NULL: all of
                                SOURCE */
    size_t pivot;            /* bytes of PATH before "/./", if it is written so: see PARENTS */
    char *text;              /* of a file called NAME, which may be NULL */
    char *name;
    char *url;
    char *target;       /* absolute path in the image, normalised; the directory, if it is one */
    char *user, *group; /* the names of the owner, which the base image has; NULL: UID, GID */
    char *mode_change;  /* for SPEC_MODE_CHANGE (mode_change.h) */
    char *exclude_file; /* absolute host path; or NULL */
    struct strings exclude;
    struct strings ignore;
    enum spec_content_kind kind;
    uint32_t uid, gid; /* unless the owner is kept */
    enum spec_mode mode_rule;
    uint32_t mode;          /* for SPEC_MODE_SET */
    struct digest checksum; /* of what is at URL; empty: any */
    bool is_alone;          /* it was given as a path alone */
    bool is_into;           /* a file is put into the directory `target`, or else becomes it */
    bool keep_owner;
    bool has_group; /* a group was given; otherwise it is that of USER */
    bool unpack;    /* a tarball is unpacked */
    bool parents;   /* what PATH matches lies in the target at its path, from the pivot */
    bool optional;  /* a pattern may match nothing */
};

struct spec_contents {
    struct spec_content *items;
    size_t count;
};

struct spec_share {
    char *source; /* absolute host path */
    char *target; /* absolute guest path, normalised */
};

struct spec_shares {
    struct spec_share *items;
    size_t count;
};

/* A secret, without its bytes. */
struct spec_secret {
    char *id;
    char *target;     /* absolute guest path, normalised; NULL: mounts alone show it */
    char *file;       /* absolute host path, or one from the command line; or NULL */
    char *variable;   /* of the environment; or NULL. Of the two there is at most one. */
    bool is_optional; /* it may have neither */
};

struct spec_secrets {
    struct spec_secret *items;
    size_t count;
};

enum spec_mount_kind { SPEC_MOUNT_TMPFS, SPEC_MOUNT_SECRET, SPEC_MOUNT_CACHE, SPEC_MOUNT_BIND };

/* What a script has mounted for itself. */
struct spec_mount {
    enum spec_mount_kind kind;
    char *target;  /* absolute guest path, normalised; NULL: of a secret that is a variable alone */
    char *id;      /* of a secret or a cache */
    size_t secret; /* its number among those of the spec */
    char *variable; /* of the environment, that a secret becomes; or NULL */
    bool is_required;
    struct spec_content content; /* of a bind: becomes GUEST_MOUNT_TREE in its tar */
    bool is_writable;
    bool is_locked; /* a cache: by one build at a time */
    uint64_t size;  /* bytes of a tmpfs; 0: no limit of its own */
    bool has_mode;
    uint32_t mode, uid, gid;
};

struct spec_mounts {
    struct spec_mount *items;
    size_t count;
};

/* The platform of the image. The name comes first, as for kinds that are a string. */
struct spec_architecture {
    char *name;    /* as platform_format has it */
    bool is_given; /* by the spec, which then requires it of the base; else it is the host's */
};

/* A command: a line for the shell, or its words. It is given if it has either. */
struct spec_command {
    char *text; /* or NULL */
    struct strings words;
};

/* A zeroed member was not given; one that has a default is never zeroed once the spec was read. */
struct spec {
    char *name;
    char *tag;
    struct spec_image from_image;
    char *from_image_name;
    char *from_image_tag;
    struct spec_contents contents;
    struct strings closure; /* absolute paths */
    struct json *config;
    char *run_as_root; /* the script's text */
    struct spec_command run;
    char *hooks[GUEST_HOOK_COUNT];
    uint64_t disk_size; /* MiB */
    uint64_t memory;    /* MiB */
    uint64_t cpus;
    bool shadow_setup;
    bool network;
    bool still_clock;
    struct spec_shares shares;
    struct json *env; /* object of strings */
    int64_t created;  /* seconds since 1970 */
    struct spec_architecture architecture;
    uint64_t timeout; /* seconds */
    struct spec_secrets secrets;
    struct spec_mounts mounts;
    struct json *annotations; /* object of strings and nulls */
    bool empty_layer;
    char *created_by;
    char *author;

    /* Not a key: NAME=VALUE of --env, one for each name, over `env`. They are shown nowhere. */
    struct strings variables;
};

/* Whether SPEC has `run`. */
static inline bool spec_has_run(const struct spec *spec)
{
    return spec->run.text != NULL || spec->run.words.count > 0;
}

/* Sets each key of PART in OUT, an object, to what --dry-run shows of it. */
void spec_describe(const struct spec *spec, enum spec_part part, struct json *out);

void spec_free(struct spec *spec);
static inline void spec_freep(struct spec **spec)
{
    spec_free(*spec);
}

#endif
