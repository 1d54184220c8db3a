#include "snapshot.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "cleanup.h"
#include "input_identity.h"
#include "json.h"

/* Raised whenever a snapshot of before cannot be resumed; part of the key. */
#define FORMAT "1"

#define RECORDS "snapshots"

bool snapshot_key(const char *const *paths, size_t count, const struct buffer *traits,
                  struct digest *ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    buffer_printf(&text, "snapshot " FORMAT " ");
    buffer_append(&text, traits->data, traits->length);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(closep) int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        struct digest identity;

        if (fd < 0 || !input_identity(fd, RECORDS, &identity))
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
    store_put_record(store, RECORDS, key->hex, record);
}

bool snapshot_is_due(struct store *store, const struct digest *key)
{
    CLEANUP(json_freep) struct json *record = store_get_record(store, RECORDS, key->hex);
    const struct json *given_up = json_get(record, "givenUp");

    if (given_up == NULL)
        note(store, key, false);
    return given_up != NULL && given_up->type == JSON_BOOLEAN && !given_up->boolean;
}

struct error *snapshot_keep(struct store *store, const struct digest *key, const char *path)
{
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
