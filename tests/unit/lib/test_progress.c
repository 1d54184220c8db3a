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
    progress_output(PROGRESS_BOTH, "one\ntw", 6);
    progress_output(PROGRESS_BOTH, "o\n", 2);
    progress_output(PROGRESS_BOTH, "rest", 4);
    progress_output_end();
    progress_note("note %d", 1);
    progress_detail("hidden");
    progress_done();
    const char *text = end_capture();
    double seconds = -1;
    int end = 0;

    assert_int_equal(
        sscanf(text, "launch:\none\ntwo\nrest\nvmbuild: note 1\nlaunch: %lf s%n", &seconds, &end),
        1);
    assert_true(seconds >= 0);
    assert_string_equal(text + end, "\n");
}

static void test_quiet_shows_errors(void **state)
{
    struct error *err = error_new(EXIT_VM, "boot: no");

    (void)state;
    progress_setup(PROGRESS_PLAIN, -1);
    start_capture();
    progress_start("launch");
    progress_note("note");
    progress_output(PROGRESS_BOTH, "x\n", 2);
    err = error_detail(error_advise(err, "try again"), "a\nb\033c\n");
    progress_error(err);
    assert_string_equal(end_capture(),
                        "vmbuild: boot: no\nvmbuild: try again\n  | a\n  | b\\x1bc\n");
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
    progress_begin("build");
    progress_start("runAsRoot");
    progress_bytes(10, 20);
    progress_output(PROGRESS_STDOUT, "bad \xff\x01 good \xc3\xa9\n", 15);
    char *line = last_member(end_capture(), "line");

    assert_string_equal(line, "bad M-^?^A good \xc3\xa9");
    free(line);
    progress_setup_output(PROGRESS_NO_LIMIT, true);
    start_capture();
    progress_output(PROGRESS_STDERR, "raw \033[1m\xff\0\n", 11);
    line = last_member(end_capture(), "line");
    assert_string_equal(line, "raw \033[1mM-^?^@");
    free(line);
    progress_setup_output(PROGRESS_NO_LIMIT, false);
}

/* Lines of two streams do not get into one another, and come in the order of their ends. */
static void test_streams_are_told_apart(void **state)
{
    (void)state;
    progress_setup(PROGRESS_JSON, 0);
    assert_true(progress_tells_streams());
    start_capture();
    progress_output(PROGRESS_STDOUT, "one ", 4);
    progress_output(PROGRESS_STDERR, "error\n", 6);
    char *stream = last_member(end_capture(), "stream");

    assert_string_equal(stream, "stderr");
    free(stream);
    start_capture();
    progress_output(PROGRESS_STDOUT, "line\n", 5);
    const char *text = end_capture();

    stream = last_member(text, "stream");
    char *line = last_member(text, "line");

    assert_string_equal(stream, "stdout");
    assert_string_equal(line, "one line");
    free(stream);
    free(line);
    start_capture();
    progress_output(PROGRESS_STDERR, "last", 4);
    progress_output_end();
    line = last_member(end_capture(), "line");
    assert_string_equal(line, "last");
    free(line);
    progress_setup(PROGRESS_PLAIN, 0);
    assert_false(progress_tells_streams());
}

/* A terminal or a file sees what `cat -v` would show, unless the user wants all. */
static void test_output_is_harmless(void **state)
{
    static const char odd[] = "\033]0;title\007 \033[31mred\r\nback\bspace\r50%\r\n";
    static const char raw[] = "\033[31mred\r\n\n\xff";

    (void)state;
    progress_setup(PROGRESS_PLAIN, 0);
    start_capture();
    progress_output(PROGRESS_BOTH, odd, sizeof odd - 1);
    assert_string_equal(end_capture(), "^[]0;title^G ^[[31mred\nback^Hspace^M50%\n");
    progress_setup_output(PROGRESS_NO_LIMIT, true);
    start_capture();
    progress_output(PROGRESS_BOTH, raw, sizeof raw - 1);
    progress_output_end();
    assert_string_equal(end_capture(), "\033[31mred\r\n\n\xff\n");
    progress_setup_output(PROGRESS_NO_LIMIT, false);
}

/* Each script has the whole limit; what is beyond is counted, and noted once. */
static void test_output_is_limited(void **state)
{
    (void)state;
    progress_setup(PROGRESS_PLAIN, 0);
    progress_setup_output(8, false);
    start_capture();
    progress_output_begin();
    progress_output(PROGRESS_BOTH, "one\ntwo\nthree\nfour", 18);
    progress_output(PROGRESS_BOTH, "\n", 1);
    progress_output_end();
    progress_output_end();
    progress_output_begin();
    progress_output(PROGRESS_BOTH, "\001\001\001\n", 4); /* as it is shown, 7 bytes */
    progress_output(PROGRESS_BOTH, "\n\n\n", 3);
    progress_output_end();
    assert_string_equal(end_capture(),
                        "one\ntwo\nvmbuild: left out 11 bytes of the script's output, of which at "
                        "most 0 MiB are shown: --log-limit shows more, and --log keeps all\n"
                        "^A^A^A\n\nvmbuild: left out 2 bytes of the script's output, of which at "
                        "most 0 MiB are shown: --log-limit shows more, and --log keeps all\n");
    progress_setup_output(PROGRESS_NO_LIMIT, false);
}

/* The limit is of what the terminal gets: an event is larger than its line. */
static void test_events_are_limited(void **state)
{
    (void)state;
    progress_setup(PROGRESS_JSON, 0);
    progress_setup_output(200, false);
    start_capture();
    progress_output_begin();
    for (int i = 0; i < 1000; i++)
        progress_output(PROGRESS_BOTH, "\n", 1);
    progress_output_end();
    const char *text = end_capture();

    assert_true(strlen(text) < 500);
    assert_non_null(strstr(text, "left out 99"));
    progress_setup_output(PROGRESS_NO_LIMIT, false);
}

/* A message that a guest or an archive has made endless keeps its cause. */
static void test_messages_are_cut(void **state)
{
    char name[65536];

    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct error *err = error_advise(error_new(EXIT_VM, "unpack '%s': no", name), "%s", name);

    progress_setup(PROGRESS_PLAIN, 0);
    start_capture();
    progress_note("%s", name);
    progress_error(err);
    const char *text = end_capture();

    assert_true(strlen(text) < 15000);
    assert_non_null(strstr(text, "bytes left out] nnn"));
    assert_non_null(strstr(text, "': no\n"));
    error_free(err);
}

static void test_long_lines_are_shown_in_parts(void **state)
{
    char *line = malloc(20000);

    (void)state;
    assert_non_null(line);
    memset(line, 'a', 20000);
    progress_setup(PROGRESS_PLAIN, 0);
    start_capture();
    progress_output(PROGRESS_BOTH, line, 20000);
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
        cmocka_unit_test(test_quiet_shows_errors),
        cmocka_unit_test(test_notes_are_harmless),
        cmocka_unit_test(test_a_message_is_one_line),
        cmocka_unit_test(test_json_is_valid_whatever_a_script_writes),
        cmocka_unit_test(test_streams_are_told_apart),
        cmocka_unit_test(test_long_lines_are_shown_in_parts),
        cmocka_unit_test(test_output_is_harmless),
        cmocka_unit_test(test_output_is_limited),
        cmocka_unit_test(test_events_are_limited),
        cmocka_unit_test(test_messages_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
