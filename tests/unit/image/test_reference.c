#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

/* Expects TEXT to be read and written as FORMATTED. */
static void expect(const char *text, const char *formatted)
{
    struct reference reference = {0};

    assert_null(reference_parse(text, &reference));
    char *again = reference_format(&reference);

    assert_string_equal(again, formatted);
    free(again);
    reference_free(&reference);
}

static void expect_refused(const char *text)
{
    struct reference reference = {0};
    struct error *err = reference_parse(text, &reference);

    if (err == NULL) {
        fail_msg("'%s' was accepted", text);
        return;
    }
    assert_int_equal(err->code, EXIT_INPUT);
    error_free(err);
}

static void test_paths(void **state)
{
    (void)state;
    expect("image.tar", "image.tar");
    expect("/a:b/c.tar", "/a:b/c.tar");
    expect("docker-archive:a.tar", "docker-archive:a.tar");
    expect("docker-archive:a.tar:hello:1", "docker-archive:a.tar:hello:1");
    expect("docker-archive:a.tar:host:5000/x", "docker-archive:a.tar:host:5000/x");
    expect("oci:dir:Any Tag", "oci:dir:Any Tag");
    expect("oci-archive:f", "oci-archive:f");
}

static void test_registry_defaults(void **state)
{
    (void)state;
    expect("docker://debian", "docker://docker.io/library/debian:latest");
    expect("docker://debian:12", "docker://docker.io/library/debian:12");
    expect("docker://user/app", "docker://docker.io/user/app:latest");
    expect("docker://docker.io/debian", "docker://docker.io/library/debian:latest");
    expect("docker://index.docker.io/debian", "docker://docker.io/library/debian:latest");
    expect("docker://index.docker.io/user/app:1", "docker://docker.io/user/app:1");
    expect("docker://localhost/app", "docker://localhost/app:latest");
    expect("docker://localhost:5000/a/b:t", "docker://localhost:5000/a/b:t");
    expect("docker://[::1]:5000/a", "docker://[::1]:5000/a:latest");
}

static void test_registry_digest(void **state)
{
    (void)state;
    expect("docker://h.io/a@sha256:" HEX, "docker://h.io/a@sha256:" HEX);
    expect("docker://h.io/a:t@sha256:" HEX, "docker://h.io/a:t@sha256:" HEX);
}

static void test_positions(void **state)
{
    struct reference reference = {0};

    (void)state;
    expect("docker-archive:a.tar:@0", "docker-archive:a.tar:@0");
    assert_null(reference_parse("docker-archive:a.tar:@12", &reference));
    assert_int_equal(reference.position, 13);
    assert_null(reference.name);
    reference_free(&reference);
    expect_refused("docker-archive:a.tar:@");
    expect_refused("docker-archive:a.tar:@-1");
    expect_refused("docker-archive:a.tar:@1x");
    expect_refused("docker-archive:a.tar:@99999999999999999999");
}

static void test_directories(void **state)
{
    (void)state;
    expect("dir:a/b", "dir:a/b");
    expect("dir:/a:b", "dir:/a:b");
    expect_refused("dir:");
    expect("./dir:a", "./dir:a");
}

static void test_standard_input(void **state)
{
    static const struct {
        const char *text;
        bool is_stdin;
    } cases[] = {{"-", true},          {"docker-archive:-", true}, {"oci-archive:-:tag", true},
                 {"./-", false},       {"oci:-", false},           {"dir:-", false},
                 {"docker://a", false}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct reference reference = {0};

        assert_null(reference_parse(cases[i].text, &reference));
        assert_int_equal(reference_is_stdin(&reference), cases[i].is_stdin);
        reference_free(&reference);
    }
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused("");
    expect_refused("docker://");
    expect_refused("docker-archive:");
    expect_refused("docker-archive:a.tar:name@sha256:" HEX);
    expect_refused("docker://Upper/case");
    expect_refused("docker://a..b");
    expect_refused("docker://h.io/a:");
    expect_refused("docker://h.io/a:.tag");
    expect_refused("docker://h.io/a@sha256:short");
    expect_refused("docker://h.io/a@md5:" HEX);
    expect_refused("docker://h.io:port/a");
    expect_refused("docker://h.io/a//b");
}

static void test_foreign_transports_are_named(void **state)
{
    const char *const texts[] = {"docker-daemon:a:1", "containers-storage:a", "tarball:/a",
                                 "https://h.io/a"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reference reference = {0};
        struct error *err = reference_parse(texts[i], &reference);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        assert_non_null(strstr(err->message, "is not supported"));
        assert_non_null(strstr(err->advice, "docker-archive:FILE[:REF], oci-archive:FILE[:REF], "
                                            "oci:DIR[:REF], dir:DIR, docker://"));
        error_free(err);
    }
    expect("./sif:a", "./sif:a");
}

static void test_names(void **state)
{
    const char *good[] = {"a", "a/b", "a-b_c.d__e", "h.io:5000/a", "a--b"};
    const char *bad[] = {"", "A", "a_", "-a", "a___b", "a/", "/a", "a.-b", "h:/a", "a b"};

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(reference_check_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error *err = reference_check_name(bad[i]);

        if (err == NULL)
            fail_msg("'%s' was accepted", bad[i]);
        error_free(err);
    }
}

static void test_full_names(void **state)
{
    static const char *const cases[][2] = {
        {"debian", "docker.io/library/debian"},         {"example/app", "docker.io/example/app"},
        {"example.org/app", "example.org/app"},         {"localhost/app", "localhost/app"},
        {"localhosts/app", "docker.io/localhosts/app"}, {"host:5000/a/b", "host:5000/a/b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(freep) char *name = reference_full_name(cases[i][0]);

        assert_string_equal(name, cases[i][1]);
    }
}

static void test_the_limit_is_that_of_the_whole_name(void **state)
{
    struct reference reference = {0};
    char *name = xasprintf("docker://name%0250d", 0);
    struct error *err = reference_parse(name, &reference);

    (void)state;
    assert_non_null(err);
    assert_non_null(strstr(err->message, "longer than 255 characters"));
    error_free(err);
    free(name);
    name = xasprintf("docker://name%0230d", 0);
    assert_null(reference_parse(name, &reference));
    reference_free(&reference);
    free(name);
}

/* What is taken for a path, and would be an image for Docker. */
static void test_advice(void **state)
{
    static const char *const cases[][2] = {
        {"debian:12", "docker://docker.io/library/debian:12"},
        {"docker.io/debian:12", "docker://docker.io/library/debian:12"},
        {"docker.io/library/debian", "docker://docker.io/library/debian"},
        {"someone/app:1", "docker://docker.io/someone/app:1"},
        {"ghcr.io/someone/app", "docker://ghcr.io/someone/app"},
        {"localhost:5000/app", "docker://localhost:5000/app"},
        {"localhost/app:1", "docker://localhost/app:1"},
        {"debian", "docker://HOST/NAME[:TAG]"},
        {"images/base", "docker://HOST/NAME[:TAG]"},
        {"./debian:12", "docker://HOST/NAME[:TAG]"},
        {"/srv/images/debian:12", "docker://HOST/NAME[:TAG]"},
        {"../base.tar", "docker://HOST/NAME[:TAG]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CLEANUP(freep) char *advice = reference_advice(cases[i][0]);
        CLEANUP(freep)
        char *expected = xasprintf("for an image in a registry, use %s", cases[i][1]);

        assert_string_equal(advice, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_registry_defaults),
        cmocka_unit_test(test_registry_digest),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_standard_input),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_foreign_transports_are_named),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_full_names),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_the_limit_is_that_of_the_whole_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
