#include "host/registry/blob_download.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/registry/backoff.h"
#include "host/registry/registry_error.h"

/* A download in progress. */
struct download {
    struct blob_downloads *shared;
    const struct descriptor *descriptor;
    const atomic_bool *stopped;
    int fd;
    uint64_t offset; /* bytes written and hashed */
    struct sha256 *hash;
    bool answered; /* the current try has received bytes */
};

static void count(struct download *download, uint64_t bytes)
{
    struct blob_downloads *shared = download->shared;
    uint64_t done = atomic_fetch_add(&shared->done, bytes) + bytes;

    progress_bytes(done, shared->total);
}

static struct error *write_failed(const struct blob_downloads *downloads)
{
    return error_errno(EXIT_OTHER, "write to the cache '%s'", store_folder(downloads->store));
}

/* Drops what was received, to start again. */
static struct error *restart(struct download *download)
{
    if (ftruncate(download->fd, 0) != 0)
        return write_failed(download->shared);
    count(download, -download->offset);
    download->offset = 0;
    sha256_free(download->hash);
    download->hash = sha256_new();
    return NULL;
}

/* Checks where an answer begins, before its first byte is used. */
static struct error *begin_answer(struct download *download, const struct http_answer *answer)
{
    const char *range = http_header(answer, "content-range");
    uint64_t start = 0;

    if (download->answered)
        return NULL;
    download->answered = true;
    if (answer->status == 206 &&
        (range == NULL || sscanf(range, "bytes %" SCNu64 "-", &start) != 1 ||
         start != download->offset))
        return error_new(EXIT_NETWORK, "the registry sent a different range than requested");
    if (answer->status != 206 && download->offset > 0)
        return restart(download);
    return NULL;
}

/* Writes the next bytes of the blob. */
static struct error *write_all(struct download *download, const char *bytes, size_t length)
{
    uint64_t offset = download->offset;

    while (length > 0) {
        ssize_t written = pwrite(download->fd, bytes, length, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return write_failed(download->shared);
        bytes += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return NULL;
}

static struct error *receive(void *context, const struct http_answer *answer, const void *bytes,
                             size_t length)
{
    struct download *download = context;

    if (atomic_load(download->stopped))
        return error_new(EXIT_NETWORK, "aborted");
    TRY(begin_answer(download, answer));
    if (length > download->descriptor->size - download->offset)
        return error_new(EXIT_INPUT,
                         "it is larger than the %" PRIu64 " bytes that the manifest states",
                         download->descriptor->size);
    TRY(write_all(download, bytes, length));
    sha256_update(download->hash, bytes, length);
    download->offset += length;
    count(download, length);
    return NULL;
}

/* Judges an answer that was received completely. */
static struct error *judge(struct download *download, struct http_answer *answer)
{
    if (answer->status == 416) { /* what was received does not belong to the server's blob */
        answer->transient = true;
        TRY(restart(download));
        return error_new(EXIT_NETWORK, "the registry rejected the requested range");
    }
    if (answer->status != 200 && answer->status != 206)
        return NULL;
    if (download->offset == download->descriptor->size)
        return NULL;
    answer->transient = true;
    return error_new(EXIT_NETWORK, "only %" PRIu64 " of %" PRIu64 " bytes were received",
                     download->offset, download->descriptor->size);
}

/* Transfers the bytes, in as many tries as it takes. */
static struct error *transfer(struct download *download)
{
    CLEANUP(freep)
    char *path = xasprintf("blobs/" DIGEST_PREFIX "%s", download->descriptor->digest.hex);
    CLEANUP(freep) char *url = repository_url(download->shared->repository, path);
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    struct http_request request = {.method = "GET", .url = url, .receive = receive};
    struct backoff backoff = {0};

    request.context = download;
    for (;;) {
        uint64_t before = download->offset;

        http_answer_free(&answer);
        download->answered = false;
        request.range_start = before;
        struct error *err = repository_exchange(download->shared->repository, &request, &answer);

        if (err == NULL)
            err = judge(download, &answer);
        if (download->offset >= before + BLOB_DOWNLOAD_STEP)
            backoff.tries = 0;
        if (atomic_load(download->stopped) || !backoff_again(&backoff, &answer, &err)) {
            TRY(err);
            break;
        }
    }
    if (answer.status != 200 && answer.status != 206)
        return registry_error(&answer, "the registry refused the request");
    return NULL;
}

/* Fetches the blob into the temporary open at FD. */
static struct error *fetch(struct blob_downloads *downloads, const struct descriptor *descriptor,
                           const atomic_bool *stopped, int fd)
{
    struct download download = {
        .shared = downloads, .descriptor = descriptor, .stopped = stopped, .fd = fd};
    struct digest found;

    download.hash = sha256_new();
    struct error *err = transfer(&download);

    sha256_finish(download.hash, &found);
    if (err != NULL || digest_equal(&found, &descriptor->digest))
        return err;
    return error_new(EXIT_INPUT, "the registry sent content with digest " DIGEST_PREFIX "%s",
                     found.hex);
}

static struct error *fetch_into_store(struct blob_downloads *downloads,
                                      const struct descriptor *descriptor,
                                      const atomic_bool *stopped, char **ret_path)
{
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(store_temporary(downloads->store, &temporary, &fd));
    TRY(error_context(fetch(downloads, descriptor, stopped, fd), "get blob '" DIGEST_PREFIX "%s'",
                      descriptor->digest.hex));
    if (close(steal_fd(&fd)) != 0)
        return write_failed(downloads);
    return store_publish(downloads->store, STORE_BLOB, descriptor->digest.hex, temporary, ret_path);
}

/* Returns the entry's path if there is one of the manifest's size, else NULL; the caller's. */
static char *find(struct blob_downloads *downloads, const struct descriptor *descriptor)
{
    CLEANUP(freep)
    char *path = store_find_unchecked(downloads->store, STORE_BLOB, descriptor->digest.hex);
    struct stat status;

    if (path == NULL || stat(path, &status) != 0 || (uint64_t)status.st_size != descriptor->size)
        return NULL;
    return STEAL(path);
}

struct error *blob_download(struct blob_downloads *downloads, const struct descriptor *descriptor,
                            const atomic_bool *stopped, char **ret_path)
{
    CLEANUP(closep) int lock = -1;
    char *path = find(downloads, descriptor);

    if (path == NULL) {
        TRY(store_lock(downloads->store, STORE_BLOB, descriptor->digest.hex, &lock));
        path = find(downloads, descriptor);
    }
    if (path == NULL)
        return fetch_into_store(downloads, descriptor, stopped, ret_path);
    uint64_t done = atomic_fetch_add(&downloads->done, descriptor->size) + descriptor->size;

    progress_bytes(done, downloads->total);
    *ret_path = path;
    return NULL;
}
