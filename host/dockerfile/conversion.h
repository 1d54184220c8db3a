/*
 * A Dockerfile as a spec: one image for each stage and for each instruction that changes files,
 * each made of the one before.
 *
 *     FROM debian:13 AS app     "app-1": {"fromImage": "docker://debian:13",
 *     ENV LANG=C.UTF-8                    "config": {"Env": ["LANG=C.UTF-8"]},
 *     RUN make                            "run": "make", "network": true},
 *     CMD ["app"]               "app":   {"fromImage": {"use": "app-1"},
 *                                         "config": {"Cmd": ["app"]}}
 *
 * What configures an image stands in the next one that is made, since an instruction finds it, and
 * a command (`run`) runs as a container of the image that it makes would. ARGs are `env`, which no
 * image keeps.
 */
#ifndef VMBUILD_CONVERSION_H
#define VMBUILD_CONVERSION_H

#include "host/dockerfile/check.h"
#include "host/dockerfile/dockerfile.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/json.h"

/* What the command line says. All is borrowed. */
struct conversion_options {
    const char *target;        /* the stage; NULL: the last one */
    struct strings arguments;  /* NAME=VALUE of ARGs */
    struct strings contexts;   /* NAME=IMAGE: images in place of those called NAME */
    struct strings folders;    /* NAME=PATH: directories for --from=NAME */
    const char *folder;        /* the context, as the spec is to name it */
    const char *ignore_file;   /* its .dockerignore, likewise; or NULL */
    const char *architecture;  /* of the image, as "arm64" or "arm/v7" */
    const char *build_machine; /* that of this machine */
    const char *name;          /* of the image; NULL: the stage's */
    const char *tag;           /* or NULL */
    bool is_squashed;          /* all files are in one layer */

    /* Whether commands for ARCHITECTURE can be run; NULL: only those for build_machine can. */
    bool (*runs)(const char *architecture);

    /* Whether PATH of the context is left out; NULL: nothing is. */
    bool (*is_ignored)(void *context, const char *path);
    void *ignore_context;

    /* Sets *RET, which the caller frees, to the architecture that TEXT, a platform of Linux without
     * "linux/", names, as "arm64" or "arm/v7"; NULL: TEXT. */
    struct error *(*read_platform)(const char *text, char **ret);
};

/* Sets *RET to the config of the image REFERENCE for ARCHITECTURE: the object that has Env, User
 * and so on. If the image is for another one, *RET_PLATFORM is set to that, as "linux/arm64". Both
 * are the caller's. */
typedef struct error *(*conversion_config)(void *context, const char *reference,
                                           const char *architecture, struct json **ret,
                                           char **ret_platform);

struct conversion_result {
    struct json *spec;  /* each value has the line of its instruction */
    struct check check; /* by lines; warnings of stages that are not built are of check_file.h */
};

/* Converts FILE. CONFIG is called with CONTEXT for each base image. *RET is freed by
 * conversion_result_free. Errors: EXIT_INPUT, as those of dockerfile_parse; EXIT_USAGE if there is
 * no such stage; those of CONFIG. */
[[nodiscard]] struct error *conversion_make(const struct dockerfile *file,
                                            const struct conversion_options *options,
                                            conversion_config config, void *context,
                                            struct conversion_result *ret);

void conversion_result_free(struct conversion_result *result);

#endif
