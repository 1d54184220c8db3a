/*
 * What a registry says when it refuses: the "errors" document of the distribution specification
 * ("Error Codes"), or the token server's "error" and "error_description", as one line for people.
 * The words are the registry's, and may be hostile: unprintable bytes are left out, and they are
 * cut.
 */
#ifndef VMBUILD_REGISTRY_ERROR_H
#define VMBUILD_REGISTRY_ERROR_H

#include "host/lib/error.h"
#include "host/registry/http.h"

#define REGISTRY_ERROR_WORDS_MAX 300

/* Makes the error for ANSWER, whose status is not the one hoped for: "WHAT (status N): WORDS". The
 * code is EXIT_NETWORK. Never returns NULL. */
[[nodiscard]] struct error *registry_error(const struct http_answer *answer, const char *what);

#endif
