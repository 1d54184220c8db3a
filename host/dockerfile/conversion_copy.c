/* COPY and ADD. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>

#include "host/dockerfile/instruction_flags.h"
#include "host/lib/clean_path.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

/* What an instruction says of all that it copies. */
struct copy {
    const struct instruction *instruction;
    const struct conversion_stage *stage;
    struct json *image;     /* that it copies from; NULL: a directory */
    const char *folder;     /* that is not the context; or NULL */
    char *target, *written; /* absolute, and as the instruction has it */
    char *owner, *mode;     /* or NULL */
    struct strings exclude;
    struct json *contents;
    struct strings words; /* of the history */
};

static void copy_free(struct copy *copy)
{
    json_free(copy->image);
    json_free(copy->contents);
    free(copy->target);
    free(copy->written);
    free(copy->owner);
    free(copy->mode);
    strings_free(&copy->exclude);
    strings_free(&copy->words);
}

/* Returns ELEMENT with what COPY says of all its elements, added to its contents. */
static void add(struct copy *copy, struct json *element)
{
    struct json *exclude = json_array();

    json_set(element, "target", json_string(copy->target));
    if (copy->owner != NULL)
        json_set(element, "owner", json_string(copy->owner));
    if (copy->mode != NULL)
        json_set(element, "mode", json_string(copy->mode));
    for (size_t i = 0; i < copy->exclude.count; i++)
        json_append(exclude, json_string(copy->exclude.items[i]));
    if (exclude->count > 0)
        json_set(element, "ignore", exclude);
    else
        json_free(exclude);
    json_append(copy->contents, element);
}

static bool is_url(const char *source)
{
    return strncmp(source, "http://", 7) == 0 || strncmp(source, "https://", 8) == 0;
}

static bool is_git(const char *source)
{
    size_t length = strcspn(source, "#?");

    return strncmp(source, "git@", 4) == 0 || strncmp(source, "git://", 6) == 0 ||
           strncmp(source, "ssh://", 6) == 0 ||
           (is_url(source) && length > 4 && strncmp(source + length - 4, ".git", 4) == 0);
}

static struct error *check_checksum(const char *text)
{
    const char *digits = text + strlen("sha256:");
    bool is_one = strncmp(text, "sha256:", 7) == 0 && strlen(digits) == 64 &&
                  digits[strspn(digits, "0123456789abcdef")] == '\0';

    return is_one
               ? NULL
               : error_advise(error_new(EXIT_INPUT, "'--checksum=%.100s' is not a digest", text),
                              "write --checksum=sha256: and the 64 digits that sha256sum prints");
}

static struct error *add_url(struct conversion *conversion, struct copy *copy, const char *url)
{
    const char *checksum = instruction_flag(copy->instruction, "checksum");
    CLEANUP(freep) char *expanded = NULL;
    struct json *element = json_object();

    json_set(element, "url", json_string(url));
    if (instruction_flag_is_set(copy->instruction, "unpack"))
        json_set(element, "unpack", json_boolean(true));
    add(copy, element);
    if (checksum == NULL)
        return NULL;
    TRY(conversion_expand(conversion, copy->stage, checksum, &expanded));
    TRY(check_checksum(expanded));
    json_set(element, "checksum", json_string(expanded));
    return NULL;
}

/* Warns if PATH of the context is left out of it. */
static void check_ignored(struct conversion *conversion, const char *path)
{
    const struct conversion_options *options = conversion->options;
    CLEANUP(freep) char *cleaned = clean_path(path);

    if (options->is_ignored != NULL && strcmp(cleaned, "/") != 0 &&
        options->is_ignored(options->ignore_context, cleaned + 1))
        conversion_warn(conversion, CHECK_COPY_IGNORED_FILE, "'%s' is left out by '%s'",
                        cleaned + 1, options->ignore_file);
}

/* Returns the path SOURCE, with the place from where its directories come along if it has parents;
 * the caller's. */
static char *source_path(const struct copy *copy, const char *source)
{
    const char *pivot = strstr(source, "/./");

    if (pivot == NULL || !instruction_flag_is_set(copy->instruction, "parents"))
        return clean_path_in("/", source);
    CLEANUP(freep) char *start = xstrndup(source, (size_t)(pivot - source));
    CLEANUP(freep) char *above = clean_path_in("/", start);
    CLEANUP(freep) char *below = clean_path_in("/", pivot + 3);

    return xasprintf("%s/.%s", above[1] != '\0' ? above : "", below);
}

/* A file or directory of the context or an image. */
static void add_path(struct conversion *conversion, struct copy *copy, const char *source)
{
    bool is_add = copy->instruction->keyword == KEYWORD_ADD;
    const char *unpack = instruction_flag(copy->instruction, "unpack");
    bool unpacks =
        is_add && (unpack == NULL || instruction_flag_is_set(copy->instruction, "unpack"));
    CLEANUP(freep) char *path = source_path(copy, source);
    struct json *element = json_object();

    if (copy->image != NULL) {
        json_set(element, "image", json_copy(copy->image));
        json_set(element, "path", json_string(path));
    } else if (copy->folder != NULL) {
        json_set(element, "source", json_string(copy->folder));
        json_set(element, "path", json_string(path));
    } else {
        json_set(element, "source", json_string(conversion->options->folder));
        json_set(element, "path", json_string(path));
        if (conversion->options->ignore_file != NULL)
            json_set(element, "excludeFile", json_string(conversion->options->ignore_file));
        check_ignored(conversion, path);
    }
    if (unpacks)
        json_set(element, "unpack", json_boolean(true));
    if (instruction_flag_is_set(copy->instruction, "parents"))
        json_set(element, "parents", json_boolean(true));
    if (strpbrk(source, "*?[") != NULL)
        json_set(element, "optional", json_boolean(true));
    add(copy, element);
}

static struct error *add_source(struct conversion *conversion, struct copy *copy,
                                const char *source)
{
    bool is_add = copy->instruction->keyword == KEYWORD_ADD;

    if (is_git(source))
        return error_advise(
            error_new(EXIT_INPUT, "'%.100s': Git repositories are not fetched", source),
            is_add ? "clone it into the context, or in a RUN" : "COPY takes files of the context");
    if (is_url(source) && !is_add)
        return error_advise(error_new(EXIT_INPUT, "'%.100s' is a URL", source),
                            "use ADD for files from the network");
    if (is_url(source))
        return add_url(conversion, copy, source);
    if (instruction_flag(copy->instruction, "checksum") != NULL)
        return error_new(EXIT_INPUT, "'--checksum' is for URLs, and '%.100s' is a path", source);
    add_path(conversion, copy, source);
    return NULL;
}

/* A here-document among the sources. */
static struct error *add_document(struct conversion *conversion, struct copy *copy,
                                  const struct heredoc *document)
{
    CLEANUP(freep) char *text = heredoc_text(document);
    CLEANUP(freep) char *expanded = NULL;
    struct json *element = json_object();

    if (!document->is_quoted) {
        struct error *err = conversion_expand_text(conversion, copy->stage, text, &expanded);

        if (err != NULL) {
            json_free(element);
            return err;
        }
    }
    json_set(element, "name", json_string(document->name));
    json_set(element, "text", json_string(expanded != NULL ? expanded : text));
    add(copy, element);
    return NULL;
}

/* Returns the here-document that ARGUMENT stands for; NULL: none. */
static const struct heredoc *find_document(const struct instruction *instruction,
                                           const char *argument)
{
    struct heredoc named = {0};
    const struct heredoc *found = NULL;
    bool is_one = false;

    if (instruction->is_json)
        return NULL;
    error_free(heredoc_read(argument, &is_one, &named));
    for (size_t i = 0; is_one && i < instruction->heredocs.count; i++)
        if (strcmp(instruction->heredocs.items[i].name, named.name) == 0)
            found = &instruction->heredocs.items[i];
    heredoc_free(&named);
    return found;
}

static struct error *add_sources(struct conversion *conversion, struct copy *copy)
{
    const struct strings *arguments = &copy->instruction->arguments;

    for (size_t i = 0; i + 1 < arguments->count; i++) {
        const struct heredoc *document = find_document(copy->instruction, arguments->items[i]);
        CLEANUP(freep) char *source = NULL;

        if (document != NULL) {
            TRY(add_document(conversion, copy, document));
            strings_take(&copy->words, xasprintf("<<%s", document->name));
            continue;
        }
        TRY(conversion_expand(conversion, copy->stage, arguments->items[i], &source));
        TRY(add_source(conversion, copy, source));
        strings_add(&copy->words, source);
    }
    return NULL;
}

/* Reads a flag whose variables are replaced. *RET is the caller's; NULL: it is not given. */
static struct error *read_flag(struct conversion *conversion, struct copy *copy, const char *name,
                               char **ret)
{
    const char *value = instruction_flag(copy->instruction, name);

    return value != NULL ? conversion_expand(conversion, copy->stage, value, ret) : NULL;
}

char *conversion_owner(const char *text)
{
    const char *colon = strchr(text, ':');
    CLEANUP(freep) char *user = colon != NULL ? xstrndup(text, (size_t)(colon - text)) : NULL;
    const char *group = colon != NULL ? colon + 1 : "";
    const char *name = user != NULL ? user : text;

    if (*text == '\0')
        return NULL;
    if (*name == '\0' || strcmp(name, "root") == 0)
        name = "0";
    if (strcmp(group, "root") == 0)
        group = "0";
    return xasprintf("%s%s%s", name, *group != '\0' ? ":" : "", group);
}

/* Reads --chown. */
static struct error *read_owner(struct conversion *conversion, struct copy *copy)
{
    CLEANUP(freep) char *text = NULL;

    TRY(read_flag(conversion, copy, "chown", &text));
    copy->owner = text != NULL ? conversion_owner(text) : NULL;
    return NULL;
}

/* Whether TEXT is a clause of chmod(1), of LENGTH bytes, such as "u=rwX". */
static bool is_clause(const char *text, size_t length)
{
    size_t at = strspn(text, "ugoa");

    if (at >= length)
        return false;
    while (at < length) {
        if (strchr("+-=", text[at]) == NULL)
            return false;
        at++;
        at += strspn(text + at, "rwxXstugo");
    }
    return at == length;
}

/* Checks TEXT, a mode: octal, or as chmod(1) has it. */
static struct error *check_mode(const char *text)
{
    bool is_octal = *text != '\0' && text[strspn(text, "01234567")] == '\0';
    bool is_valid = is_octal && strlen(text) <= 5 && strtoul(text, NULL, 8) <= 07777;

    for (const char *at = text; !is_octal; at++) {
        size_t length = strcspn(at, ",");

        is_valid = is_clause(at, length);
        at += length;
        if (!is_valid || *at == '\0')
            break;
    }
    return is_valid ? NULL
                    : error_advise(error_new(EXIT_INPUT, "'--chmod=%.40s' is not a mode", text),
                                   "write digits such as 0755, or letters such as u=rwX,go=rX");
}

static struct error *read_copy(struct conversion *conversion, size_t index, struct copy *copy)
{
    const struct instruction *instruction = copy->instruction;
    const char *from = instruction_flag(instruction, "from");
    CLEANUP(freep) char *target = NULL;

    if (from != NULL && strchr(from, '$') != NULL)
        return error_advise(error_new(EXIT_INPUT, "'--from=%.100s' has a variable", from),
                            "write FROM %s AS NAME before this stage, and --from=NAME", from);
    if (from != NULL && *from != '\0') /* else it is the context */
        TRY(conversion_find_source(conversion, from, index, &copy->image, &copy->folder));
    TRY(read_owner(conversion, copy));
    TRY(read_flag(conversion, copy, "chmod", &copy->mode));
    if (copy->mode != NULL)
        TRY(check_mode(copy->mode));
    instruction_flag_values(instruction, "exclude", &copy->exclude);
    TRY(conversion_expand(conversion, copy->stage,
                          instruction->arguments.items[instruction->arguments.count - 1], &target));
    copy->target = clean_path_in(conversion_folder(copy->stage), target);
    copy->written = STEAL(target);
    return NULL;
}

struct error *conversion_copy(struct conversion *conversion, size_t index,
                              const struct instruction *instruction)
{
    struct conversion_stage *stage = &conversion->states[index];
    CLEANUP(copy_free)
    struct copy copy = {
        .instruction = instruction,
        .stage = stage,
        .contents = json_array(),
    };

    TRY(read_copy(conversion, index, &copy));
    TRY(add_sources(conversion, &copy));
    strings_add(&copy.words, copy.written);
    CLEANUP(freep) char *history = conversion_history(stage, instruction, &copy.words);
    struct json *node = conversion_begin_node(conversion, stage);

    json_set(node, "contents", STEAL(copy.contents));
    json_set(node, "createdBy", json_string(history));
    return NULL;
}
