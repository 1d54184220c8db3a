#include "host/format/remote_file.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/registry/backoff.h"
#include "host/registry/http.h"
#include "host/registry/url.h"
#include "host/store/store.h"
#include "host/store/store_record.h"

#define RECORDS "urls"

/* A file being fetched. */
struct fetch {
    int fd;
    const char *path;
    uint64_t length;
    uint64_t total; /* that the server announces; 0: unknown */
    struct sha256 *hash;
};

/* Drops what was received. */
static struct error *restart(struct fetch *fetch)
{
    sha256_free(fetch->hash);
    fetch->hash = sha256_new();
    fetch->length = 0;
    if (ftruncate(fetch->fd, 0) != 0 || lseek(fetch->fd, 0, SEEK_SET) < 0)
        return error_errno(EXIT_OTHER, "write to the cache");
    return NULL;
}

/* http_receive: takes a piece of the file. */
static struct error *receive(void *context, const struct http_answer *answer, const void *bytes,
                             size_t length)
{
    struct fetch *fetch = context;
    const char *announced = http_header(answer, "content-length");

    if (length > REMOTE_FILE_MAX - fetch->length)
        return error_new(EXIT_INPUT, "the file is larger than %" PRIu64 " GiB",
                         REMOTE_FILE_MAX >> 30);
    TRY(file_write(bytes, length, fetch->fd, fetch->path));
    sha256_update(fetch->hash, bytes, length);
    fetch->length += length;
    fetch->total = announced != NULL ? strtoull(announced, NULL, 10) : 0;
    progress_bytes(fetch->length, fetch->total);
    return NULL;
}

/* Transfers the file at URL, in as many tries as it takes. */
static struct error *transfer(struct http_client *client, const char *url, struct fetch *fetch,
                              struct http_answer *answer)
{
    const struct http_request request = {
        .method = "GET", .url = url, .receive = receive, .context = fetch};
    struct backoff backoff = {0};

    for (;;) {
        http_answer_free(answer);
        TRY(restart(fetch));
        struct error *err = http_exchange(client, &request, answer);

        if (backoff_again(&backoff, answer, &err))
            continue;
        TRY(err);
        return answer->status == 200 ? NULL
                                     : error_new(EXIT_NETWORK,
                                                 "the server refused the request "
                                                 "(status %d)",
                                                 answer->status);
    }
}

/* The same with a client of its own. *RET_MTIME is that of struct remote_file. */
static struct error *transfer_from(const char *url, const struct registry_access *access,
                                   struct fetch *fetch, int64_t *ret_mtime)
{
    CLEANUP(freep) char *origin = url_origin(url);
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    const struct http_policy policy = {.plain_allowed = url_is_plain(url),
                                       .deadline = access->deadline,
                                       .seconds = access->seconds};
    struct http_client *client = NULL;

    if (origin == NULL)
        return error_new(EXIT_INPUT, "not a URL of http or https");
    TRY(http_client_new(origin, &policy, &client));
    struct error *err = transfer(client, url, fetch, &answer);
    const char *modified = http_header(&answer, "last-modified");
    long long mtime = modified != NULL ? http_date(modified) : 0;

    http_client_free(client);
    *ret_mtime = mtime > 0 ? mtime : 0;
    return err;
}

static char *record_key(const char *url)
{
    struct digest key;

    digest_of(url, strlen(url), &key);
    return xstrdup(key.hex);
}

/* Remembers the time of the file at URL. */
static void remember(struct store *store, const char *url, const struct digest *digest,
                     int64_t mtime)
{
    CLEANUP(json_freep) struct json *record = json_object();
    CLEANUP(freep) char *key = record_key(url);

    json_set(record, "digest", json_string(digest->hex));
    json_set(record, "mtime", json_integer(mtime));
    store_record_put(store, RECORDS, key, record);
}

/* Finds the file of DIGEST that was fetched from URL before. Returns whether it is there. */
static bool find(struct store *store, const char *url, const struct digest *digest,
                 struct remote_file *ret)
{
    CLEANUP(freep) char *key = record_key(url);
    CLEANUP(json_freep) struct json *record = store_record_get(store, RECORDS, key);
    const char *known = json_get_string(record, "digest");
    const struct json *mtime = json_get(record, "mtime");

    if (digest->hex[0] == '\0' || known == NULL || strcmp(known, digest->hex) != 0 ||
        mtime == NULL || mtime->type != JSON_NUMBER)
        return false;
    ret->path = store_find(store, STORE_BLOB, digest->hex);
    ret->mtime = strtoll(mtime->text, NULL, 10);
    return ret->path != NULL;
}

/* Fetches into the temporary PATH, open as FD. */
static struct error *fetch_into(const char *url, const struct registry_access *access,
                                const char *path, int fd, struct digest *ret_digest,
                                int64_t *ret_mtime)
{
    struct fetch fetch = {.fd = fd, .path = path, .hash = sha256_new()};
    struct error *err = transfer_from(url, access, &fetch, ret_mtime);

    sha256_finish(fetch.hash, ret_digest);
    return err;
}

static struct error *fetch_and_keep(const char *url, const struct digest *checksum,
                                    const struct image_request *request, struct remote_file *ret)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;
    struct digest found = {0};

    TRY(store_temporary(request->store, &temporary, &fd));
    TRY(fetch_into(url, &request->registry, temporary, fd, &found, &ret->mtime));
    if (checksum->hex[0] != '\0' && !digest_equal(checksum, &found))
        return error_new(EXIT_INPUT, "the file has the digest " DIGEST_PREFIX "%s", found.hex);
    if (close(steal_fd(&fd)) != 0)
        return error_errno(EXIT_OTHER, "write to the cache '%s'", store_folder(request->store));
    TRY(store_publish(request->store, STORE_BLOB, found.hex, temporary, &ret->path));
    remember(request->store, url, &found, ret->mtime);
    return NULL;
}

struct error *remote_file_get(const char *url, const struct digest *checksum,
                              const struct image_request *request, struct remote_file *ret)
{
    struct remote_file file = {0};

    if (!find(request->store, url, checksum, &file)) {
        progress_start("fetch");
        TRY(error_context(fetch_and_keep(url, checksum, request, &file), "fetch '%.*s'",
                          (int)strcspn(url, "?#"), url));
        progress_done();
    }
    file.name = url_file_name(url);
    *ret = file;
    return NULL;
}
