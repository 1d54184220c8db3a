/* The end of the guest's console, as it is shown in an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/vm/console.h"

static void append(struct console *console, const char *text)
{
    console_append(console, text, strlen(text));
}

static void expect_tail(const struct console *console, const char *expected)
{
    char *tail = console_tail(console);

    assert_string_equal(tail, expected);
    free(tail);
}

static void test_empty(void **state)
{
    struct console console = {0};

    (void)state;
    expect_tail(&console, "");
    append(&console, "\n\r\n  \n");
    expect_tail(&console, "");
}

static void test_controls_are_left_out(void **state)
{
    struct console console = {0};

    (void)state;
    append(&console, "\033c\033[?7l\033[2J\033[0mSeaBIOS\r\none\a\b two\xff\n\033[31mred\033[");
    expect_tail(&console, "  SeaBIOS\n  one two\n  red");
}

/* It comes in pieces. */
static void test_noise_is_left_out(void **state)
{
    struct console console = {0};

    (void)state;
    append(&console, "dmesg: ");
    append(&console, "read kernel buffer failed");
    append(&console, ": Operation not permitted\n");
    expect_tail(&console, "");
    append(&console, "SeaBIOS\n");
    expect_tail(&console, "  SeaBIOS");
}

static void test_only_the_last_lines(void **state)
{
    struct console console = {0};
    char line[32];

    (void)state;
    for (int i = 0; i < 100; i++) {
        snprintf(line, sizeof line, "line %d\n", i);
        append(&console, line);
    }
    char *tail = console_tail(&console);

    assert_ptr_equal(strstr(tail, "  line 60\n"), tail);
    assert_string_equal(tail + strlen(tail) - strlen("\n  line 99"), "\n  line 99");
    free(tail);
}

static void test_ring_wraps(void **state)
{
    struct console console = {0};

    (void)state;
    for (int i = 0; i < CONSOLE_BYTES; i++)
        append(&console, "x");
    append(&console, "\nlast");
    char *tail = console_tail(&console);

    assert_int_equal(strlen(tail), 2 + CONSOLE_BYTES - strlen("\nlast") + 1 + strlen("  last"));
    assert_string_equal(tail + strlen(tail) - strlen("\n  last"), "\n  last");
    free(tail);
}

static void test_nul_does_not_end_it(void **state)
{
    struct console console = {0};

    (void)state;
    console_append(&console, "a\0b", 3);
    expect_tail(&console, "  a b");
}

static void test_out_of_memory(void **state)
{
    struct console console = {0};

    (void)state;
    append(&console, "[    9.1] Out of memory: Killed process 70 (tail) total-vm:1\n");
    assert_false(console_out_of_memory(&console));
    append(&console, "[    9.2] Kernel panic - not syncing: System is deadlocked on memory\n");
    assert_true(console_out_of_memory(&console));
}

/* What QEMU reports if it does not get the guest's memory, and if KVM has none for itself. */
static void test_host_lacks_memory(void **state)
{
    static const char lacks[] = "qemu: cannot set up guest memory: Cannot allocate memory\n";
    static const char kvm[] = "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory\n";
    struct console console = {0};

    (void)state;
    assert_false(console_host_lacks_memory(&console));
    console_append(&console, kvm, strlen(kvm));
    assert_false(console_host_lacks_memory(&console));
    console_append(&console, lacks, strlen(lacks));
    assert_true(console_host_lacks_memory(&console));
    console_clear(&console);
}

/* A guest that writes to its console for ever does not fill the log of -v. */
static void test_shown_console_is_limited(void **state)
{
    struct console console = {0};
    char line[1000];

    (void)state;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (size_t i = 0; i < 2 * CONSOLE_SHOWN_MAX / sizeof line; i++)
        console_show(&console, line, sizeof line);
    assert_true(console.shown <= CONSOLE_SHOWN_MAX + sizeof line);
    console_clear(&console);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_controls_are_left_out),
        cmocka_unit_test(test_noise_is_left_out),
        cmocka_unit_test(test_only_the_last_lines),
        cmocka_unit_test(test_ring_wraps),
        cmocka_unit_test(test_nul_does_not_end_it),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_host_lacks_memory),
        cmocka_unit_test(test_shown_console_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
