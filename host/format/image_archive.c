#include "host/format/image_archive.h"

#include <stdlib.h>

#include "host/format/archive_index.h"
#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/tar/compression.h"
#include "host/tar/tar_reader.h"

#define MEMBERS_MAX 100000
#define SMALL_SIZE (256u << 10)     /* members up to this are kept in memory, ... */
#define SMALL_TOTAL_MAX (32u << 20) /* ... together up to this */

struct member {
    const char *name; /* borrowed from the index */
    uint64_t size;
    uint64_t offset; /* of the header; if the archive is seekable */

    /* If it is not seekable: */
    struct buffer bytes;              /* a small one */
    struct layer_intake_result taken; /* a large one */
    bool is_taken;
    bool is_gone; /* handed to the caller */
};

struct image_archive {
    char *path;
    int fd;
    unsigned int wanted;
    struct store *store;
    bool seekable;
    struct archive_index *index;
    struct member *members;
    size_t count, capacity;
    size_t small_total;
};

/* A member's data on its way into memory. */
struct kept {
    const struct image_archive *archive;
    const struct member *member;
    struct buffer *bytes;
};

/* sink_write: appends the data, but no more than the member's header states. */
static struct error *keep(void *context, const void *bytes, size_t length)
{
    struct kept *kept = context;

    if (kept->bytes->length + length > kept->member->size)
        return error_new(EXIT_INPUT, "read '%s': member '%s' is larger than its header states",
                         kept->archive->path, kept->member->name);
    buffer_append(kept->bytes, bytes, length);
    return NULL;
}

/* Appends the data of MEMBER, which READER is at, to OUT. */
static struct error *keep_data(const struct image_archive *archive, struct tar_reader *reader,
                               const struct member *member, struct buffer *out)
{
    struct kept kept = {archive, member, out};

    return tar_reader_copy(reader, (struct sink){keep, &kept});
}

static struct error *write_intake(void *context, const void *bytes, size_t length)
{
    progress_add(length);
    return layer_intake_write(context, bytes, length);
}

/* Takes in the data of the member that READER is at. */
static struct error *take_data(struct image_archive *archive, struct tar_reader *reader,
                               const char *name, unsigned int wanted,
                               struct layer_intake_result *ret)
{
    CLEANUP(freep) char *label = xasprintf("%s:%s", archive->path, name);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;

    TRY(layer_intake_new(label, wanted, archive->store, &intake));
    TRY(tar_reader_copy(reader, (struct sink){write_intake, intake}));
    return layer_intake_finish(STEAL(intake), ret);
}

static struct error *read_once(struct image_archive *archive, struct tar_reader *reader,
                               struct member *member)
{
    if (member->size <= SMALL_SIZE && archive->small_total + member->size <= SMALL_TOTAL_MAX) {
        archive->small_total += (size_t)member->size;
        return keep_data(archive, reader, member, &member->bytes);
    }
    unsigned int wanted = archive->wanted;

    /* It may be a document, which is read whatever forms are requested. */
    if (member->size <= JSON_SIZE_MAX)
        wanted |= LAYER_BLOB;
    TRY(take_data(archive, reader, member->name, wanted, &member->taken));
    member->is_taken = true;
    return NULL;
}

static struct member *add_member(struct image_archive *archive, const char *name)
{
    if (archive->count == archive->capacity) {
        archive->capacity = archive->capacity > 0 ? 2 * archive->capacity : 64;
        archive->members =
            xreallocarray(archive->members, archive->capacity, sizeof *archive->members);
    }
    struct member *member = &archive->members[archive->count];

    archive->count++;
    *member = (struct member){.name = name};
    return member;
}

/* Adds the member that READER is at. Directories, devices, and names that no document of an image
 * could mean are skipped. */
static struct error *add_entry(struct image_archive *archive, struct tar_reader *reader,
                               struct archive_entry *entry)
{
    const char *pathname = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry);
    const char *soft =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;

    if (pathname != NULL && (hard != NULL || soft != NULL))
        archive_index_add_link(archive->index, pathname, hard != NULL ? hard : soft, hard != NULL);
    if (pathname == NULL || hard != NULL || archive_entry_filetype(entry) != AE_IFREG)
        return NULL;
    const char *name = archive_index_add_file(archive->index, pathname, archive->count);

    if (name == NULL)
        return NULL;
    struct member *member = add_member(archive, name);

    if (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > IMAGE_LAYER_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s': member '%s' is too large", archive->path, name);
    member->size = (uint64_t)archive_entry_size(entry);
    member->offset = tar_reader_offset(reader);
    return archive->seekable ? NULL : read_once(archive, reader, member);
}

/* What is taken of the members is shown as of all of them. */
static void expect_members(const struct image_archive *archive)
{
    uint64_t size = 0;

    for (size_t i = 0; i < archive->count; i++)
        size += archive->members[i].size;
    progress_expect(size);
}

static struct error *scan(struct image_archive *archive)
{
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;

    TRY(tar_reader_new(archive->path, archive->fd, 0, &reader));
    archive->seekable = tar_reader_is_seekable(reader);
    for (size_t count = 0;; count++) {
        struct archive_entry *entry;

        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            break;
        if (count == MEMBERS_MAX)
            return error_new(EXIT_INPUT, "read '%s': more than %d members", archive->path,
                             MEMBERS_MAX);
        TRY(add_entry(archive, reader, entry));
    }
    if (archive->seekable)
        expect_members(archive);
    archive_index_sort(archive->index);
    return NULL;
}

struct error *image_archive_open(const char *path, int fd, unsigned int wanted, struct store *store,
                                 struct image_archive **ret)
{
    CLEANUP(image_archive_freep) struct image_archive *archive = xcalloc(1, sizeof *archive);

    archive->path = xstrdup(path);
    archive->fd = fd;
    archive->wanted = wanted;
    archive->store = store;
    archive->index = archive_index_new();
    TRY(scan(archive));
    *ret = STEAL(archive);
    return NULL;
}

static struct member *look_up(const struct image_archive *archive, const char *name)
{
    size_t number;

    return archive_index_find(archive->index, name, &number) ? &archive->members[number] : NULL;
}

static struct error *need(const struct image_archive *archive, const char *name,
                          struct member **ret)
{
    *ret = look_up(archive, name);
    if (*ret == NULL)
        return error_new(EXIT_INPUT, "read '%s': '%s' is missing", archive->path, name);
    return NULL;
}

static bool has(void *context, const char *name)
{
    return look_up(context, name) != NULL;
}

/* Opens the archive again at MEMBER. */
static struct error *open_member(const struct image_archive *archive, const struct member *member,
                                 struct tar_reader **ret)
{
    struct archive_entry *entry;

    TRY(tar_reader_new(archive->path, archive->fd, member->offset, ret));
    TRY(tar_reader_next(*ret, &entry));
    if (entry == NULL || (uint64_t)archive_entry_size(entry) != member->size)
        return error_new(EXIT_INPUT, "read '%s': it changed while it was being read",
                         archive->path);
    return NULL;
}

static struct error *read_member(void *context, const char *name, size_t max, struct buffer *out)
{
    struct image_archive *archive = context;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct member *member;

    TRY(need(archive, name, &member));
    if (member->size > max)
        return error_new(EXIT_INPUT, "read '%s': '%s' is larger than %zu bytes", archive->path,
                         name, max);
    if (member->is_taken && member->taken.tar.path != NULL &&
        member->taken.compression == COMPRESSION_NONE)
        return file_read(member->taken.tar.path, "the cache entry", max, EXIT_OTHER, out);
    if (!archive->seekable) {
        buffer_append(out, member->bytes.data, member->bytes.length);
        return NULL;
    }
    TRY(open_member(archive, member, &reader));
    return keep_data(archive, reader, member, out);
}

static struct error *take_small(struct image_archive *archive, const struct member *member,
                                unsigned int wanted, struct layer_intake_result *ret)
{
    CLEANUP(freep) char *label = xasprintf("%s:%s", archive->path, member->name);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;

    TRY(layer_intake_new(label, wanted, archive->store, &intake));
    TRY(layer_intake_write(intake, member->bytes.data, member->bytes.length));
    return layer_intake_finish(STEAL(intake), ret);
}

static struct error *take(void *context, const char *name, unsigned int wanted,
                          struct layer_intake_result *ret)
{
    struct image_archive *archive = context;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct member *member;

    TRY(need(archive, name, &member));
    if (archive->seekable) {
        TRY(open_member(archive, member, &reader));
        return take_data(archive, reader, name, wanted, ret);
    }
    if (!member->is_taken)
        return take_small(archive, member, wanted, ret);
    if (member->is_gone)
        return error_new(EXIT_INPUT, "read '%s': '%s' is listed as two different layers",
                         archive->path, name);
    *ret = member->taken;
    member->taken = (struct layer_intake_result){0};
    member->is_gone = true;
    if (wanted == 0) {
        temporary_removep(&ret->blob.path);
        temporary_removep(&ret->tar.path);
        ret->blob.path = ret->tar.path = NULL;
    }
    return NULL;
}

struct image_files image_archive_files(struct image_archive *archive)
{
    return (struct image_files){
        .path = archive->path, .context = archive, .has = has, .read = read_member, .take = take};
}

void image_archive_free(struct image_archive *archive)
{
    if (archive == NULL)
        return;
    for (size_t i = 0; i < archive->count; i++) {
        struct member *member = &archive->members[i];

        buffer_free(&member->bytes);
        layer_intake_result_free(&member->taken);
    }
    archive_index_free(archive->index);
    free(archive->members);
    free(archive->path);
    free(archive);
}
