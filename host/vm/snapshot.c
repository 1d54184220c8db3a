#include "host/vm/snapshot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/file_identity.h"
#include "host/lib/json.h"
#include "host/store/store_record.h"

/* Raised when older snapshots cannot be resumed any more; part of the key. */
#define FORMAT "3"

#define RECORDS "snapshots"

/* Bytes of data on a scratch disk: some hundred thousand when it has been mounted and holds a few
 * directories. There are more only if the host's file system does not support holes. */
#define DISK_DATA_MAX (UINT64_C(16) << 20)

bool snapshot_key(const char *const *paths, size_t count, const struct buffer *traits,
                  struct digest *ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    buffer_printf(&text, "snapshot " FORMAT " ");
    buffer_append(&text, traits->data, traits->length);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(closep) int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        struct digest identity;

        if (fd < 0 || !file_identity(fd, RECORDS, &identity))
            return false;
        buffer_printf(&text, " %s", identity.hex);
    }
    digest_of(text.data, text.length, ret);
    return true;
}

int snapshot_open(struct store *store, const struct digest *key)
{
    CLEANUP(freep) char *path = store_find(store, STORE_SNAPSHOT, key->hex);

    return path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
}

static void note(struct store *store, const struct digest *key, bool given_up)
{
    CLEANUP(json_freep) struct json *record = json_object();

    json_set(record, "givenUp", json_boolean(given_up));
    store_record_put(store, RECORDS, key->hex, record);
}

bool snapshot_is_due(struct store *store, const struct digest *key, bool used_again)
{
    CLEANUP(json_freep) struct json *record = store_record_get(store, RECORDS, key->hex);
    const struct json *given_up = json_get(record, "givenUp");

    if (given_up == NULL)
        note(store, key, false);
    if (given_up == NULL)
        return used_again;
    return given_up->type == JSON_BOOLEAN && !given_up->boolean;
}

struct error *snapshot_lock(struct store *store, const struct digest *key, int *ret_fd)
{
    return store_lock(store, STORE_SNAPSHOT, key->hex, ret_fd);
}

struct error *snapshot_seek_state(int fd, uint64_t disk_size)
{
    if (lseek(fd, (off_t)disk_size, SEEK_SET) < 0)
        return error_errno(EXIT_OTHER, "find the state in the snapshot");
    return NULL;
}

struct error *snapshot_restore_disk(int fd, uint64_t disk_size, const char *disk)
{
    CLEANUP(closep) int to = open(disk, O_WRONLY | O_TRUNC | O_CLOEXEC);

    if (to < 0 || ftruncate(to, (off_t)disk_size) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", disk);
    return file_copy_data(fd, "the snapshot", disk_size, DISK_DATA_MAX, to, disk);
}

struct error *snapshot_keep(struct store *store, const struct digest *key, const char *path, int fd,
                            uint64_t disk_size, const char *disk)
{
    CLEANUP(closep) int from = open(disk, O_RDONLY | O_CLOEXEC);

    if (from < 0)
        return error_errno(EXIT_OTHER, "read '%s'", disk);
    TRY(file_copy_data(from, disk, disk_size, DISK_DATA_MAX, fd, path));
    return store_publish(store, STORE_SNAPSHOT, key->hex, path, NULL);
}

void snapshot_drop(struct store *store, const struct digest *key)
{
    store_drop(store, STORE_SNAPSHOT, key->hex);
}

void snapshot_give_up(struct store *store, const struct digest *key)
{
    snapshot_drop(store, key);
    note(store, key, true);
}
