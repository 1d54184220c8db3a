#include "host/format/image_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/format/dir_image.h"
#include "host/image/image.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_identity.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/store/store_record.h"
#include "host/tar/compression.h"

#define BLOBS "blobs/sha256/"
#define INDEX "index.json"
#define READ_PIECE (1u << 20)
#define RECORDS "blobs" /* kind of the store's records, by the identity of a blob's file */

struct image_folder {
    char *path;
    int fd;
    struct store *store;
};

/* Returns whether an image may have a file of that NAME in a directory. */
static bool is_known(const char *name)
{
    if (strcmp(name, INDEX) == 0 || strcmp(name, DIR_IMAGE_MANIFEST) == 0)
        return true;
    if (strncmp(name, BLOBS, strlen(BLOBS)) == 0)
        return digest_is_hex(name + strlen(BLOBS));
    CLEANUP(freep) char *hex = xstrndup(name, strcspn(name, "."));
    const char *suffix = name + strlen(hex);

    return digest_is_hex(hex) &&
           (*suffix == '\0' || strcmp(suffix, DIR_IMAGE_MANIFEST_SUFFIX) == 0);
}

/* Opens the file NAME of the image. Symlinks are followed: some tools make layouts of them, and
 * the bytes have to match their digest anyway. Errors: EXIT_INPUT (missing, or not a regular
 * file). */
static struct error *open_file(const struct image_folder *folder, const char *name, int *ret_fd,
                               uint64_t *ret_size)
{
    CLEANUP(closep) int fd = -1;
    struct stat status;

    if (!is_known(name))
        return error_new(EXIT_INPUT, "read '%s': an image has no file of that name", folder->path);
    fd = openat(folder->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(EXIT_INPUT, "open '%s/%s'", folder->path, name);
    if (!S_ISREG(status.st_mode))
        return error_new(EXIT_INPUT, "open '%s/%s': not a regular file", folder->path, name);
    *ret_size = (uint64_t)status.st_size;
    *ret_fd = steal_fd(&fd);
    return NULL;
}

static bool has(void *context, const char *name)
{
    CLEANUP(closep) int fd = -1;
    uint64_t size = 0;
    CLEANUP(error_freep) struct error *err = open_file(context, name, &fd, &size);

    return err == NULL;
}

static struct error *read_piece(const struct image_folder *folder, int fd, const char *name,
                                void *bytes, size_t capacity, size_t *ret_length)
{
    ssize_t got;

    do
        got = read(fd, bytes, capacity);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_errno(EXIT_OTHER, "read '%s/%s'", folder->path, name);
    *ret_length = (size_t)got;
    return NULL;
}

static struct error *read_document(void *context, const char *name, size_t max, struct buffer *out)
{
    struct image_folder *folder = context;
    CLEANUP(closep) int fd = -1;
    uint64_t size = 0;

    TRY(open_file(folder, name, &fd, &size));
    return error_context(file_read_open(fd, max, EXIT_INPUT, out), "read '%s/%s'", folder->path,
                         name);
}

static bool get_form(const struct json *record, const char *key, struct layer_intake_form *ret)
{
    const struct json *form = json_get(record, key);
    const char *hex = json_get_string(form, "digest");

    if (hex == NULL || !digest_is_hex(hex))
        return false;
    memcpy(ret->digest.hex, hex, sizeof ret->digest.hex);
    return json_to_unsigned(json_get(form, "size"), IMAGE_LAYER_SIZE_MAX, &ret->size);
}

/* Reads the record of the blob whose file has the identity KEY. Returns false if there is none. */
static bool get_record(struct store *store, const struct digest *key,
                       struct layer_intake_result *ret)
{
    CLEANUP(json_freep) struct json *record = store_record_get(store, RECORDS, key->hex);
    uint64_t compression;

    if (!json_to_unsigned(json_get(record, "compression"), COMPRESSION_BZIP2, &compression))
        return false;
    ret->compression = (enum compression)compression;
    return get_form(record, "blob", &ret->blob) && get_form(record, "tar", &ret->tar);
}

static struct json *describe_form(const struct layer_intake_form *form)
{
    struct json *object = json_object();

    json_set(object, "digest", json_string(form->digest.hex));
    json_set(object, "size", json_integer((int64_t)form->size));
    return object;
}

static void put_record(struct store *store, const struct digest *key,
                       const struct layer_intake_result *result)
{
    CLEANUP(json_freep) struct json *record = json_object();

    json_set(record, "compression", json_integer(result->compression));
    json_set(record, "blob", describe_form(&result->blob));
    json_set(record, "tar", describe_form(&result->tar));
    store_record_put(store, RECORDS, key->hex, record);
}

static struct error *take_in(const struct image_folder *folder, int fd, const char *name,
                             unsigned int wanted, struct layer_intake_result *ret)
{
    CLEANUP(freep) char *label = xasprintf("%s/%s", folder->path, name);
    CLEANUP(freep) char *piece = xreallocarray(NULL, READ_PIECE, 1);
    CLEANUP(layer_intake_freep) struct layer_intake *intake = NULL;

    TRY(layer_intake_new(label, wanted, folder->store, &intake));
    for (;;) {
        size_t length = 0;

        TRY(read_piece(folder, fd, name, piece, READ_PIECE, &length));
        if (length == 0)
            break;
        progress_add(length);
        TRY(layer_intake_write(intake, piece, length));
    }
    return layer_intake_finish(STEAL(intake), ret);
}

static struct error *take(void *context, const char *name, unsigned int wanted,
                          struct layer_intake_result *ret)
{
    struct image_folder *folder = context;
    CLEANUP(closep) int fd = -1;
    struct digest before;
    struct digest after;
    uint64_t size = 0;

    TRY(open_file(folder, name, &fd, &size));
    if (size > IMAGE_LAYER_SIZE_MAX)
        return error_new(EXIT_INPUT, "read '%s/%s': too large", folder->path, name);
    bool known = file_identity(fd, RECORDS, &before);

    if (known && wanted == 0 && get_record(folder->store, &before, ret))
        return NULL;
    TRY(take_in(folder, fd, name, wanted, ret));
    if (known && ret->damage == NULL && file_identity(fd, RECORDS, &after) &&
        digest_equal(&before, &after))
        put_record(folder->store, &before, ret);
    return NULL;
}

struct error *image_folder_open(const char *path, struct store *store, struct image_folder **ret)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_INPUT, "open '%s'", path);
    struct image_folder *folder = xcalloc(1, sizeof *folder);

    folder->path = xstrdup(path);
    folder->fd = fd;
    folder->store = store;
    *ret = folder;
    return NULL;
}

struct image_files image_folder_files(struct image_folder *folder)
{
    return (struct image_files){
        .path = folder->path, .context = folder, .has = has, .read = read_document, .take = take};
}

void image_folder_free(struct image_folder *folder)
{
    if (folder == NULL)
        return;
    closep(&folder->fd);
    free(folder->path);
    free(folder);
}
