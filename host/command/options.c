#include "host/command/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/commands.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

static const struct command commands[] = {
    {"build", NULL, 0, 0, "build the image that a spec file describes (the default command)",
     build_command, true},
    {"export", "IMAGE", 1, 1, "write an image's whole file system as one tar", export_command,
     true},
    {"pull", "REF", 1, 1, "fetch an image from a registry", pull_command, true},
    {"push", "IMAGE REF", 2, 2, "upload an image to a registry", push_command, true},
    {"merge", "PATH...", 1, -1, "merge folders and tarballs into one folder", merge_command, true},
    {"tarsum", "[FILE]", 0, 1, "print Docker's tarsum of a layer tar", tarsum_command, false},
    {"inspect", "IMAGE", 1, 1, "show what an image holds, as JSON", inspect_command, true},
    {"doctor", NULL, 0, 0, "check what this host offers", doctor_command, true},
    {"cache", "list|prune|path", 1, 1, "look after the store of blobs and base disks",
     cache_command, true},
    {"schema", NULL, 0, 0, "print the JSON Schema of the spec file", schema_command, false},
};

#define COMMAND_COUNT (sizeof commands / sizeof *commands)

/* The commands that have an option. */
enum {
    BUILD = 1 << 0,
    EXPORT = 1 << 1,
    PULL = 1 << 2,
    PUSH = 1 << 3,
    MERGE = 1 << 4,
    TARSUM = 1 << 5,
    INSPECT = 1 << 6,
    DOCTOR = 1 << 7,
    CACHE = 1 << 8,
    SCHEMA = 1 << 9,
    REGISTRY = PULL | PUSH | BUILD | EXPORT | INSPECT,
    STORE = BUILD | EXPORT | PULL | PUSH | INSPECT | CACHE | DOCTOR,
    ALL = (1 << 10) - 1,
};

/* What an option's value is. */
enum kind { FLAG, TEXT, FORMAT, COMPRESSION, ACCELERATOR, PROGRESS, TARSUM_VERSION, OVERRIDE, SET };

struct option_row {
    const char *name;
    char letter; /* or 0 */
    enum kind kind;
    const char *value; /* as the help names it */
    int commands;
    size_t offset; /* of a FLAG's bool or a TEXT's char * in struct options */
    const char *help;
};

#define AT(member) offsetof(struct options, member)

static const struct option_row rows[] = {
    {"spec", 0, TEXT, "FILE", BUILD, AT(spec), "the spec file; '-' is standard input"},
    {"output", 'o', TEXT, "PATH", BUILD, AT(output), "the image; default NAME.tar.gz here"},
    {"output", 'o', TEXT, "PATH", EXPORT | PULL | MERGE, AT(output), "where the result goes"},
    {"format", 0, FORMAT, "docker-archive|oci-archive|oci|layer", BUILD | PULL, 0,
     "default docker-archive"},
    {"compression", 0, COMPRESSION, "gzip|zstd|none", BUILD | PULL, 0, "default gzip"},
    {"accel", 0, ACCELERATOR, "auto|kvm|tcg", BUILD | DOCTOR, 0,
     "default auto: KVM where it works"},
    {"memory", 0, OVERRIDE, "MIB", BUILD, 0, "of the VM, over the spec's"},
    {"cpus", 0, OVERRIDE, "N", BUILD, 0, "of the VM, over the spec's"},
    {"timeout", 0, OVERRIDE, "SECONDS", BUILD, 0, "of each script, over the spec's"},
    {"set", 0, SET, "KEY=VALUE", BUILD, 0, "set a key of the spec, as if it stood in the file"},
    {"no-cache", 0, FLAG, NULL, BUILD | EXPORT | PULL | PUSH | INSPECT, AT(no_cache),
     "use nothing of the store and leave nothing in it"},
    {"cache-dir", 0, TEXT, "DIR", STORE, AT(cache_dir),
     "the store; default $XDG_CACHE_HOME/vmbuild"},
    {"check", 0, FLAG, NULL, BUILD, AT(check), "build twice, differently, and compare"},
    {"dry-run", 0, FLAG, NULL, BUILD, AT(dry_run), "show the plan and do nothing"},
    {"only-deps", 0, FLAG, NULL, MERGE, AT(only_deps),
     "write the list of paths instead of merging them"},
    {"version", 0, TARSUM_VERSION, "v0|v1|dev", TARSUM, 0, "default v1"},
    {"digest", 0, TEXT, "sha256:HEX", PULL, AT(digest), "the manifest must have this digest"},
    {"platform", 0, TEXT, "ARCH", PULL | EXPORT | INSPECT | PUSH, AT(platform),
     "of an image index, as Go names it; default the host's"},
    {"authfile", 0, TEXT, "FILE", REGISTRY, AT(auth_file), "registry credentials"},
    {"plain-http", 0, FLAG, NULL, REGISTRY, AT(plain_http),
     "allow registries without TLS beyond the loopback"},
    {"limit", 0, TEXT, "MIB", CACHE, AT(limit), "prune to this size; default 0"},
    {"progress", 0, PROGRESS, "auto|tty|plain|json|none", ALL, 0, "default auto"},
    {"verbose", 'v', FLAG, NULL, ALL, 0, "say more"},
    {"quiet", 'q', FLAG, NULL, ALL, 0, "say only what scripts and errors say"},
    {"help", 'h', FLAG, NULL, ALL, AT(help), "show this"},
};

/* Of commands that read or write images. */
static const char image_help[] =
    "\nAn image is a path, whatever kind of image lies there, or docker-archive:FILE[:REF],\n"
    "oci-archive:FILE[:REF], oci:DIR[:REF], docker://HOST/NAME[:TAG|@DIGEST].\n"
    "\nA registry's credentials are those of skopeo, podman and Docker: $REGISTRY_AUTH_FILE, or\n"
    "containers/auth.json in $XDG_RUNTIME_DIR or ~/.config, or ~/.docker/config.json, and their\n"
    "helpers. Its certificate may come from the system's authorities, from $SSL_CERT_FILE, or\n"
    "from ~/.config/containers/certs.d/HOST[:PORT]/NAME.crt (/etc/containers/certs.d and\n"
    "/etc/docker/certs.d, too). Proxies: $https_proxy, $http_proxy, $no_proxy.\n";

#define ROW_COUNT (sizeof rows / sizeof *rows)
#define ROW_CODE 256 /* beyond all letters */

static int bit_of(const struct command *command)
{
    return 1 << (command - commands);
}

static const char *command_name(size_t index)
{
    return commands[index].name;
}

static const struct command *parsed_command; /* whose options option_name gives */

static const char *option_name(size_t index)
{
    return rows[index].commands & bit_of(parsed_command) ? rows[index].name : NULL;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* The index of VALUE in the '|'-separated list CHOICES, or -1. */
static int find_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);

    for (int index = 0;; index++) {
        size_t step = strcspn(choices, "|");

        if (step == length && memcmp(choices, value, length) == 0)
            return index;
        if (choices[step] == '\0')
            return -1;
        choices += step + 1;
    }
}

static void add_override(struct options *options, const char *option, const char *key,
                         const char *value)
{
    options->overrides =
        xreallocarray(options->overrides, options->override_count + 1, sizeof *options->overrides);
    options->overrides[options->override_count++] = (struct spec_override){option, key, value};
}

/* --set KEY=VALUE. */
static struct error *add_set(struct options *options, char *assignment)
{
    char *equals = strchr(assignment, '=');

    if (equals == NULL || equals == assignment)
        return error_new(EXIT_USAGE, "read option '--set': '%s' is not KEY=VALUE", assignment);
    *equals = '\0';
    add_override(options, "set", assignment, equals + 1);
    return NULL;
}

static void set_choice(struct options *options, enum kind kind, int index)
{
    static const enum compression compressions[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD,
                                                    COMPRESSION_NONE};

    switch (kind) {
    case FORMAT:
        options->format = (enum output_format)index;
        break;
    case COMPRESSION:
        options->compression = compressions[index];
        options->has_compression = true;
        break;
    case ACCELERATOR:
        options->accelerator = (enum accelerator)index;
        break;
    case PROGRESS:
        options->progress = (enum progress_mode)index;
        break;
    case TARSUM_VERSION:
        options->tarsum_version = (enum tarsum_version)index;
        break;
    case FLAG:
    case TEXT:
    case OVERRIDE:
    case SET:
        break;
    }
}

static struct error *set_flag(struct options *options, const struct option_row *row)
{
    if (row->letter == 'v')
        options->verbosity = 1;
    else if (row->letter == 'q')
        options->verbosity = -1;
    else
        *(bool *)((char *)options + row->offset) = true;
    return NULL;
}

static struct error *set_option(struct options *options, const struct option_row *row, char *value)
{
    switch (row->kind) {
    case FLAG:
        return set_flag(options, row);
    case TEXT:
        if (*value == '\0')
            return error_new(EXIT_USAGE, "read option '--%s': its value is empty", row->name);
        *(char **)((char *)options + row->offset) = value;
        return NULL;
    case OVERRIDE:
        add_override(options, row->name, row->name, value);
        return NULL;
    case SET:
        return add_set(options, value);
    case FORMAT:
    case COMPRESSION:
    case ACCELERATOR:
    case PROGRESS:
    case TARSUM_VERSION:
        break;
    }
    int index = find_choice(row->value, value);

    if (index < 0)
        return error_new(EXIT_USAGE, "read option '--%s': '%s' is none of %s", row->name, value,
                         row->value);
    set_choice(options, row->kind, index);
    return NULL;
}

/* What getopt_long is given: the options of COMMANDS. The values are row numbers + ROW_CODE. */
static void fill_getopt(int commands_wanted, struct option *longs, char *letters)
{
    *letters++ = ':'; /* tell a missing value from an unknown option */
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!(rows[i].commands & commands_wanted))
            continue;
        *longs++ =
            (struct option){rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument,
                            NULL, ROW_CODE + (int)i};
        if (rows[i].letter != 0)
            *letters++ = rows[i].letter;
        if (rows[i].letter != 0 && rows[i].kind != FLAG)
            *letters++ = ':';
    }
    *longs = (struct option){0};
    *letters = '\0';
}

static const struct option_row *find_row(int code)
{
    if (code >= ROW_CODE)
        return &rows[code - ROW_CODE];
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].letter != 0 && rows[i].letter == code)
            return &rows[i];
    return NULL;
}

static struct error *refuse_option(const struct command *command, int code, char **argv)
{
    char letter[] = {'-', (char)optopt, '\0'};
    bool is_letter = optopt > 0 && optopt < ROW_CODE;
    CLEANUP(freep) char *word = xstrdup(is_letter ? letter : argv[optind - 1]);

    if (code == ':')
        return error_new(EXIT_USAGE, "read option '%s': its value is missing", word);
    if (optopt >= ROW_CODE)
        return error_new(EXIT_USAGE, "read option '--%s': it takes no value",
                         rows[optopt - ROW_CODE].name);
    word[strcspn(word, "=")] = '\0';
    parsed_command = command;
    const char *nearest =
        is_letter ? NULL : nearest_word(word + strspn(word, "-"), option_name, ROW_COUNT);
    struct error *err =
        error_new(EXIT_USAGE, "read option '%s': '%s' has no such option", word, command->name);

    if (nearest != NULL)
        return error_advise(err, "did you mean '--%s'?", nearest);
    return error_advise(err, "'vmbuild %s --help' shows the options", command->name);
}

static struct error *check_operands(const struct options *options)
{
    const struct command *command = options->command;
    int count = (int)options->operands.count;

    if (count < command->operands_min)
        return error_advise(error_new(EXIT_USAGE, "read command '%s': %s is missing", command->name,
                                      command->operands),
                            "'vmbuild %s --help' shows how it is used", command->name);
    if (command->operands_max >= 0 && count > command->operands_max)
        return error_advise(error_new(EXIT_USAGE, "read command '%s': '%s' is one word too many",
                                      command->name,
                                      options->operands.items[command->operands_max]),
                            "'vmbuild %s --help' shows how it is used", command->name);
    return NULL;
}

static struct error *parse_words(int argc, char **argv, struct options *options)
{
    struct option longs[ROW_COUNT + 1];
    char letters[2 * ROW_COUNT + 2];
    int code;

    fill_getopt(bit_of(options->command), longs, letters);
    optind = 0;
    opterr = 0;
    while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (code == '?' || code == ':')
            return refuse_option(options->command, code, argv);
        TRY(set_option(options, find_row(code), optarg));
    }
    while (optind < argc)
        strings_add(&options->operands, argv[optind++]);
    if (options->help)
        return NULL;
    if (options->format == FORMAT_LAYER && options->has_compression &&
        options->compression != COMPRESSION_NONE)
        return error_new(EXIT_USAGE, "read option '--compression': format 'layer' has none");
    return check_operands(options);
}

static struct error *refuse_command(const char *word)
{
    const char *nearest = nearest_word(word, command_name, COMMAND_COUNT);
    struct error *err = error_new(EXIT_USAGE, "unknown command '%s'", word);

    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild --help' shows the commands");
}

/* Options may stand before the command, too. */
static void move_command_first(int argc, char **argv)
{
    struct option longs[ROW_COUNT + 1];
    char letters[2 * ROW_COUNT + 3] = "+"; /* stop at the first operand */
    int code;

    fill_getopt(ALL, longs, letters + 1);
    optind = 0;
    opterr = 0;
    do
        code = getopt_long(argc, argv, letters, longs, NULL);
    while (code != -1 && code != '?' && code != ':');
    if (code != -1 || optind <= 1 || optind >= argc || find_command(argv[optind]) == NULL ||
        strcmp(argv[optind - 1], "--") == 0)
        return;
    char *command = argv[optind];

    memmove(argv + 2, argv + 1, (size_t)(optind - 1) * sizeof *argv);
    argv[1] = command;
}

/* Whether events are asked for, wherever that stands: then an error in the words is one, too. */
static bool asks_for_events(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--progress=json") == 0 ||
            (i > 1 && strcmp(argv[i - 1], "--progress") == 0 && strcmp(argv[i], "json") == 0))
            return true;
    return false;
}

struct error *options_parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){.format = FORMAT_DOCKER_ARCHIVE,
                            .compression = COMPRESSION_GZIP,
                            .progress = asks_for_events(argc, argv) ? PROGRESS_JSON : PROGRESS_AUTO,
                            .tarsum_version = TARSUM_V1};
    if (argc < 2)
        return error_advise(error_new(EXIT_USAGE, "read the command line: it is empty"),
                            "'vmbuild --help' shows what there is");
    if (strcmp(argv[1], "--version") == 0) {
        ret->version = true;
        return NULL;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        ret->help = true;
        return NULL;
    }
    move_command_first(argc, argv);
    if (argv[1][0] == '-') {
        ret->command = find_command("build");
        return parse_words(argc, argv, ret);
    }
    ret->command = find_command(argv[1]);
    if (ret->command == NULL)
        return refuse_command(argv[1]);
    return parse_words(argc - 1, argv + 1, ret);
}

static void append_option(const struct option_row *row, struct buffer *out)
{
    char letter[] = {'-', row->letter, ',', ' ', '\0'};
    CLEANUP(freep)
    char *left = xasprintf("%s--%s%s%s", row->letter != 0 ? letter : "    ", row->name,
                           row->value != NULL ? " " : "", row->value != NULL ? row->value : "");

    if (strlen(left) > 30)
        buffer_printf(out, "  %s\n  %30s  %s\n", left, "", row->help);
    else
        buffer_printf(out, "  %-30s  %s\n", left, row->help);
}

static void append_commands(struct buffer *out)
{
    buffer_printf(out, "Usage: vmbuild --spec FILE [-o OUT] [options]\n"
                       "       vmbuild COMMAND [options] [operands]\n\n"
                       "Builds container images whose steps need root, as any user, in a\n"
                       "throw-away virtual machine.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        buffer_printf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    buffer_printf(out, "\n'vmbuild COMMAND --help' shows a command's options; "
                       "'vmbuild --version' the version.\n");
}

void options_help(const struct command *command, struct buffer *out)
{
    if (command == NULL) {
        append_commands(out);
        return;
    }
    bool is_build = strcmp(command->name, "build") == 0;

    buffer_printf(out, "Usage: vmbuild %s%s [options]%s%s\n\n%s\n\nOptions:\n", command->name,
                  is_build ? " --spec FILE" : "", command->operands != NULL ? " " : "",
                  command->operands != NULL ? command->operands : "", command->summary);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].commands & bit_of(command))
            append_option(&rows[i], out);
    if (bit_of(command) & REGISTRY)
        buffer_printf(out, "%s", image_help);
}

/* What the output's name ends in. */
static const char *ending(const struct options *options)
{
    if (options->format == FORMAT_OCI || options->format == FORMAT_LAYER)
        return "";
    if (options->format == FORMAT_OCI_ARCHIVE || options->compression == COMPRESSION_NONE)
        return ".tar";
    return options->compression == COMPRESSION_ZSTD ? ".tar.zst" : ".tar.gz";
}

char *options_output_path(const struct options *options, const char *name)
{
    if (options->output != NULL)
        return xstrdup(options->output);
    const char *slash = strrchr(name, '/');

    return xasprintf("%s%s", slash != NULL ? slash + 1 : name, ending(options));
}

struct registry_access options_registry(const struct options *options)
{
    return (struct registry_access){options->plain_http, options->auth_file};
}

struct image_request options_image_request(const struct options *options, unsigned int forms,
                                           struct store *store)
{
    return (struct image_request){.choice = {.architecture = options->platform},
                                  .forms = forms,
                                  .store = store,
                                  .registry = options_registry(options)};
}

void options_free(struct options *options)
{
    strings_free(&options->operands);
    free(options->overrides);
    *options = (struct options){0};
}
