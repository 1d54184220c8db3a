#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "host/registry/base64.h"

static void check(const char *plain, const char *encoded)
{
    struct buffer out = {0};
    struct buffer back = {0};

    base64_encode(plain, strlen(plain), &out);
    assert_string_equal(out.data != NULL ? out.data : "", encoded);
    assert_true(base64_decode(encoded, &back));
    assert_string_equal(back.data != NULL ? back.data : "", plain);
    buffer_free(&out);
    buffer_free(&back);
}

/* RFC 4648, section 10. */
static void test_vectors(void **state)
{
    (void)state;
    check("", "");
    check("f", "Zg==");
    check("fo", "Zm8=");
    check("foo", "Zm9v");
    check("foob", "Zm9vYg==");
    check("fooba", "Zm9vYmE=");
    check("foobar", "Zm9vYmFy");
}

static void test_unpadded(void **state)
{
    struct buffer out = {0};

    (void)state;
    assert_true(base64_decode("Zm9vYg", &out));
    assert_string_equal(out.data, "foob");
    buffer_free(&out);
}

/* Encoders put line ends in. */
static void test_lines(void **state)
{
    struct buffer out = {0};

    (void)state;
    assert_true(base64_decode("Zm9v\r\nYm\n\nFy\n", &out));
    assert_string_equal(out.data, "foobar");
    buffer_free(&out);
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "Z=g=", "Zm9v Yg==", "Zm9v-", "="};
    struct buffer out = {0};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(base64_decode(bad[i], &out));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_unpadded),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
