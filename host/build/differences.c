#include "host/build/differences.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/text_diff.h"
#include "host/lib/utf8.h"
#include "host/tar/tar_reader.h"

#define TEXT_SIZE_MAX (1u << 20) /* bytes of a file whose lines are compared */
#define FILES_READ_MAX 100       /* for each of which the tars are read once more */

/* A field of an entry as text. The caller's. */
typedef char *(*entry_field)(struct archive_entry *entry);

static char *or_none(const char *text)
{
    return xstrdup(text != NULL ? text : "none");
}

static char *get_type(struct archive_entry *entry)
{
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return xstrdup(archive_entry_hardlink(entry) != NULL ? "hard link" : "file");
    case AE_IFDIR:
        return xstrdup("directory");
    case AE_IFLNK:
        return xstrdup("symlink");
    case AE_IFCHR:
        return xstrdup("character device");
    case AE_IFBLK:
        return xstrdup("block device");
    case AE_IFIFO:
        return xstrdup("FIFO");
    default:
        return xstrdup(archive_entry_hardlink(entry) != NULL ? "hard link" : "unknown");
    }
}

static char *get_mode(struct archive_entry *entry)
{
    return xasprintf("%04o", (unsigned)archive_entry_perm(entry));
}

static char *get_owner(struct archive_entry *entry)
{
    return xasprintf("%" PRId64 ":%" PRId64, (int64_t)archive_entry_uid(entry),
                     (int64_t)archive_entry_gid(entry));
}

static char *get_mtime(struct archive_entry *entry)
{
    return xasprintf("%" PRId64 ".%09ld", (int64_t)archive_entry_mtime(entry),
                     archive_entry_mtime_nsec(entry));
}

static char *get_size(struct archive_entry *entry)
{
    return xasprintf("%" PRId64, (int64_t)archive_entry_size(entry));
}

static char *get_link(struct archive_entry *entry)
{
    const char *hardlink = archive_entry_hardlink(entry);

    return or_none(hardlink != NULL ? hardlink : archive_entry_symlink(entry));
}

static char *get_device(struct archive_entry *entry)
{
    return xasprintf("%" PRIu64 ":%" PRIu64, (uint64_t)archive_entry_rdevmajor(entry),
                     (uint64_t)archive_entry_rdevminor(entry));
}

static char *get_xattrs(struct archive_entry *entry)
{
    struct buffer text = {0};
    const char *name;
    const void *value;
    size_t size;

    buffer_append(&text, "", 0);
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        struct digest digest;

        digest_of(value, size, &digest);
        buffer_printf(&text, "%s%s=%.12s", text.length > 0 ? " " : "", name, digest.hex);
    }
    return text.length > 0 ? buffer_steal(&text) : or_none(NULL);
}

static const struct {
    const char *name;
    entry_field get;
} fields[] = {
    {"type", get_type},     {"mode", get_mode},     {"owner", get_owner}, {"link", get_link},
    {"device", get_device}, {"xattrs", get_xattrs}, {"size", get_size},   {"mtime", get_mtime},
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)
#define CONTENT "content"

/* An entry of a tar: all that is compared. */
struct item {
    char *path;
    char *fields[FIELD_COUNT];
    struct digest data;
};

struct items {
    struct item *items; /* sorted by path */
    size_t count, capacity;
};

static void free_items(struct items *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        for (size_t j = 0; j < FIELD_COUNT; j++)
            free(list->items[i].fields[j]);
    }
    free(list->items);
}

static struct item *add_item(struct items *list)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity * 2 + 64;
        list->items = xreallocarray(list->items, list->capacity, sizeof *list->items);
    }
    list->items[list->count] = (struct item){0};
    return &list->items[list->count++];
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct item *)a)->path, ((const struct item *)b)->path);
}

/* sink_write: adds to the hash CONTEXT. */
static struct error *add_to_hash(void *context, const void *bytes, size_t length)
{
    sha256_update(context, bytes, length);
    return NULL;
}

static struct error *open_tar(const char *path, int *ret_fd, struct tar_reader **ret)
{
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    return tar_reader_new(path, *ret_fd, 0, ret);
}

/* Lists the entries of the tar at PATH. */
static struct error *list_tar(const char *path, struct items *list)
{
    CLEANUP(closep) int fd = -1;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;

    TRY(open_tar(path, &fd, &reader));
    for (;;) {
        CLEANUP(sha256_freep) struct sha256 *hash = sha256_new();
        struct archive_entry *entry = NULL;

        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            break;
        struct item *item = add_item(list);

        item->path = or_none(archive_entry_pathname(entry));
        for (size_t i = 0; i < FIELD_COUNT; i++)
            item->fields[i] = fields[i].get(entry);
        TRY(tar_reader_copy(reader, (struct sink){add_to_hash, hash}));
        sha256_finish(STEAL(hash), &item->data);
    }
    if (list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_path);
    return NULL;
}

/* sink_write: adds to the buffer CONTEXT, up to a byte more than is compared as text. */
static struct error *add_to_text(void *context, const void *bytes, size_t length)
{
    struct buffer *text = context;
    size_t room = TEXT_SIZE_MAX + 1 - text->length;

    buffer_append(text, bytes, length < room ? length : room);
    return NULL;
}

/* Reads the data of MEMBER from the tar at PATH. */
static struct error *read_data(const char *path, const char *member, struct buffer *ret)
{
    CLEANUP(closep) int fd = -1;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct archive_entry *entry = NULL;

    TRY(open_tar(path, &fd, &reader));
    do {
        TRY(tar_reader_next(reader, &entry));
    } while (entry != NULL && strcmp(archive_entry_pathname(entry), member) != 0);
    return entry != NULL ? tar_reader_copy(reader, (struct sink){add_to_text, ret}) : NULL;
}

static bool is_text(const struct buffer *data)
{
    return data->length <= TEXT_SIZE_MAX &&
           (data->length == 0 || (memchr(data->data, '\0', data->length) == NULL &&
                                  utf8_is_valid(data->data, data->length)));
}

/* Where the data begin to differ, "from byte N on"; the caller's. */
static char *describe_start(const struct buffer *one, const struct buffer *other)
{
    size_t shorter = one->length < other->length ? one->length : other->length, at = 0;

    while (at < shorter && one->data[at] == other->data[at])
        at++;
    return at <= TEXT_SIZE_MAX ? xasprintf("from byte %zu on\n", at) : NULL;
}

/* Two tars, and what was found of their differences. */
struct comparison {
    const char *where, *first, *second;
    size_t count;
    size_t read; /* files whose data were compared */
};

/* Shows how the data of a file differ. */
static struct error *show_content(struct comparison *comparison, const struct item *one,
                                  const struct item *other)
{
    CLEANUP(buffer_free) struct buffer one_data = {0}, other_data = {0};
    CLEANUP(freep) char *one_digest = xasprintf(DIGEST_PREFIX "%.16s", one->data.hex);
    CLEANUP(freep) char *other_digest = xasprintf(DIGEST_PREFIX "%.16s", other->data.hex);
    CLEANUP(freep) char *diff = NULL;

    if (comparison->read++ < FILES_READ_MAX) {
        TRY(read_data(comparison->first, one->path, &one_data));
        TRY(read_data(comparison->second, one->path, &other_data));
        if (is_text(&one_data) && is_text(&other_data))
            diff = text_diff(&one_data, &other_data);
        if (diff == NULL)
            diff = describe_start(&one_data, &other_data);
    }
    progress_difference(comparison->where, one->path, CONTENT, one_digest, other_digest, diff);
    return NULL;
}

static struct error *compare_items(struct comparison *comparison, const struct item *one,
                                   const struct item *other)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(one->fields[i], other->fields[i]) == 0)
            continue;
        progress_difference(comparison->where, one->path, fields[i].name, one->fields[i],
                            other->fields[i], NULL);
        comparison->count++;
    }
    if (digest_equal(&one->data, &other->data))
        return NULL;
    comparison->count++;
    return show_content(comparison, one, other);
}

/* Shows that ITEM is in one of the tars only. */
static void show_lone(struct comparison *comparison, const struct item *item, bool is_first)
{
    const char *type = item->fields[0];

    comparison->count++;
    progress_difference(comparison->where, item->path, "presence", is_first ? type : "none",
                        is_first ? "none" : type, NULL);
}

struct error *differences_of_tars(const char *where, const char *first, const char *second,
                                  size_t *count)
{
    struct comparison comparison = {.where = where, .first = first, .second = second};
    CLEANUP(free_items) struct items one = {0}, other = {0};
    size_t i = 0, j = 0;

    TRY(list_tar(first, &one));
    TRY(list_tar(second, &other));
    while (i < one.count || j < other.count) {
        int order = i == one.count     ? 1
                    : j == other.count ? -1
                                       : strcmp(one.items[i].path, other.items[j].path);

        if (order == 0)
            TRY(compare_items(&comparison, &one.items[i++], &other.items[j++]));
        else if (order < 0)
            show_lone(&comparison, &one.items[i++], true);
        else
            show_lone(&comparison, &other.items[j++], false);
    }
    *count += comparison.count;
    return NULL;
}

/* VALUE as compact JSON, "none" if it is NULL; the caller's. */
static char *json_value(const struct json *value)
{
    struct buffer text = {0};

    if (value == NULL)
        return or_none(NULL);
    json_write(value, false, &text);
    return buffer_steal(&text);
}

static void compare_json(const char *where, const char *path, const struct json *first,
                         const struct json *second, size_t *count);

/* Compares the members of two objects. The depth is that of a document. */
static void compare_members(const char *where, const char *path, const struct json *first,
                            const struct json *second,
                            size_t *count) /* NOLINT(misc-no-recursion) */
{
    for (size_t i = 0; i < first->count; i++) {
        CLEANUP(freep)
        char *member = xasprintf("%s%s%s", path, *path != '\0' ? "." : "", first->keys[i]);

        compare_json(where, member, first->items[i], json_get(second, first->keys[i]), count);
    }
    for (size_t i = 0; i < second->count; i++) {
        CLEANUP(freep)
        char *member = xasprintf("%s%s%s", path, *path != '\0' ? "." : "", second->keys[i]);

        if (json_get(first, second->keys[i]) == NULL)
            compare_json(where, member, NULL, second->items[i], count);
    }
}

static void compare_json(const char *where, const char *path, const struct json *first,
                         const struct json *second, size_t *count) /* NOLINT(misc-no-recursion) */
{
    if (first != NULL && second != NULL && first->type == JSON_OBJECT &&
        second->type == JSON_OBJECT) {
        compare_members(where, path, first, second, count);
        return;
    }
    CLEANUP(freep) char *one = json_value(first);
    CLEANUP(freep) char *other = json_value(second);

    if (strcmp(one, other) == 0)
        return;
    ++*count;
    progress_difference(where, path, "value", one, other, NULL);
}

void differences_of_json(const char *where, const struct json *first, const struct json *second,
                         size_t *count)
{
    compare_json(where, "", first, second, count);
}
