/*
 * One HTTP request and its answer over a handle of libcurl: the request made into curl's options,
 * the answer taken in within http.h's limits, curl's failures made into errors. Redirects, and the
 * handles with their connections, are the client's (http.h).
 */
#ifndef VMBUILD_HTTP_TRANSFER_H
#define VMBUILD_HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>

#include "host/lib/error.h"
#include "host/registry/certificates.h"
#include "host/registry/http.h"

/* All borrowed. */
struct http_transfer {
    const struct http_request *request;
    const char *url; /* the request's own, or where that was redirected to */
    bool authorized; /* whether URL may see the request's authorization */
    bool reached;    /* the server has answered before: failing to connect may be transient */
    const struct certificates *certificates;
};

/* Carries TRANSFER out over CURL, whose options are all at their defaults before, and left set.
 * *RET, zeroed before, holds an answer, as far as there was one, also on error. Errors:
 * EXIT_NETWORK, with curl's words; EXIT_OTHER; those of the request's receiver. */
[[nodiscard]] struct error *http_transfer_perform(CURL *curl, const struct http_transfer *transfer,
                                                  struct http_answer *ret);

#endif
