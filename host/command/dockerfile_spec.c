#include "host/command/dockerfile_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/dockerfile/conversion.h"
#include "host/format/image_source.h"
#include "host/image/architecture.h"
#include "host/image/image.h"
#include "host/image/image_config.h"
#include "host/image/platform.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/machine/machine_type.h"
#include "host/store/store.h"
#include "host/tree/ignore_file.h"

#define ARCHITECTURE (machine_type_native()->architecture) /* of the build, and the default */
#define IGNORE_FILE ".dockerignore"

/* What a conversion is made with. */
struct sources {
    const struct options *options;
    struct store *store;
    struct ignore_file ignore;
    char *ignore_path; /* or NULL */
    char *name;        /* of the image, or NULL */
    char *tag;         /* or NULL */
    struct conversion_options conversion;
};

static void free_sources(struct sources *sources)
{
    store_free(sources->store);
    ignore_file_free(&sources->ignore);
    free(sources->ignore_path);
    free(sources->name);
    free(sources->tag);
    strings_free(&sources->conversion.arguments);
    strings_free(&sources->conversion.contexts);
    strings_free(&sources->conversion.folders);
}

static const char *context_of(const struct options *options)
{
    return options->arguments.count > 0 ? options->arguments.items[0] : ".";
}

/* Returns the path of NAME in the directory FOLDER; the caller's. */
static char *path_in(const char *folder, const char *name)
{
    size_t length = strlen(folder);

    if (strcmp(folder, ".") == 0)
        return xstrdup(name);
    return xasprintf("%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

static struct error *check_context(const char *context)
{
    struct stat status;

    if (strcmp(context, "-") == 0 || strstr(context, "://") != NULL)
        return error_advise(
            error_new(EXIT_USAGE, "open context '%s': must be a directory", context),
            "unpack or clone it first");
    if (stat(context, &status) < 0)
        return error_errno(EXIT_INPUT, "open context '%s'", context);
    if (!S_ISDIR(status.st_mode))
        return error_new(EXIT_INPUT, "open context '%s': not a directory", context);
    return NULL;
}

/* Reads the Dockerfile. *RET_NAME is what messages call it. Both are the caller's. */
static struct error *read_dockerfile(const struct options *options, struct dockerfile **ret,
                                     char **ret_name)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    bool is_stdin = options->file != NULL && strcmp(options->file, "-") == 0;
    CLEANUP(freep)
    char *path =
        options->file != NULL ? xstrdup(options->file) : path_in(context_of(options), "Dockerfile");

    if (is_stdin)
        TRY(error_context(file_read_open(STDIN_FILENO, DOCKERFILE_SIZE_MAX, EXIT_INPUT, &text),
                          "read standard input"));
    else
        TRY(file_read(path, "Dockerfile", DOCKERFILE_SIZE_MAX, EXIT_INPUT, &text));
    *ret_name = is_stdin ? xstrdup("standard input") : STEAL(path);
    return dockerfile_parse(*ret_name, text.data != NULL ? text.data : "", text.length, ret);
}

/* Finds and reads what the context leaves out: a file beside the Dockerfile first. */
static struct error *read_ignore_file(struct sources *sources)
{
    const struct options *options = sources->options;
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(freep)
    char *own = options->file != NULL && strcmp(options->file, "-") != 0
                    ? xasprintf("%s" IGNORE_FILE, options->file)
                    : path_in(context_of(options), "Dockerfile" IGNORE_FILE);
    CLEANUP(freep) char *common = path_in(context_of(options), IGNORE_FILE);
    char **found = access(own, F_OK) == 0 ? &own : access(common, F_OK) == 0 ? &common : NULL;

    if (found == NULL)
        return NULL;
    TRY(file_read(*found, "what the context leaves out", IGNORE_FILE_SIZE_MAX, EXIT_INPUT, &text));
    TRY(ignore_file_parse(*found, text.data != NULL ? text.data : "", text.length,
                          &sources->ignore));
    sources->ignore_path = STEAL(*found);
    return NULL;
}

/* struct conversion_options: a path is left out, and nothing in it is taken in again. */
static bool is_ignored(void *context, const char *path)
{
    const struct ignore_file *ignore = context;

    return !ignore_file_has_exceptions(ignore) && ignore_file_matches(ignore, path);
}

/* --build-arg. */
static void add_arguments(const struct options *options, struct strings *out)
{
    for (size_t i = 0; i < options->build_args.count; i++) {
        const char *text = options->build_args.items[i];
        const char *value = strchr(text, '=') == NULL ? getenv(text) : NULL;

        if (strchr(text, '=') != NULL)
            strings_add(out, text);
        else if (value != NULL)
            strings_take(out, xasprintf("%s=%s", text, value));
    }
}

/* Returns IMAGE as a reference, if it is written as for BuildKit; the caller's. */
static char *image_of(const char *image)
{
    if (strncmp(image, "docker-image://", 15) == 0)
        return xasprintf("docker://%s", image + 15);
    if (strncmp(image, "oci-layout://", 13) == 0)
        return xasprintf("oci:%s", image + 13);
    return xstrdup(image);
}

/* --build-context. */
static struct error *add_contexts(const struct options *options,
                                  struct conversion_options *conversion)
{
    for (size_t i = 0; i < options->build_contexts.count; i++) {
        const char *text = options->build_contexts.items[i];
        const char *equals = strchr(text, '=');
        CLEANUP(reference_free) struct reference reference = {0};
        struct stat status;

        if (equals == NULL || equals == text || equals[1] == '\0')
            return error_new(EXIT_USAGE, "read option '--build-context': '%s' must be NAME=PATH",
                             text);
        if (stat(equals + 1, &status) == 0 && S_ISDIR(status.st_mode)) {
            strings_add(&conversion->folders, text);
            continue;
        }
        CLEANUP(freep) char *image = image_of(equals + 1);

        TRY(error_context(reference_parse(image, &reference), "read option '--build-context'"));
        strings_take(&conversion->contexts,
                     xasprintf("%.*s=%s", (int)(equals - text), text, image));
    }
    return NULL;
}

/* Returns the name of the context's directory as that of an image; NULL if it cannot be one. The
 * caller's. */
static char *name_of_context(const char *context)
{
    CLEANUP(freep) char *path = realpath(context, NULL);
    const char *name = path != NULL ? strrchr(path, '/') + 1 : "";
    char *lower = xstrdup(name);

    for (char *at = lower; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    size_t length = strspn(lower, "abcdefghijklmnopqrstuvwxyz0123456789-_.");

    if (*name != '\0' && lower[length] == '\0' && strchr("-_.", *lower) == NULL &&
        strchr("-_.", lower[length - 1]) == NULL)
        return lower;
    free(lower);
    return NULL;
}

/* Finds the name and the tag of the image: those of --tag, or the context's name unless the stage
 * that is built has one. */
static void find_name(const struct dockerfile *file, struct sources *sources)
{
    const struct options *options = sources->options;
    const struct instruction *last = NULL;

    for (size_t i = 0; i < file->count; i++)
        if (file->instructions[i].keyword == KEYWORD_FROM)
            last = &file->instructions[i];
    if (options->names.count == 0) {
        if (options->target == NULL && last != NULL && last->arguments.count == 1)
            sources->name = name_of_context(context_of(options));
        return;
    }
    const char *text = options->names.items[0];
    const char *slash = strrchr(text, '/');
    const char *colon = strrchr(slash != NULL ? slash : text, ':');

    sources->name = colon != NULL ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    if (colon != NULL)
        sources->tag = xstrdup(colon + 1);
}

/* struct conversion_options: an architecture as Go names it. */
static struct error *read_platform(const char *text, char **ret)
{
    struct platform platform;

    TRY(platform_parse(text, &platform));
    if (!architecture_is_known(platform.architecture))
        return error_new(EXIT_INPUT, "'%.100s' is not a platform of Linux", text);
    *ret = platform_format(&platform);
    return NULL;
}

/* Sets *RET, which the caller frees, to the platform of CONFIG if that is not one of Linux on
 * ARCHITECTURE, whatever its variant; else to NULL. */
static struct error *find_other_platform(const struct json *config, const char *architecture,
                                         char **ret)
{
    CLEANUP(freep) char *name = xstrndup(architecture, strcspn(architecture, "/"));
    struct buffer text = {0};
    struct platform wanted;

    *ret = NULL;
    TRY(platform_parse(name, &wanted));
    if (platform_rate(&wanted, json_get_string(config, "os"),
                      json_get_string(config, "architecture"), NULL) != PLATFORM_WRONG)
        return NULL;
    image_config_append_platform(config, &text);
    *ret = buffer_steal(&text);
    return NULL;
}

/* conversion_config: reads the config of a base image. What it takes to do so is kept in the store,
 * where the build finds it. */
static struct error *open_config(void *context, const char *reference, const char *architecture,
                                 struct json **ret, char **ret_platform)
{
    const struct sources *sources = context;
    CLEANUP(reference_free) struct reference parsed = {0};
    CLEANUP(image_freep) struct image *image = NULL;
    struct image_request request = {.store = sources->store,
                                    .registry = options_registry(sources->options)};

    if (strcmp(architecture, ARCHITECTURE) != 0)
        request.choice.architecture = architecture;
    TRY(reference_parse(reference, &parsed));
    TRY(image_open(&parsed, &request, &image));
    TRY(find_other_platform(image->config, architecture, ret_platform));
    const struct json *config = json_get(image->config, "config");

    *ret = config != NULL && config->type == JSON_OBJECT ? json_copy(config) : json_object();
    return NULL;
}

/* struct conversion_options: there is a guest for ARCHITECTURE, or may be. */
static bool runs(const char *architecture)
{
    return machine_type_find(architecture) != NULL;
}

/* Prepares the conversion of FILE. */
static struct error *prepare(const struct dockerfile *file, struct sources *sources)
{
    const struct options *options = sources->options;

    TRY(read_ignore_file(sources));
    find_name(file, sources);
    sources->conversion.target = options->target;
    sources->conversion.folder = context_of(options);
    sources->conversion.ignore_file = sources->ignore_path;
    sources->conversion.runs = runs;
    sources->conversion.build_machine = ARCHITECTURE;
    sources->conversion.name = sources->name;
    sources->conversion.tag = sources->tag;
    sources->conversion.is_squashed = options->squash;
    sources->conversion.is_ignored = is_ignored;
    sources->conversion.ignore_context = &sources->ignore;
    sources->conversion.read_platform = read_platform;
    add_arguments(options, &sources->conversion.arguments);
    TRY(add_contexts(options, &sources->conversion));
    return store_open(options->cache_dir, options->no_cache, &sources->store);
}

static struct error *show_warnings(const struct check *check, const char *name)
{
    for (size_t i = 0; i < check->count; i++)
        progress_note("%s:%u: %s: %s", name, check->warnings[i].line,
                      check_rule_name(check->warnings[i].rule), check->warnings[i].text);
    if (!check->is_strict || check->count == 0)
        return NULL;
    return error_new(EXIT_INPUT, "check '%s': it makes errors of warnings, and has %zu", name,
                     check->count);
}

/* Converts FILE for ARCHITECTURE. */
static struct error *convert(const struct dockerfile *file, struct sources *sources,
                             const char *architecture, struct dockerfile_spec *ret)
{
    CLEANUP(conversion_result_free) struct conversion_result result = {0};

    sources->conversion.architecture = architecture;
    TRY(conversion_make(file, &sources->conversion, open_config, sources, &result));
    if (ret->count == 0) {
        ret->warnings = result.check.count;
        TRY(show_warnings(&result.check, ret->name));
    }
    ret->specs[ret->count++] = STEAL(result.spec);
    return NULL;
}

struct error *dockerfile_spec_make(const struct options *options, struct dockerfile_spec *ret)
{
    const struct strings *platforms = &options->platforms;
    CLEANUP(free_sources) struct sources sources = {.options = options};
    CLEANUP(dockerfile_freep) struct dockerfile *file = NULL;

    TRY(check_context(context_of(options)));
    TRY(read_dockerfile(options, &file, &ret->name));
    TRY(prepare(file, &sources));
    ret->specs = xcalloc(platforms->count + 1, sizeof *ret->specs);
    if (platforms->count == 0)
        return convert(file, &sources, ARCHITECTURE, ret);
    for (size_t i = 0; i < platforms->count; i++)
        TRY(convert(file, &sources, platforms->items[i], ret));
    return NULL;
}

void dockerfile_spec_free(struct dockerfile_spec *spec)
{
    for (size_t i = 0; i < spec->count; i++)
        json_free(spec->specs[i]);
    free(spec->specs);
    free(spec->name);
    *spec = (struct dockerfile_spec){0};
}
