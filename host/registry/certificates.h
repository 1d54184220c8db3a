/*
 * The certificates that TLS trusts and presents, from the places where skopeo, podman and Docker
 * look:
 *
 *   $SSL_CERT_FILE, $SSL_CERT_DIR   the authorities, in place of the system's
 *   certs.d/HOST[:PORT]/NAME.crt    further authorities, for that host
 *   certs.d/HOST[:PORT]/NAME.cert   a client certificate, with its key in NAME.key
 *
 * certs.d is the first of ~/.config/containers/certs.d, /etc/containers/certs.d and
 * /etc/docker/certs.d that has a directory for the host.
 */
#ifndef VMBUILD_CERTIFICATES_H
#define VMBUILD_CERTIFICATES_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"

#define CERTIFICATES_SIZE_MAX (8u << 20) /* bytes of one file of authorities */

struct certificates {
    char *file;                /* PEM file of authorities, or NULL: the library's own default */
    char *folder;              /* hashed directory of authorities, or NULL */
    struct buffer authorities; /* PEM; if not empty, it replaces FILE */
    char *client_certificate;  /* path, or NULL */
    char *client_key;          /* path, or NULL: it is in the certificate's file */
};

/* Finds the certificates for HOST (HOST[:PORT]). DEFAULT_FILE is the file of authorities that the
 * TLS library uses by default, or NULL; if this machine does not have it, the bundle that it has
 * elsewhere takes its place. *RET is freed by certificates_free. Errors: EXIT_OTHER if a
 * file exists but cannot be read. */
[[nodiscard]] struct error *certificates_find(const char *host, const char *default_file,
                                              struct certificates *ret);

void certificates_free(struct certificates *certificates);

#endif
