/*
 * HTTP over libcurl: single exchanges with a server.
 *
 * An exchange is one request and the redirects that follow from it. An answer with any status
 * counts as success here; an error means that no complete answer was received. Retrying is left to
 * callers, who know what a repetition costs (backoff.h).
 *
 * A client holds what all exchanges with one server share: certificates, whether plain HTTP is
 * allowed, idle connections. Any thread may use it. An exchange takes an idle connection or opens
 * one, and runs in the calling thread. There is no event loop: a caller that needs four transfers
 * at once has four threads, which then hash and write in parallel as well.
 *
 * Servers may be hostile. The size of what they send is limited; a redirect never leads from https
 * to plain HTTP; plain HTTP is only for loopback unless it was allowed; and an Authorization header
 * is sent to the origin of the request's own URL and to no other.
 *
 * The only process-wide state is libcurl's one-time initialization (curl_global_init(3)).
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
#define HTTP_ERROR_MAX (64u << 10)  /* bytes kept of an error status's body, ... */
#define HTTP_PASSED_OVER (1u << 20) /* ... and read of it before the exchange fails */
#define HTTP_CONNECT_SECONDS 30

/* An exchange fails if its rate stays below the floor for so long. The floor is far below any real
 * connection's rate; the time is what a registry may need to look at a large blob before it
 * answers. */
#define HTTP_FLOOR_RATE 1024 /* bytes per second, of both directions */
#define HTTP_FLOOR_SECONDS 60

/* How a client treats its server. Zeroed: only TLS, certificates are verified, no time limit. */
struct http_policy {
    bool plain_allowed;   /* plain HTTP to any host */
    bool unverified;      /* TLS without looking at the certificate */
    long long deadline;   /* of all exchanges, as http_now returns it; 0: none */
    unsigned int seconds; /* that the deadline was set to, for messages */
};

/* Returns the milliseconds of a clock that nobody sets. */
long long http_now(void);

struct http_client;

/* Makes a client for HOST (HOST[:PORT]), whose certificates it finds (certificates.h). *RET is
 * freed by http_client_free. Errors: EXIT_OTHER. */
[[nodiscard]] struct error *http_client_new(const char *host, const struct http_policy *policy,
                                            struct http_client **ret);
void http_client_free(struct http_client *client);

struct http_answer {
    int status;             /* 0: none was received */
    char *url;              /* that was requested last: the request's own or a redirect's */
    struct strings headers; /* "name: value", names in lower case, of the last redirect's answer */
    struct buffer body;     /* unless a receiver took it */
    bool transient;         /* the exchange failed in a way that another try may overcome */
    bool too_slow;          /* it failed because its rate stayed below the floor */
    bool not_tls;           /* it failed because the server does not speak TLS */
    long long deadline;     /* the client's, for pauses between tries */
};

/* Receives a piece of the body of an answer with a status from 200 to 299. An error ends the
 * exchange and becomes its result. */
typedef struct error *(*http_receive)(void *context, const struct http_answer *answer,
                                      const void *bytes, size_t length);

/* Is called with the number of bytes of the body sent so far; for progress. */
typedef void (*http_sent)(void *context, uint64_t sent);

struct http_request {
    const char *method;        /* "GET", "HEAD", "POST", "PUT" or "PATCH" */
    const char *url;           /* http or https */
    const char *authorization; /* the header's value, or NULL */
    const char *accept;        /* or NULL */
    const char *content_type;  /* of the body sent, or NULL */
    uint64_t range_start;      /* if not 0: request the bytes from there on */
    uint64_t content_start;    /* if not 0: the body sent are the bytes from there on */

    /* The body sent, for POST, PUT and PATCH: BODY_LENGTH bytes at BODY or, if that is NULL, of
     * BODY_FD from BODY_OFFSET on, read with pread. */
    const void *body;
    int body_fd;
    uint64_t body_offset, body_length;
    http_sent sent; /* or NULL */

    bool is_probe;        /* it asks for nothing but whether the server speaks TLS: not verified */
    bool is_secret;       /* the body is: it is not sent on to where a redirect leads */
    size_t answer_max;    /* limit of answer->body, in bytes */
    http_receive receive; /* or NULL: answer->body takes the body */
    void *context;        /* for RECEIVE and SENT */
};

/* Carries out REQUEST. *RET is the answer, as far as one was received, also on error; it is freed
 * by http_answer_free after each exchange. Errors: EXIT_NETWORK, with curl's words; EXIT_TIMEOUT
 * after the client's deadline; EXIT_OTHER if the body cannot be read; those of RECEIVE. */
[[nodiscard]] struct error *http_exchange(struct http_client *client,
                                          const struct http_request *request,
                                          struct http_answer *ret);

/* Returns the value of the answer's first header NAME (lower case), borrowed; or NULL. */
const char *http_header(const struct http_answer *answer, const char *name);

/* Parses a date in any of HTTP's forms. Returns seconds since 1970; -1 if TEXT is not a date. */
long long http_date(const char *text);

void http_answer_free(struct http_answer *answer);

#endif
