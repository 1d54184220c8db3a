/* Names of platforms, and which of several images suits one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/architecture.h"
#include "host/image/platform.h"

static void check_name(const char *text, const char *expected)
{
    struct platform platform;

    assert_null(platform_parse(text, &platform));
    char *name = platform_format(&platform);

    assert_string_equal(name, expected);
    free(name);
}

static void test_names(void **state)
{
    static const char *const wrong[] = {"", "/", "linux/", "arm/", "arm/v7/x", "a b", "a\n"};

    (void)state;
    check_name("amd64", "amd64");
    check_name("linux/amd64", "amd64");
    check_name("x86_64", "amd64");
    check_name("Linux/X86_64", "amd64");
    check_name("aarch64", "arm64");
    check_name("arm64/v8", "arm64");
    check_name("arm64/8", "arm64");
    check_name("aarch64/v8", "arm64");
    check_name("armhf", "arm/v7");
    check_name("arm/7", "arm/v7");
    check_name("amd64/v2", "amd64/v2");
    check_name("loongarch64", "loong64");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct platform platform;
        struct error *err = platform_parse(wrong[i], &platform);

        if (err == NULL)
            fail_msg("'%s' is not a platform", wrong[i]);
        assert_int_equal(err != NULL ? err->code : 0, EXIT_INPUT);
        error_free(err);
    }
}

/* The image that is taken for WANTED: the index in the list of VARIANTS of ARCHITECTURE, which NULL
 * ends; -1: none. */
static int choose(const char *wanted_text, const char *architecture, const char *const *variants)
{
    struct platform wanted;
    int best = PLATFORM_WRONG;
    int chosen = -1;

    assert_null(platform_parse(wanted_text, &wanted));
    for (int i = 0; variants[i] != NULL; i++) {
        int rating = platform_rate(&wanted, "linux", architecture, variants[i]);

        if (rating > best) {
            best = rating;
            chosen = i;
        }
    }
    return chosen;
}

static const char *const amd64_levels[] = {"v1", "v2", "v3", "v4", NULL};

/* What this host's guests can run. */
static int host_level(void)
{
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2"))
        return __builtin_cpu_supports("sse4.2") ? 2 : 1;
#endif
    return 3;
}

static void test_levels_of_amd64(void **state)
{
    static const char *const with_plain[] = {"v3", "", "v2", NULL};
    static const char *const v4_alone[] = {"v4", NULL};
    static const char *const plain[] = {"", NULL};

    (void)state;
    assert_int_equal(choose("amd64", "amd64", amd64_levels), host_level() - 1);
    if (strcmp(architecture_of_host(), "amd64") == 0)
        assert_int_equal(choose(NULL, "amd64", amd64_levels), host_level() - 1);
    assert_int_equal(choose("amd64", "amd64", with_plain), 1);
    assert_int_equal(choose("amd64", "amd64", v4_alone), -1);
    assert_int_equal(choose("amd64/v1", "amd64", amd64_levels), 0);
    assert_int_equal(choose("amd64/v2", "amd64", amd64_levels), 1);
    assert_int_equal(choose("amd64/v4", "amd64", amd64_levels), 3);
    assert_int_equal(choose("amd64/v3", "amd64", plain), 0);
}

static void test_variants_of_arm(void **state)
{
    static const char *const arm[] = {"v5", "v6", "v7", "v8", NULL};
    static const char *const old[] = {"v5", "v6", NULL};
    static const char *const plain[] = {"", NULL};
    static const char *const v8[] = {"v8", NULL};
    static const char *const v9[] = {"v9", NULL};

    (void)state;
    assert_int_equal(choose("arm", "arm", arm), 2);
    assert_int_equal(choose("arm", "arm", old), 1);
    assert_int_equal(choose("arm/v6", "arm", arm), 1);
    assert_int_equal(choose("arm/v7", "arm", old), 1);
    assert_int_equal(choose("arm/v7", "arm", v8), -1);
    assert_int_equal(choose("arm64", "arm64", v8), 0);
    assert_int_equal(choose("arm64/v8", "arm64", plain), 0);
    assert_int_equal(choose("arm64/v7", "arm64", v8), -1);
    assert_int_equal(choose("arm64", "arm64", v9), -1);
    assert_int_equal(choose("arm64", "arm", v8), -1);
    assert_int_equal(choose("aarch64", "aarch64", plain), 0);
}

static void test_what_is_not_stated(void **state)
{
    struct platform wanted;

    (void)state;
    assert_null(platform_parse("amd64", &wanted));
    assert_int_equal(platform_rate(&wanted, NULL, NULL, NULL), PLATFORM_UNKNOWN);
    assert_int_equal(platform_rate(&wanted, "", "", ""), PLATFORM_UNKNOWN);
    assert_int_equal(platform_rate(&wanted, "windows", NULL, NULL), PLATFORM_WRONG);
    assert_int_equal(platform_rate(&wanted, "windows", "amd64", NULL), PLATFORM_WRONG);
    assert_int_equal(platform_rate(&wanted, "unknown", "unknown", NULL), PLATFORM_WRONG);
    assert_true(platform_rate(&wanted, NULL, "amd64", NULL) >= PLATFORM_SUITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_levels_of_amd64),
        cmocka_unit_test(test_variants_of_arm),
        cmocka_unit_test(test_what_is_not_stated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
