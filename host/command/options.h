/*
 * The command line as parsed: the command, its arguments and its options, by command_table.h and
 * option_table.h. Options may come before or after the arguments, and before the command, as
 * getopt_long has it. Parsing does nothing but parse; it may reorder ARGV.
 */
#ifndef VMBUILD_OPTIONS_H
#define VMBUILD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/build/build.h"
#include "host/build/plan.h"
#include "host/command/command_table.h"
#include "host/format/output.h"
#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/progress.h"
#include "host/machine/accelerator.h"
#include "host/spec/spec_override.h"
#include "host/tar/compression.h"
#include "host/tar/tarsum.h"

struct option_row;

/* An option as it was given. */
struct option_given {
    const struct option_row *row; /* option_table.h */
    char *value;                  /* or NULL */
};

/* What `graph` prints. */
enum graph_format { GRAPH_JSON, GRAPH_DOT, GRAPH_MAKE, GRAPH_SLURM };

struct options {
    const struct command *command; /* NULL: --help or --version without one */
    bool help, version;
    struct strings arguments;
    struct option_given *given; /* all of them, in order */
    size_t given_count;
    char *spec;
    char *file;                    /* --file: a Dockerfile */
    char *target;                  /* --target: a stage of it */
    struct strings build_args;     /* --build-arg, as they are written */
    struct strings build_contexts; /* --build-context, likewise */
    struct strings names;          /* --tag: the image's */
    char *output;                  /* of other commands than build */
    struct strings outputs;        /* of build, as they are written */
    char *metadata;                /* --metadata-file */
    enum output_format format;
    enum compression compression;
    bool has_compression;           /* --compression is given */
    bool index;                     /* --index */
    bool no_output;                 /* --no-output */
    enum graph_format graph_format; /* --format of graph */
    enum accelerator accelerator;
    struct spec_override *overrides; /* --memory, --cpus, --timeout and --set, in order */
    size_t override_count;
    struct strings secrets, variables; /* --secret and --env, as they are written */
    struct strings allow_network;      /* --allow-network, as network/egress.h reads them */
    struct strings cache_from,
        cache_to; /* --cache-from, --cache-to, as format/cache_place.h does */
    bool no_cache, dry_run, check, trace, squash;
    bool rescue;                           /* --rescue of shell */
    bool shell_on_failure, self_contained; /* --on-failure, --self-contained */
    bool retry;                            /* --retry of resume */
    enum build_rebuild rebuild;            /* --rebuild */
    enum plan_step before, after;          /* of shell; 0: not given */
    char *jobs;                            /* --jobs */
    size_t job_count;                      /* or 0: not given */
    char *max_age;                         /* --max-age */
    int64_t max_age_seconds;               /* or BUILD_CACHE_NO_LIMIT */
    char *on_failure;                      /* --on-failure, as it is written */
    const char *keep;                      /* the file of --on-failure keep=FILE */
    char *log;                             /* --log */
    char *log_limit;                       /* --log-limit, in MiB */
    uint64_t shown_most;                   /* of it, in bytes */
    bool raw_output;
    bool only_deps;   /* --only-deps of merge */
    bool all;         /* --all of copy */
    bool raw, config; /* --raw, --config of inspect */
    bool plain_http;
    char *cache_dir;
    enum progress_mode progress;
    int verbosity; /* -1 quiet, 0, 1 verbose */
    enum tarsum_version tarsum_version;
    enum registry_trust trust;       /* --tls-verify */
    char *digest;                    /* --digest */
    char *platform;                  /* --platform, as platform_parse reads it */
    struct strings platforms;        /* of a build, each as of platform_format */
    char *auth_file;                 /* --authfile */
    char *creds, *registry_timeout;  /* --creds, --registry-timeout */
    char *username, *given_password; /* --username, --password */
    bool password_stdin;
    char *user, *password;       /* of these together, owned: registry_options.h */
    long long registry_deadline; /* 0: none */
    unsigned int registry_seconds;
    char *limit; /* --limit of cache prune, in MiB */
};

/* Parses the ARGC words of ARGV. *RET is always valid afterwards and freed with options_free;
 * it points into ARGV. Errors: EXIT_USAGE, naming the word, with the nearest known one. */
[[nodiscard]] struct error *options_parse(int argc, char **argv, struct options *ret);

/* Returns the path of the output, which the caller frees: -o, or by default the last component of
 * NAME with the extension of format and compression. */
char *options_output_path(const struct options *options, const char *name);

/* Returns how the options have registries reached. Borrows from OPTIONS. */
struct registry_access options_registry(const struct options *options);

/* Returns the request for the image on the command line: for --platform, with its layers in FORMS
 * (enum layer_form bits), kept in STORE. Borrows from OPTIONS. */
struct image_request options_image_request(const struct options *options, unsigned int forms,
                                           struct store *store);

void options_free(struct options *options);

#endif
