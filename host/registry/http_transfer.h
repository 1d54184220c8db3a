/*
 * One HTTP request and its answer over a handle of libcurl: turns the request into curl's options,
 * receives the answer within the limits of http.h, and turns curl's failures into errors.
 * Redirects, and the handles with their connections, belong to the client (http.h).
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
    const char *url; /* the request's own, or the target of a redirect */
    bool authorized; /* whether URL may see the request's authorization */
    bool reached;    /* the server has answered before: failing to connect may be transient */
    const struct http_policy *policy;
    const struct certificates *certificates;
};

/* Carries out TRANSFER over CURL, whose options must be at their defaults, and are left set. *RET,
 * zeroed before, is the answer, as far as one was received, also on error. Errors: as
 * http_exchange. */
[[nodiscard]] struct error *http_transfer_perform(CURL *curl, const struct http_transfer *transfer,
                                                  struct http_answer *ret);

#endif
