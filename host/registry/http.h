/*
 * HTTP: single exchanges with a server, over libcurl, which no other module knows.
 *
 * A client holds what all exchanges with one server share: its certificates, the switch for plain
 * HTTP, idle connections. Any thread may use it; an exchange takes an idle connection or makes one,
 * and runs in the thread that asked for it. There is no event loop: a caller that wants four
 * transfers at once has four threads, which also share the hashing and the writing out.
 *
 * An exchange is one request and the redirects that follow from it. An answer with whatever status
 * is a success here; an error means that there was no whole answer. Tries are counted by backoff.h,
 * by callers who know what a repetition costs.
 *
 * Servers are hostile: what they send is limited, https is never left for plain HTTP on a redirect,
 * plain HTTP is for loopback unless asked for, and an Authorization header goes to the origin of
 * the request's own URL and to no other.
 */
#ifndef VMBUILD_HTTP_H
#define VMBUILD_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/lib/buffer.h"
#include "host/lib/error.h"

#define HTTP_HEADERS_MAX (64u << 10) /* bytes of an answer's headers */
#define HTTP_REDIRECTS_MAX 10
#define HTTP_ERROR_MAX (64u << 10)  /* bytes kept of a body that goes with an error status, ... */
#define HTTP_PASSED_OVER (1u << 20) /* ... and read of it before the server is given up */
#define HTTP_CONNECT_SECONDS 30
#define HTTP_STALL_SECONDS 60 /* without a byte in either direction: the connection is broken */

struct http_client;

/* Makes a client for HOST (HOST[:PORT], for its certificates: certificates.h). PLAIN_ALLOWED: plain
 * HTTP to any host. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *http_client_new(const char *host, bool plain_allowed,
                                            struct http_client **ret);
void http_client_free(struct http_client *client);

struct http_answer {
    int status;             /* 0: there was none */
    struct strings headers; /* "name: value", names in lower case, of the last exchange only */
    struct buffer body;     /* unless it went to a receiver */
    bool transient;         /* the exchange failed in a way that another try may mend */
    bool not_tls;           /* it failed since the server does not speak TLS */
};

/* Takes a piece of a body that came with a status from 200 to 299. An error ends the exchange. */
typedef struct error *(*http_receive)(void *context, const struct http_answer *answer,
                                      const void *bytes, size_t length);

/* Sees the bytes sent so far of a body; for progress. */
typedef void (*http_sent)(void *context, uint64_t sent);

struct http_request {
    const char *method;        /* "GET", "HEAD", "POST", "PUT" or "PATCH" */
    const char *url;           /* http or https */
    const char *authorization; /* the header's value, or NULL */
    const char *accept;        /* or NULL */
    const char *content_type;  /* of the body sent, or NULL */
    uint64_t range_start;      /* not 0: ask for the bytes from there on */
    uint64_t content_start;    /* not 0: say that the body sent are the bytes from there on */

    /* The body sent, of POST, PUT and PATCH: BODY_LENGTH bytes at BODY or, where that is NULL, of
     * BODY_FD from BODY_OFFSET on, which are read with pread. */
    const void *body;
    int body_fd;
    uint64_t body_offset, body_length;
    http_sent sent; /* or NULL */

    size_t answer_max;    /* bytes of the body that answer->body may take */
    http_receive receive; /* or NULL: answer->body takes it */
    void *context;        /* of RECEIVE and SENT */
};

/* Carries out REQUEST. *RET holds an answer, as far as there was one, also on error; the caller
 * frees it by http_answer_free, after each exchange. Errors: EXIT_NETWORK, with curl's words, and
 * those of RECEIVE. */
[[nodiscard]] struct error *http_exchange(struct http_client *client,
                                          const struct http_request *request,
                                          struct http_answer *ret);

/* The value of the answer's first header NAME (lower case), or NULL. Borrowed. */
const char *http_header(const struct http_answer *answer, const char *name);

/* A date as HTTP writes it. Returns seconds since 1970; -1 where TEXT is none. */
long long http_date(const char *text);

void http_answer_free(struct http_answer *answer);

#endif
