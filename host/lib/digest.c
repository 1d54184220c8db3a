#include "host/lib/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct sha256 {
    EVP_MD_CTX *context;
};

/* OpenSSL's digest calls fail only for want of memory or of the algorithm: neither can be mended
 * here. */
static void require(bool done)
{
    if (!done)
        abort();
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = calloc(1, sizeof *hash);

    require(hash != NULL);
    hash->context = EVP_MD_CTX_new();
    require(hash->context != NULL);
    require(EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) == 1);
    return hash;
}

void sha256_update(struct sha256 *hash, const void *bytes, size_t length)
{
    require(EVP_DigestUpdate(hash->context, bytes, length) == 1);
}

void sha256_finish(struct sha256 *hash, struct digest *ret)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    require(EVP_DigestFinal_ex(hash->context, raw, &length) == 1);
    require(length * 2 == DIGEST_HEX_LENGTH);
    for (unsigned int i = 0; i < length; i++) {
        ret->hex[2 * i] = digits[raw[i] >> 4];
        ret->hex[2 * i + 1] = digits[raw[i] & 15];
    }
    ret->hex[DIGEST_HEX_LENGTH] = '\0';
    sha256_free(hash);
}

void sha256_free(struct sha256 *hash)
{
    if (hash == NULL)
        return;
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void digest_of(const void *bytes, size_t length, struct digest *ret)
{
    struct sha256 *hash = sha256_new();

    sha256_update(hash, bytes, length);
    sha256_finish(hash, ret);
}

bool digest_is_hex(const char *hex)
{
    return strspn(hex, "0123456789abcdef") == DIGEST_HEX_LENGTH && hex[DIGEST_HEX_LENGTH] == '\0';
}

struct error *digest_parse(const char *text, struct digest *ret)
{
    size_t prefix = strlen(DIGEST_PREFIX);

    if (strncmp(text, DIGEST_PREFIX, prefix) != 0 || !digest_is_hex(text + prefix))
        return error_new(EXIT_INPUT, "read digest '%.100s': it is not 'sha256:' and 64 hex digits",
                         text);
    memcpy(ret->hex, text + prefix, DIGEST_HEX_LENGTH + 1);
    return NULL;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return strcmp(a->hex, b->hex) == 0;
}
