#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/registry/registries_conf.h"
#include "host/registry/short_name.h"
#include "tests/unit/folder.h"

#define DIGEST_TEXT "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Writes the file NAME below the home. */
static void write_file(const char *name, const char *text)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);

    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    CLEANUP(fclosep) FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
}

/* Makes a home for the test, in which TEXT is the configuration that the environment names. */
static void configure(const char *text)
{
    CLEANUP(freep) char *path = xasprintf("%s/chosen.conf", folder);

    write_file("chosen.conf", text);
    setenv("CONTAINERS_REGISTRIES_CONF", path, 1);
}

static int set_up(void **state)
{
    int status = make_folder(state);

    setenv("HOME", folder, 1);
    unsetenv("CONTAINERS_REGISTRIES_CONF");
    return status;
}

/* Returns the endpoints of IMAGE, a word each: a reference, with "+" in front if it is insecure. */
static char *places(const char *image, enum registry_trust trust, struct error **ret_err)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(registry_endpoints_free) struct registry_endpoints found = {0};
    CLEANUP(freep) char *full = xasprintf("docker://%s", image);
    CLEANUP(buffer_free) struct buffer out = {0};
    struct registry_access access = {.trust = trust};

    assert_null(reference_parse(full, &reference));
    *ret_err = registries_conf_pull(&reference, &access, &found);
    for (size_t i = 0; i < found.count; i++) {
        CLEANUP(freep) char *text = reference_format(&found.items[i].reference);

        assert_int_equal(found.items[i].is_mirror, i + 1 < found.count);
        buffer_printf(&out, "%s%s%s", i > 0 ? " " : "", found.items[i].insecure ? "+" : "",
                      text + strlen("docker://"));
    }
    return buffer_steal(&out);
}

static void expect(const char *image, const char *expected)
{
    struct error *err = NULL;
    CLEANUP(freep) char *found = places(image, REGISTRY_TRUST_CONFIGURED, &err);

    if (err != NULL)
        fail_msg("%s: %s", image, err->message);
    assert_string_equal(found, expected);
}

/* Checks that IMAGE may be pushed, and whether that is INSECURE; WORDS: why it may not. */
static void expect_push(const char *image, bool insecure, const char *words)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(freep) char *full = xasprintf("docker://%s", image);
    struct registry_access access = {0};
    bool found = !insecure;

    assert_null(reference_parse(full, &reference));
    struct error *err = registries_conf_push(&reference, &access, &found);

    if (words == NULL) {
        assert_null(err);
        assert_int_equal(found, insecure);
        return;
    }
    assert_non_null(err);
    assert_non_null(strstr(err->message, words));
    error_free(err);
}

static void expect_error(const char *image, enum exit_code code, const char *words)
{
    struct error *err = NULL;

    free(places(image, REGISTRY_TRUST_CONFIGURED, &err));
    if (err == NULL) {
        fail_msg("%s: no error", image);
        return; /* never; the analyzer does not know it */
    }
    assert_int_equal(err->code, code);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' does not contain '%s'", err->message, words);
    error_free(err);
}

static void test_nothing(void **state)
{
    (void)state;
    configure("");
    expect("h.io/n", "h.io/n:latest");
    expect("debian", "docker.io/library/debian:latest");
}

/* The example of the manual page. */
static void test_mirrors(void **state)
{
    (void)state;
    configure("unqualified-search-registries = [\"example.com\"]\n"
              "[[registry]]\nprefix = \"example.com/foo\"\ninsecure = false\nblocked = false\n"
              "location = \"internal-registry-for-example.com/bar\"\n"
              "[[registry.mirror]]\nlocation = \"example-mirror-0.local/mirror-for-foo\"\n"
              "[[registry.mirror]]\nlocation = \"example-mirror-1.local/mirrors/foo\"\n"
              "insecure = true\n"
              "[[registry]]\nlocation = \"registry.com\"\n"
              "[[registry.mirror]]\nlocation = \"mirror.registry.com\"\n");
    expect("example.com/foo/image:latest", "example-mirror-0.local/mirror-for-foo/image:latest "
                                           "+example-mirror-1.local/mirrors/foo/image:latest "
                                           "internal-registry-for-example.com/bar/image:latest");
    expect("registry.com/a/b@" DIGEST_TEXT,
           "mirror.registry.com/a/b@" DIGEST_TEXT " registry.com/a/b@" DIGEST_TEXT);
    expect("example.com/foobar:1", "example.com/foobar:1");
    expect_push("example.com/foo/image:1", false, NULL);
}

static void test_mirror_modes(void **state)
{
    (void)state;
    configure("[[registry]]\nlocation = 'h.io'\n"
              "[[registry.mirror]]\nlocation = 'd.io'\npull-from-mirror = 'digest-only'\n"
              "[[registry.mirror]]\nlocation = 't.io'\npull-from-mirror = 'tag-only'\n"
              "[[registry.mirror]]\nlocation = 'a.io'\npull-from-mirror = 'all'\n"
              "[[registry]]\nlocation = 'o.io'\nmirror-by-digest-only = true\n"
              "[[registry.mirror]]\nlocation = 'm.io'\n");
    expect("h.io/n:1", "t.io/n:1 a.io/n:1 h.io/n:1");
    expect("h.io/n@" DIGEST_TEXT,
           "d.io/n@" DIGEST_TEXT " a.io/n@" DIGEST_TEXT " h.io/n@" DIGEST_TEXT);
    expect("o.io/n:1", "o.io/n:1");
    expect("o.io/n@" DIGEST_TEXT, "m.io/n@" DIGEST_TEXT " o.io/n@" DIGEST_TEXT);
}

static void test_prefixes(void **state)
{
    (void)state;
    configure("[[registry]]\nlocation = 'h.io'\ninsecure = true\n"
              "[[registry]]\nprefix = 'h.io/a'\nlocation = 'x.io'\n"
              "[[registry]]\nprefix = 'h.io/a/b:1'\nlocation = 'tag.io/b:2'\n"
              "[[registry]]\nprefix = '*.e.io'\ninsecure = true\n"
              "[[registry]]\nprefix = '*.f.e.io'\nlocation = 'f.io/deep'\n"
              "[[registry]]\nlocation = 'port.io:5000'\ninsecure = true\n");
    expect("h.io/b:1", "+h.io/b:1");
    expect("h.io/ab:1", "+h.io/ab:1");
    expect("h.io/a/c:1", "x.io/c:1");
    expect("h.io/a/b:1", "tag.io/b:2");
    expect("h.io/a/b:12", "x.io/b:12");
    expect("h.io:5000/b:1", "h.io:5000/b:1");
    expect("x.e.io/n:1", "+x.e.io/n:1");
    expect("x.y.e.io:5000/n:1", "+x.y.e.io:5000/n:1");
    expect("e.io/n:1", "e.io/n:1");
    expect("h.net/x.e.io:1", "h.net/x.e.io:1");
    expect("x.f.e.io/n:1", "f.io/deep/n:1");
    expect("x.f.e.io:5000/n:1", "f.io/deep/n:1");
    expect("port.io:5000/n:1", "+port.io:5000/n:1");
    expect("port.io/n:1", "port.io/n:1");
}

/* Docker's registry has its namespace in the prefix. */
static void test_docker_hub(void **state)
{
    (void)state;
    configure("[[registry]]\nprefix = 'docker.io/library'\nlocation = 'm.io/hub'\n");
    expect("debian:12", "m.io/hub/debian:12");
    expect("index.docker.io/debian:12", "m.io/hub/debian:12");
    expect("docker.io/user/app:1", "docker.io/user/app:1");
}

static void test_blocked(void **state)
{
    (void)state;
    configure("[[registry]]\nlocation = 'h.io/bad'\nblocked = true\n");
    expect_error("h.io/bad/n", EXIT_NETWORK, "registry 'h.io/bad' is blocked in '");
    expect_push("h.io/bad/n", false, "is blocked");
    expect("h.io/good:1", "h.io/good:1");
}

static void test_trust(void **state)
{
    static const struct {
        enum registry_trust trust;
        const char *image, *expected;
    } cases[] = {
        {REGISTRY_TRUST_VERIFIED, "h.io/n:1", "h.io/n:1"},
        {REGISTRY_TRUST_ANYONE, "o.io/n:1", "+o.io/n:1"},
    };

    (void)state;
    configure("[[registry]]\nlocation = 'h.io'\ninsecure = true\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error *err = NULL;
        CLEANUP(freep) char *found = places(cases[i].image, cases[i].trust, &err);

        assert_null(err);
        assert_string_equal(found, cases[i].expected);
    }
    expect_push("h.io/n:1", true, NULL);
}

static void test_old_form(void **state)
{
    (void)state;
    configure("[registries.search]\nregistries = ['one.io']\n"
              "[registries.insecure]\nregistries = ['i.io', 'b.io']\n"
              "[registries.block]\nregistries = ['b.io']\n");
    expect("i.io/n:1", "+i.io/n:1");
    expect_error("b.io/n:1", EXIT_NETWORK, "is blocked");
}

/* The user's file replaces the system's; the files of directories add to each, in their order. */
static void test_places(void **state)
{
    (void)state;
    write_file(".config/containers/registries.conf", "[[registry]]\nlocation = 'h.io'\n"
                                                     "insecure = true\n"
                                                     "[[registry]]\nlocation = 'i.io'\n"
                                                     "insecure = true\n");
    expect("h.io/n:1", "+h.io/n:1");
    write_file(".config/containers/registries.conf.d/20.conf",
               "[[registry]]\nlocation = 'h.io'\n[[registry.mirror]]\nlocation = 'm.io'\n");
    write_file(".config/containers/registries.conf.d/10.conf",
               "[[registry]]\nlocation = 'h.io'\nblocked = true\n");
    write_file(".config/containers/registries.conf.d/30.other", "nonsense");
    expect("h.io/n:1", "m.io/n:1 h.io/n:1");
    expect("i.io/n:1", "+i.io/n:1");
    configure("[[registry]]\nprefix = 'h.io'\nlocation = 'c.io'\n");
    expect("i.io/n:1", "i.io/n:1");
    expect("h.io/n:1", "m.io/n:1 h.io/n:1");
}

static void test_malformed(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"[[registry]]\nlocation = 'h.io'\ninsecure = 'yes'", "line 3: 'insecure' must be true"},
        {"[[registry]]\nblocked = true", "line 1: a registry needs a 'location'"},
        {"[registry]\nlocation = 'h.io'", "line 1: 'registry' must be an array of tables"},
        {"[[registry]]\nlocation = 5", "line 2: 'location' must be a string"},
        {"[[registry]]\nlocation = 'h.io'\n[[registry.mirror]]\ninsecure = true",
         "line 3: a mirror needs"},
        {"[[registry]]\nlocation = 'h.io'\n[[registry.mirror]]\nlocation = 'm'\n"
         "pull-from-mirror = 'x'",
         "line 5: 'pull-from-mirror' must be one of all, digest-only, tag-only"},
        {"unqualified-search-registries = 'x'", "must be an array of strings"},
        {"[aliases]\na = 1", "line 2: 'aliases' must be a table of strings"},
        {"[[registry]]\nprefix = 'h.io'\nlocation = '../x'", "is not a registry host"},
        {"nonsense", "line 1: '=' is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        configure(cases[i].text);
        expect_error("h.io/n:1", EXIT_INPUT, cases[i].words);
    }
    setenv("CONTAINERS_REGISTRIES_CONF", "/nonexistent", 1);
    expect_error("h.io/n:1", EXIT_INPUT, "/nonexistent");
}

/* Checks that the short name TEXT means EXPECTED; if that is NULL, that the error has WORDS. */
static void expect_name(const char *text, const char *expected, const char *words)
{
    CLEANUP(reference_free) struct reference found = {0};
    struct error *err = short_name_resolve(text, &found);

    if (expected == NULL) {
        assert_non_null(err);
        assert_int_equal(err->code, EXIT_USAGE);
        if (strstr(err->message, words) == NULL)
            fail_msg("'%s' does not contain '%s'", err->message, words);
        error_free(err);
        return;
    }
    if (err != NULL)
        fail_msg("%s", err->message);
    CLEANUP(freep) char *full = reference_format(&found);

    assert_string_equal(full, expected);
}

static void test_short_names(void **state)
{
    (void)state;
    configure("unqualified-search-registries = ['one.io']\n"
              "[aliases]\n'vmb/app' = 'h.io/team/app'\nbad = 'h.io/n@" DIGEST_TEXT "'\n");
    expect_name("vmb/app:3", "docker://h.io/team/app:3", NULL);
    expect_name("vmb/app@" DIGEST_TEXT, "docker://h.io/team/app@" DIGEST_TEXT, NULL);
    expect_name("vmb/other", "docker://one.io/vmb/other:latest", NULL);
    expect_name("x.io/n", "docker://x.io/n:latest", NULL);
    expect_name("./file.tar", NULL, "not an image in a registry");
    configure("unqualified-search-registries = ['one.io', 'two.io']\n");
    expect_name("vmb/other", NULL,
                "ambiguous, for there are several unqualified-search-registries: "
                "one.io, two.io");
    configure("");
    expect_name("vmb/other", NULL, "not an image in a registry");
}

static void test_aliases(void **state)
{
    CLEANUP(reference_free) struct reference reference = {0};
    CLEANUP(reference_free) struct reference full = {0};

    (void)state;
    configure("[aliases]\n'vmb' = 'h.io/team/app'\n'vmb2' = 'h.io/x'\n");
    write_file(".config/containers/registries.conf.d/a.conf", "[aliases]\nvmb2 = ''\n");
    assert_null(reference_parse("docker://vmb:3", &reference));
    assert_null(short_name_alias(&reference));
    assert_string_equal(reference.host, "h.io");
    assert_string_equal(reference.name, "team/app");
    assert_string_equal(reference.tag, "3");
    reference_free(&reference);
    assert_null(reference_parse("docker://vmb2", &reference));
    assert_null(short_name_alias(&reference));
    assert_string_equal(reference.host, "docker.io");
    assert_null(reference_parse("docker://docker.io/vmb", &full));
    assert_null(short_name_alias(&full));
    assert_string_equal(full.host, "docker.io");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing),    TEST(test_mirrors),   TEST(test_mirror_modes), TEST(test_prefixes),
        TEST(test_docker_hub), TEST(test_blocked),   TEST(test_trust),        TEST(test_old_form),
        TEST(test_places),     TEST(test_malformed), TEST(test_short_names),  TEST(test_aliases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
