/* How processors are described in /proc/cpuinfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/script/processor.h"

static void see_text(char *text, struct processors *ret)
{
    char *rest = NULL;

    *ret = (struct processors){0};
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        processor_see(line, ret);
}

/* What is written is what the kernel would have written: it has as many processors. */
static void test_as_many_as_there_are(void **state)
{
    (void)state;
    for (unsigned int count = 1; count <= 32; count *= 2) {
        struct processors processors = {.count = count}, seen;
        char *text = NULL;
        size_t length = 0;
        FILE *to = open_memstream(&text, &length);

        assert_non_null(to);
        for (unsigned int i = 0; i < count; i++)
            assert_true(processor_write(to, i, &processors) > 0);
        assert_int_equal(fclose(to), 0);
        see_text(text, &seen);
        assert_int_equal(seen.count, count);
        free(text);
    }
}

static void test_which_lines_are_processors(void **state)
{
    char x86[] = "processor\t: 0\nmodel name\t: processor of some kind\nprocessor\t: 1\n";
    char s390[] = "# processors    : 2\nprocessor 0: version = 00\nprocessor 1: version = 00\n"
                  "processors : 3\n\ncpu number      : 0\n";
    struct processors seen;

    (void)state;
    see_text(x86, &seen);
    assert_int_equal(seen.count, 2);
    see_text(s390, &seen);
    assert_int_equal(seen.count, 2);
}

#ifdef __x86_64__

static void test_newer_ones(void **state)
{
    char newer[] = "flags\t\t: fpu sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt hypervisor lahf_lm\n";
    char older[] = "flags\t\t: fpu sse2 pni ssse3 cx16 sse4_1 popcnt hypervisor lahf_lm xsse4_2\n";
    struct processors seen;

    (void)state;
    see_text(newer, &seen);
    assert_true(seen.more);
    see_text(older, &seen);
    assert_false(seen.more);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_many_as_there_are),
        cmocka_unit_test(test_which_lines_are_processors),
#ifdef __x86_64__
        cmocka_unit_test(test_newer_ones),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
