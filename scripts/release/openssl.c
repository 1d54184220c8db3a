/*
 * Linked to the release's vmbuild: OpenSSL reads no openssl.cnf. The host's may name providers and
 * engines, modules that a static program cannot load.
 */
#include <openssl/crypto.h>

__attribute__((constructor)) static void configure_openssl(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}
