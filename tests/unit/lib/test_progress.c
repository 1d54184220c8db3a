#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/json.h"
#include "host/lib/json_text.h"
#include "host/lib/progress.h"

static int saved_stderr;
static FILE *captured;

static void start_capture(void)
{
    captured = tmpfile();
    assert_non_null(captured);
    saved_stderr = dup(STDERR_FILENO);
    dup2(fileno(captured), STDERR_FILENO);
}

/* Ends the capture. Returns what was written, ended by a NUL; valid until the next call. */
static const char *end_capture(void)
{
    static char text[65536];

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    rewind(captured);
    text[fread(text, 1, sizeof text - 1, captured)] = '\0';
    fclose(captured);
    return text;
}

static void test_plain(void **state)
{
    (void)state;
    progress_setup(PROGRESS_AUTO, 0);
    start_capture();
    progress_start("launch");
    progress_output("one\ntw", 6);
    progress_output("o\n", 2);
    progress_output("rest", 4);
    progress_output_end();
    progress_note("note %d", 1);
    progress_detail("hidden");
    progress_done();
    assert_string_equal(end_capture(), "launch\none\ntwo\nrest\nvmbuild: note 1\n");
}

static void test_quiet_shows_scripts_and_errors(void **state)
{
    struct error *err = error_new(EXIT_VM, "boot: no");

    (void)state;
    progress_setup(PROGRESS_PLAIN, -1);
    start_capture();
    progress_start("launch");
    progress_note("note");
    progress_output("x\n", 2);
    err = error_detail(error_advise(err, "try again"), "a\nb\033c\n");
    progress_error(err);
    assert_string_equal(end_capture(),
                        "x\nvmbuild: boot: no\nvmbuild: try again\n  | a\n  | b\\x1bc\n");
    error_free(err);
}

static void test_notes_are_harmless(void **state)
{
    (void)state;
    progress_setup(PROGRESS_PLAIN, 1);
    start_capture();
    progress_note("left out '%s'", "a\033[2Jb");
    progress_detail("%s", "one\ntwo\r");
    assert_string_equal(end_capture(),
                        "vmbuild: left out 'a\\x1b[2Jb'\nvmbuild: one\nvmbuild: two\\x0d\n");
}

/* A file's name may have a new line, and must not say what looks like another message. */
static void test_a_message_is_one_line(void **state)
{
    struct error *err = error_new(EXIT_INPUT, "open '%s': no such file", "a\nvmbuild: done");

    (void)state;
    progress_setup(PROGRESS_PLAIN, 0);
    start_capture();
    progress_error(err);
    assert_string_equal(end_capture(), "vmbuild: open 'a\\x0avmbuild: done': no such file\n");
    error_free(err);
}

/* Expects each line of TEXT to be a JSON object, and returns the member KEY of the last one. */
static char *last_member(const char *text, const char *key)
{
    char *found = NULL;

    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        struct json *event = NULL;

        assert_null(json_parse("event", text, length, &event));
        const char *value = json_get_string(event, key);

        free(found);
        found = value != NULL ? strdup(value) : NULL;
        json_free(event);
        text += length + 1;
    }
    return found;
}

static void test_json_is_valid_whatever_a_script_writes(void **state)
{
    (void)state;
    progress_setup(PROGRESS_JSON, 0);
    start_capture();
    progress_start("runAsRoot");
    progress_bytes(10, 20);
    progress_output("bad \xff\x01 good \xc3\xa9\n", 15);
    char *line = last_member(end_capture(), "line");

    assert_string_equal(line, "bad \\xff\\x01 good \xc3\xa9");
    free(line);
}

static void test_long_lines_are_shown_in_parts(void **state)
{
    char *line = malloc(20000);

    (void)state;
    assert_non_null(line);
    memset(line, 'a', 20000);
    progress_setup(PROGRESS_PLAIN, 0);
    start_capture();
    progress_output(line, 20000);
    progress_output_end();
    const char *text = end_capture();
    size_t letters = 0;

    for (const char *c = text; *c != '\0'; c++)
        letters += *c == 'a';
    assert_int_equal(letters, 20000);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_quiet_shows_scripts_and_errors),
        cmocka_unit_test(test_notes_are_harmless),
        cmocka_unit_test(test_a_message_is_one_line),
        cmocka_unit_test(test_json_is_valid_whatever_a_script_writes),
        cmocka_unit_test(test_long_lines_are_shown_in_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
