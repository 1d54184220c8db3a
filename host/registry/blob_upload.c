#include "host/registry/blob_upload.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/registry/backoff.h"
#include "host/registry/registry_error.h"
#include "host/registry/url.h"

#define ANSWER_MAX (64u << 10)
#define OCTETS "application/octet-stream"

/* An upload in progress. */
struct upload {
    struct blob_uploads *shared;
    const struct blob_source *source;
    const atomic_bool *stopped;
    int fd;
    char *session;    /* the URL of the next request, or NULL: not yet begun */
    uint64_t offset;  /* bytes that the registry has */
    uint64_t counted; /* bytes reported as progress */
};

static void count(struct upload *upload, uint64_t sent)
{
    struct blob_uploads *shared = upload->shared;
    uint64_t more = sent - upload->counted; /* wraps if fewer have arrived than were sent */
    uint64_t done = atomic_fetch_add(&shared->done, more) + more;

    upload->counted = sent;
    progress_bytes(done, shared->total);
}

/* http_sent: SENT bytes of the request's body have been sent. */
static void on_sent(void *context, uint64_t sent)
{
    struct upload *upload = context;

    count(upload, upload->offset + sent);
}

/* Whether ANSWER tells that a blob has the size of SOURCE. */
static bool is_of_size(const struct http_answer *answer, const struct blob_source *source)
{
    const char *length = http_header(answer, "content-length");
    CLEANUP(freep) char *expected = xasprintf("%" PRIu64, source->size);

    return length != NULL && strcmp(length, expected) == 0;
}

/* Sets *RET to whether the repository has the blob, and *RET_SAME to whether its size is known to
 * be the source's. */
static struct error *ask(struct upload *upload, bool *ret, bool *ret_same)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep)
    char *path = xasprintf("blobs/" DIGEST_PREFIX "%s", upload->source->digest.hex);
    CLEANUP(freep) char *url = repository_url(upload->shared->repository, path);
    struct http_request request = {.method = "HEAD", .url = url, .answer_max = ANSWER_MAX};

    TRY(repository_perform(upload->shared->repository, &request, &answer));
    if (answer.status != 200 && answer.status != 404)
        return registry_error(&answer, "the registry refused to report whether it has the blob");
    *ret = answer.status == 200;
    *ret_same = *ret && is_of_size(&answer, upload->source);
    return NULL;
}

/* Checks the file: what the registry has cannot be taken back. */
static struct error *check(const struct upload *upload)
{
    store_use(upload->shared->store, upload->source->path);
    return store_settle(upload->shared->store);
}

static void forget_session(struct upload *upload)
{
    free(STEAL(upload->session));
    upload->offset = 0;
}

/* Takes the URL of the next request from ANSWER. Without a new one the session's stays. */
static struct error *keep_session(struct upload *upload, const struct http_answer *answer)
{
    const char *location = http_header(answer, "location");

    if (location == NULL && upload->session != NULL)
        return NULL;
    char *session = location != NULL ? url_resolve(answer->url, location) : NULL;

    if (session == NULL)
        return error_new(EXIT_NETWORK, "the registry sent no valid location for the upload");
    free(upload->session);
    upload->session = session;
    return NULL;
}

/* Returns the URL that begins an upload; the caller's. */
static char *begin_url(const struct upload *upload, const char *mount_source)
{
    char *plain = repository_url(upload->shared->repository, "blobs/uploads/");

    if (mount_source == NULL)
        return plain;
    CLEANUP(freep) char *url = plain;
    CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", upload->source->digest.hex);
    CLEANUP(freep) char *mount = url_add_query(url, "mount", digest);

    return mount != NULL ? url_add_query(mount, "from", mount_source) : NULL;
}

static bool is_success(const struct http_answer *answer)
{
    return answer->status >= 200 && answer->status <= 299;
}

/* Begins the upload. Registries should answer with status 202; some have another of its class. */
static struct error *begin(struct upload *upload)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *url = begin_url(upload, NULL);
    struct http_request request = {
        .method = "POST", .url = url, .body = "", .answer_max = ANSWER_MAX};

    TRY(repository_perform(upload->shared->repository, &request, &answer));
    upload->offset = 0;
    if (!is_success(&answer))
        return registry_error(&answer, "the registry refused to start an upload");
    return keep_session(upload, &answer);
}

/* Has the blob mounted, and then *RET_DONE is true. A registry that does not mount begins an upload
 * instead, or refuses: then nothing has happened. */
static struct error *mount(struct upload *upload, bool *ret_done)
{
    const char *source = upload->source->mount_source;
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *url = begin_url(upload, source);
    struct http_request request = {
        .method = "POST", .url = url, .body = "", .answer_max = ANSWER_MAX};

    if (url == NULL)
        return NULL;
    TRY(repository_mount(upload->shared->repository, &request, source, &answer));
    const char *location = http_header(&answer, "location");
    bool is_upload = location != NULL && strstr(location, "/blobs/uploads/") != NULL;

    upload->offset = 0;
    *ret_done = answer.status == 201 && !is_upload;
    if (location == NULL || !(answer.status == 202 || (is_success(&answer) && is_upload)))
        return NULL;
    return keep_session(upload, &answer);
}

/* Reads how much the registry has from "Range: 0-N", where N is the last byte's number. */
static struct error *read_range(struct upload *upload, const struct http_answer *answer)
{
    const char *range = http_header(answer, "range");
    uint64_t last = 0;

    /* "0-0" means one byte, but registries send it as well if nothing has arrived. */
    if (range == NULL || strcmp(range, "0-0") == 0 || strcmp(range, "bytes=0-0") == 0) {
        forget_session(upload);
        return NULL;
    }
    if (strncmp(range, "bytes=", 6) == 0)
        range += 6;
    if (sscanf(range, "0-%" SCNu64, &last) != 1 || last >= upload->source->size)
        return error_new(EXIT_NETWORK, "the registry holds different bytes than were sent");
    upload->offset = last + 1;
    return NULL;
}

/* After a broken connection, asks where to resume. An upload that the registry has forgotten is
 * begun again. */
static struct error *recover(struct upload *upload)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    CLEANUP(freep) char *url = xstrdup(upload->session);
    struct http_request request = {.method = "GET", .url = url, .answer_max = ANSWER_MAX};

    TRY(repository_perform(upload->shared->repository, &request, &answer));
    if (!is_success(&answer)) {
        forget_session(upload);
        return NULL;
    }
    TRY(keep_session(upload, &answer));
    return read_range(upload, &answer);
}

/* Sends what the registry does not have yet, in one request. */
static struct error *send_rest(struct upload *upload, struct http_answer *answer)
{
    const struct blob_source *source = upload->source;
    CLEANUP(freep) char *url = xstrdup(upload->session);
    struct http_request request = {.method = "PATCH",
                                   .url = url,
                                   .content_type = OCTETS,
                                   .content_start = upload->offset,
                                   .body_fd = upload->fd,
                                   .body_offset = upload->offset,
                                   .body_length = source->size - upload->offset,
                                   .sent = on_sent,
                                   .context = upload,
                                   .answer_max = ANSWER_MAX};

    if (source->path == NULL) {
        request.body = (const char *)source->bytes + upload->offset;
        request.body_offset = 0;
    }
    TRY(repository_exchange(upload->shared->repository, &request, answer));
    if (answer->status == 416) {
        answer->transient = true;
        return error_new(EXIT_NETWORK, "the registry holds different bytes than were sent");
    }
    if (!is_success(answer))
        return NULL;
    TRY(keep_session(upload, answer));
    upload->offset = source->size;
    return NULL;
}

/* Ends the upload, whereupon the registry checks the digest. RESUMED: the bytes were sent in
 * several pieces. Those in flight when the connection broke may have arrived twice, and then the
 * upload is begun again. */
static struct error *finish(struct upload *upload, bool resumed, struct http_answer *answer)
{
    CLEANUP(freep) char *digest = xasprintf(DIGEST_PREFIX "%s", upload->source->digest.hex);
    CLEANUP(freep) char *url = url_add_query(upload->session, "digest", digest);
    struct http_request request = {
        .method = "PUT", .url = url, .content_type = OCTETS, .body = "", .answer_max = ANSWER_MAX};

    if (url == NULL)
        return error_new(EXIT_NETWORK, "the registry sent an invalid upload URL");
    TRY(repository_exchange(upload->shared->repository, &request, answer));
    if (!resumed || (answer->status != 400 && answer->status != 416))
        return NULL;
    forget_session(upload);
    answer->transient = true;
    return registry_error(answer, "the registry holds different bytes than were sent");
}

/* Makes one attempt to finish the upload. *ANSWER is the last answer. AGAIN: it is not the first
 * attempt. */
static struct error *try_once(struct upload *upload, bool again, struct http_answer *answer)
{
    bool done = false, same;

    if (again) {
        TRY(ask(upload, &done,
                &same)); /* the lost answer may have been the one that reports success */
        if (done)
            return NULL;
    }
    if (again && upload->session != NULL)
        TRY(recover(upload));
    if (upload->session == NULL && !again && upload->source->mount_source != NULL)
        TRY(mount(upload, &done));
    if (done)
        return NULL;
    if (upload->session == NULL)
        TRY(begin(upload));
    if (upload->offset < upload->source->size) {
        TRY(send_rest(upload, answer));
        if (!is_success(answer))
            return NULL;
        http_answer_free(answer);
    }
    return finish(upload, again, answer);
}

static bool is_done(const struct http_answer *answer)
{
    return answer->status == 0 || is_success(answer);
}

static struct error *send(struct upload *upload)
{
    CLEANUP(http_answer_free) struct http_answer answer = {0};
    struct backoff backoff = {0};

    for (bool again = false;; again = true) {
        uint64_t before = upload->offset;

        http_answer_free(&answer);
        struct error *err = try_once(upload, again, &answer);

        if (upload->offset >= before + BLOB_UPLOAD_STEP)
            backoff.tries = 0;
        if (atomic_load(upload->stopped) || !backoff_again(&backoff, &answer, &err)) {
            TRY(err);
            break;
        }
    }
    if (!is_done(&answer))
        return registry_error(&answer, "the registry refused it");
    return NULL;
}

struct error *blob_upload(struct blob_uploads *uploads, const struct blob_source *source,
                          const atomic_bool *stopped)
{
    CLEANUP(closep) int fd = source->path != NULL ? open(source->path, O_RDONLY | O_CLOEXEC) : -1;
    struct upload upload = {.shared = uploads, .source = source, .stopped = stopped, .fd = fd};
    bool there = false, same = false;

    if (source->path != NULL && fd < 0)
        return error_errno(EXIT_OTHER, "read blob '%s'", source->path);
    struct error *err = ask(&upload, &there, &same);

    if (err == NULL && !same)
        err = check(&upload);
    if (err == NULL && !there)
        err = send(&upload);
    if (err == NULL)
        count(&upload, source->size);
    free(upload.session);
    return error_context(err, "put blob '" DIGEST_PREFIX "%s'", source->digest.hex);
}
