#include "host/format/archive_index.h"

#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define NAME_LENGTH_MAX 1024 /* an image's own names have about 80 bytes */
#define LINKS_MAX 8          /* from name to name */
#define NOWHERE "/"          /* a name that no member has */

struct name {
    char *text;
    char *link;      /* the name that it stands for, or NULL */
    size_t sequence; /* in the archive: of two equal names the later counts */
    size_t member;   /* unless it is a link */
};

struct archive_index {
    struct name *names; /* sorted by text and sequence at the end */
    size_t count, capacity;
};

struct archive_index *archive_index_new(void)
{
    return xcalloc(1, sizeof(struct archive_index));
}

void archive_index_free(struct archive_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->count; i++) {
        free(index->names[i].text);
        free(index->names[i].link);
    }
    free(index->names);
    free(index);
}

/* Returns NAME without "." parts and with its ".." parts resolved, below the directory of BASE
 * (NULL: the root); the caller's. Returns NULL if it is absolute, unprintable or too long, leads
 * out of the root, or is the root. */
static char *resolve(const char *base, const char *name)
{
    const char *slash = base != NULL ? strrchr(base, '/') : NULL;
    CLEANUP(buffer_free) struct buffer path = {0};

    if (name[0] == '/' || strlen(name) > NAME_LENGTH_MAX || !printable_is_ascii(name))
        return NULL;
    if (slash != NULL)
        buffer_append(&path, base, (size_t)(slash - base));
    while (*name != '\0') {
        size_t length = strcspn(name, "/");

        if (length == 2 && strncmp(name, "..", 2) == 0) {
            if (path.length == 0)
                return NULL;
            const char *last = strrchr(path.data, '/');

            path.length = last != NULL ? (size_t)(last - path.data) : 0;
            path.data[path.length] = '\0';
        } else if (length > 0 && !(length == 1 && *name == '.')) {
            if (path.length > 0)
                buffer_append(&path, "/", 1);
            buffer_append(&path, name, length);
        }
        name += length;
        name += strspn(name, "/");
    }
    return path.length > 0 && path.length <= NAME_LENGTH_MAX ? buffer_steal(&path) : NULL;
}

static struct name *add_name(struct archive_index *index)
{
    if (index->count == index->capacity) {
        index->capacity = index->capacity > 0 ? 2 * index->capacity : 64;
        index->names = xreallocarray(index->names, index->capacity, sizeof *index->names);
    }
    struct name *name = &index->names[index->count];

    *name = (struct name){.sequence = index->count++};
    return name;
}

const char *archive_index_add_file(struct archive_index *index, const char *path, size_t member)
{
    char *text = resolve(NULL, path);

    if (text == NULL)
        return NULL;
    struct name *name = add_name(index);

    name->text = text;
    name->member = member;
    return text;
}

void archive_index_add_link(struct archive_index *index, const char *path, const char *target,
                            bool from_root)
{
    char *text = resolve(NULL, path);

    if (text == NULL)
        return;
    char *link = resolve(from_root ? NULL : text, target);
    struct name *name = add_name(index);

    name->text = text;
    name->link = link != NULL ? link : xstrdup(NOWHERE);
}

static int by_text(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;
    int order = strcmp(left->text, right->text);

    if (order != 0)
        return order;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

void archive_index_sort(struct archive_index *index)
{
    if (index->count > 0)
        qsort(index->names, index->count, sizeof *index->names, by_text);
}

/* Returns the last name that is TEXT, links not followed; or NULL. */
static const struct name *find(const struct archive_index *index, const char *text)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(index->names[middle].text, text) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && strcmp(index->names[low - 1].text, text) == 0 ? &index->names[low - 1] : NULL;
}

bool archive_index_find(const struct archive_index *index, const char *path, size_t *ret)
{
    CLEANUP(freep) char *text = resolve(NULL, path);
    const struct name *name = text != NULL ? find(index, text) : NULL;

    for (int links = 0; name != NULL && name->link != NULL; links++)
        name = links < LINKS_MAX ? find(index, name->link) : NULL;
    if (name == NULL)
        return false;
    *ret = name->member;
    return true;
}
