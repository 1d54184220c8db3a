#include "host/registry/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/certificates.h"
#include "host/registry/http_transfer.h"
#include "host/registry/url.h"

#define IDLE_MAX 16 /* idle connections kept for later exchanges */

struct http_client {
    struct http_policy policy;
    struct certificates certificates;
    atomic_bool reached;  /* the server has answered before */
    pthread_mutex_t lock; /* guards what follows */
    CURL *idle[IDLE_MAX]; /* handles with their open connections */
    size_t idle_count;
};

/* libcurl must be initialized once per process, before its first use (curl_global_init(3)). This is
 * not hidden input: the result is the same for every client. */
static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

long long http_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct error *http_client_new(const char *host, const struct http_policy *policy,
                              struct http_client **ret)
{
    struct certificates certificates;

    pthread_once(&global_once, global_init);
    if (global_result != CURLE_OK)
        return error_new(EXIT_OTHER, "start libcurl: %s", curl_easy_strerror(global_result));
    TRY(certificates_find(host, curl_version_info(CURLVERSION_NOW)->cainfo, &certificates));
    *ret = xcalloc(1, sizeof **ret);
    (*ret)->policy = *policy;
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

/* Resetting a handle's options keeps its connections. */
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

/* Makes one request, following no redirect. */
static struct error *exchange_once(struct http_client *client, const struct http_request *request,
                                   const char *url, struct http_answer *ret)
{
    struct http_transfer transfer = {.request = request,
                                     .url = url,
                                     .authorized = url_same_origin(url, request->url),
                                     .reached = atomic_load(&client->reached),
                                     .policy = &client->policy,
                                     .certificates = &client->certificates};
    CURL *curl = take_handle(client);

    http_answer_free(ret);
    ret->url = xstrdup(url);
    ret->deadline = client->policy.deadline;
    if (curl == NULL)
        return error_new(EXIT_OTHER, "start libcurl: no handle");
    struct error *err = http_transfer_perform(curl, &transfer, ret);

    give_handle(client, curl);
    if (err == NULL)
        atomic_store(&client->reached, true);
    return err;
}

/* Other methods than GET and HEAD are repeated elsewhere only if the status has the method kept
 * (RFC 9110, 15.4), and with a secret body never. */
static bool is_redirect(const struct http_answer *answer, const struct http_request *request)
{
    const char *method = request->method;
    bool is_safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

    if (http_header(answer, "location") == NULL || request->is_secret)
        return false;
    switch (answer->status) {
    case 301:
    case 302:
    case 303:
        return is_safe;
    case 307:
    case 308:
        return true;
    default:
        return false;
    }
}

static struct error *check_url(const struct http_client *client, const char *url)
{
    if (!url_is_plain(url) || client->policy.plain_allowed || url_is_loopback(url))
        return NULL;
    CLEANUP(freep) char *origin = url_origin(url);

    return error_advise(error_new(EXIT_NETWORK, "reach '%s': plain HTTP is not allowed", origin),
                        "plain HTTP to another machine has to be allowed with --plain-http");
}

/* Sets *URL to the target of ANSWER's redirect. */
static struct error *follow(const struct http_client *client, const struct http_answer *answer,
                            char **url)
{
    CLEANUP(freep) char *next = url_resolve(*url, http_header(answer, "location"));

    if (next == NULL)
        return error_new(EXIT_NETWORK, "the server redirects to an invalid URL");
    if (url_is_plain(next) && !url_is_plain(*url))
        return error_new(EXIT_NETWORK, "the server redirects from HTTPS to plain HTTP");
    TRY(check_url(client, next));
    free(*url);
    *url = STEAL(next);
    return NULL;
}

struct error *http_exchange(struct http_client *client, const struct http_request *request,
                            struct http_answer *ret)
{
    CLEANUP(freep) char *url = xstrdup(request->url);

    *ret = (struct http_answer){0};
    TRY(check_url(client, url));
    for (unsigned int redirects = 0; redirects <= HTTP_REDIRECTS_MAX; redirects++) {
        TRY(exchange_once(client, request, url, ret));
        if (!is_redirect(ret, request))
            return NULL;
        TRY(follow(client, ret, &url));
    }
    return error_new(EXIT_NETWORK, "the server redirects more than %d times", HTTP_REDIRECTS_MAX);
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
    free(answer->url);
    strings_free(&answer->headers);
    buffer_free(&answer->body);
    *answer = (struct http_answer){0};
}
