#include "host/build/file_memo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/file_identity.h"
#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/store/store_record.h"

#define RECORDS "files"
#define PURPOSE "digest/1"
#define PIECE (256u << 10) /* bytes of a file read at a time */

/* An item of the record's text: a part of the identity and the digest of the file. */
#define IDENTITY_LENGTH 32
#define ITEM_LENGTH (IDENTITY_LENGTH + DIGEST_HEX_LENGTH)
#define ITEMS_MAX ((JSON_SIZE_MAX - 1024) / ITEM_LENGTH)

struct file_memo {
    struct store *store;
    struct digest key;
    struct json *record; /* a string: the items, sorted; or NULL */
    size_t record_count; /* of its items */
    struct buffer items; /* those that were found or added, in any order */
    bool has_new;
};

struct file_memo *file_memo_open(struct store *store, const char *name)
{
    struct file_memo *memo = xcalloc(1, sizeof *memo);

    memo->store = store;
    digest_of(name, strlen(name), &memo->key);
    memo->record = store_record_get(store, RECORDS, memo->key.hex);
    if (memo->record != NULL &&
        (memo->record->type != JSON_STRING || strlen(memo->record->text) % ITEM_LENGTH != 0))
        json_free(STEAL(memo->record));
    if (memo->record != NULL)
        memo->record_count = strlen(memo->record->text) / ITEM_LENGTH;
    return memo;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, IDENTITY_LENGTH);
}

/* Whether what is known of STATUS identifies the file. */
static bool identify(const struct stat *status, struct digest *ret)
{
    return file_identity_of(status, PURPOSE, ret);
}

static void add_item(struct file_memo *memo, const char *identity, const char *digest)
{
    if (memo->items.length / ITEM_LENGTH >= ITEMS_MAX)
        return;
    buffer_append(&memo->items, identity, IDENTITY_LENGTH);
    buffer_append(&memo->items, digest, DIGEST_HEX_LENGTH);
}

static bool find(void *context, const struct stat *status, struct digest *ret)
{
    struct file_memo *memo = context;
    struct digest identity;

    if (memo->record == NULL || !identify(status, &identity))
        return false;
    const char *items = memo->record->text;
    const char *item = bsearch(identity.hex, items, memo->record_count, ITEM_LENGTH, compare);

    if (item == NULL)
        return false;
    memcpy(ret->hex, item + IDENTITY_LENGTH, DIGEST_HEX_LENGTH);
    ret->hex[DIGEST_HEX_LENGTH] = '\0';
    add_item(memo, item, ret->hex);
    return digest_is_hex(ret->hex);
}

static void add(void *context, const struct stat *status, const struct digest *digest)
{
    struct file_memo *memo = context;
    struct digest identity;

    if (!identify(status, &identity))
        return;
    add_item(memo, identity.hex, digest->hex);
    memo->has_new = true;
}

struct contents_digests file_memo_digests(struct file_memo *memo)
{
    return (struct contents_digests){find, add, memo};
}

static struct error *read_digest(const char *path, int fd, struct digest *ret)
{
    CLEANUP(sha256_freep) struct sha256 *hash = sha256_new();
    CLEANUP(freep) char *piece = xreallocarray(NULL, PIECE, 1);
    ssize_t got;

    while ((got = read(fd, piece, PIECE)) != 0) {
        if (got < 0 && errno != EINTR)
            return error_errno(EXIT_OTHER, "read '%s'", path);
        if (got > 0)
            sha256_update(hash, piece, (size_t)got);
    }
    sha256_finish(STEAL(hash), ret);
    return NULL;
}

struct error *file_memo_digest(struct file_memo *memo, const char *path, struct digest *ret)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(EXIT_OTHER, "read '%s'", path);
    if (find(memo, &status, ret))
        return NULL;
    TRY(read_digest(path, fd, ret));
    add(memo, &status, ret);
    return NULL;
}

/* Keeps the items, sorted and each once. */
static void keep(struct file_memo *memo)
{
    size_t count = memo->items.length / ITEM_LENGTH;
    CLEANUP(buffer_free) struct buffer text = {0};

    qsort(memo->items.data, count, ITEM_LENGTH, compare);
    for (size_t i = 0; i < count; i++) {
        const char *item = memo->items.data + i * ITEM_LENGTH;

        if (i + 1 == count || compare(item, item + ITEM_LENGTH) != 0)
            buffer_append(&text, item, ITEM_LENGTH);
    }
    CLEANUP(json_freep) struct json *record = json_string(text.data);

    store_record_put(memo->store, RECORDS, memo->key.hex, record);
}

void file_memo_close(struct file_memo *memo)
{
    if (memo == NULL)
        return;
    if (memo->has_new)
        keep(memo);
    json_free(memo->record);
    buffer_free(&memo->items);
    free(memo);
}
