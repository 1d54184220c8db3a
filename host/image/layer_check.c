#include "host/image/layer_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/image.h"
#include "host/image/layer_holes.h"
#include "host/image/layer_order.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/mask.h"
#include "host/lib/memory.h"
#include "host/lib/secret_search.h"
#include "host/tar/tar_stream.h"

#define ID_MAX INT64_C(0xffffffff)
#define MODE_MAX 07777
#define MAJOR_MAX 0xfff /* Linux has 12 and 20 bits */
#define MINOR_MAX 0xfffff

/* What headers, extended headers and padding may take, in addition to the size of the disk. */
#define METADATA_MAX (UINT64_C(1) << 30)

struct layer_check {
    struct tar_stream *stream;
    uint64_t size;
    struct buffer name;              /* of the last entry */
    uint64_t holes;                  /* bytes of its holes */
    uint64_t all_holes;              /* of all */
    struct layer_order *order;       /* NULL: the layer is not a guest's */
    const struct secrets *forbidden; /* NULL: none */
    struct secret_search *secrets;   /* for these; NULL: none */
    uint64_t disk_size;              /* of the guest, bytes */
};

static bool in_range(int64_t value, int64_t max)
{
    return value >= 0 && value <= max;
}

/* Returns what is wrong with PATH, or NULL. */
static const char *fault_of_path(const char *path)
{
    if (*path == '\0')
        return "it is empty";
    if (*path == '/')
        return "it is absolute";
    if (strlen(path) > LAYER_PATH_MAX)
        return "it is too long";
    for (const char *part = path; *part != '\0'; part += *part == '/') {
        size_t length = strcspn(part, "/");

        if (length == 2 && part[0] == '.' && part[1] == '.')
            return "it contains '..'";
        part += length;
    }
    return NULL;
}

static void end_entry(struct layer_check *check)
{
    /* A hole may also come before any entry. */
    if (check->name.length > 0)
        layer_note_holes(check->name.data, check->holes);
    check->holes = 0;
}

/* Refuses the entry at hand, which has SECRET in a place that WHERE names, unless that is NULL. */
static struct error *refuse_secret(const struct layer_check *check, const struct secret *secret,
                                   const char *where)
{
    if (secret == NULL)
        return NULL;
    CLEANUP(freep) char *name = mask_text(check->forbidden, check->name.data);

    return error_new(EXIT_SCRIPT, "%s'%.200s' holds the secret '%s'", where, name, secret->id);
}

/* Looks for secrets in one of the texts of an entry. */
static struct error *search_text(struct layer_check *check, const char *text, size_t length,
                                 const char *where)
{
    secret_search_restart(check->secrets);
    return refuse_secret(check, secret_search_take(check->secrets, text, length), where);
}

/* Looks for secrets in all of ENTRY but its data. */
static struct error *search_entry(struct layer_check *check, const struct tar_entry *entry)
{
    TRY(search_text(check, entry->name, strlen(entry->name), "the name "));
    TRY(search_text(check, entry->link, strlen(entry->link), "the target of link "));
    for (size_t i = 0; i < entry->xattr_count; i++)
        TRY(search_text(check, entry->xattrs[i].value, entry->xattrs[i].length,
                        "an extended attribute of "));
    secret_search_restart(check->secrets);
    return NULL;
}

static struct error *search_data(void *context, const void *bytes, size_t length)
{
    struct layer_check *check = context;

    return refuse_secret(check, secret_search_take(check->secrets, bytes, length), "");
}

static struct error *search_hole(void *context, uint64_t length)
{
    struct layer_check *check = context;

    return refuse_secret(check, secret_search_skip(check->secrets, length), "");
}

static struct error *check_entry(void *context, const struct tar_entry *entry)
{
    struct layer_check *check = context;
    const char *fault = fault_of_path(entry->name);

    end_entry(check);
    check->name.length = 0;
    buffer_append(&check->name, entry->name, strlen(entry->name));
    if (fault != NULL)
        return error_new(EXIT_INPUT, "the path '%.200s' is not allowed: %s", entry->name, fault);
    if (entry->name_has_nul)
        return error_new(EXIT_INPUT, "the path '%.200s' contains a NUL byte", entry->name);
    if (entry->type == '\0' || strchr("0123456", entry->type) == NULL)
        return error_new(EXIT_INPUT, "'%.200s' has the unknown type 0x%02x", entry->name,
                         (unsigned char)entry->type);
    if (entry->is_sparse)
        return error_new(EXIT_INPUT, "'%.200s' is stored as a sparse file", entry->name);
    if (entry->type == '1') {
        fault = fault_of_path(entry->link);
        if (fault != NULL)
            return error_new(EXIT_INPUT, "the target of hard link '%.200s' is not allowed: %s",
                             entry->name, fault);
    }
    if (entry->type != '0' && entry->size != 0)
        return error_new(EXIT_INPUT, "'%.200s' has a size but is not a regular file", entry->name);
    if (!in_range(entry->uid, ID_MAX) || !in_range(entry->gid, ID_MAX) ||
        !in_range(entry->mode, MODE_MAX) || !in_range(entry->major, MAJOR_MAX) ||
        !in_range(entry->minor, MINOR_MAX))
        return error_new(EXIT_INPUT, "'%.200s' has an owner, mode or device out of range",
                         entry->name);
    if (!in_range(entry->size, (int64_t)IMAGE_LAYER_SIZE_MAX))
        return error_new(EXIT_INPUT, "'%.200s' is too large: %" PRId64 " bytes", entry->name,
                         entry->size);
    if (check->order != NULL)
        TRY(layer_order_add(check->order, entry));
    return check->secrets != NULL ? search_entry(check, entry) : NULL;
}

struct layer_check *layer_check_new(void)
{
    struct layer_check *check = xcalloc(1, sizeof *check);

    check->stream =
        tar_stream_new((struct tar_events){.context = check, .entry = check_entry}, true);
    return check;
}

void layer_check_expect_guest(struct layer_check *check, uint64_t disk_size)
{
    check->order = layer_order_new();
    check->disk_size = disk_size;
}

void layer_check_forbid(struct layer_check *check, const struct secrets *secrets)
{
    const struct tar_events events = {
        .context = check, .entry = check_entry, .data = search_data, .skip = search_hole};

    check->forbidden = secrets;
    check->secrets = secret_search_new(secrets);
    if (check->secrets == NULL)
        return;
    tar_stream_free(check->stream);
    check->stream = tar_stream_new(events, true);
}

/* Refuses more than a guest's disk can hold. Each byte of data is a byte of the disk, since holes
 * are sent as such. What describes a file is larger in a tar than on a disk, up to a limit that no
 * build comes near; without one, a guest could send headers for ever. */
static struct error *check_guest_size(const struct layer_check *check)
{
    uint64_t data = tar_stream_data(check->stream), sent = check->size - check->all_holes;
    uint64_t metadata = sent > data ? sent - data : 0;

    if (check->order == NULL)
        return NULL;
    if (data > check->disk_size)
        return error_new(EXIT_INPUT, "more data than its disk of %" PRIu64 " MiB can hold",
                         check->disk_size >> 20);
    if (metadata > METADATA_MAX && metadata - METADATA_MAX > check->disk_size)
        return error_new(EXIT_INPUT, "more headers than a disk of %" PRIu64 " MiB accounts for",
                         check->disk_size >> 20);
    return NULL;
}

static struct error *count(struct layer_check *check, uint64_t length)
{
    if (length > IMAGE_LAYER_SIZE_MAX - check->size)
        return error_new(EXIT_INPUT, "larger than %" PRIu64 " bytes", IMAGE_LAYER_SIZE_MAX);
    check->size += length;
    return NULL;
}

struct error *layer_check_write(struct layer_check *check, const void *bytes, size_t length)
{
    TRY(count(check, length));
    TRY(tar_stream_write(check->stream, bytes, length));
    return check_guest_size(check);
}

struct error *layer_check_skip(struct layer_check *check, uint64_t length)
{
    /* The guest's packer has them nowhere else, and each costs the host its time. */
    if (check->order != NULL && length > tar_stream_data_left(check->stream))
        return error_new(EXIT_INPUT, "a hole that is not in a file");
    TRY(count(check, length));
    check->holes += length;
    check->all_holes += length;
    return tar_stream_skip(check->stream, length);
}

struct error *layer_check_finish(struct layer_check *check)
{
    end_entry(check);
    return tar_stream_finish(check->stream);
}

void layer_check_free(struct layer_check *check)
{
    if (check == NULL)
        return;
    tar_stream_free(check->stream);
    buffer_free(&check->name);
    layer_order_free(check->order);
    secret_search_free(check->secrets);
    free(check);
}
