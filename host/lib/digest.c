#include "host/lib/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/memory.h"

struct sha256 {
    EVP_MD_CTX *context;
};

static EVP_MD *algorithm;

/* What OpenSSL allocates with. Left to itself, OpenSSL 3.5 waits for ever if it finds no memory
 * while it starts. */

static void *allocate(size_t size, const char *, int)
{
    return xallocated(malloc(size > 0 ? size : 1));
}

static void *reallocate(void *old, size_t size, const char *, int)
{
    if (size > 0)
        return xreallocarray(old, size, 1);
    free(old);
    return NULL;
}

static void release(void *memory, const char *, int)
{
    free(memory);
}

/* Fetched from OpenSSL's own provider, in a library context that reads no configuration file, so
 * that only a lack of memory can make it fail. */
static void fetch_algorithm(void)
{
    /* Of no effect if another library has used OpenSSL before. */
    (void)CRYPTO_set_mem_functions(allocate, reallocate, release);
    OSSL_LIB_CTX *library = xallocated(OSSL_LIB_CTX_new());

    algorithm = xallocated(EVP_MD_fetch(library, "SHA256", NULL));
}

struct sha256 *sha256_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sha256 *hash = xcalloc(1, sizeof *hash);

    pthread_once(&once, fetch_algorithm);
    hash->context = xallocated(EVP_MD_CTX_new());
    if (EVP_DigestInit_ex(hash->context, algorithm, NULL) != 1)
        memory_exhausted();
    return hash;
}

/* Once started, a digest of OpenSSL allocates nothing and cannot fail. */
static void require(bool done)
{
    assert(done);
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
        return error_new(
            EXIT_INPUT, "read digest '%.100s': expected 'sha256:' and 64 hexadecimal digits", text);
    memcpy(ret->hex, text + prefix, DIGEST_HEX_LENGTH + 1);
    return NULL;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return strcmp(a->hex, b->hex) == 0;
}
