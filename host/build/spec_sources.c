#include "host/build/spec_sources.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/base_account.h"
#include "host/build/copy_sources.h"
#include "host/build/image_sources.h"
#include "host/format/remote_file.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/path_pattern.h"

const char *spec_sources_keep(struct spec_sources *sources, char *text)
{
    strings_take(&sources->texts, text);
    return text;
}

void spec_sources_add(struct spec_sources *sources, struct contents_source source)
{
    if (sources->count == sources->capacity) {
        sources->capacity = sources->capacity > 0 ? 2 * sources->capacity : 16;
        sources->items = xreallocarray(sources->items, sources->capacity, sizeof *sources->items);
    }
    sources->items[sources->count++] = source;
}

void spec_sources_add_directory(struct spec_sources *sources, const struct contents_source *rules,
                                const char *path)
{
    if (path[strspn(path, "/")] == '\0')
        return;
    spec_sources_add(sources,
                     (struct contents_source){.kind = CONTENTS_DIRECTORY,
                                              .path = spec_sources_keep(sources, xstrdup(path + 1)),
                                              .mode_rule = CONTENTS_MODE_KEEP,
                                              .is_followed = rules->is_followed,
                                              .uid = rules->keep_owner ? 0 : rules->uid,
                                              .gid = rules->keep_owner ? 0 : rules->gid});
}

/* Adds an empty list of patterns. Returns it, borrowed. */
static struct ignore_file *add_ignore(struct spec_sources *sources)
{
    struct ignore_file *ignore = xcalloc(1, sizeof *ignore);

    sources->ignores =
        xreallocarray(sources->ignores, sources->ignore_count + 1, sizeof(struct ignore_file *));
    sources->ignores[sources->ignore_count++] = ignore;
    return ignore;
}

/* Sets the patterns of CONTENT that are as in .dockerignore. */
static struct error *set_ignores(const struct spec_content *content, struct spec_sources *sources,
                                 struct contents_filter *filter)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    struct ignore_file *ignore = NULL;

    if (content->ignore.count > 0)
        filter->ignore = ignore = add_ignore(sources);
    for (size_t i = 0; i < content->ignore.count; i++) {
        const char *pattern = content->ignore.items[i];

        TRY(error_context(ignore_file_add(ignore, pattern), "read pattern '%s'", pattern));
        buffer_printf(&text, "%zu %s\n", strlen(pattern), pattern);
    }
    if (content->exclude_file != NULL) {
        CLEANUP(buffer_free) struct buffer file = {0};

        TRY(file_read(content->exclude_file, "patterns", IGNORE_FILE_SIZE_MAX, EXIT_INPUT, &file));
        ignore = add_ignore(sources);
        filter->context_ignore = ignore;
        TRY(ignore_file_parse(content->exclude_file, file.data, file.length, ignore));
        buffer_printf(&text, "file %zu\n", file.length);
        buffer_append(&text, file.data, file.length);
    }
    if (content->parents)
        buffer_printf(&text, "parents %s\n", content->path + content->pivot);
    if (text.length > 0)
        filter->description = spec_sources_keep(sources, buffer_steal(&text));
    return NULL;
}

char *spec_sources_start(const struct spec_content *content)
{
    if (!content->parents)
        return xstrdup(content->path);
    return content->pivot > 0 ? xstrndup(content->path, content->pivot) : xstrdup("/");
}

/* Sets the patterns of what CONTENT copies below its pivot, whose parents come along. */
static struct error *set_include(const struct spec_content *content, struct spec_sources *sources,
                                 struct contents_filter *filter)
{
    const char *path = content->path + content->pivot;
    CLEANUP(path_pattern_free) struct path_pattern pattern = {0};

    if (!content->parents || path[strspn(path, "/")] == '\0')
        return NULL;
    struct ignore_file *include = add_ignore(sources);

    TRY(error_context(ignore_file_add(include, path), "read pattern '%s'", path));
    TRY(error_context(path_pattern_parse(path, &pattern), "read pattern '%s'", path));
    filter->include = include;
    filter->include_start = spec_sources_keep(sources, xstrdup(pattern.start));
    return NULL;
}

/* Sets the rules of CONTENT, which all its sources have. */
static struct error *set_rules(const struct spec_content *content,
                               const struct spec_sources_origin *origin,
                               struct spec_sources *sources, struct contents_source *ret)
{
    static const enum contents_mode modes[] = {
        [SPEC_MODE_ADD_WRITE] = CONTENTS_MODE_ADD_WRITE,
        [SPEC_MODE_KEEP] = CONTENTS_MODE_KEEP,
        [SPEC_MODE_SET] = CONTENTS_MODE_SET,
        [SPEC_MODE_CHANGE] = CONTENTS_MODE_CHANGE,
    };
    uint32_t uid = content->uid, gid = content->gid;

    TRY(base_account_find(content, origin->base, origin->request->store, &uid, &gid));
    *ret = (struct contents_source){.target = content->target + 1, /* without its '/' */
                                    .filter = {.exclude = &content->exclude},
                                    .mode_rule = modes[content->mode_rule],
                                    .mode = content->mode,
                                    .mode_change = content->mode_change,
                                    .keep_owner = content->keep_owner,
                                    .is_followed = content->kind != SPEC_CONTENT_SOURCE ||
                                                   content->path != NULL,
                                    .uid = uid,
                                    .gid = gid};
    TRY(set_ignores(content, sources, &ret->filter));
    return set_include(content, sources, &ret->filter);
}

/* A directory of the spec's own. Those above it have its owner, but not its mode. */
static void add_directory(const struct spec_content *content, struct spec_sources *sources,
                          struct contents_source source)
{
    CLEANUP(freep) char *parent = file_folder(content->target);

    spec_sources_add_directory(sources, &source, parent);
    spec_sources_add_directory(sources, &source, content->target);
    if (content->target[1] == '\0')
        return;
    struct contents_source *added = &sources->items[sources->count - 1];

    added->mode_rule = source.mode_rule;
    added->mode = source.mode;
    added->mode_change = source.mode_change;
}

static void add_text(const struct spec_content *content, struct spec_sources *sources,
                     struct contents_source source)
{
    CLEANUP(freep) char *parent = file_folder(content->target);
    const char *last = strrchr(content->target, '/') + 1;

    source.kind = CONTENTS_TEXT;
    source.text = content->text;
    source.file_name = content->name != NULL ? content->name : last;
    source.name = source.path = source.file_name;
    source.is_exact = !content->is_into;
    spec_sources_add_directory(sources, &source, content->is_into ? content->target : parent);
    spec_sources_add(sources, source);
}

/* A file of the network, which is in the store from here on. */
static struct error *add_url(const struct spec_content *content,
                             const struct spec_sources_origin *origin, struct spec_sources *sources,
                             struct contents_source rules)
{
    CLEANUP(freep) char *parent = file_folder(content->target);
    struct contents_source source = rules;
    struct remote_file file = {0};

    TRY(remote_file_get(content->url, &content->checksum, origin->request, &file));
    source.kind = CONTENTS_COPY;
    source.path = spec_sources_keep(sources, file.path);
    source.name = content->url;
    source.file_name = file.name != NULL ? spec_sources_keep(sources, file.name) : NULL;
    source.is_fetched = true;
    source.mtime = file.mtime;
    source.is_exact = !content->is_into;
    if (content->unpack)
        TRY(copy_sources_unpack(&source));
    if (file.name == NULL && source.kind == CONTENTS_COPY && content->is_into)
        return error_advise(
            error_new(EXIT_INPUT, "fetch '%s': the URL ends without a file's name", content->url),
            "let 'target' be the file's path, without a slash at its end");
    spec_sources_add_directory(sources, &rules, source.is_exact ? parent : content->target);
    spec_sources_add(sources, source);
    return NULL;
}

static struct error *add_content(const struct spec_content *content,
                                 const struct spec_sources_origin *origin,
                                 struct spec_sources *sources)
{
    struct contents_source source;

    TRY(set_rules(content, origin, sources, &source));
    switch (content->kind) {
    case SPEC_CONTENT_IMAGE:
        return image_sources_add(content, origin, source, sources);
    case SPEC_CONTENT_DIRECTORY:
        add_directory(content, sources, source);
        return NULL;
    case SPEC_CONTENT_TEXT:
        add_text(content, sources, source);
        return NULL;
    case SPEC_CONTENT_URL:
        return add_url(content, origin, sources, source);
    default:
        break;
    }
    if (content->path != NULL)
        return copy_sources_add(content, source, sources);
    source.path = content->source;
    spec_sources_add(sources, source);
    return NULL;
}

struct error *spec_sources_make(const struct spec_sources_origin *origin, struct spec_sources *ret)
{
    for (size_t i = 0; i < origin->contents->count; i++)
        TRY(add_content(&origin->contents->items[i], origin, ret));
    return NULL;
}

void spec_sources_free(struct spec_sources *sources)
{
    free(sources->items);
    strings_free(&sources->texts);
    for (size_t i = 0; i < sources->ignore_count; i++) {
        ignore_file_free(sources->ignores[i]);
        free(sources->ignores[i]);
    }
    free(sources->ignores);
    *sources = (struct spec_sources){0};
}
