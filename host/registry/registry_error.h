/*
 * Turns a registry's refusal into an error: the "errors" document of the distribution specification
 * ("Error Codes"), or a token server's "error" and "error_description", as one line for people. The
 * text is the registry's and may be hostile, so it is cut, and unprintable bytes are left out.
 */
#ifndef VMBUILD_REGISTRY_ERROR_H
#define VMBUILD_REGISTRY_ERROR_H

#include "host/lib/error.h"
#include "host/registry/http.h"

#define REGISTRY_ERROR_WORDS_MAX 300

/* Returns the error for ANSWER, whose status is not the expected one: "WHAT (status N): WORDS". Its
 * code is EXIT_NETWORK. */
[[nodiscard]] struct error *registry_error(const struct http_answer *answer, const char *what);

#endif
