#include "host/command/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "host/command/dockerfile_options.h"
#include "host/command/help.h"
#include "host/command/option_table.h"
#include "host/command/option_values.h"
#include "host/command/output_target.h"
#include "host/image/architecture.h"
#include "host/image/platform.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/network/egress.h"

#define LOG_LIMIT_DEFAULT (UINT64_C(64) << 20) /* bytes */

#define ROW_CODE 256 /* what getopt_long returns for row 0; beyond all letters */

/* What getopt_long takes. */
struct getopt_tables {
    struct option longs[OPTION_ROWS_MAX + 1];
    char letters[2 * OPTION_ROWS_MAX + 3];
};

/* A command line being parsed. */
struct parser {
    struct options *options;
    bool given[OPTION_ROWS_MAX]; /* which rows of the table */
};

static const struct choice *find_choice(const struct argument *argument, const char *value)
{
    for (const struct choice *choice = argument->choices; choice->name != NULL; choice++)
        if (strcmp(choice->name, value) == 0)
            return choice;
    return NULL;
}

/* OPERATION and OBJECT are those of the error. */
static struct error *refuse_choice(const char *operation, const char *object,
                                   const struct argument *argument, const char *value)
{
    CLEANUP(buffer_free) struct buffer known = {0};

    help_choices(argument, ", ", &known);
    return error_new(EXIT_USAGE, "read %s '%s': '%s' must be one of %s", operation, object, value,
                     known.data);
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
        return error_new(EXIT_USAGE, "read option '--set': '%s' must be KEY=VALUE", assignment);
    *equals = '\0';
    add_override(options, "set", assignment, equals + 1);
    return NULL;
}

static struct error *set_text(void *member, const struct option_row *row, char *value)
{
    if (*value == '\0')
        return error_new(EXIT_USAGE, "read option '--%s': the value must not be empty", row->name);
    *(char **)member = value;
    return NULL;
}

/* MEMBER is one of several enums, all of which are of an int's size. */
static struct error *set_choice(void *member, const struct option_row *row, const char *value)
{
    if (value == NULL) {
        memcpy(member, &row->constant, sizeof row->constant);
        return NULL;
    }
    const struct choice *choice = find_choice(&row->argument, value);
    CLEANUP(freep) char *option = xasprintf("--%s", row->name);

    static_assert(
        sizeof(enum build_rebuild) == sizeof(int) && sizeof(enum output_format) == sizeof(int) &&
        sizeof(enum compression) == sizeof(int) && sizeof(enum accelerator) == sizeof(int) &&
        sizeof(enum progress_mode) == sizeof(int) && sizeof(enum tarsum_version) == sizeof(int) &&
        sizeof(enum registry_trust) == sizeof(int) && sizeof(enum plan_step) == sizeof(int) &&
        sizeof(enum graph_format) == sizeof(int));
    if (choice == NULL)
        return refuse_choice("option", option, &row->argument, value);
    memcpy(member, &choice->value, sizeof choice->value);
    return NULL;
}

/* Notes that ROW was given with VALUE, or NULL. */
static void note_given(struct options *options, const struct option_row *row, const char *value)
{
    options->given =
        xreallocarray(options->given, options->given_count + 1, sizeof *options->given);
    options->given[options->given_count++] =
        (struct option_given){row, value != NULL ? xstrdup(value) : NULL};
}

static struct error *set_option(struct options *options, const struct option_row *row, char *value)
{
    void *member = (char *)options + row->offset;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return NULL;
    case OPTION_CONSTANT:
        *(int *)member = row->constant;
        return NULL;
    case OPTION_TEXT:
        return set_text(member, row, value);
    case OPTION_CHOICE:
        return set_choice(member, row, value);
    case OPTION_OVERRIDE:
        add_override(options, row->name, row->name, value);
        return NULL;
    case OPTION_LIST:
        strings_add(member, value);
        return NULL;
    case OPTION_SET:
        return add_set(options, value);
    }
    return NULL;
}

/* How getopt_long is told whether ROW has a value. */
static int value_kind(const struct option_row *row)
{
    if (!option_has_value(row))
        return no_argument;
    return row->is_value_optional ? optional_argument : required_argument;
}

/* Fills TABLES with the options of COMMAND, or of all commands if it is NULL: then, and if it is
 * the prefix of another one, getopt_long is to stop at the first argument. */
static void fill_tables(const struct command *command, struct getopt_tables *tables)
{
    struct option *longs = tables->longs;
    char *letters = tables->letters;

    if (command == NULL || command->is_prefix)
        *letters++ = '+';
    *letters++ = ':'; /* tell a missing value from an unknown option */
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];

        if (command != NULL && !option_is_of(row, command))
            continue;
        *longs++ = (struct option){row->name, value_kind(row), NULL, ROW_CODE + (int)i};
        if (row->letter != 0)
            *letters++ = row->letter;
        if (row->letter != 0 && option_has_value(row))
            *letters++ = ':';
    }
    *longs = (struct option){0};
    *letters = '\0';
}

static const struct option_row *find_row(const struct command *command, int code)
{
    if (code >= ROW_CODE)
        return &option_table[code - ROW_CODE];
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].letter == code && option_is_of(&option_table[i], command))
            return &option_table[i];
    return NULL;
}

/* Returns the option of COMMAND that is nearest to the unknown one NAME; NULL if there is none. */
static const char *nearest_option(const struct command *command, const char *name)
{
    const char *names[OPTION_ROWS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < option_count; i++)
        if (option_is_of(&option_table[i], command))
            names[count++] = option_table[i].name;
    return nearest_word(name, names, sizeof *names, count);
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
                         option_table[optopt - ROW_CODE].name);
    word[strcspn(word, "=")] = '\0';
    const char *nearest = is_letter ? NULL : nearest_option(command, word + strspn(word, "-"));
    struct error *err =
        error_new(EXIT_USAGE, "read option '%s': '%s' has no such option", word, command->name);

    if (nearest != NULL)
        return error_advise(err, "did you mean '--%s'?", nearest);
    return error_advise(err, "'vmbuild %s --help' lists the options", command->name);
}

static struct error *advise_usage(struct error *err, const struct command *command)
{
    return error_advise(err, "'vmbuild %s --help' shows the usage", command->name);
}

/* Whether the command line has the option called NAME. */
static bool has_option(const struct parser *parser, const char *name)
{
    for (size_t i = 0; i < option_count; i++)
        if (parser->given[i] && strcmp(option_table[i].name, name) == 0)
            return true;
    return false;
}

static struct error *check_required(const struct parser *parser)
{
    const struct command *command = parser->options->command;

    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];

        if (option_is_required(row, command) && !parser->given[i] &&
            (row->alternative == NULL || !has_option(parser, row->alternative)))
            return advise_usage(error_new(EXIT_USAGE,
                                          "read command '%s': option --%s %s is missing",
                                          command->name, row->name, row->argument.name),
                                command);
    }
    return NULL;
}

/* Whether WORD, which stands where no file may, is probably the name of a spec. */
static bool looks_like_spec(const char *word)
{
    size_t length = strlen(word);

    return length > 5 && strcmp(word + length - 5, ".json") == 0;
}

/* Returns the first argument that OPTIONS' command does not take, or NULL. A build takes names of
 * images, which may be those of files, but not in the place of its spec. */
static const char *unexpected_argument(const struct options *options)
{
    const struct strings *given = &options->arguments;
    int most = options->command->arguments_max;

    if (most >= 0 && given->count > (size_t)most)
        return given->items[most];
    for (size_t i = 0; i < given->count; i++)
        if (options->command == &command_table[COMMAND_BUILD] && options->spec == NULL &&
            looks_like_spec(given->items[i]))
            return given->items[i];
    return NULL;
}

static struct error *check_arguments(const struct options *options)
{
    const struct command *command = options->command;
    const struct strings *given = &options->arguments;
    int count = (int)given->count;

    if (count < command->arguments_min)
        return advise_usage(error_new(EXIT_USAGE, "read command '%s': argument %s is missing",
                                      command->name, command->arguments[count].name),
                            command);
    const char *word = unexpected_argument(options);

    if (word != NULL) {
        struct error *err = error_new(EXIT_USAGE, "read command '%s': unexpected argument '%s'",
                                      command->name, word);

        return looks_like_spec(word) && options->spec == NULL
                   ? error_advise(err, "did you mean '--spec %s'?", word)
                   : advise_usage(err, command);
    }
    for (int i = 0; i < count && i < COMMAND_ARGUMENTS_MAX; i++)
        if (command->arguments[i].choices != NULL &&
            find_choice(&command->arguments[i], given->items[i]) == NULL)
            return refuse_choice("command", command->name, &command->arguments[i], given->items[i]);
    return NULL;
}

/* Whether the command line has the option with the member at OFFSET. */
static bool is_given(const struct parser *parser, size_t offset)
{
    for (size_t i = 0; i < option_count; i++)
        if (parser->given[i] && option_table[i].offset == offset)
            return true;
    return false;
}

/* Refuses an output of a command that writes none but files, if it is written as another one. */
static struct error *check_output_path(const struct options *options)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(error_freep) struct error *err = NULL;

    if (options->output == NULL || options->command == &command_table[COMMAND_EXPORT] ||
        options->command == &command_table[COMMAND_MERGE])
        return NULL;
    err = reference_parse(options->output, &reference);
    if (err == NULL && reference.transport == TRANSPORT_PATH)
        return NULL;
    return error_advise(error_new(EXIT_USAGE, "write '%s': must be a path", options->output),
                        "write a file, and use 'vmbuild copy' or 'vmbuild push'; a file of this "
                        "name is './%s'",
                        options->output);
}

/* Chooses the compression of an output that is not build's, or is its default one. */
static struct error *choose_compression(const struct parser *parser)
{
    struct options *options = parser->options;

    options->has_compression = is_given(parser, offsetof(struct options, compression));
    TRY(check_output_path(options));
    return output_target_compression(options, options->format, options->output,
                                     &options->compression);
}

/* Adds TEXT to the platforms of a build. */
static struct error *add_platform(struct options *options, const char *text)
{
    struct platform platform;

    TRY(platform_parse(text, &platform));
    CLEANUP(freep) char *name = platform_format(&platform);

    if (!architecture_is_known(platform.architecture))
        return error_advise(error_new(EXIT_USAGE, "unknown architecture '%.40s'", text),
                            "use Go's name for it, such as linux/amd64, linux/arm64 or "
                            "linux/arm/v7");
    if (strings_contain(&options->platforms, name))
        return error_new(EXIT_USAGE, "'%s' is given twice", name);
    strings_add(&options->platforms, name);
    return NULL;
}

/* Reads the platforms of a build, of which there may be several, with commas between them. */
static struct error *read_platforms(struct options *options)
{
    const char *at = options->platform;

    for (size_t length; at != NULL; at = at[length] == ',' ? at + length + 1 : NULL) {
        length = strcspn(at, ",");
        CLEANUP(freep) char *text = xstrndup(at, length);

        TRY(add_platform(options, text));
    }
    return NULL;
}

static struct error *check_platform(struct options *options)
{
    bool is_build = options->command == &command_table[COMMAND_BUILD] ||
                    options->command == &command_table[COMMAND_CONVERT] ||
                    options->command == &command_table[COMMAND_GRAPH];
    struct platform platform;
    struct error *err = is_build                    ? read_platforms(options)
                        : options->platform != NULL ? platform_parse(options->platform, &platform)
                                                    : NULL;

    if (err != NULL)
        err->code = EXIT_USAGE;
    return error_context(err, "read option '--platform'");
}

static struct error *check_grants(const struct options *options)
{
    CLEANUP(egress_free) struct egress egress = {0};

    for (size_t i = 0; i < options->allow_network.count; i++)
        TRY(error_context(egress_grant(&egress, options->allow_network.items[i]),
                          "read option '--allow-network'"));
    return NULL;
}

/* Reads what is left as text, and checks what depends on several options or arguments. */
static struct error *check(const struct parser *parser)
{
    if (parser->options->help)
        return NULL;
    TRY(option_values_read(parser->options));
    TRY(choose_compression(parser));
    TRY(check_platform(parser->options));
    TRY(check_grants(parser->options));
    TRY(check_arguments(parser->options));
    TRY(check_required(parser));
    return dockerfile_options_check(parser->options);
}

/* Takes what is left of the command line. What separates a prefix from its command is dropped. */
static void take_arguments(int argc, char **argv, struct options *options)
{
    for (int i = optind; i < argc; i++)
        if (!options->command->is_prefix || i != optind + 1 || strcmp(argv[i], "--") != 0)
            strings_add(&options->arguments, argv[i]);
}

/* Parses what follows the command, the ARGC - 1 words after ARGV[0]. */
static struct error *parse_words(int argc, char **argv, struct options *options)
{
    struct parser parser = {.options = options};
    struct getopt_tables tables = {0};
    int code;

    TRY(option_values_default(options));
    fill_tables(options->command, &tables);
    optind = 0;
    opterr = 0;
    while ((code = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        const struct option_row *row;

        if (code == '?' || code == ':')
            return refuse_option(options->command, code, argv);
        row = find_row(options->command, code);
        parser.given[row - option_table] = true;
        note_given(options, row, optarg);
        TRY(set_option(options, row, optarg));
    }
    take_arguments(argc, argv, options);
    return check(&parser);
}

static struct error *refuse_command(const char *word)
{
    const char *nearest =
        nearest_word(word, &command_table->name, sizeof *command_table, COMMAND_COUNT);
    struct error *err = error_new(EXIT_USAGE, "unknown command '%s'", word);

    if (strcmp(word, "help") == 0 || strcmp(word, "version") == 0)
        return error_advise(err, "did you mean 'vmbuild --%s'?", word);
    if (looks_like_spec(word))
        return error_advise(err, "did you mean 'vmbuild --spec %s'?", word);
    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild --help' lists the commands");
}

/* Options may come before the command, too. */
static void move_command_first(int argc, char **argv)
{
    struct getopt_tables tables = {0};
    int code;

    fill_tables(NULL, &tables);
    optind = 0;
    opterr = 0;
    do
        code = getopt_long(argc, argv, tables.letters, tables.longs, NULL);
    while (code != -1 && code != '?' && code != ':');
    if (code != -1 || optind <= 1 || optind >= argc || command_find(argv[optind]) == NULL ||
        strcmp(argv[optind - 1], "--") == 0)
        return;
    char *command = argv[optind];

    memmove(argv + 2, argv + 1, (size_t)(optind - 1) * sizeof *argv);
    argv[1] = command;
}

/* Whether JSON events are requested anywhere on the command line: then an error in the options is
 * reported as one, too. */
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
                            .shown_most = LOG_LIMIT_DEFAULT,
                            .max_age_seconds = BUILD_CACHE_NO_LIMIT,
                            .tarsum_version = TARSUM_V1};
    if (argc < 2)
        return error_advise(error_new(EXIT_USAGE, "read the command line: a command is missing"),
                            "'vmbuild --help' lists the commands");
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
        ret->command = &command_table[COMMAND_BUILD];
        return parse_words(argc, argv, ret);
    }
    ret->command = command_find(argv[1]);
    if (ret->command == NULL)
        return refuse_command(argv[1]);
    return parse_words(argc - 1, argv + 1, ret);
}

/* Returns the extension of the default output. */
static const char *extension(const struct options *options)
{
    const struct output_format_row *format = output_format_row(options->format);

    if (format->is_folder)
        return "";
    if (!format->is_compressed || options->compression == COMPRESSION_NONE)
        return ".tar";
    return options->compression == COMPRESSION_ZSTD ? ".tar.zst" : ".tar.gz";
}

char *options_output_path(const struct options *options, const char *name)
{
    if (options->output != NULL)
        return xstrdup(options->output);
    const char *slash = strrchr(name, '/');

    return xasprintf("%s%s", slash != NULL ? slash + 1 : name, extension(options));
}

struct registry_access options_registry(const struct options *options)
{
    return (struct registry_access){.plain_http = options->plain_http,
                                    .trust = options->trust,
                                    .auth_file = options->auth_file,
                                    .user = options->user,
                                    .password = options->password,
                                    .deadline = options->registry_deadline,
                                    .seconds = options->registry_seconds};
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
    strings_free(&options->arguments);
    strings_free(&options->outputs);
    strings_free(&options->build_args);
    strings_free(&options->build_contexts);
    strings_free(&options->names);
    strings_free(&options->platforms);
    strings_free(&options->secrets);
    strings_free(&options->variables);
    strings_free(&options->allow_network);
    strings_free(&options->cache_from);
    strings_free(&options->cache_to);
    for (size_t i = 0; i < options->given_count; i++)
        free(options->given[i].value);
    free(options->given);
    free(options->overrides);
    free(options->user);
    if (options->password != NULL)
        explicit_bzero(options->password, strlen(options->password));
    free(options->password);
    *options = (struct options){0};
}
