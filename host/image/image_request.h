/*
 * A request for an image: which one of those that a reference leads to, what its reader needs of
 * the layers, and the means to get them. It travels from image_open through every format and to the
 * registry unchanged, so nothing that decides what is read lies outside of it. It owns nothing: all
 * pointers are the caller's and outlive the call.
 */
#ifndef VMBUILD_IMAGE_REQUEST_H
#define VMBUILD_IMAGE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/* Which image of several. */
struct image_choice {
    const char *name;         /* repository name, or NULL: any */
    const char *tag;          /* or NULL: any */
    size_t position;          /* from 1, in the list of an archive; 0: any */
    const char *architecture; /* what the image must be for (as platform_parse reads it); NULL: this
                                 host, if the image is for several, else anything */
};

/* Whether a registry's certificate has to be valid. */
enum registry_trust {
    REGISTRY_TRUST_CONFIGURED, /* as registries.conf(5) says; otherwise yes */
    REGISTRY_TRUST_VERIFIED,
    REGISTRY_TRUST_ANYONE, /* no, and plain HTTP will do */
};

/* How registries are reached. Zeroed: over TLS, with the credentials in their usual places. */
struct registry_access {
    bool plain_http;             /* --plain-http: plain HTTP to any host */
    enum registry_trust trust;   /* --tls-verify */
    const char *auth_file;       /* --authfile, or NULL */
    const char *user, *password; /* --creds, or NULL */
    long long deadline;          /* of all requests: milliseconds of a clock that nobody sets
                                         (http_now); 0: none */
    unsigned int seconds;        /* --registry-timeout, for messages */
};

struct image_request {
    struct image_choice choice;
    unsigned int forms;              /* of the layers: enum layer_form bits (image.h); 0: none */
    struct store *store;             /* where layers and documents are looked for and kept */
    struct registry_access registry; /* for a reference to one */
};

#endif
