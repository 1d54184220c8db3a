/* Sources that cannot be read, or that change while they are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "host/lib/error.h"
#include "host/tree/contents_source.h"
#include "tests/unit/contents.h"

/* What a visit has seen, and what it does between two entries. */
struct seen {
    struct buffer names; /* NAME TYPE, a line each */
    struct buffer data;
    const char *at; /* the name at which COMMAND is run in the directory; NULL: none */
    const char *command;
};

static void seen_free(struct seen *seen)
{
    buffer_free(&seen->names);
    buffer_free(&seen->data);
}

/* contents_visit: CONTEXT is a struct seen. */
static struct error *see(void *context, struct contents_entry *entry)
{
    struct seen *seen = context;
    const char *name = archive_entry_pathname(entry->entry);
    mode_t type = archive_entry_filetype(entry->entry);

    buffer_printf(&seen->names, "%s %s\n", name,
                  type == AE_IFREG   ? "file"
                  : type == AE_IFDIR ? "folder"
                                     : "other");
    if (seen->at != NULL && strcmp(name, seen->at) == 0)
        run(seen->command);
    return type == AE_IFREG && entry->fd >= 0
               ? contents_entry_copy(entry, "source", name, (struct sink){append, &seen->data})
               : NULL;
}

/* digests: finds and keeps none. */
static bool find_none(void *context, const struct stat *status, struct digest *ret)
{
    (void)context, (void)status, (void)ret;
    return false;
}

static void add_none(void *context, const struct stat *status, const struct digest *digest)
{
    (void)context, (void)status, (void)digest;
}

static const struct contents_digests no_digests = {.find = find_none, .add = add_none};

/* Visits the path NAME of the directory; WITH_DATA: and reads its files, else digests are made. */
static struct error *visit(const char *name, bool with_data, struct seen *seen)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    const struct contents_source source = {.path = path};

    return with_data ? contents_source_visit(&source, true, see, seen)
                     : contents_source_digest(&source, &no_digests, see, seen);
}

/* Both ways of reading the source are refused with EXPECTED in the message. */
static void expect_refusal(const char *name, const char *expected)
{
    for (int with_data = 0; with_data <= 1; with_data++) {
        CLEANUP(seen_free) struct seen seen = {0};
        CLEANUP(error_freep) struct error *err = visit(name, with_data, &seen);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        if (strstr(err->message, expected) == NULL)
            fail_msg("'%s' is not in '%s'", expected, err->message);
    }
}

static void test_kinds_that_are_refused(void **state)
{
    (void)state;
    run("mkfifo fifo && ln -s nowhere dangling && ln -s loop loop");
    expect_refusal("fifo", "/fifo': neither a directory nor a regular file");
    expect_refusal("missing", "/missing': No such file or directory");
    expect_refusal("dangling", "/dangling': No such file or directory");
    expect_refusal("loop", "/loop': Too many levels of symbolic links");
}

static void test_closure_paths_that_are_refused(void **state)
{
    static const char *const paths[] = {"/", "//.", "/a/../.."};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        CLEANUP(seen_free) struct seen seen = {0};
        const struct contents_source source = {.path = paths[i], .kind = CONTENTS_CLOSURE};
        CLEANUP(error_freep)
        struct error *err = contents_source_visit(&source, true, see, &seen);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_INPUT);
        assert_non_null(strstr(err->message, "not the path of a file below '/'"));
    }
}

/* A layer can contain a FIFO, which is not opened, but no socket. */
static void test_sockets_are_left_out(void **state)
{
    CLEANUP(seen_free) struct seen seen = {0};
    CLEANUP(freep) char *path = xasprintf("%s/tree/socket", folder);

    (void)state;
    run("mkdir tree && mkfifo tree/fifo && touch tree/file");
    assert_int_equal(mknod(path, S_IFSOCK | 0600, 0), 0);
    assert_null(visit("tree", true, &seen));
    assert_string_equal(seen.names.data, "fifo other\nfile file\n");
}

/* As deep as is allowed, and one level more. */
static void test_depth(void **state)
{
    CLEANUP(seen_free) struct seen seen = {0};

    (void)state;
    run("mkdir deep && cd deep && i=0 && "
        "while [ $i -lt 512 ]; do mkdir d && cd -P d && i=$((i + 1)); done");
    assert_null(visit("deep", true, &seen));
    run("mkdir deeper && mv deep deeper/d");
    expect_refusal("deeper", "directories are nested more than 512 deep");
}

/* A visit takes what is there when it comes by, and reports what it had found and is gone. */
static void test_names_that_vanish(void **state)
{
    CLEANUP(seen_free) struct seen seen = {.at = "a", .command = "rm tree/b"};

    (void)state;
    run("mkdir tree && touch tree/a tree/b");
    CLEANUP(error_freep) struct error *err = visit("tree", true, &seen);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, "read 'b' of '"));
    assert_non_null(strstr(err->message, "No such file or directory"));
}

static void test_files_that_shrink(void **state)
{
    CLEANUP(seen_free) struct seen seen = {.at = "a", .command = "truncate -s 3 tree/a"};

    (void)state;
    run("mkdir tree && echo content > tree/a");
    CLEANUP(error_freep) struct error *err = visit("tree", true, &seen);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, "read 'a' of 'source': it shrank while it was read");
    assert_int_equal(seen.data.length, 3);
}

/* Its size is in the header already. */
static void test_files_that_grow(void **state)
{
    CLEANUP(seen_free) struct seen seen = {.at = "a", .command = "echo more >> tree/a"};

    (void)state;
    run("mkdir tree && echo content > tree/a");
    assert_null(visit("tree", true, &seen));
    assert_int_equal(seen.data.length, strlen("content\n"));
    assert_memory_equal(seen.data.data, "content\n", strlen("content\n"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kinds_that_are_refused), TEST(test_closure_paths_that_are_refused),
        TEST(test_sockets_are_left_out),   TEST(test_depth),
        TEST(test_names_that_vanish),      TEST(test_files_that_shrink),
        TEST(test_files_that_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
