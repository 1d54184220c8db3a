#include "host/registry/http_transfer.h"

#include <inttypes.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/proxy.h"
#include "host/registry/url.h"

#define BUFFER_SIZE (512l << 10) /* the largest that curl accepts */

/* A transfer in progress. */
struct state {
    const struct http_request *request;
    struct http_answer *answer;
    CURL *curl;
    size_t header_bytes;
    uint64_t body_sent;
    uint64_t error_bytes; /* of the body of an error status */
    struct error *err;    /* why a callback gave up, or NULL */
    char words[CURL_ERROR_SIZE];
};

static bool is_success(int status)
{
    return status >= 200 && status <= 299;
}

/* CURLOPT_HEADERFUNCTION: one line. A status line starts the headers again (100 Continue). */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct state *state = context;
    size_t length = size * count, end = length;

    state->header_bytes += length;
    if (state->header_bytes > HTTP_HEADERS_MAX) {
        state->err =
            error_new(EXIT_NETWORK, "the response headers exceed %u bytes", HTTP_HEADERS_MAX);
        return 0;
    }
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        strings_free(&state->answer->headers);
        return length;
    }
    while (end > 0 && strchr("\r\n \t", line[end - 1]) != NULL)
        end--;
    char *colon = memchr(line, ':', end);

    if (colon != NULL && memchr(line, '\0', end) == NULL) {
        char *header = xstrndup(line, end);

        for (char *name = header; *name != ':'; name++)
            if (*name >= 'A' && *name <= 'Z')
                *name = (char)(*name - 'A' + 'a');
        strings_take(&state->answer->headers, header);
    }
    return length;
}

/* Keeps the beginning of an error's body, and reads on to its end so that the connection can be
 * reused, within a limit. Returns as on_body does. */
static size_t on_error_body(struct state *state, const char *bytes, size_t length)
{
    struct buffer *body = &state->answer->body;
    size_t room = HTTP_ERROR_MAX - body->length;

    buffer_append(body, bytes, length < room ? length : room);
    state->error_bytes += length;
    if (state->error_bytes <= HTTP_PASSED_OVER)
        return length;
    state->err =
        error_new(EXIT_NETWORK, "the server sent status %d with a body of more than %u bytes",
                  state->answer->status, HTTP_PASSED_OVER);
    return CURL_WRITEFUNC_ERROR;
}

/* CURLOPT_WRITEFUNCTION. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct state *state = context;
    const struct http_request *request = state->request;
    struct http_answer *answer = state->answer;
    size_t length = size * count;
    long status = 0;

    curl_easy_getinfo(state->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    if (!is_success(answer->status))
        return on_error_body(state, bytes, length);
    if (request->receive != NULL)
        state->err = request->receive(request->context, answer, bytes, length);
    else if (length > request->answer_max - answer->body.length)
        state->err = error_new(EXIT_NETWORK, "the response exceeds %zu bytes", request->answer_max);
    else
        buffer_append(&answer->body, bytes, length);
    return state->err == NULL ? length : CURL_WRITEFUNC_ERROR;
}

/* CURLOPT_READFUNCTION. */
static size_t on_send(char *buffer, size_t size, size_t count, void *context)
{
    struct state *state = context;
    const struct http_request *request = state->request;
    uint64_t left = request->body_length - state->body_sent;
    size_t length = size * count < left ? size * count : (size_t)left;

    if (length == 0)
        return 0;
    if (request->body != NULL) {
        memcpy(buffer, (const char *)request->body + state->body_sent, length);
    } else {
        ssize_t got = pread(request->body_fd, buffer, length,
                            (off_t)(request->body_offset + state->body_sent));

        if (got <= 0) {
            state->err = got < 0 ? error_errno(EXIT_OTHER, "read the data to send")
                                 : error_new(EXIT_OTHER, "the data to send became shorter");
            return CURL_READFUNC_ABORT;
        }
        length = (size_t)got;
    }
    state->body_sent += length;
    if (request->sent != NULL)
        request->sent(request->context, state->body_sent);
    return length;
}

/* CURLOPT_SEEKFUNCTION: a reused connection turned out to be dead, and curl would send the body
 * again. What PATCH has sent may have arrived, and would then be stored twice. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct state *state = context;

    if (strcmp(state->request->method, "PATCH") == 0 || origin != SEEK_SET || offset < 0 ||
        (uint64_t)offset > state->request->body_length)
        return CURL_SEEKFUNC_FAIL;
    state->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
    CLEANUP(freep) char *line = xasprintf("%s: %s", name, value);

    *list = xallocated(curl_slist_append(*list, line));
}

/* Returns the request's own headers, and none of those that curl would add, such as "Expect", which
 * costs a second if the server does not know it. AUTHORIZED: the URL has the request's origin. */
static struct curl_slist *make_headers(const struct http_request *request, bool authorized)
{
    struct curl_slist *list = NULL;
    CLEANUP(freep) char *range = NULL;

    add_header(&list, "Accept", request->accept != NULL ? request->accept : "*/*");
    if (authorized && request->authorization != NULL)
        add_header(&list, "Authorization", request->authorization);
    if (request->content_type != NULL)
        add_header(&list, "Content-Type", request->content_type);
    if (request->content_start > 0) {
        range = xasprintf("%ju-%ju", (uintmax_t)request->content_start,
                          (uintmax_t)(request->content_start + request->body_length - 1));
        add_header(&list, "Content-Range", range);
    }
    return xallocated(curl_slist_append(list, "Expect:"));
}

/* Sets whose certificates are trusted. It takes longer to read them than a request on the loopback
 * does, so that they are left out if nothing is verified. */
static void set_authorities(CURL *curl, const struct certificates *certificates, bool is_verified)
{
    if (!is_verified) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        return;
    }
    if (certificates->authorities.length > 0) {
        struct curl_blob blob = {certificates->authorities.data, certificates->authorities.length,
                                 CURL_BLOB_NOCOPY};

        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    } else if (certificates->file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, certificates->file);
    }
    if (certificates->folder != NULL)
        curl_easy_setopt(curl, CURLOPT_CAPATH, certificates->folder);
}

static void set_client(CURL *curl, const struct certificates *certificates)
{
    if (certificates->client_certificate != NULL)
        curl_easy_setopt(curl, CURLOPT_SSLCERT, certificates->client_certificate);
    if (certificates->client_key != NULL)
        curl_easy_setopt(curl, CURLOPT_SSLKEY, certificates->client_key);
}

static void set_method(CURL *curl, const struct http_request *request)
{
    const char *method = request->method;

    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_length);
    }
}

static void set_proxy(CURL *curl, const char *url)
{
    const char *proxy = proxy_find(url);

    if (proxy_is_bypassed(url))
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    else if (proxy != NULL)
        curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
}

/* What decides how long the transfer may take. */
static void set_limits(CURL *curl, const struct http_policy *policy)
{
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)HTTP_FLOOR_RATE);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_FLOOR_SECONDS);
    if (policy->deadline == 0)
        return;
    long long left = policy->deadline - http_now();

    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left > 0 ? (long)left : 1L); /* 0 is no limit */
}

static void set_options(const struct http_transfer *transfer, struct state *state,
                        struct curl_slist *headers)
{
    CURL *curl = state->curl;

    curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "vmbuild");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, state->words);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A connection carries one transfer at a time here: HTTP/2 would only add its flow control. */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_SIZE);
    set_limits(curl, transfer->policy);
    set_proxy(curl, transfer->url);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, state);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, state);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(curl, CURLOPT_READDATA, state);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, state);
    if (state->request->range_start > 0) {
        CLEANUP(freep) char *range = xasprintf("%" PRIu64 "-", state->request->range_start);

        /* Not CURLOPT_RESUME_FROM_LARGE, which refuses the answer of a server without ranges. */
        curl_easy_setopt(curl, CURLOPT_RANGE, range);
    }
    set_authorities(curl, transfer->certificates,
                    !transfer->policy->unverified && !transfer->request->is_probe);
    set_client(curl, transfer->certificates);
    set_method(curl, state->request);
}

/* Returns whether the connection failed, rather than the request, so that another try may succeed.
 * A server that cannot be reached is taken for a typing error unless it has answered before. */
static bool is_transient(CURLcode code, bool reached)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_WEIRD_SERVER_REPLY:
        return true;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
        return reached;
    default:
        return false;
    }
}

static struct error *describe(const struct state *state, CURLcode code, const char *url)
{
    CLEANUP(freep) char *origin = url_origin(url);
    const char *words = state->words[0] != '\0' ? state->words : curl_easy_strerror(code);
    struct error *err = error_new(EXIT_NETWORK, "reach '%s': %s", origin, words);

    if (code == CURLE_PEER_FAILED_VERIFICATION)
        err = error_advise(err,
                           "put the certificate of the server's CA at "
                           "~/.config/containers/certs.d/%s/ca.crt, or set SSL_CERT_FILE",
                           origin);
    else if (code == CURLE_SSL_CONNECT_ERROR)
        err = error_advise(err, "if the server speaks plain HTTP, use --plain-http");
    return err;
}

/* Returns whether the time of all exchanges is over. */
static bool is_over(const struct http_policy *policy)
{
    return policy->deadline != 0 && http_now() >= policy->deadline;
}

static struct error *describe_end(const struct http_transfer *transfer)
{
    CLEANUP(freep) char *origin = url_origin(transfer->url);

    return error_advise(error_new(EXIT_TIMEOUT, "reach '%s': the time limit of %u s is over",
                                  origin, transfer->policy->seconds),
                        "raise the limit with --registry-timeout");
}

struct error *http_transfer_perform(CURL *curl, const struct http_transfer *transfer,
                                    struct http_answer *ret)
{
    const char *url = transfer->url;
    struct state state = {.request = transfer->request, .answer = ret, .curl = curl};
    struct curl_slist *headers = make_headers(transfer->request, transfer->authorized);
    long status = 0;

    if (is_over(transfer->policy)) {
        curl_slist_free_all(headers);
        return describe_end(transfer);
    }
    set_options(transfer, &state, headers);
    CURLcode code = curl_easy_perform(curl);

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    ret->status = (int)status;
    if (state.err != NULL || code == CURLE_OK)
        return state.err;
    if (is_over(transfer->policy))
        return describe_end(transfer);
    ret->too_slow = code == CURLE_OPERATION_TIMEDOUT;
    ret->transient = is_transient(code, transfer->reached);
    ret->not_tls = code == CURLE_SSL_CONNECT_ERROR && !url_is_plain(url);
    return describe(&state, code, url);
}
