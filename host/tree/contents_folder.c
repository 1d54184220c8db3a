/* Walks through the directories of a source. */
#include "host/tree/contents_visit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

#define DEPTH_MAX 512 /* levels of directories; each has a descriptor open */

/* A directory on the way to what is visited. */
struct level {
    int fd;
    struct strings names;
    size_t next;        /* of these */
    size_t path_length; /* of its path */
    bool is_pending;    /* it was not visited yet, and is if something in it is */
};

/* A walk through a directory and all below it. */
struct walk {
    struct level levels[DEPTH_MAX + 1];
    size_t count;
    struct buffer path; /* of what is visited */
};

static void pop(struct walk *walk)
{
    struct level *level = &walk->levels[--walk->count];

    strings_free(&level->names);
    close(level->fd);
}

static void free_walk(struct walk **walk)
{
    while ((*walk)->count > 0)
        pop(*walk);
    buffer_free(&(*walk)->path);
    free(*walk);
}

/* Goes down into the directory FD, whose path is WALK's, and which is WALK's if this succeeds.
 * IS_PENDING: see struct level. */
static struct error *push(const struct visit *visit, struct walk *walk, int fd, bool is_pending)
{
    CLEANUP(strings_free) struct strings names = {0};

    if (walk->count > DEPTH_MAX)
        return error_new(EXIT_INPUT, "read '%s': directories are nested more than %d deep",
                         contents_source_name(visit->source), DEPTH_MAX);
    if (!file_list(fd, &names))
        return contents_visit_failed(visit, "list the directory", walk->path.data);
    walk->levels[walk->count++] = (struct level){
        .fd = fd, .names = names, .path_length = walk->path.length, .is_pending = is_pending};
    names = (struct strings){0};
    return NULL;
}

/* Returns the last name of PATH. */
static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* Visits the directories on the way that were not visited yet. */
static struct error *visit_pending(struct visit *visit, struct walk *walk)
{
    struct stat status;

    for (size_t i = 1; i < walk->count; i++) {
        if (!walk->levels[i].is_pending)
            continue;
        CLEANUP(freep) char *path = xstrndup(walk->path.data, walk->levels[i].path_length);

        if (fstat(walk->levels[i].fd, &status) < 0)
            return contents_visit_failed(visit, "read", path);
        TRY(contents_visit_file(visit, walk->levels[i - 1].fd, last_name(path), path, &status));
        walk->levels[i].is_pending = false;
    }
    return NULL;
}

static void note_socket(const struct visit *visit, const char *path)
{
    if (visit->with_data)
        progress_note("left out '%s' of '%s': a layer cannot contain a socket", path,
                      contents_source_name(visit->source));
}

/* Visits NAME in DIR, whose path is WALK's, and goes down into it. */
static struct error *visit_name(struct visit *visit, struct walk *walk, int dir, const char *name)
{
    const char *path = walk->path.data;
    CLEANUP(closep) int fd = -1;
    struct stat status;

    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return contents_visit_failed(visit, "read", path);
    enum contents_verdict verdict =
        contents_filter_judge(&visit->source->filter, path, S_ISDIR(status.st_mode));

    if (verdict == CONTENTS_LEFT_OUT)
        return NULL;
    if (S_ISSOCK(status.st_mode)) {
        note_socket(visit, path);
        return NULL;
    }
    if (verdict == CONTENTS_TAKEN) {
        TRY(visit_pending(visit, walk));
        TRY(contents_visit_file(visit, dir, name, path, &status));
    }
    if (!S_ISDIR(status.st_mode))
        return NULL;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return contents_visit_failed(visit, "open the directory", path);
    TRY(push(visit, walk, fd, verdict == CONTENTS_IMPLIED));
    fd = -1;
    return NULL;
}

/* Visits the next name of the innermost directory, and goes down into it or, if there is none, up.
 */
static struct error *step(struct visit *visit, struct walk *walk)
{
    struct level *level = &walk->levels[walk->count - 1];

    if (level->next == level->names.count) {
        pop(walk);
        return NULL;
    }
    const char *name = level->names.items[level->next++];

    walk->path.length = level->path_length;
    buffer_append(&walk->path, "/", walk->path.length > 0 ? 1 : 0);
    buffer_append(&walk->path, name, strlen(name));
    return visit_name(visit, walk, level->fd, name);
}

static struct error *go_through(struct visit *visit, struct walk *walk)
{
    while (walk->count > 0)
        TRY(step(visit, walk));
    return NULL;
}

struct error *contents_visit_folder(struct visit *visit, int dir, const char *path)
{
    CLEANUP(free_walk) struct walk *walk = xcalloc(1, sizeof *walk);
    CLEANUP(closep) int owned = dir;

    buffer_append(&walk->path, path, strlen(path));
    TRY(push(visit, walk, dir, false));
    owned = -1;
    return go_through(visit, walk);
}

struct error *contents_visit_tree(struct visit *visit, int dir, const char *name, const char *path)
{
    CLEANUP(free_walk) struct walk *walk = xcalloc(1, sizeof *walk);

    buffer_append(&walk->path, path, strlen(path));
    TRY(visit_name(visit, walk, dir, name));
    return go_through(visit, walk);
}
