#include "host/image/layer_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/image/image.h"
#include "host/lib/memory.h"
#include "host/tar/tar_stream.h"

#define ID_MAX INT64_C(0xffffffff)
#define MODE_MAX 07777
#define MAJOR_MAX 0xfff /* Linux has 12 and 20 bits */
#define MINOR_MAX 0xfffff

struct layer_check {
    struct tar_stream *stream;
    uint64_t size;
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

static struct error *check_entry(void *context, const struct tar_entry *entry)
{
    const char *fault = fault_of_path(entry->name);

    (void)context;
    if (fault != NULL)
        return error_new(EXIT_INPUT, "the path '%.200s' is not allowed: %s", entry->name, fault);
    if (entry->name_has_nul)
        return error_new(EXIT_INPUT, "the path '%.200s' contains a NUL byte", entry->name);
    if (entry->type == '\0' || strchr("0123456", entry->type) == NULL)
        return error_new(EXIT_INPUT, "'%.200s' has the unknown type 0x%02x", entry->name,
                         (unsigned char)entry->type);
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
    return NULL;
}

struct layer_check *layer_check_new(void)
{
    struct layer_check *check = xcalloc(1, sizeof *check);

    check->stream = tar_stream_new((struct tar_events){check, check_entry, NULL, 0}, true);
    return check;
}

struct error *layer_check_write(struct layer_check *check, const void *bytes, size_t length)
{
    check->size += length;
    if (check->size > IMAGE_LAYER_SIZE_MAX)
        return error_new(EXIT_INPUT, "larger than %" PRIu64 " bytes", IMAGE_LAYER_SIZE_MAX);
    return tar_stream_write(check->stream, bytes, length);
}

struct error *layer_check_finish(struct layer_check *check)
{
    return tar_stream_finish(check->stream);
}

void layer_check_free(struct layer_check *check)
{
    if (check == NULL)
        return;
    tar_stream_free(check->stream);
    free(check);
}
