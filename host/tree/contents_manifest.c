#include "host/tree/contents_manifest.h"

#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"
#include "host/tree/contents_rules.h"
#include "host/tree/link_group.h"

#define SHOWN_DIGITS 16 /* of a digest, in the text */

struct making {
    const struct contents *contents;
    const struct contents_source *source; /* being visited */
    size_t number;                        /* of the source; the closure is 0 */
    struct link_groups groups;
    struct contents_manifest *manifest;
};

static struct contents_manifest_item *add_item(struct contents_manifest *manifest)
{
    if (manifest->count == manifest->capacity) {
        manifest->capacity = manifest->capacity > 0 ? 2 * manifest->capacity : 64;
        manifest->items =
            xreallocarray(manifest->items, manifest->capacity, sizeof *manifest->items);
    }
    struct contents_manifest_item *item = &manifest->items[manifest->count++];

    *item = (struct contents_manifest_item){0};
    return item;
}

/* Returns the path in the layer of the source's NAME, symlinks not considered; the caller's. */
static char *path_of(const struct contents_source *source, const char *name)
{
    if (source->target == NULL || *source->target == '\0')
        return xstrdup(name);
    return source->is_exact ? xstrdup(source->target) : xasprintf("%s/%s", source->target, name);
}

/* Returns the path that ENTRY, which will be PATH, is a further name of; "" if there is none.
 * Borrowed. */
static const char *find_link(struct making *making, struct archive_entry *entry, const char *path)
{
    struct link_key key = {.scope = making->number,
                           .device = (uint64_t)archive_entry_dev(entry),
                           .inode = (uint64_t)archive_entry_ino64(entry)};

    if (archive_entry_filetype(entry) == AE_IFDIR || archive_entry_nlink(entry) < 2)
        return "";
    struct link_group *group = link_groups_find(&making->groups, key, true);

    link_group_add(group, path, 0);
    return group->name_count > 1 ? group->names[0].path : "";
}

/* Returns what else decides where SOURCE's NAME lies, and whether it does; the caller's. */
static char *describe_kind(const struct contents_source *source, const char *name)
{
    const char *way = source->is_followed ? "\nwherever the target leads" : "";

    if (source->kind == CONTENTS_DIRECTORY)
        return xasprintf("%s\nif it is missing", way);
    return source->is_exact ? xasprintf("%s\nor %s in it", way, name) : xstrdup(way);
}

/* Returns the metadata of ENTRY as it will be in the layer at PATH, as text; the caller's. */
static char *describe(struct making *making, struct archive_entry *entry, const char *path)
{
    const char *symlink =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : "";
    bool is_device =
        archive_entry_filetype(entry) == AE_IFCHR || archive_entry_filetype(entry) == AE_IFBLK;
    int64_t seconds = archive_entry_mtime(entry);
    long nanoseconds = archive_entry_mtime_nsec(entry);
    CLEANUP(freep) char *kind = describe_kind(making->source, archive_entry_pathname(entry));

    contents_rules_apply(making->source, entry);
    if (seconds >= making->contents->clamp) {
        seconds = making->contents->clamp;
        nanoseconds = 0;
    }
    return xasprintf("%zu %o %o %" PRId64 ":%" PRId64 " %" PRId64 ".%09ld %" PRIu64 ":%" PRIu64
                     "\n%zu %s\n%zu %s\n%s%s",
                     making->number, (unsigned int)archive_entry_filetype(entry),
                     (unsigned int)archive_entry_perm(entry), (int64_t)archive_entry_uid(entry),
                     (int64_t)archive_entry_gid(entry), seconds, nanoseconds,
                     is_device ? (uint64_t)archive_entry_rdevmajor(entry) : 0,
                     is_device ? (uint64_t)archive_entry_rdevminor(entry) : 0, strlen(path), path,
                     strlen(symlink), symlink, find_link(making, entry, path), kind);
}

/* Returns the rules by which the entries of a tarball reach the layer, as text; the caller's. */
static char *describe_tarball(const struct making *making)
{
    const struct contents_source *source = making->source;
    const struct strings *exclude = source->filter.exclude;
    struct buffer text = {0};

    buffer_printf(&text, "%zu tarball %s\n%d %o %d %ju:%ju %" PRId64, making->number,
                  source->target != NULL ? source->target : "", (int)source->mode_rule,
                  (unsigned int)source->mode, source->keep_owner, (uintmax_t)source->uid,
                  (uintmax_t)source->gid, making->contents->clamp);
    for (size_t i = 0; exclude != NULL && i < exclude->count; i++)
        buffer_printf(&text, "\n%zu %s", strlen(exclude->items[i]), exclude->items[i]);
    if (source->filter.description != NULL)
        buffer_printf(&text, "\nignore %s", source->filter.description);
    if (source->mode_rule == CONTENTS_MODE_CHANGE)
        buffer_printf(&text, "\nmode %s", source->mode_change);
    if (source->is_exact)
        buffer_printf(&text, "\nunless it is a directory");
    if (source->is_followed)
        buffer_printf(&text, "\nwherever the target leads");
    if (source->is_replacing)
        buffer_printf(&text, "\nin place of what is not a directory");
    return buffer_steal(&text);
}

/* Sets *RET to the digest of TEXT and, unless it is NULL, CONTENT. */
static void combine(const char *text, const struct digest *content, struct digest *ret)
{
    struct sha256 *hash = sha256_new();

    sha256_update(hash, text, strlen(text) + 1);
    if (content != NULL)
        sha256_update(hash, content->hex, strlen(content->hex));
    sha256_finish(hash, ret);
}

/* contents_visit: adds an item. */
static struct error *add_entry(void *context, struct contents_entry *entry)
{
    struct making *making = context;
    struct contents_manifest_item *item = add_item(making->manifest);

    item->path = path_of(making->source, archive_entry_pathname(entry->entry));
    item->source = making->number;
    item->is_tarball = entry->is_tarball;
    item->is_file = !entry->is_tarball && !making->source->is_exact &&
                    archive_entry_filetype(entry->entry) == AE_IFREG;
    CLEANUP(freep)
    char *text =
        entry->is_tarball ? describe_tarball(making) : describe(making, entry->entry, item->path);

    combine(text, entry->digest, &item->digest);
    return NULL;
}

static struct error *visit_all(struct making *making, const struct contents_digests *digests)
{
    const struct contents *contents = making->contents;
    size_t closure = contents->closure != NULL ? contents->closure->count : 0;

    for (size_t i = 0; i < closure + contents->source_count; i++) {
        struct contents_source own = {.kind = CONTENTS_CLOSURE, .mode_rule = CONTENTS_MODE_KEEP};

        if (i < closure)
            own.path = contents->closure->items[i];
        making->number = i < closure ? 0 : i - closure + 1;
        making->source = i < closure ? &own : &contents->sources[i - closure];
        TRY(contents_source_digest(making->source, digests, add_entry, making));
    }
    return NULL;
}

/* Tarballs first, in the order of their sources, then by path, and by source. */
static int by_path(const void *a, const void *b)
{
    const struct contents_manifest_item *left = a, *right = b;

    if (left->is_tarball != right->is_tarball)
        return left->is_tarball ? -1 : 1;
    int order = left->is_tarball ? 0 : strcmp(left->path, right->path);

    return order != 0 ? order : (left->source > right->source) - (left->source < right->source);
}

/* Whether EARLIER, a file, is replaced by LATER, one at the same path. Another kind of entry could
 * matter to what comes between them. */
static bool is_replaced(const struct contents_manifest_item *earlier,
                        const struct contents_manifest_item *later)
{
    return earlier->is_file && later->is_file && strcmp(earlier->path, later->path) == 0;
}

static void sort(struct contents_manifest *manifest)
{
    size_t kept = 0;

    if (manifest->count == 0)
        return;
    qsort(manifest->items, manifest->count, sizeof *manifest->items, by_path);
    for (size_t i = 0; i < manifest->count; i++) {
        struct contents_manifest_item *item = &manifest->items[i];

        if (i + 1 < manifest->count && is_replaced(item, item + 1))
            free(item->path);
        else
            manifest->items[kept++] = *item;
    }
    manifest->count = kept;
}

struct error *contents_manifest_make(const struct contents *contents,
                                     const struct contents_digests *digests,
                                     struct contents_manifest *ret)
{
    struct making making = {.contents = contents, .manifest = ret};
    struct error *err = visit_all(&making, digests);

    link_groups_free(&making.groups);
    sort(ret);
    return err;
}

void contents_manifest_digest(const struct contents_manifest *manifest, struct digest *ret)
{
    struct sha256 *hash = sha256_new();

    for (size_t i = 0; i < manifest->count; i++)
        sha256_update(hash, manifest->items[i].digest.hex, DIGEST_HEX_LENGTH);
    sha256_finish(hash, ret);
}

void contents_manifest_write(const struct contents_manifest *manifest, struct buffer *out)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const struct contents_manifest_item *item = &manifest->items[i];

        buffer_printf(out, "%.*s ", SHOWN_DIGITS, item->digest.hex);
        printable_append(out, item->path, strlen(item->path), PRINTABLE_UTF8, PRINTABLE_ESCAPE);
        buffer_append(out, "\n", 1);
    }
}

/* A line of a manifest as text. */
struct line {
    const char *digest;
    const char *path;
    size_t length; /* of the path */
};

/* Reads the line at *TEXT and moves that behind it. Returns whether there is one. */
static bool next_line(const char **text, struct line *ret)
{
    size_t length = strcspn(*text, "\n");

    if (length <= SHOWN_DIGITS)
        return false;
    *ret = (struct line){*text, *text + SHOWN_DIGITS + 1, length - SHOWN_DIGITS - 1};
    *text += length;
    *text += **text == '\n';
    return true;
}

static int compare_paths(const struct line *a, const struct line *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->path, b->path, shorter);

    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* What was found to differ. */
struct difference {
    const char *kind; /* of the first: "changed" */
    struct line line;
    size_t count;
};

static void note(struct difference *difference, const char *kind, const struct line *line)
{
    if (difference->count++ > 0)
        return;
    difference->kind = kind;
    difference->line = *line;
}

/* Compares the lines of BEFORE and AFTER, both in the order of their paths. */
static void compare(const char *before, const char *after, struct difference *difference)
{
    struct line old, new;
    bool has_old = next_line(&before, &old), has_new = next_line(&after, &new);

    while (has_old || has_new) {
        int order = !has_old ? 1 : !has_new ? -1 : compare_paths(&old, &new);

        if (order < 0)
            note(difference, "removed", &old);
        else if (order > 0)
            note(difference, "added", &new);
        else if (memcmp(old.digest, new.digest, SHOWN_DIGITS) != 0)
            note(difference, "changed", &new);
        if (order <= 0)
            has_old = next_line(&before, &old);
        if (order >= 0)
            has_new = next_line(&after, &new);
    }
}

char *contents_manifest_difference(const char *before, const char *after)
{
    struct difference difference = {0};

    compare(before, after, &difference);
    if (difference.count == 0)
        return NULL;
    CLEANUP(freep)
    char *first =
        xasprintf("%s: %.*s", difference.kind, (int)difference.line.length, difference.line.path);

    return difference.count == 1 ? STEAL(first)
                                 : xasprintf("%s and %zu more", first, difference.count - 1);
}

void contents_manifest_free(struct contents_manifest *manifest)
{
    for (size_t i = 0; i < manifest->count; i++)
        free(manifest->items[i].path);
    free(manifest->items);
    *manifest = (struct contents_manifest){0};
}
