/* What a failed script is to the user: the line, how it ended, and the likely cause. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/script_failure.h"
#include "host/build/script_text.h"

static const struct outcome failed = {.end = OUTCOME_EXITED, .number = 1};

/* Returns a run of TEXT, whose output ended in TAIL, in the image and without a network. */
static struct script_run run_of(const char *text, const char *tail)
{
    return (struct script_run){
        .name = "runAsRoot", .text = text, .in_image = true, .timeout = 60, .tail = tail};
}

/* Expects the message and the code of OUTCOME. */
static void expect(struct outcome outcome, enum exit_code code, const char *message)
{
    const struct script_run run = run_of("a\nb\nc\n", "");
    struct error *err = script_failure(&run, &outcome);

    assert_non_null(err);
    assert_int_equal(err->code, code);
    assert_string_equal(err->message, message);
    assert_true((err->advice == NULL) == (code == EXIT_SCRIPT));
    error_free(err);
}

static void test_how_it_ended(void **state)
{
    (void)state;
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 7}, EXIT_SCRIPT,
           "run script 'runAsRoot': it exited with status 7");
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 7, .line = 2}, EXIT_SCRIPT,
           "run script 'runAsRoot': line 2: it exited with status 7");
    expect((struct outcome){.end = OUTCOME_KILLED, .number = 15}, EXIT_SCRIPT,
           "run script 'runAsRoot': it was killed by signal 15 (SIGTERM)");
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 139}, EXIT_SCRIPT,
           "run script 'runAsRoot': it exited with status 139 (as after SIGSEGV)");
    expect((struct outcome){.end = OUTCOME_TIMEOUT, .oom = 1, .full = true}, EXIT_TIMEOUT,
           "run script 'runAsRoot': it ran longer than its limit of 60 seconds");
    expect((struct outcome){.end = OUTCOME_KILLED, .number = 9, .oom = 1}, EXIT_MEMORY,
           "run script 'runAsRoot': it was killed by signal 9 (SIGKILL) after the guest ran out of "
           "memory");
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 137, .oom = 1}, EXIT_MEMORY,
           "run script 'runAsRoot': it exited with status 137 (as after SIGKILL) after the guest "
           "ran out of memory");
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 1, .full = true}, EXIT_DISK_FULL,
           "run script 'runAsRoot': it exited with status 1 after the scratch disk was full");
    expect((struct outcome){.end = OUTCOME_EXITED, .number = 1, .oom = 1, .full = true},
           EXIT_DISK_FULL,
           "run script 'runAsRoot': it exited with status 1 after the scratch disk was full");
    expect((struct outcome){.end = OUTCOME_KILLED, .number = 9, .oom = 1, .full = true},
           EXIT_MEMORY,
           "run script 'runAsRoot': it was killed by signal 9 (SIGKILL) after the guest ran out of "
           "memory");
}

static void test_success_whatever_happened_meanwhile(void **state)
{
    const struct outcome outcome = {.end = OUTCOME_EXITED, .oom = 2, .full = true, .line = 3};
    const struct script_run run = run_of("a", "");

    (void)state;
    assert_null(script_failure(&run, &outcome));
}

static void test_line_and_output(void **state)
{
    struct outcome outcome = {.end = OUTCOME_EXITED, .number = 1, .line = 4};
    struct script_run run = run_of("a\nfor x in y; do\n\tfalse x\ndone\nb", "one\ntwo");

    (void)state;
    run.seconds = 12.34;
    struct error *err = script_failure(&run, &outcome);

    assert_string_equal(
        err->message, "run script 'runAsRoot': line 4: it exited with status 1 after 12.3 seconds");
    assert_string_equal(err->details, "line 4: done\nthe end of its output:\n  one\n  two\n");
    error_free(err);
    /* A shell that names the line itself knows better. */
    run.tail = "one\n/dev/vmbuild/runAsRoot: 3: false: not found";
    err = script_failure(&run, &outcome);
    assert_non_null(strstr(err->message, "line 3:"));
    error_free(err);
    run.tail = "/dev/vmbuild/runAsRoot: line 3: false: command not found";
    err = script_failure(&run, &outcome);
    assert_non_null(strstr(err->message, "line 3:"));
    error_free(err);
    /* But not of a command that failed before. */
    run.tail = "/dev/vmbuild/runAsRoot: 3: false: not found\nlater";
    err = script_failure(&run, &outcome);
    assert_non_null(strstr(err->message, "line 4:"));
    error_free(err);
    /* The guest may claim any line. */
    outcome.line = UINT64_MAX;
    err = script_failure(&run, &outcome);
    assert_non_null(err);
    error_free(err);
}

/* Expects the advice on RUN, which has failed as OUTCOME says, to contain WORDS; NULL: none. */
static void expect_advice(struct script_run run, struct outcome outcome, const char *words)
{
    struct error *err = script_failure(&run, &outcome);

    assert_non_null(err);
    if (words == NULL)
        assert_null(err->advice);
    else if (err->advice == NULL || strstr(err->advice, words) == NULL)
        fail_msg("'%s' lacks '%s'", err->advice != NULL ? err->advice : "(none)", words);
    error_free(err);
}

static void test_likely_causes(void **state)
{
    const struct outcome looked = {.end = OUTCOME_EXITED, .number = 100, .unreachable = 3};
    struct script_run run = run_of("apt-get install -y x", "Temporary failure resolving 'x'");

    (void)state;
    expect_advice(run, looked, "\"network\": true");
    expect_advice(run, failed, NULL);
    run.in_image = false;
    expect_advice(run, looked, "only runAsRoot");
    run.in_image = run.network = true;
    expect_advice(run, looked, NULL);
    expect_advice(run_of("ls\r\ncd x\r\n", "x: not found"), failed, "CR and LF");
    expect_advice(run_of("#!/usr/bin/python3\r\nx", "x"), failed, NULL);
    expect_advice(run_of("\xef\xbb\xbf#!/bin/sh\nls", "x"), failed, "byte order mark");
    expect_advice(run_of("[[ -e x ]]", "/dev/vmbuild/runAsRoot: 1: [[: not found"), failed,
                  "#!/bin/bash");
    expect_advice(run_of("a=(1 2)", "1: Syntax error: \"(\" unexpected"), failed, "arrays");
    expect_advice(run_of("#!/bin/bash\na=(1 2)", "syntax error"), failed, NULL);
    expect_advice(run_of("[[ -e x ]]", "something else"), failed, NULL);
    expect_advice(run_of("curl x", "1: curl: not found"),
                  (struct outcome){.end = OUTCOME_EXITED, .number = 127}, "lacks a program");
    expect_advice(run_of("apt-get install x", "Do you want to continue? [Y/n] Abort."), failed,
                  "apt-get -y");
}

static void test_bashisms(void **state)
{
    static const char *const bash[] = {"if [[ $a ]]; then :; fi",
                                       "set -euo pipefail",
                                       "cat <<< x",
                                       "diff <(a) <(b)",
                                       "source x",
                                       "function f { :; }",
                                       "a=(1)",
                                       "echo ${a[0]}",
                                       "echo ${a/b/c}",
                                       "echo ${a^^}",
                                       "((i++))",
                                       "[ a == b ]",
                                       "echo {1..3}",
                                       "cmd &> /dev/null",
                                       "shopt -s x",
                                       "echo $'a\\n'",
                                       "a+=(x)",
                                       "echo ${!name}"};
    static const char *const plain[] = {"if [ \"$a\" = b ]; then :; fi",
                                        "set -eu",
                                        "cat << END\nx\nEND",
                                        "echo ${a:-b} ${a%/*}",
                                        "f() { :; }",
                                        "echo $((1 + 2))",
                                        "cmd > /dev/null 2>&1",
                                        "echo resource x",
                                        "(cd x && ls)",
                                        "echo \"${a#b}\""};

    (void)state;
    for (size_t i = 0; i < sizeof bash / sizeof *bash; i++)
        if (script_text_bashism(bash[i]) == NULL)
            fail_msg("not recognised: %s", bash[i]);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (script_text_bashism(plain[i]) != NULL)
            fail_msg("taken for one of bash: %s", plain[i]);
}

static void test_shells(void **state)
{
    static const struct {
        const char *text;
        enum script_shell shell;
    } cases[] = {
        {"ls", SCRIPT_SHELL_SH},
        {"#!/bin/sh\n", SCRIPT_SHELL_SH},
        {"#! /bin/sh -e\r\n", SCRIPT_SHELL_SH},
        {"#!/bin/bash\n", SCRIPT_SHELL_BASH},
        {"#!/usr/bin/env bash\n", SCRIPT_SHELL_BASH},
        {"#!/usr/bin/env -S bash -e\n", SCRIPT_SHELL_BASH},
        {"#!/bin/busybox sh\n", SCRIPT_SHELL_SH},
        {"#!/usr/bin/python3", SCRIPT_SHELL_NONE},
        {"#!", SCRIPT_SHELL_NONE},
        {"#!/usr/bin/fish\n", SCRIPT_SHELL_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(script_text_shell(cases[i].text, true), cases[i].shell);
    assert_int_equal(script_text_shell("#!/usr/bin/python3", false), SCRIPT_SHELL_SH);
}

static void test_lines(void **state)
{
    static const char text[] = "one\n  two \\\n    \tthree\n\nfive";
    char *line = script_text_line(text, 3);

    (void)state;
    assert_string_equal(line, "two three");
    free(line);
    line = script_text_line(text, 5);
    assert_string_equal(line, "five");
    free(line);
    assert_null(script_text_line(text, 0));
    assert_null(script_text_line(text, 4));
    assert_null(script_text_line(text, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_it_ended),
        cmocka_unit_test(test_success_whatever_happened_meanwhile),
        cmocka_unit_test(test_line_and_output),
        cmocka_unit_test(test_likely_causes),
        cmocka_unit_test(test_bashisms),
        cmocka_unit_test(test_shells),
        cmocka_unit_test(test_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
