/* The outputs that the words of a command line stand for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/command/build_targets.h"
#include "host/command/options.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define WORDS_MAX 16

/* A command line, and what it leads to. */
struct fixture {
    char *words[WORDS_MAX + 1];
    struct options options;
    struct build_targets targets;
};

/* Reads "vmbuild --spec x" and what TEXT has beyond that, words with a blank between them. */
static struct error *read_targets(struct fixture *fixture, const char *text)
{
    CLEANUP(freep) char *copy = xasprintf("vmbuild --spec x %s", text);
    int count = 0;
    char *rest = NULL;

    *fixture = (struct fixture){0};
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        fixture->words[count++] = xstrdup(word);
    struct error *err = options_parse(count, fixture->words, &fixture->options);

    return err == NULL ? build_targets_read(&fixture->options, "host/a/name", &fixture->targets)
                       : err;
}

static void free_fixture(struct fixture *fixture)
{
    build_targets_free(&fixture->targets);
    options_free(&fixture->options);
    for (size_t i = 0; i < WORDS_MAX; i++)
        free(fixture->words[i]);
}

/* Expects the words TEXT to stand for one output. */
static void expect(const char *text, enum output_format format, enum compression compression,
                   const char *path)
{
    struct fixture fixture;

    assert_null(read_targets(&fixture, text));
    assert_int_equal(fixture.targets.count, 1);
    assert_int_equal(fixture.targets.outputs[0].format, format);
    assert_int_equal(fixture.targets.outputs[0].compression, compression);
    assert_string_equal(fixture.targets.outputs[0].path, path);
    free_fixture(&fixture);
}

static void refuse(const char *text, const char *message)
{
    struct fixture fixture;
    struct error *err = read_targets(&fixture, text);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_USAGE);
    if (strstr(err->message, message) == NULL)
        fail_msg("'%s' is not in '%s'", message, err->message);
    error_free(err);
    free_fixture(&fixture);
}

static void test_the_default(void **state)
{
    (void)state;
    expect("", FORMAT_DOCKER_ARCHIVE, COMPRESSION_GZIP, "name.tar.gz");
    expect("--compression none", FORMAT_DOCKER_ARCHIVE, COMPRESSION_NONE, "name.tar");
    expect("--format oci", FORMAT_OCI, COMPRESSION_GZIP, "name");
}

static void test_paths(void **state)
{
    (void)state;
    expect("-o a/x.tar", FORMAT_DOCKER_ARCHIVE, COMPRESSION_NONE, "a/x.tar");
    expect("-o x.tar.zst", FORMAT_DOCKER_ARCHIVE, COMPRESSION_ZSTD, "x.tar.zst");
    expect("-o x", FORMAT_DOCKER_ARCHIVE, COMPRESSION_GZIP, "x");
    expect("-o -", FORMAT_DOCKER_ARCHIVE, COMPRESSION_GZIP, "-");
    expect("-o ./oci:x", FORMAT_DOCKER_ARCHIVE, COMPRESSION_GZIP, "./oci:x");
    expect("-o x.tar --format oci", FORMAT_OCI, COMPRESSION_GZIP, "x.tar");
    expect("-o x.tar --format oci-archive --compression zstd", FORMAT_OCI_ARCHIVE, COMPRESSION_ZSTD,
           "x.tar");
}

static void test_references(void **state)
{
    (void)state;
    expect("-o docker-archive:x.tar --format oci", FORMAT_DOCKER_ARCHIVE, COMPRESSION_NONE,
           "x.tar");
    expect("-o oci-archive:x.tar", FORMAT_OCI_ARCHIVE, COMPRESSION_GZIP, "x.tar");
    expect("-o oci:x --compression none", FORMAT_OCI, COMPRESSION_NONE, "x");
    expect("-o dir:x:y", FORMAT_DIR, COMPRESSION_GZIP, "x:y");
    expect("-o docker://h:1/a:2 --compression zstd", FORMAT_REGISTRY, COMPRESSION_ZSTD,
           "docker://h:1/a:2");
}

static void test_names(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_null(read_targets(&fixture, "-o docker-archive:x.tar:a/b:c -o oci:d:e -o docker://f/g"));
    const struct output *outputs = fixture.targets.outputs;

    assert_int_equal(fixture.targets.count, 3);
    assert_string_equal(outputs[0].name, "a/b");
    assert_string_equal(outputs[0].tag, "c");
    assert_false(outputs[0].is_added);
    assert_null(outputs[1].name);
    assert_string_equal(outputs[1].tag, "e");
    assert_true(outputs[1].is_added);
    assert_null(outputs[2].name);
    assert_null(outputs[2].tag);
    assert_true(build_targets_are_remote(&fixture.targets));
    assert_true(build_targets_have(&fixture.targets, "x.tar"));
    assert_false(build_targets_have(&fixture.targets, "docker://f/g"));
    free_fixture(&fixture);
}

static void test_what_is_refused(void **state)
{
    static const char *const wrong[] = {
        "--compression gzip x.tar",     "--compression zstd x.tar.gz", "--compression none x.tgz",
        "--compression gzip x.tar.zst", "--format oci-archive x.tgz",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *name = strrchr(wrong[i], ' ') + 1;
        CLEANUP(freep)
        char *text = xasprintf("%.*s -o %s", (int)(name - wrong[i]), wrong[i], name);

        refuse(text, name);
    }
    refuse("-o a -o a", "'a' is given twice");
    refuse("-o a -o docker-archive:a", "'a' is given twice");
    refuse("-o - -o -", "'-' is given twice");
    refuse("-o oci:", "the path is missing");
    refuse("-o docker-archive:a:@0", "must not have a number");
    refuse("-o layer --format layer --compression gzip", "'layer' is not compressed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_default),     cmocka_unit_test(test_paths),
        cmocka_unit_test(test_references),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
