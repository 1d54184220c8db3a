#include "host/build/copy_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/tree/contents_tarball.h"
#include "host/tree/context_path.h"

/* An element whose paths are being added. */
struct copy {
    const struct spec_content *content;
    struct contents_source rules;
    struct spec_sources *sources;
    bool is_placed;    /* the directory that they are put into was added */
    size_t file_count; /* so many files were */
    size_t kept;       /* paths that the context has, with its patterns */
};

/* Returns the last name of PATH; "" of the context itself. */
static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* contents_visit: counts an entry. */
static struct error *count_entry(void *context, struct contents_entry *entry)
{
    (void)entry;
    ++*(size_t *)context;
    return NULL;
}

/* The verdict of the context's patterns about PATH in it. */
static enum contents_verdict judge(const struct copy *copy, const char *path, bool is_folder)
{
    const struct contents_filter filter = {.context_ignore = copy->rules.filter.context_ignore};

    return *path != '\0' ? contents_filter_judge(&filter, path, is_folder) : CONTENTS_TAKEN;
}

/* Sets *RET to whether the context has MATCH, which is SOURCE, for its patterns, and something of a
 * directory of which only a part is taken. */
static struct error *is_in_context(const struct copy *copy, const struct context_match *match,
                                   const struct contents_source *source, bool is_folder, bool *ret)
{
    enum contents_verdict named = judge(copy, match->named, is_folder);
    enum contents_verdict place = judge(copy, match->place, is_folder);
    size_t count = 0;

    *ret = named != CONTENTS_LEFT_OUT && place != CONTENTS_LEFT_OUT;
    if (!*ret || (place != CONTENTS_IMPLIED && source->filter.include == NULL))
        return NULL;
    TRY(contents_source_visit(source, false, count_entry, &count));
    *ret = count > 0;
    return NULL;
}

/* Adds the directory that SOURCE is put into, unless that was done. */
static void place(struct copy *copy, const struct contents_source *source)
{
    const struct spec_content *content = copy->content;
    CLEANUP(freep) char *parent = file_folder(content->target);

    if (copy->is_placed)
        return;
    copy->is_placed = true;
    spec_sources_add_directory(copy->sources, &copy->rules,
                               source->is_exact ? parent : content->target);
}

/* Whether the element's own patterns leave out the file called NAME. */
static bool is_left_out(const struct copy *copy, const char *name)
{
    struct contents_filter filter = copy->rules.filter;

    filter.context_ignore = NULL;
    return contents_filter_judge(&filter, name, false) == CONTENTS_LEFT_OUT;
}

struct error *copy_sources_unpack(struct contents_source *source)
{
    CLEANUP(closep) int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool is_tarball = false;

    if (fd < 0)
        return error_errno(EXIT_INPUT, "open '%s'", source->path);
    TRY(contents_tarball_recognise(contents_source_name(source), fd, &is_tarball));
    if (!is_tarball)
        return NULL;
    source->kind = CONTENTS_FILES;
    source->is_replacing = true;
    source->filter = (struct contents_filter){0};
    source->is_exact = source->is_one_of_many = false;
    source->keep_owner = true;
    source->mode_rule = CONTENTS_MODE_KEEP;
    return NULL;
}

/* Adds SOURCE, a file of the context. */
static struct error *add_file(struct copy *copy, struct contents_source source, mode_t mode)
{
    if (is_left_out(copy, source.file_name))
        return NULL;
    source.is_exact = !copy->content->is_into;
    source.is_one_of_many = ++copy->file_count > 1;
    if (copy->content->unpack && S_ISREG(mode))
        TRY(copy_sources_unpack(&source));
    place(copy, &source);
    spec_sources_add(copy->sources, source);
    return NULL;
}

static struct error *add_match(struct copy *copy, const struct context_match *match)
{
    const struct spec_content *content = copy->content;
    struct contents_source source = copy->rules;
    struct spec_sources *sources = copy->sources;
    struct stat status;
    bool is_kept = false;

    source.kind = CONTENTS_COPY;
    source.context = content->source;
    source.path = spec_sources_keep(sources, xasprintf("%s/%s", content->source, match->place));
    source.name = *match->place == '\0' ? content->source : NULL;
    source.file_name = spec_sources_keep(sources, xstrdup(last_name(match->named)));
    source.filter.inside = spec_sources_keep(sources, xstrdup(match->place));
    if (lstat(source.path, &status) < 0)
        return error_errno(EXIT_INPUT, "read '%s'", source.path);
    if (content->parents && !S_ISDIR(status.st_mode))
        return NULL;
    TRY(is_in_context(copy, match, &source, S_ISDIR(status.st_mode), &is_kept));
    copy->kept += is_kept;
    if (!is_kept)
        return NULL;
    if (!S_ISDIR(status.st_mode))
        return add_file(copy, source, status.st_mode);
    place(copy, &source);
    spec_sources_add(sources, source);
    return NULL;
}

static struct error *add_matches(struct copy *copy, const struct context_matches *matches)
{
    const struct spec_content *content = copy->content;

    for (size_t i = 0; i < matches->count; i++)
        TRY(add_match(copy, &matches->items[i]));
    if (copy->kept > 0 || content->optional)
        return NULL;
    if (content->parents)
        return error_new(EXIT_INPUT, "read '%s' in '%s': nothing matches", content->path,
                         content->source);
    return error_new(EXIT_INPUT, "read '%s' in '%s': left out by '%s'", content->path,
                     content->source, content->exclude_file);
}

struct error *copy_sources_add(const struct spec_content *content, struct contents_source source,
                               struct spec_sources *sources)
{
    CLEANUP(context_matches_free) struct context_matches matches = {0};
    CLEANUP(freep) char *path = spec_sources_start(content);
    struct copy copy = {.content = content, .rules = source, .sources = sources};

    TRY(context_path_find(content->source, path, content->optional, &matches));
    return add_matches(&copy, &matches);
}
