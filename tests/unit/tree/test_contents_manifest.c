/* What changes a manifest of contents and what does not, and how a difference is told. */
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/contents.h"

#include "host/lib/cleanup.h"
#include "host/tree/contents_manifest.h"

static unsigned int read_count; /* files whose digest was made */
static bool all_known;          /* all digests were made before */

static bool find(void *context, const struct stat *status, struct digest *ret)
{
    (void)context;
    (void)status;
    if (all_known)
        digest_of("", 0, ret);
    return all_known;
}

static void count(void *context, const struct stat *status, const struct digest *digest)
{
    (void)context;
    (void)status;
    (void)digest;
    read_count++;
}

/* Returns the manifest of the directories "one" and "two" as text, and its digest; the caller's. */
static char *make(struct digest *ret)
{
    CLEANUP(freep) char *one = xasprintf("%s/one", folder);
    CLEANUP(freep) char *two = xasprintf("%s/two", folder);
    const struct contents_source sources[] = {{.path = one}, {.path = two, .target = "t"}};
    const struct contents contents = {.sources = sources, .source_count = 2, .clamp = 1};
    const struct contents_digests digests = {find, count, NULL};
    CLEANUP(contents_manifest_free) struct contents_manifest manifest = {0};
    struct buffer text = {0};

    assert_null(contents_manifest_make(&contents, &digests, &manifest));
    contents_manifest_digest(&manifest, ret);
    contents_manifest_write(&manifest, &text);
    return buffer_steal(&text);
}

/* COMMAND changes the manifest, in the words EXPECTED (NULL: not at all). */
static void expect(const char *command, const char *expected)
{
    struct digest before, after;
    CLEANUP(freep) char *old = make(&before);

    run(command);
    CLEANUP(freep) char *new = make(&after);
    CLEANUP(freep) char *difference = contents_manifest_difference(old, new);

    if (expected == NULL)
        assert_null(difference);
    else
        assert_string_equal(difference, expected);
    assert_true(digest_equal(&before, &after) == (expected == NULL));
}

static void test_a_manifest_tells_what_reaches_the_layer(void **state)
{
    (void)state;
    run("mkdir -p one/t two && echo a > one/a && echo b > one/b && echo c > one/t/c && chmod -R "
        "u=rwX,go=rX one two");
    expect("touch -d 2001-01-01 one/a", NULL);
    expect("touch -d @0.25 one/a", "changed: a");
    expect("echo x > one/a", "changed: a");
    expect("chmod 755 one/b", "changed: b");
    expect("chmod g+w one/b", NULL);
    expect("mkdir one/d", "added: d");
    expect("ln -s a one/e", "added: e");
    expect("ln -sfn b one/e", "changed: e");
    expect("ln one/a one/f", "added: f");
    expect("rm one/e one/f", "removed: e and 1 more");
    expect("rm one/b && mkfifo one/b", "changed: b");
    expect("echo over > two/c && chmod 644 two/c", "changed: t/c");
    expect("echo under > one/t/c", NULL);
    expect("printf x > 'one/a\nb'", "added: a\\x0ab");
}

static void test_a_known_file_is_not_read(void **state)
{
    struct digest digest;

    (void)state;
    read_count = 0;
    free(make(&digest));
    assert_true(read_count > 0);
    read_count = 0;
    all_known = true;
    free(make(&digest));
    assert_int_equal(read_count, 0);
    all_known = false;
}

static void test_missing_sources_are_errors(void **state)
{
    const struct contents_source source = {.path = "/nonexistent"};
    const struct contents contents = {.sources = &source, .source_count = 1};
    const struct contents_digests digests = {find, count, NULL};
    CLEANUP(contents_manifest_free) struct contents_manifest manifest = {0};
    struct error *err = contents_manifest_make(&contents, &digests, &manifest);

    (void)state;
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manifest_tells_what_reaches_the_layer),
        cmocka_unit_test(test_a_known_file_is_not_read),
        cmocka_unit_test(test_missing_sources_are_errors),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
