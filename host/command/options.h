/*
 * The command line: SPEC.md's commands and options. One static table says which options there are,
 * what each takes, which commands have it and what its help text is; the parser and every --help
 * work from it. Options stand before or after the operands, and the command too. Parsing does
 * nothing but parse; it may reorder ARGV.
 */
#ifndef VMBUILD_OPTIONS_H
#define VMBUILD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "host/format/output.h"
#include "host/image/image_request.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"
#include "host/lib/progress.h"
#include "host/machine/accelerator.h"
#include "host/spec/spec.h"
#include "host/tar/compression.h"
#include "host/tar/tarsum.h"

struct options;

struct command {
    const char *name;
    const char *operands;           /* as the synopsis has them: "IMAGE", "PATH...", or NULL */
    int operands_min, operands_max; /* -1: any number */
    const char *summary;
    struct error *(*run)(const struct options *options);
    bool supervised; /* makes temporaries or processes, so it runs under the supervisor */
};

struct options {
    const struct command *command;
    bool help, version;
    struct strings operands;
    char *spec;
    char *output;
    bool has_compression; /* given; the default is filled in anyway */
    enum output_format format;
    enum compression compression;
    enum accelerator accelerator;
    struct spec_override *overrides; /* --memory, --cpus, --timeout and --set, in order */
    size_t override_count;
    bool no_cache, dry_run, check;
    char *cache_dir;
    enum progress_mode progress;
    int verbosity; /* -1 quiet, 0, 1 verbose */
    bool only_deps;
    enum tarsum_version tarsum_version;
    char *digest;    /* --digest */
    char *platform;  /* --platform: a GOARCH name */
    char *auth_file; /* --authfile */
    bool plain_http;
    char *limit; /* --limit of cache prune, in MiB */
};

/* Parses ARGV of ARGC words. Errors: EXIT_USAGE, naming the word, with the nearest known one. *RET
 * is always valid afterwards and the caller's to free. */
[[nodiscard]] struct error *options_parse(int argc, char **argv, struct options *ret);

/* Appends the help of COMMAND, or where it is NULL that of the whole program. */
void options_help(const struct command *command, struct buffer *out);

/* The output's path: -o, or by default the last part of NAME with the ending of format and
 * compression. The caller's. */
char *options_output_path(const struct options *options, const char *name);

/* How --plain-http and --authfile have registries reached; borrows from OPTIONS. */
struct registry_access options_registry(const struct options *options);

/* The request for the image on the command line, for --platform, its layers in FORMS (enum
 * layer_form bits) and kept in STORE; borrows from OPTIONS. */
struct image_request options_image_request(const struct options *options, unsigned int forms,
                                           struct store *store);

void options_free(struct options *options);

#endif
