#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/lib/digest.h"

/* FIPS 180-2, appendix B.1. */
#define DIGEST_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_digest_of(void **state)
{
    struct digest digest;

    (void)state;
    digest_of("abc", 3, &digest);
    assert_string_equal(digest.hex, DIGEST_OF_ABC);
}

static void test_pieces(void **state)
{
    struct digest digest;
    struct sha256 *hash = sha256_new();

    (void)state;
    sha256_update(hash, "a", 1);
    sha256_update(hash, "", 0);
    sha256_update(hash, "bc", 2);
    sha256_finish(hash, &digest);
    assert_string_equal(digest.hex, DIGEST_OF_ABC);
}

static void test_parse(void **state)
{
    struct digest digest;
    struct digest same;

    (void)state;
    assert_null(digest_parse("sha256:" DIGEST_OF_ABC, &digest));
    digest_of("abc", 3, &same);
    assert_true(digest_equal(&digest, &same));
}

static void test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "sha256:",
        DIGEST_OF_ABC,
        "sha512:" DIGEST_OF_ABC,
        "sha256:" DIGEST_OF_ABC "0",
        "sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:../816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    };
    struct digest digest;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error *err = digest_parse(bad[i], &digest);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        error_free(err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_digest_of),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
