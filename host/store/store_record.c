#include "host/store/store_record.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store_file.h"

static char *record_path(const struct store *store, const char *kind, const char *key)
{
    assert(strchr(kind, '/') == NULL && strchr(key, '/') == NULL);
    return xasprintf("%s/records/%s/%s", store_folder(store), kind, key);
}

struct json *store_record_get(struct store *store, const char *kind, const char *key)
{
    CLEANUP(freep) char *path = record_path(store, kind, key);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(buffer_free) struct buffer text = {0};
    struct stat status;
    struct json *record = NULL;

    if (fd < 0 || fstat(fd, &status) < 0 || status.st_size <= 0 || status.st_size > JSON_SIZE_MAX)
        return NULL;
    size_t size = (size_t)status.st_size;

    if (!store_file_read_at(fd, buffer_reserve(&text, size), size, 0))
        return NULL;
    text.length = size;
    struct error *err = json_parse(path, text.data, text.length, &record);

    if (err != NULL) {
        error_free(err);
        unlink(path);
        return NULL;
    }
    return record;
}

void store_record_put(struct store *store, const char *kind, const char *key,
                      const struct json *record)
{
    CLEANUP(freep) char *path = record_path(store, kind, key);
    CLEANUP(buffer_free) struct buffer text = {0};

    json_write(record, false, &text);
    error_free(store_file_write(store_session(store), path, text.data, text.length));
}
