#include "host/format/archive_index.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "host/tar/compression.h"
#include "host/tar/tar_reader.h"

#define MEMBERS_MAX 100000
#define NAME_LENGTH_MAX 1024        /* names of an image's files have some 80 */
#define LINKS_MAX 8                 /* from name to name */
#define SMALL_SIZE (256u << 10)     /* members up to this are kept in memory, ... */
#define SMALL_TOTAL_MAX (32u << 20) /* ... together up to this */

struct member {
    char *name;
    size_t sequence; /* in the archive: of two of one name the later counts */
    char *link;      /* the name that it stands for, or NULL */
    uint64_t size;
    uint64_t offset; /* of the header, where the archive is seekable */

    /* Where it is not: */
    struct buffer bytes;              /* a small one */
    struct layer_intake_result taken; /* a large one */
    bool is_taken;
    bool is_gone; /* given to the caller */
};

struct archive_index {
    char *path;
    int fd;
    unsigned int wanted;
    struct store *store;
    bool seekable;
    struct member *members; /* sorted by name and sequence once all are there */
    size_t count, capacity;
    size_t small_total;
};

/* Whether NAME could be one that an image's documents mean; no other gets into messages. */
static bool is_printable(const char *name)
{
    for (; *name != '\0'; name++)
        if (*name < ' ' || *name > '~')
            return false;
    return true;
}

/* NAME without "." parts and with its ".." parts resolved, below the folder of BASE (NULL: the
 * root). Returns NULL where it is absolute, unprintable, leads out of the root, or is the root; the
 * caller's. */
static char *resolve(const char *base, const char *name)
{
    const char *slash = base != NULL ? strrchr(base, '/') : NULL;
    CLEANUP(buffer_free) struct buffer path = {0};

    if (name[0] == '/' || strlen(name) > NAME_LENGTH_MAX || !is_printable(name))
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

/* Where a member's data is kept in memory. */
struct kept {
    const struct archive_index *index;
    const struct member *member;
    struct buffer *bytes;
};

/* sink_write: keeps what the member's header promises, and no more. */
static struct error *keep(void *context, const void *bytes, size_t length)
{
    struct kept *kept = context;

    if (kept->bytes->length + length > kept->member->size)
        return error_new(EXIT_INPUT, "read '%s': member '%s' is larger than its header says",
                         kept->index->path, kept->member->name);
    buffer_append(kept->bytes, bytes, length);
    return NULL;
}

/* Appends the data of MEMBER, which READER stands at, to OUT. */
static struct error *keep_data(const struct archive_index *index, struct tar_reader *reader,
                               const struct member *member, struct buffer *out)
{
    struct kept kept = {index, member, out};

    return tar_reader_copy(reader, (struct sink){keep, &kept});
}

static struct error *write_intake(void *context, const void *bytes, size_t length)
{
    return layer_intake_write(context, bytes, length);
}

/* Takes in the data of the member that READER stands at. */
static struct error *take_data(struct archive_index *index, struct tar_reader *reader,
                               const char *name, unsigned int wanted,
                               struct layer_intake_result *ret)
{
    CLEANUP(freep) char *label = xasprintf("%s:%s", index->path, name);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;

    TRY(layer_intake_new(label, wanted, index->store, &intake));
    TRY(tar_reader_copy(reader, (struct sink){write_intake, intake}));
    return layer_intake_finish(STEAL(intake), ret);
}

static struct error *read_once(struct archive_index *index, struct tar_reader *reader,
                               struct member *member)
{
    if (member->size <= SMALL_SIZE && index->small_total + member->size <= SMALL_TOTAL_MAX) {
        index->small_total += (size_t)member->size;
        return keep_data(index, reader, member, &member->bytes);
    }
    unsigned int wanted = index->wanted;

    /* It may be a document, which is read whatever is asked for. */
    if (member->size <= JSON_SIZE_MAX)
        wanted |= LAYER_BLOB;
    TRY(take_data(index, reader, member->name, wanted, &member->taken));
    member->is_taken = true;
    return NULL;
}

static struct member *add_member(struct archive_index *index)
{
    if (index->count == index->capacity) {
        index->capacity = index->capacity > 0 ? 2 * index->capacity : 64;
        index->members = xreallocarray(index->members, index->capacity, sizeof *index->members);
    }
    struct member *member = &index->members[index->count];

    *member = (struct member){.sequence = index->count++};
    return member;
}

/* Adds the member that READER stands at. Folders, devices, and names that no document of an image
 * could mean are passed over. */
static struct error *add_entry(struct archive_index *index, struct tar_reader *reader,
                               struct archive_entry *entry)
{
    const char *pathname = archive_entry_pathname(entry);
    const char *hard = archive_entry_hardlink(entry);
    const char *soft =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;
    char *name = pathname != NULL ? resolve(NULL, pathname) : NULL;

    if (name == NULL)
        return NULL;
    if (hard == NULL && soft == NULL && archive_entry_filetype(entry) != AE_IFREG) {
        free(name);
        return NULL;
    }
    struct member *member = add_member(index);

    member->name = name;
    if (hard != NULL || soft != NULL) {
        member->link = hard != NULL ? resolve(NULL, hard) : resolve(name, soft);
        if (member->link == NULL) /* leads nowhere, as a name that no member has */
            member->link = xstrdup("/");
        return NULL;
    }
    if (archive_entry_size(entry) < 0 || (uint64_t)archive_entry_size(entry) > IMAGE_LAYER_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s': member '%s' is too large", index->path, name);
    member->size = (uint64_t)archive_entry_size(entry);
    member->offset = tar_reader_offset(reader);
    return index->seekable ? NULL : read_once(index, reader, member);
}

static int by_name(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = strcmp(left->name, right->name);

    if (order != 0)
        return order;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static struct error *scan(struct archive_index *index)
{
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;

    TRY(tar_reader_new(index->path, index->fd, 0, &reader));
    index->seekable = tar_reader_is_seekable(reader);
    for (size_t count = 0;; count++) {
        struct archive_entry *entry;

        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            break;
        if (count == MEMBERS_MAX)
            return error_new(EXIT_INPUT, "read '%s': more than %d members", index->path,
                             MEMBERS_MAX);
        TRY(add_entry(index, reader, entry));
    }
    if (index->count > 0)
        qsort(index->members, index->count, sizeof *index->members, by_name);
    return NULL;
}

struct error *archive_index_open(const char *path, int fd, unsigned int wanted, struct store *store,
                                 struct archive_index **ret)
{
    CLEANUP(archive_index_freep) struct archive_index *index = xcalloc(1, sizeof *index);

    index->path = xstrdup(path);
    index->fd = fd;
    index->wanted = wanted;
    index->store = store;
    TRY(scan(index));
    *ret = STEAL(index);
    return NULL;
}

/* The last member called NAME, links not followed. */
static struct member *find(const struct archive_index *index, const char *name)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(index->members[middle].name, name) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && strcmp(index->members[low - 1].name, name) == 0 ? &index->members[low - 1]
                                                                      : NULL;
}

/* The file that NAME stands for. */
static struct member *look_up(const struct archive_index *index, const char *name)
{
    CLEANUP(freep) char *plain = resolve(NULL, name);
    struct member *member = plain != NULL ? find(index, plain) : NULL;

    for (int links = 0; member != NULL && member->link != NULL; links++)
        member = links < LINKS_MAX ? find(index, member->link) : NULL;
    return member;
}

static struct error *need(const struct archive_index *index, const char *name, struct member **ret)
{
    *ret = look_up(index, name);
    if (*ret == NULL)
        return error_new(EXIT_INPUT, "read '%s': '%s' is missing", index->path, name);
    return NULL;
}

static bool has(void *context, const char *name)
{
    return look_up(context, name) != NULL;
}

/* Opens the archive again at MEMBER. */
static struct error *open_member(const struct archive_index *index, const struct member *member,
                                 struct tar_reader **ret)
{
    struct archive_entry *entry;

    TRY(tar_reader_new(index->path, index->fd, member->offset, ret));
    TRY(tar_reader_next(*ret, &entry));
    if (entry == NULL || (uint64_t)archive_entry_size(entry) != member->size)
        return error_new(EXIT_INPUT, "read '%s': it changed while it was being read", index->path);
    return NULL;
}

static struct error *read_member(void *context, const char *name, size_t max, struct buffer *out)
{
    struct archive_index *index = context;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct member *member;

    TRY(need(index, name, &member));
    if (member->size > max)
        return error_new(EXIT_INPUT, "read '%s': '%s' is larger than %zu bytes", index->path, name,
                         max);
    if (member->is_taken && member->taken.tar.path != NULL &&
        member->taken.compression == COMPRESSION_NONE)
        return file_read(member->taken.tar.path, "the cache's", max, EXIT_OTHER, out);
    if (!index->seekable) {
        buffer_append(out, member->bytes.data, member->bytes.length);
        return NULL;
    }
    TRY(open_member(index, member, &reader));
    return keep_data(index, reader, member, out);
}

static struct error *take_small(struct archive_index *index, const struct member *member,
                                unsigned int wanted, struct layer_intake_result *ret)
{
    CLEANUP(freep) char *label = xasprintf("%s:%s", index->path, member->name);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;

    TRY(layer_intake_new(label, wanted, index->store, &intake));
    TRY(layer_intake_write(intake, member->bytes.data, member->bytes.length));
    return layer_intake_finish(STEAL(intake), ret);
}

static struct error *take(void *context, const char *name, unsigned int wanted,
                          struct layer_intake_result *ret)
{
    struct archive_index *index = context;
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct member *member;

    TRY(need(index, name, &member));
    if (index->seekable) {
        TRY(open_member(index, member, &reader));
        return take_data(index, reader, name, wanted, ret);
    }
    if (!member->is_taken)
        return take_small(index, member, wanted, ret);
    if (member->is_gone)
        return error_new(EXIT_INPUT, "read '%s': '%s' is listed as two different layers",
                         index->path, name);
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

struct image_files archive_index_files(struct archive_index *index)
{
    return (struct image_files){
        .path = index->path, .context = index, .has = has, .read = read_member, .take = take};
}

void archive_index_free(struct archive_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->count; i++) {
        struct member *member = &index->members[i];

        free(member->name);
        free(member->link);
        buffer_free(&member->bytes);
        layer_intake_result_free(&member->taken);
    }
    free(index->members);
    free(index->path);
    free(index);
}
