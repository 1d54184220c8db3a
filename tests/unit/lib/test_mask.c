/* Secrets in streams: found and masked however the stream is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/mask.h"
#include "host/lib/memory.h"
#include "host/lib/secret_search.h"

#define SECRETS_MAX 3

/* Returns the secrets TEXTS, up to a NULL; freed with secrets_free. */
static struct secrets make_secrets(const char *const *texts)
{
    struct secrets secrets = {0};

    for (size_t i = 0; i < SECRETS_MAX && texts[i] != NULL; i++)
        secrets_take(&secrets, texts[i], xstrdup(texts[i]), strlen(texts[i]));
    return secrets;
}

static struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

/* Masks TEXT in pieces of PIECE bytes, twice. */
static void expect_masked(const char *const *texts, const char *text, size_t piece,
                          const char *expected)
{
    CLEANUP(secrets_free) struct secrets secrets = make_secrets(texts);
    struct mask *mask = mask_new(&secrets);

    for (int i = 0; i < 2; i++) {
        CLEANUP(buffer_free) struct buffer out = {0};
        const struct sink sink = {append, &out};

        for (size_t at = 0; at < strlen(text); at += piece)
            assert_null(mask_write(mask, text + at,
                                   strlen(text + at) < piece ? strlen(text + at) : piece, sink));
        assert_null(mask_flush(mask, sink));
        buffer_append(&out, "", 1);
        assert_string_equal(out.data, expected);
    }
    mask_free(mask);
}

static void test_masked(void **state)
{
    static const struct {
        const char *secrets[SECRETS_MAX];
        const char *text, *expected;
    } cases[] = {
        {{"01234567"}, "", ""},
        {{"01234567"}, "nothing", "nothing"},
        {{"01234567"}, "01234567", "***"},
        {{"01234567"}, "a 01234567 b 01234567\n", "a *** b ***\n"},
        {{"01234567"}, "0123456701234567", "***"},
        {{"01234567"}, "0120123456", "0120123456"},
        {{"01234567"}, "01201234567", "012***"},
        {{"aaaaaaaa"}, "baaaaaaab", "baaaaaaab"},
        {{"aaaaaaaa"}, "baaaaaaaaaab", "b***b"},
        {{"abababac"}, "abababababac", "abab***"},
        {{"abcdefgh", "efghijkl"}, "-abcdefghijkl-", "-***-"},
        {{"abcdefgh", "abcdefghij"}, "-abcdefghij-abcdefghi-", "-***-***i-"},
        {{"cdefghij", "abcdefghijklm"}, "-abcdefghijklm-abcdefghij-", "-***-ab***-"},
        {{" \n01234567\r\n"}, "x01234567y", "x***y"},
        {{"line one\nline two\n"}, "line one\nline two\nline", "***\nline"},
        {{"1234567"}, "1234567", "1234567"},
        {{"   1234567"}, "   1234567", "   1234567"},
        {{"1234567", "12345678"}, "12345678", "***"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 16; piece++)
            expect_masked(cases[i].secrets, cases[i].text, piece, cases[i].expected);
}

/* What cannot be the start of a secret is shown at once. */
static void test_held_back(void **state)
{
    static const char *const texts[] = {"01234567", NULL};
    CLEANUP(secrets_free) struct secrets secrets = make_secrets(texts);
    CLEANUP(buffer_free) struct buffer out = {0};
    struct mask *mask = mask_new(&secrets);
    const struct sink sink = {append, &out};

    (void)state;
    assert_null(mask_write(mask, "a question? ", 12, sink));
    assert_int_equal(out.length, 12);
    assert_null(mask_write(mask, "b012", 4, sink));
    assert_int_equal(out.length, 13);
    assert_null(mask_write(mask, "0", 1, sink));
    assert_int_equal(out.length, 16);
    assert_null(mask_flush(mask, sink));
    assert_int_equal(out.length, 17);
    mask_free(mask);
}

static void test_text(void **state)
{
    static const char *const texts[] = {"01234567", NULL};
    CLEANUP(secrets_free) struct secrets secrets = make_secrets(texts);
    CLEANUP(freep) char *masked = mask_text(&secrets, "dir/01234567/x");
    CLEANUP(freep) char *empty = mask_text(&secrets, "");

    (void)state;
    assert_string_equal(masked, "dir/***/x");
    assert_string_equal(empty, "");
}

/* Compares the search with that of the C library, on texts of two letters, in which parts of the
 * secret are everywhere. */
static void test_search(void **state)
{
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char secret[13] = {0}, text[200];
        size_t length = 8 + (size_t)(round % 5);

        for (size_t i = 0; i < length; i++)
            secret[i] = (char)('a' + (rand_r(&seed) & 1));
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = (char)('a' + (rand_r(&seed) & 1));
        const char *const texts[] = {secret, NULL};
        CLEANUP(secrets_free) struct secrets secrets = make_secrets(texts);
        CLEANUP(secret_search_freep) struct secret_search *search = secret_search_new(&secrets);
        size_t piece = 1 + (size_t)(rand_r(&seed) % 40);
        bool found = false;

        for (size_t at = 0; !found && at < sizeof text; at += piece) {
            size_t rest = sizeof text - at;

            found = secret_search_take(search, text + at, rest < piece ? rest : piece) != NULL;
        }
        assert_int_equal(found, memmem(text, sizeof text, secret, length) != NULL);
    }
}

static void test_zeros(void **state)
{
    static const char bytes[] = "a\0\0\0\0\0\0\0\0b";
    CLEANUP(secrets_free) struct secrets secrets = {0};
    char *copy = xcalloc(1, sizeof bytes);

    (void)state;
    memcpy(copy, bytes, sizeof bytes - 1);
    secrets_take(&secrets, "zeros", copy, sizeof bytes - 1);
    CLEANUP(secret_search_freep) struct secret_search *search = secret_search_new(&secrets);

    assert_null(secret_search_take(search, "a", 1));
    assert_null(secret_search_skip(search, 8));
    assert_ptr_equal(secret_search_take(search, "b", 1), &secrets.items[0]);
    assert_null(secret_search_take(search, "a", 1));
    assert_null(secret_search_skip(search, 3));
    assert_null(secret_search_skip(search, 6));
    assert_null(secret_search_take(search, "b", 1));
    assert_null(secret_search_take(search, "a", 1));
    assert_null(secret_search_skip(search, UINT64_C(1) << 60));
    assert_null(secret_search_take(search, "b", 1));
}

/* Without a secret that is long enough there is nothing to do. */
static void test_none(void **state)
{
    static const char *const texts[] = {"1234567", "", NULL};
    CLEANUP(secrets_free) struct secrets secrets = make_secrets(texts);

    (void)state;
    assert_null(secret_search_new(&secrets));
    assert_null(secret_search_new(&(struct secrets){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masked), cmocka_unit_test(test_held_back),
        cmocka_unit_test(test_text),   cmocka_unit_test(test_search),
        cmocka_unit_test(test_zeros),  cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
