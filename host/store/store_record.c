#include "host/store/store_record.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store_file.h"

#define PROOF_LENGTH (DIGEST_HEX_LENGTH + 1) /* bytes: a digest, as hex, and the end of its line */

/* Returns the record's name in the store; the caller's. */
static char *record_name(const char *kind, const char *key)
{
    assert(strchr(kind, '/') == NULL && strchr(key, '/') == NULL);
    return xasprintf("records/%s/%s", kind, key);
}

/* Sets *RET to the digest by which the record NAME with TEXT begins. */
static void prove(const char *name, const char *text, size_t length, struct digest *ret)
{
    struct sha256 *hash = sha256_new();

    sha256_update(hash, name, strlen(name) + 1);
    sha256_update(hash, text, length);
    sha256_finish(hash, ret);
}

/* Reads the record NAME, open as FD, to OUT. Returns its text, in OUT, or NULL if it is damaged. */
static const char *read_record(const char *name, int fd, struct buffer *out)
{
    struct stat status;
    struct digest proof;

    if (fstat(fd, &status) < 0 || status.st_size <= PROOF_LENGTH ||
        status.st_size > JSON_SIZE_MAX + PROOF_LENGTH)
        return NULL;
    size_t size = (size_t)status.st_size;

    if (!store_file_read_at(fd, buffer_reserve(out, size), size, 0))
        return NULL;
    out->length = size;
    prove(name, out->data + PROOF_LENGTH, size - PROOF_LENGTH, &proof);
    return memcmp(out->data, proof.hex, DIGEST_HEX_LENGTH) == 0 &&
                   out->data[DIGEST_HEX_LENGTH] == '\n'
               ? out->data + PROOF_LENGTH
               : NULL;
}

struct json *store_record_get(struct store *store, const char *kind, const char *key)
{
    CLEANUP(freep) char *name = record_name(kind, key);
    CLEANUP(freep) char *path = xasprintf("%s/%s", store_folder(store), name);
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct json *record = NULL;

    if (fd < 0)
        return NULL;
    const char *text = read_record(name, fd, &bytes);
    CLEANUP(error_freep)
    struct error *err =
        text == NULL ? NULL : json_parse(path, text, bytes.length - PROOF_LENGTH, &record);

    if (text == NULL || err != NULL) {
        store_file_remove(path);
        return NULL;
    }
    return record;
}

void store_record_put(struct store *store, const char *kind, const char *key,
                      const struct json *record)
{
    CLEANUP(freep) char *name = record_name(kind, key);
    CLEANUP(freep) char *path = xasprintf("%s/%s", store_folder(store), name);
    CLEANUP(buffer_free) struct buffer text = {0}, bytes = {0};
    struct digest proof;

    json_write(record, false, &text);
    prove(name, text.data, text.length, &proof);
    buffer_printf(&bytes, "%s\n", proof.hex);
    buffer_append(&bytes, text.data, text.length);
    error_free(store_file_write(store_session(store), path, bytes.data, bytes.length));
}

bool store_record_is_sound(const char *name, int fd)
{
    CLEANUP(buffer_free) struct buffer bytes = {0};

    return read_record(name, fd, &bytes) != NULL;
}
