/*
 * How users name images. An image reference has a transport, as skopeo and podman write it:
 *
 *     docker-archive:FILE[:REF|:@INDEX]
 *     oci-archive:FILE[:REF]
 *     oci:DIR[:REF]
 *     dir:DIR
 *     docker://HOST/NAME[:TAG|@DIGEST]
 *
 * A plain path has TRANSPORT_PATH and is recognised by its content. Pure: nothing is opened here.
 */
#ifndef VMBUILD_REFERENCE_H
#define VMBUILD_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/lib/digest.h"
#include "host/lib/error.h"

enum transport {
    TRANSPORT_PATH,
    TRANSPORT_DOCKER_ARCHIVE,
    TRANSPORT_OCI_ARCHIVE,
    TRANSPORT_OCI,
    TRANSPORT_DIR,
    TRANSPORT_DOCKER, /* a registry */
};

struct reference {
    enum transport transport;
    char *path; /* of a file or directory; NULL for a registry */
    char *host; /* registry HOST[:PORT]; "docker.io" has its API host substituted by the registry */
    char *name; /* repository name within the registry, or the image name after FILE:, or NULL */
    char *short_name;     /* the name as it was written, if that was without a host; or NULL */
    char *tag;            /* or NULL */
    struct digest digest; /* or empty */
    size_t position;      /* from 1, in an archive's list of images ("@0" is 1); or 0 */
};

/* Parses TEXT, one of the forms above. *RET is freed by reference_free. Errors: EXIT_INPUT, naming
 * the part that is wrong. */
[[nodiscard]] struct error *reference_parse(const char *text, struct reference *ret);

/* Checks NAME (the spec's `name`: a repository name, registry prefix allowed) and TAG by the
 * grammar of distribution's reference package. Errors: EXIT_INPUT. */
[[nodiscard]] struct error *reference_check_name(const char *name);
[[nodiscard]] struct error *reference_check_tag(const char *tag);

/* Returns the repository name NAME with its registry, as containerd has it: a name without one is
 * Docker Hub's, and a name of one part lies in `library/` there. The caller's. */
char *reference_full_name(const char *name);

/* Returns REFERENCE as text, as reference_parse reads it; the caller's. */
char *reference_format(const struct reference *reference);

/* Returns the advice for TEXT, which was taken for a path where nothing is: the image in a registry
 * that it would be for Docker, if it looks like one, else how one is written; the caller's. */
char *reference_advice(const char *text);

/* Returns whether REFERENCE is of an archive on standard input, whose path is "-". */
bool reference_is_stdin(const struct reference *reference);

void reference_free(struct reference *reference);

#endif
