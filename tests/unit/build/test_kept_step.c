/* The file of a failed step: what is written comes back, and what is not one is refused. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "host/build/kept_step.h"
#include "host/lib/file.h"
#include "host/lib/temporary.h"
#include "host/spec/spec_reader.h"
#include "tests/unit/folder.h"

#define HOLE (UINT64_C(5) << 30)
#define JSON "{\"version\": 1, \"step\": \"runAsRoot\", \"spec\": {\"name\": \"x\"}}"

static char path[PATH_MAX + 16];

/* Makes the file PATH of the members WORDS: name, text, name, text, and so on, ended by NULL. */
static void make_members(const char *const *words)
{
    struct archive *archive = archive_write_new();

    archive_write_set_format_pax(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (; words[0] != NULL; words += 2) {
        const char *name = words[0], *text = words[1];
        struct archive_entry *entry = archive_entry_new();

        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, strcmp(text, "/") == 0 ? AE_IFDIR : AE_IFREG);
        archive_entry_set_size(entry, (la_int64_t)strlen(text));
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        archive_write_data(archive, text, strlen(text));
        archive_entry_free(entry);
    }
    archive_write_close(archive);
    archive_write_free(archive);
}

#define make_file(...) make_members((const char *const[]){__VA_ARGS__, NULL})

static void refuse(const char *why)
{
    struct kept_step step;
    struct error *err = kept_step_read(path, &step);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, why));
    error_free(err);
    kept_step_free(&step);
}

static void test_malformed(void **state)
{
    (void)state;
    make_file("disk", "d");
    refuse("not one");
    make_file("step.json", JSON);
    refuse("not one");
    make_file("step.json", JSON, "disk", "d", "disk", "e");
    refuse("two of 'disk'");
    make_file("step.json", "{", "disk", "d");
    refuse("step.json");
    make_file("step.json", "[]", "disk", "d");
    refuse("another version");
    make_file("step.json", "{\"version\": 2}", "disk", "d");
    refuse("another version");
    make_file("step.json", "{\"version\": 1, \"step\": \"mount\", \"spec\": {}}");
    refuse("step is unknown");
    make_file("step.json", "{\"version\": 1, \"step\": \"preMount\", \"spec\": []}");
    refuse("spec is missing");
    make_file("step.json", JSON, "disk", "/");
    refuse("not one");
}

static void test_other_members_are_ignored(void **state)
{
    struct kept_step step;

    (void)state;
    make_file("step.json", JSON, "of/a/later/version", "x", "disk", "d");
    assert_null(kept_step_read(path, &step));
    assert_int_equal(step.step, PLAN_RUN_AS_ROOT);
    assert_null(step.chain);
    assert_null(step.archive);
    kept_step_free(&step);
}

/* Makes a file with a hole before and after TEXT. */
static char *make_disk(const char *text)
{
    char *disk = xasprintf("%s/disk", folder);
    int fd = open(disk, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(pwrite(fd, text, strlen(text), HOLE), strlen(text));
    assert_int_equal(ftruncate(fd, 2 * HOLE), 0);
    close(fd);
    return disk;
}

static void test_round_trip(void **state)
{
    static const char text[] =
        "{\"name\": \"x\", \"runAsRoot\": \"echo\\u00e9\", \"closure\": [\"/etc\"], "
        "\"env\": {\"A\": \"b\"}, \"postMount\": \"true\"}";
    CLEANUP(spec_freep) struct spec *spec = NULL;
    CLEANUP(spec_freep) struct spec *again = NULL;
    CLEANUP(freep) char *disk = make_disk("in the middle");
    char got[16] = "";
    struct stat status;
    struct kept_step step;

    (void)state;
    assert_null(spec_read_text(text, "x", NULL, NULL, 0, &spec));
    const struct kept_content content = {
        .spec = spec, .step = PLAN_HOOK + GUEST_HOOK_POST_MOUNT, .reason = "why", .disk = disk};

    assert_null(kept_step_write(path, &content));
    assert_int_equal(stat(path, &status), 0);
    assert_true(status.st_size < 4096);
    assert_null(kept_step_read(path, &step));
    assert_int_equal(step.step, content.step);
    assert_string_equal(step.reason, "why");
    assert_null(spec_read_text(step.spec, "y", NULL, NULL, 0, &again));
    assert_string_equal(again->run_as_root, "echo\xc3\xa9");
    assert_string_equal(again->hooks[GUEST_HOOK_POST_MOUNT], "true");
    assert_int_equal(again->closure.count, 0);
    assert_string_equal(json_get_string(again->env, "A"), "b");
    assert_int_equal(stat(step.disk, &status), 0);
    assert_int_equal(status.st_size, 2 * HOLE);
    assert_true(status.st_blocks < 4096);
    CLEANUP(closep) int fd = open(step.disk, O_RDONLY | O_CLOEXEC);

    assert_int_equal(pread(fd, got, strlen("in the middle"), HOLE), strlen("in the middle"));
    assert_string_equal(got, "in the middle");
    kept_step_free(&step);
}

static int set_up(void **state)
{
    int status = make_folder(state);

    snprintf(path, sizeof path, "%s/kept", folder);
    setenv("TMPDIR", folder, 1);
    return status || temporary_setup() != NULL;
}

static int tear_down(void **state)
{
    temporary_remove_all();
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_other_members_are_ignored),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
