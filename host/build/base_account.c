#include "host/build/base_account.h"

#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "host/build/image_part.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/tar/tar_reader.h"

#define FILE_MAX (4u << 20) /* bytes */
#define ID_MAX UINT32_C(4294967294)
#define FIELDS_MAX 4

/* sink_write: appends to the struct buffer CONTEXT. */
static struct error *append(void *context, const void *bytes, size_t length)
{
    struct buffer *text = context;

    if (text->length + length > FILE_MAX)
        return error_new(EXIT_INPUT, "more than %u MiB", FILE_MAX >> 20);
    buffer_append(text, bytes, length);
    return NULL;
}

/* Appends the only file in the tarball PATH to TEXT. */
static struct error *read_tar(const char *path, struct buffer *text)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct archive_entry *entry = NULL;

    if (fd < 0)
        return error_errno(EXIT_OTHER, "open the cache entry '%s'", path);
    TRY(tar_reader_new(path, fd, 0, &reader));
    TRY(tar_reader_next(reader, &entry));
    if (entry == NULL || archive_entry_filetype(entry) != AE_IFREG)
        return error_new(EXIT_INPUT, "not a regular file");
    return tar_reader_copy(reader, (struct sink){append, text});
}

/* Appends the file PATH of BASE to TEXT. */
static struct error *read_file(struct image *base, const char *path, struct store *store,
                               struct buffer *text)
{
    CLEANUP(freep) char *tar = NULL;
    bool is_folder = false;

    if (base == NULL)
        return error_new(EXIT_INPUT, "there is no base image");
    TRY(image_part_find(base, path, strrchr(path, '/') + 1, store, &tar, &is_folder));
    if (is_folder)
        return error_new(EXIT_INPUT, "a directory");
    TRY(error_context(read_tar(tar, text), "read '%s' of the base image", path));
    buffer_append(text, "", 0);
    return NULL;
}

static bool read_id(const char *text, uint32_t *ret)
{
    unsigned long long id = strtoull(text, NULL, 10);

    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0' || id > ID_MAX)
        return false;
    *ret = (uint32_t)id;
    return true;
}

/* Finds the line of TEXT, which is changed, whose first field is NAME and whose COUNT fields from
 * the third on are numbers: *RET. Returns whether there is one. */
static bool find_line(char *text, const char *name, size_t count, uint32_t *ret)
{
    char *state = NULL;

    for (char *line = strtok_r(text, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state)) {
        char *fields[FIELDS_MAX] = {0};
        size_t found = 0;

        while (found < FIELDS_MAX && line != NULL)
            fields[found++] = strsep(&line, ":");
        if (found < 2 + count || strcmp(fields[0], name) != 0)
            continue;
        if (read_id(fields[2], &ret[0]) && (count < 2 || read_id(fields[3], &ret[1])))
            return true;
    }
    return false;
}

/* Finds NAME in the file PATH of BASE, with COUNT numbers. */
static struct error *find(struct image *base, struct store *store, const char *path,
                          const char *name, size_t count, uint32_t *ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    TRY(error_context(read_file(base, path, store, &text), "find the owner '%s'", name));
    return find_line(text.data, name, count, ret)
               ? NULL
               : error_advise(error_new(EXIT_INPUT,
                                        "find the owner '%s': not in %s of the base image", name,
                                        path),
                              "numbers, as in \"1000:1000\", need not be there");
}

struct error *base_account_find(const struct spec_content *content, struct image *base,
                                struct store *store, uint32_t *uid, uint32_t *gid)
{
    uint32_t ids[2] = {*uid, *gid};

    if (content->user != NULL) {
        TRY(find(base, store, "/etc/passwd", content->user, 2, ids));
        *uid = ids[0];
        *gid = content->has_group ? *gid : ids[1];
    }
    if (content->group != NULL)
        TRY(find(base, store, "/etc/group", content->group, 1, gid));
    return NULL;
}
