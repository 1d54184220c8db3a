#include "host/tree/context_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/path_pattern.h"

#define SYMLINKS_MAX 40 /* in one path, as Linux has it */

/* A path of which a part has been followed. */
struct way {
    int context;
    struct buffer place; /* as far as it was followed, without symlinks */
    char *rest;
    unsigned int symlinks;
};

static void free_way(struct way *way)
{
    buffer_free(&way->place);
    free(way->rest);
}

/* Removes the last name. */
static void go_up(struct buffer *place)
{
    const char *slash = strrchr(place->data, '/');

    place->length = slash != NULL ? (size_t)(slash - place->data) : 0;
    place->data[place->length] = '\0';
}

/* Goes through the symlink to TARGET that WAY's place is, to what follows: REST. */
static bool follow(struct way *way, const char *target, const char *rest)
{
    char *joined = xasprintf("%s/%s", target, rest);

    free(way->rest);
    way->rest = joined;
    go_up(&way->place);
    if (*target == '/')
        way->place.length = 0;
    way->place.data[way->place.length] = '\0';
    errno = ELOOP;
    return ++way->symlinks <= SYMLINKS_MAX;
}

/* Goes to the next name of WAY's rest. Returns whether it is there; otherwise errno is set. */
static bool go_on(struct way *way)
{
    char target[PATH_MAX];
    const char *name = way->rest + strspn(way->rest, "/");
    size_t length = strcspn(name, "/");
    CLEANUP(freep) char *rest = xstrdup(name + length);

    if (length == 2 && memcmp(name, "..", 2) == 0) {
        go_up(&way->place);
    } else if (length > 0 && !(length == 1 && *name == '.')) {
        buffer_append(&way->place, "/", way->place.length > 0 ? 1 : 0);
        buffer_append(&way->place, name, length);
        ssize_t size = readlinkat(way->context, way->place.data, target, sizeof target - 1);

        if (size < 0 && errno != EINVAL) /* EINVAL: it is not a symlink */
            return false;
        if (size >= 0) {
            target[size] = '\0';
            return follow(way, target, rest);
        }
    }
    free(way->rest);
    way->rest = STEAL(rest);
    return true;
}

/* Sets *RET, the caller's, to where PATH leads. Returns whether something is there; otherwise errno
 * is set. */
static bool find_place(int context, const char *path, char **ret)
{
    CLEANUP(free_way) struct way way = {.context = context, .rest = xstrdup(path)};

    buffer_append(&way.place, "", 0);
    while (way.rest[strspn(way.rest, "/")] != '\0')
        if (!go_on(&way))
            return false;
    *ret = buffer_steal(&way.place);
    return true;
}

/* A search for the paths that a pattern matches. */
struct search {
    int context;
    const struct path_pattern *pattern;
    struct context_matches *found;
};

/* Adds the path that is called NAMED, if it leads to something. Returns whether it does. */
static bool add(const struct search *search, const char *named)
{
    struct context_matches *found = search->found;
    char *place = NULL;

    if (!find_place(search->context, named, &place))
        return false;
    found->items = xreallocarray(found->items, found->count + 1, sizeof *found->items);
    found->items[found->count++] = (struct context_match){xstrdup(named), place};
    return true;
}

/* Whether a pattern goes on below the directory PATH, which is not a symlink. */
static bool is_folder(int context, const char *path)
{
    struct stat status;

    return fstatat(context, *path != '\0' ? path : ".", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(status.st_mode);
}

/* Finds what is in FOLDER by the pattern's names from INDEX on. */
static struct error *search_in(const struct search *search, const char *folder, size_t index)
{
    CLEANUP(strings_free) struct strings names = {0};
    CLEANUP(closep)
    int fd = openat(search->context, *folder != '\0' ? folder : ".",
                    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || !file_list(fd, &names))
        return error_errno(EXIT_INPUT, "list the directory '%s'", folder);
    for (size_t i = 0; i < names.count; i++) {
        if (!path_pattern_matches(search->pattern, index, names.items[i]))
            continue;
        CLEANUP(freep)
        char *path = xasprintf("%s%s%s", folder, *folder != '\0' ? "/" : "", names.items[i]);

        if (index + 1 == search->pattern->count)
            add(search, path);
        else if (is_folder(search->context, path))
            TRY(search_in(search, path, index + 1));
    }
    return NULL;
}

/* Finds what the pattern matches. */
static struct error *search_all(const struct search *search)
{
    CLEANUP(freep) char *start = NULL;

    if (!find_place(search->context, search->pattern->start, &start) ||
        !is_folder(search->context, start))
        return NULL;
    return search_in(search, start, 0);
}

static struct error *find(int context, const char *path, bool is_optional,
                          struct context_matches *ret)
{
    CLEANUP(path_pattern_free) struct path_pattern pattern = {0};
    CLEANUP(error_freep) struct error *mistake = path_pattern_parse(path, &pattern);
    const struct search search = {.context = context, .pattern = &pattern, .found = ret};

    if (mistake == NULL && pattern.count > 0)
        TRY(search_all(&search));
    if (ret->count > 0 || add(&search, path + strspn(path, "/")))
        return NULL;
    if (mistake != NULL)
        return STEAL(mistake);
    if (is_optional && pattern.count > 0)
        return NULL;
    return pattern.count > 0 ? error_new(EXIT_INPUT, "nothing matches")
                             : error_new(EXIT_INPUT, "%s", strerror(errno));
}

struct error *context_path_find(const char *context, const char *path, bool is_optional,
                                struct context_matches *ret)
{
    CLEANUP(closep) int fd = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_INPUT, "open '%s'", context);
    return error_context(find(fd, path, is_optional, ret), "read '%s' in '%s'", path, context);
}

void context_matches_free(struct context_matches *matches)
{
    for (size_t i = 0; i < matches->count; i++) {
        free(matches->items[i].named);
        free(matches->items[i].place);
    }
    free(matches->items);
    *matches = (struct context_matches){0};
}
