#include "host/registry/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/certificates.h"
#include "host/registry/url.h"

#define IDLE_MAX 16              /* connections kept for the next exchange */
#define BUFFER_SIZE (512l << 10) /* the largest that curl takes */

struct http_client {
    bool plain_allowed;
    struct certificates certificates;
    atomic_bool reached;  /* the server has answered before */
    pthread_mutex_t lock; /* of what follows */
    CURL *idle[IDLE_MAX]; /* handles with their live connections */
    size_t idle_count;
};

/* One exchange under way. */
struct transfer {
    const struct http_request *request;
    struct http_answer *answer;
    CURL *curl;
    size_t header_bytes;
    uint64_t body_sent;
    uint64_t error_bytes; /* of a body that goes with an error status */
    struct error *err;    /* why a callback gave up, or NULL */
    char words[CURL_ERROR_SIZE];
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct error *http_client_new(const char *host, bool plain_allowed, struct http_client **ret)
{
    struct certificates certificates;

    pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK)
        return error_new(EXIT_OTHER, "start libcurl: %s", curl_easy_strerror(global_result));
    TRY(certificates_find(host, curl_version_info(CURLVERSION_NOW)->cainfo, &certificates));
    *ret = xcalloc(1, sizeof **ret);
    (*ret)->plain_allowed = plain_allowed;
    (*ret)->certificates = certificates;
    pthread_mutex_init(&(*ret)->lock, NULL);
    return NULL;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < client->idle_count; i++)
        curl_easy_cleanup(client->idle[i]);
    pthread_mutex_destroy(&client->lock);
    certificates_free(&client->certificates);
    free(client);
}

static CURL *take_handle(struct http_client *client)
{
    CURL *curl = NULL;

    pthread_mutex_lock(&client->lock);
    if (client->idle_count > 0)
        curl = client->idle[--client->idle_count];
    pthread_mutex_unlock(&client->lock);
    return curl != NULL ? curl : curl_easy_init();
}

/* Connections outlive the reset of their handle's options. */
static void give_handle(struct http_client *client, CURL *curl)
{
    curl_easy_reset(curl);
    pthread_mutex_lock(&client->lock);
    if (client->idle_count < IDLE_MAX) {
        client->idle[client->idle_count++] = curl;
        curl = NULL;
    }
    pthread_mutex_unlock(&client->lock);
    curl_easy_cleanup(curl);
}

static bool is_success(int status)
{
    return status >= 200 && status <= 299;
}

/* CURLOPT_HEADERFUNCTION: a line at a time. A status line starts the headers anew (100 Continue).
 */
static size_t on_header(char *line, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count, end = length;

    transfer->header_bytes += length;
    if (transfer->header_bytes > HTTP_HEADERS_MAX) {
        transfer->err =
            error_new(EXIT_NETWORK, "its headers are longer than %u bytes", HTTP_HEADERS_MAX);
        return 0;
    }
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        strings_free(&transfer->answer->headers);
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
        strings_take(&transfer->answer->headers, header);
    }
    return length;
}

/* Keeps what an error's body begins with, and reads on to its end, so that the connection can be
 * kept; an end that does not come is not waited for. Returns as on_body. */
static size_t on_error_body(struct transfer *transfer, const char *bytes, size_t length)
{
    struct buffer *body = &transfer->answer->body;
    size_t room = HTTP_ERROR_MAX - body->length;

    buffer_append(body, bytes, length < room ? length : room);
    transfer->error_bytes += length;
    if (transfer->error_bytes <= HTTP_PASSED_OVER)
        return length;
    transfer->err = error_new(EXIT_NETWORK, "it answers with status %d and more than %u bytes",
                              transfer->answer->status, HTTP_PASSED_OVER);
    return CURL_WRITEFUNC_ERROR;
}

/* CURLOPT_WRITEFUNCTION. */
static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct http_request *request = transfer->request;
    struct http_answer *answer = transfer->answer;
    size_t length = size * count;
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    if (!is_success(answer->status))
        return on_error_body(transfer, bytes, length);
    if (request->receive != NULL) {
        transfer->err = request->receive(request->context, answer, bytes, length);
    } else if (length > request->answer_max - answer->body.length) {
        transfer->err =
            error_new(EXIT_NETWORK, "its answer is longer than %zu bytes", request->answer_max);
    } else {
        buffer_append(&answer->body, bytes, length);
    }
    return transfer->err == NULL ? length : CURL_WRITEFUNC_ERROR;
}

/* CURLOPT_READFUNCTION. */
static size_t on_send(char *buffer, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const struct http_request *request = transfer->request;
    uint64_t left = request->body_length - transfer->body_sent;
    size_t length = size * count < left ? size * count : (size_t)left;

    if (length == 0)
        return 0;
    if (request->body != NULL) {
        memcpy(buffer, (const char *)request->body + transfer->body_sent, length);
    } else {
        ssize_t got = pread(request->body_fd, buffer, length,
                            (off_t)(request->body_offset + transfer->body_sent));

        if (got <= 0) {
            transfer->err = got < 0 ? error_errno(EXIT_OTHER, "read what is to be sent")
                                    : error_new(EXIT_OTHER, "what is to be sent became shorter");
            return CURL_READFUNC_ABORT;
        }
        length = (size_t)got;
    }
    transfer->body_sent += length;
    if (request->sent != NULL)
        request->sent(request->context, transfer->body_sent);
    return length;
}

/* CURLOPT_SEEKFUNCTION: a kept connection has turned out dead, and curl would send the body again.
 * What PATCH has sent may have arrived, and would then be there twice. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
    struct transfer *transfer = context;

    if (strcmp(transfer->request->method, "PATCH") == 0 || origin != SEEK_SET || offset < 0 ||
        (uint64_t)offset > transfer->request->body_length)
        return CURL_SEEKFUNC_FAIL;
    transfer->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
    CLEANUP(freep) char *line = xasprintf("%s: %s", name, value);

    *list = xallocated(curl_slist_append(*list, line));
}

/* The request's own headers, and none of those that curl would add: no "Expect", which costs a
 * second where the server does not know it. AUTHORIZED: the URL is of the request's origin. */
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

static void set_certificates(CURL *curl, const struct certificates *certificates)
{
    if (certificates->authorities.length > 0) {
        struct curl_blob blob = {certificates->authorities.data, certificates->authorities.length,
                                 CURL_BLOB_NOCOPY};

        curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
    } else if (certificates->file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, certificates->file);
    }
    if (certificates->folder != NULL)
        curl_easy_setopt(curl, CURLOPT_CAPATH, certificates->folder);
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

static void set_options(struct http_client *client, struct transfer *transfer, const char *url,
                        struct curl_slist *headers)
{
    CURL *curl = transfer->curl;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "vmbuild");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->words);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A connection carries one transfer at a time here: HTTP/2 would only add its flow control. */
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_SIZE);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)HTTP_CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)HTTP_STALL_SECONDS);
    if (url_is_loopback(url)) /* no proxy can reach it */
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
    if (transfer->request->range_start > 0)
        curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE,
                         (curl_off_t)transfer->request->range_start);
    set_certificates(curl, &client->certificates);
    set_method(curl, transfer->request);
}

/* Failures of the connection, not of what was asked for: another try may do better. A server that
 * cannot be found is one that was mistyped, unless it was there a moment ago. */
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

static struct error *describe(const struct transfer *transfer, CURLcode code, const char *url)
{
    CLEANUP(freep) char *origin = url_origin(url);
    const char *words = transfer->words[0] != '\0' ? transfer->words : curl_easy_strerror(code);
    struct error *err = error_new(EXIT_NETWORK, "reach '%s': %s", origin, words);

    if (code == CURLE_PEER_FAILED_VERIFICATION)
        err = error_advise(err,
                           "put the certificate of the server's authority at "
                           "~/.config/containers/certs.d/%s/ca.crt, or set SSL_CERT_FILE",
                           origin);
    else if (code == CURLE_SSL_CONNECT_ERROR)
        err = error_advise(err, "a server that speaks plain HTTP is reached with --plain-http");
    return err;
}

/* One request without redirects. */
static struct error *exchange_once(struct http_client *client, struct transfer *transfer,
                                   const char *url, bool authorized)
{
    struct http_answer *answer = transfer->answer;

    http_answer_free(answer);
    transfer->header_bytes = 0;
    transfer->body_sent = 0;
    transfer->error_bytes = 0;
    transfer->words[0] = '\0';
    transfer->curl = take_handle(client);
    if (transfer->curl == NULL)
        return error_new(EXIT_OTHER, "start libcurl: no handle");
    struct curl_slist *headers = make_headers(transfer->request, authorized);

    set_options(client, transfer, url, headers);
    CURLcode code = curl_easy_perform(transfer->curl);
    long status = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    give_handle(client, transfer->curl);
    curl_slist_free_all(headers);
    if (transfer->err != NULL)
        return STEAL(transfer->err);
    if (code == CURLE_OK) {
        atomic_store(&client->reached, true);
        return NULL;
    }
    answer->transient = is_transient(code, atomic_load(&client->reached));
    answer->not_tls = code == CURLE_SSL_CONNECT_ERROR && !url_is_plain(url);
    return describe(transfer, code, url);
}

/* Only requests that send no body are redirected: a body may hold secrets. */
static bool is_redirect(const struct http_answer *answer, const char *method)
{
    if (http_header(answer, "location") == NULL ||
        (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        return false;
    switch (answer->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return true;
    default:
        return false;
    }
}

static struct error *check_url(const struct http_client *client, const char *url)
{
    if (!url_is_plain(url) || client->plain_allowed || url_is_loopback(url))
        return NULL;
    CLEANUP(freep) char *origin = url_origin(url);

    return error_advise(error_new(EXIT_NETWORK, "reach '%s': it wants plain HTTP", origin),
                        "plain HTTP to another machine has to be asked for with --plain-http");
}

/* Moves *URL to where ANSWER redirects. */
static struct error *follow(const struct http_client *client, const struct http_answer *answer,
                            char **url)
{
    CLEANUP(freep) char *next = url_resolve(*url, http_header(answer, "location"));

    if (next == NULL)
        return error_new(EXIT_NETWORK, "it redirects to something that is no http URL");
    if (url_is_plain(next) && !url_is_plain(*url))
        return error_new(EXIT_NETWORK, "it redirects from https to plain HTTP");
    TRY(check_url(client, next));
    free(*url);
    *url = STEAL(next);
    return NULL;
}

struct error *http_exchange(struct http_client *client, const struct http_request *request,
                            struct http_answer *ret)
{
    struct transfer transfer = {.request = request, .answer = ret};
    CLEANUP(freep) char *url = xstrdup(request->url);

    *ret = (struct http_answer){0};
    TRY(check_url(client, url));
    for (unsigned int redirects = 0; redirects <= HTTP_REDIRECTS_MAX; redirects++) {
        TRY(exchange_once(client, &transfer, url, url_same_origin(url, request->url)));
        if (!is_redirect(ret, request->method))
            return NULL;
        TRY(follow(client, ret, &url));
    }
    return error_new(EXIT_NETWORK, "it redirects more than %d times", HTTP_REDIRECTS_MAX);
}

const char *http_header(const struct http_answer *answer, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < answer->headers.count; i++) {
        const char *header = answer->headers.items[i];

        if (strncmp(header, name, length) == 0 && header[length] == ':')
            return header + length + 1 + strspn(header + length + 1, " \t");
    }
    return NULL;
}

long long http_date(const char *text)
{
    return curl_getdate(text, NULL);
}

void http_answer_free(struct http_answer *answer)
{
    strings_free(&answer->headers);
    buffer_free(&answer->body);
    *answer = (struct http_answer){0};
}
