/*
 * Which certificates TLS trusts and shows, in the places that skopeo, podman and Docker look at:
 *
 *   $SSL_CERT_FILE, $SSL_CERT_DIR   the authorities, else the system's own
 *   certs.d/HOST[:PORT]/NAME.crt    further authorities, for that host
 *   certs.d/HOST[:PORT]/NAME.cert   a client certificate, with its key in NAME.key
 *
 * certs.d is the first of ~/.config/containers/certs.d, /etc/containers/certs.d and
 * /etc/docker/certs.d that has a folder for the host.
 */
#ifndef VMBUILD_CERTIFICATES_H
#define VMBUILD_CERTIFICATES_H

#include "host/lib/buffer.h"
#include "host/lib/error.h"

#define CERTIFICATES_SIZE_MAX (8u << 20) /* bytes of one file of authorities */

struct certificates {
    char *file;                /* PEM file of authorities, or NULL: the library's own default */
    char *folder;              /* hashed folder of authorities, or NULL */
    struct buffer authorities; /* PEM; not empty: in place of FILE */
    char *client_certificate;  /* path, or NULL */
    char *client_key;          /* path, or NULL: in the file of the certificate */
};

/* Looks for the certificates of HOST (HOST[:PORT]). DEFAULT_FILE is the file of authorities that
 * the TLS library uses by default, or NULL. Errors: EXIT_OTHER where a file that is there cannot be
 * read. */
[[nodiscard]] struct error *certificates_find(const char *host, const char *default_file,
                                              struct certificates *ret);

void certificates_free(struct certificates *certificates);

#endif
