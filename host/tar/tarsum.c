#include "host/tar/tarsum.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/memory.h"
#include "host/tar/tar_stream.h"

/* The sum of one entry. */
struct sum {
    struct digest digest;
    uint64_t name_key; /* of its cleaned name: equal for equal names */
    uint64_t position; /* in the tar */
};

struct tarsum {
    enum tarsum_version version;
    struct tar_stream *stream;
    struct sha256 *hash; /* of the current entry, or NULL before the first */
    uint64_t name_key;   /* its own */
    struct sum *sums;
    size_t count, capacity;
    struct buffer fields;
    bool given_up; /* holes were too large */
};

/* Ends the current entry. */
static void end_entry(struct tarsum *sum)
{
    if (sum->hash == NULL)
        return;
    if (sum->count == sum->capacity) {
        sum->capacity = sum->capacity > 0 ? sum->capacity * 2 : 64;
        sum->sums = xreallocarray(sum->sums, sum->capacity, sizeof *sum->sums);
    }
    struct sum *next = &sum->sums[sum->count];

    next->name_key = sum->name_key;
    next->position = sum->count++;
    sha256_finish(STEAL(sum->hash), &next->digest);
}

/* Takes the last part off CLEAN. Returns whether there was one other than "..". */
static bool drop_part(struct buffer *clean)
{
    size_t length = clean->length;

    while (length > 0 && clean->data[length - 1] != '/')
        length--;
    if (length == 0 || strncmp(clean->data + length, "..", clean->length - length) == 0)
        return false;
    clean->length = length - 1;
    return true;
}

/* Returns a number for NAME as Go's path.Clean leaves it, which removes `.` and `..` parts and
 * doubled or final slashes. Each remaining part has a slash before it, and an absolute name one at
 * its end. */
static uint64_t key_of(const char *name)
{
    CLEANUP(buffer_free) struct buffer clean = {0};
    struct digest digest;
    bool absolute = *name == '/';

    for (const char *part = name; *part != '\0'; part += *part == '/') {
        size_t length = strcspn(part, "/");
        bool is_up = length == 2 && memcmp(part, "..", 2) == 0;

        if (length > 0 && !(length == 1 && *part == '.') &&
            !(is_up && (drop_part(&clean) || absolute))) {
            buffer_append(&clean, "/", 1);
            buffer_append(&clean, part, length);
        }
        part += length;
    }
    if (absolute)
        buffer_append(&clean, "/", 1);
    digest_of(clean.data != NULL ? clean.data : "", clean.length, &digest);
    digest.hex[16] = '\0';
    return strtoull(digest.hex, NULL, 16);
}

/* Adds the header's fields in the order of the specification, each name with its value and nothing
 * between them. Versions after 0 omit mtime and add the xattrs, sorted by name. */
static void add_fields(struct tarsum *sum, const struct tar_entry *entry)
{
    struct buffer *out = &sum->fields;

    out->length = 0;
    buffer_printf(out, "name%smode%" PRId64 "uid%" PRId64 "gid%" PRId64 "size%" PRId64, entry->name,
                  entry->mode, entry->uid, entry->gid, entry->size);
    if (sum->version == TARSUM_V0)
        buffer_printf(out, "mtime%" PRId64, entry->mtime);
    buffer_printf(out, "typeflag%clinkname%suname%sgname%sdevmajor%" PRId64 "devminor%" PRId64,
                  entry->type, entry->link, entry->user, entry->group, entry->major, entry->minor);
    for (size_t i = 0; sum->version != TARSUM_V0 && i < entry->xattr_count; i++) {
        buffer_printf(out, "%s", entry->xattrs[i].name);
        buffer_append(out, entry->xattrs[i].value, entry->xattrs[i].length);
    }
    sha256_update(sum->hash, out->data, out->length);
}

static struct error *begin_entry(void *context, const struct tar_entry *entry)
{
    struct tarsum *sum = context;

    end_entry(sum);
    sum->hash = sha256_new();
    sum->given_up = sum->given_up || entry->data_left_out;
    sum->name_key = key_of(entry->name);
    add_fields(sum, entry);
    return NULL;
}

static struct error *add_data(void *context, const void *bytes, size_t length)
{
    struct tarsum *sum = context;

    sha256_update(sum->hash, bytes, length);
    return NULL;
}

struct tarsum *tarsum_new(enum tarsum_version version, uint64_t holes_max)
{
    struct tarsum *sum = xcalloc(1, sizeof *sum);

    sum->version = version;
    sum->stream = tar_stream_new(
        (struct tar_events){
            .context = sum, .entry = begin_entry, .data = add_data, .holes_max = holes_max},
        false);
    return sum;
}

struct error *tarsum_update(struct tarsum *sum, const void *bytes, size_t length)
{
    return tar_stream_write(sum->stream, bytes, length);
}

static int by_digest(const void *a, const void *b)
{
    const struct sum *left = a, *right = b;
    int order = strcmp(left->digest.hex, right->digest.hex);

    if (order != 0)
        return order;
    return left->position < right->position ? -1 : left->position > right->position;
}

static int by_name(const void *a, const void *b)
{
    const struct sum *left = *(struct sum *const *)a, *right = *(struct sum *const *)b;

    if (left->name_key != right->name_key)
        return left->name_key < right->name_key ? -1 : 1;
    return left < right ? -1 : left > right;
}

static int by_position(const void *a, const void *b)
{
    const struct sum *left = a, *right = b;

    return left->position < right->position ? -1 : left->position > right->position;
}

/* Entries of the same name are put in the order of the tar, in the places that their sums have
 * among the others. SUMS are sorted by digest. */
static void order_namesakes(struct sum *sums, size_t count)
{
    CLEANUP(freep) struct sum **places = xcalloc(count, sizeof *places);

    for (size_t i = 0; i < count; i++)
        places[i] = &sums[i];
    qsort(places, count, sizeof *places, by_name);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && places[end]->name_key == places[first]->name_key;)
            end++;
        if (end - first == 1)
            continue;
        CLEANUP(freep) struct sum *group = xcalloc(end - first, sizeof *group);

        for (size_t i = first; i < end; i++)
            group[i - first] = *places[i];
        qsort(group, end - first, sizeof *group, by_position);
        for (size_t i = first; i < end; i++)
            *places[i] = group[i - first];
    }
}

struct error *tarsum_finish(struct tarsum *sum, char **ret)
{
    static const char *const labels[] = {
        [TARSUM_V0] = "tarsum", [TARSUM_V1] = "tarsum.v1", [TARSUM_DEV] = "tarsum.dev"};
    CLEANUP(tarsum_freep) struct tarsum *owned = sum;
    struct digest digest;

    TRY(tar_stream_finish(owned->stream));
    end_entry(owned);
    if (owned->given_up) {
        *ret = NULL;
        return NULL;
    }
    if (owned->count > 1) {
        qsort(owned->sums, owned->count, sizeof *owned->sums, by_digest);
        order_namesakes(owned->sums, owned->count);
    }
    struct sha256 *hash = sha256_new();

    for (size_t i = 0; i < owned->count; i++)
        sha256_update(hash, owned->sums[i].digest.hex, DIGEST_HEX_LENGTH);
    sha256_finish(hash, &digest);
    *ret = xasprintf("%s+" DIGEST_PREFIX "%s", labels[owned->version], digest.hex);
    return NULL;
}

void tarsum_free(struct tarsum *sum)
{
    if (sum == NULL)
        return;
    tar_stream_free(sum->stream);
    sha256_free(sum->hash);
    free(sum->sums);
    buffer_free(&sum->fields);
    free(sum);
}
