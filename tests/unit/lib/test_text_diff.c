/* Differences between texts, compared with what diff(1) prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/text_diff.h"

static char *diff_of(const char *one, const char *other)
{
    const struct buffer first = {.data = (char *)one, .length = strlen(one)};
    const struct buffer second = {.data = (char *)other, .length = strlen(other)};

    return text_diff(&first, &second);
}

static void expect(const char *one, const char *other, const char *diff)
{
    char *text = diff_of(one, other);

    assert_non_null(text);
    assert_string_equal(text, diff);
    free(text);
}

static void test_hunks(void **state)
{
    (void)state;
    expect("a\n", "a\n", "");
    expect("", "a\n", "@@ -1,0 +1,1 @@\n+a\n");
    expect("a\n", "", "@@ -1,1 +1,0 @@\n-a\n");
    expect("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
    expect("a", "a\n", "@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n");
    expect("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\ny\n",
           "@@ -3,7 +3,8 @@\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n 9\n+y\n");
    expect("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "x\n1\n2\n3\n4\n5\n6\n7\n8\ny\n",
           "@@ -1,3 +1,3 @@\n-0\n+x\n 1\n 2\n@@ -8,3 +8,3 @@\n 7\n 8\n-9\n+y\n");
    expect("\033[2J\n", "\n", "@@ -1,1 +1,1 @@\n-\\x1b[2J\n+\n");
}

/* Applies the hunks DIFF to ONE and returns the result, which is valid until the next call. */
static const char *apply(const char *one, const char *diff)
{
    static char result[65536];
    size_t line = 1, length = 0;
    const char *at = one;

    while (*diff != '\0') {
        size_t size = strcspn(diff, "\n") + 1, start;

        if (sscanf(diff, "@@ -%zu,", &start) == 1) {
            for (; line < start; line++) {
                size_t copied = strcspn(at, "\n") + 1;

                memcpy(result + length, at, copied);
                length += copied;
                at += copied;
            }
        } else if (*diff == '+') {
            memcpy(result + length, diff + 1, size - 1);
            length += size - 1;
        } else {
            size_t passed = strcspn(at, "\n") + 1;

            assert_memory_equal(at, diff + 1, passed);
            if (*diff == ' ')
                memcpy(result + length, at, passed);
            length += *diff == ' ' ? passed : 0;
            at += passed;
            line++;
        }
        diff += size;
    }
    strcpy(result + length, at);
    return result;
}

static void test_applied_it_gives_the_other_text(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (int round = 0; round < 300; round++) {
        char texts[2][256];

        for (int i = 0; i < 2; i++) {
            size_t lines = (seed >> 20) % 30;

            for (size_t j = 0; j < lines; j++) {
                seed = seed * 1664525 + 1013904223;
                texts[i][2 * j] = (char)('a' + (seed >> 28) % 5);
                texts[i][2 * j + 1] = '\n';
            }
            texts[i][2 * lines] = '\0';
        }
        char *diff = diff_of(texts[0], texts[1]);

        assert_non_null(diff);
        assert_string_equal(apply(texts[0], diff), texts[1]);
        free(diff);
    }
}

static void test_too_many_edits(void **state)
{
    char *one = malloc(20000), *other = malloc(20000);

    (void)state;
    assert_true(one != NULL && other != NULL);
    for (int i = 0; i < 2000; i++) {
        memcpy(one + 2 * i, "a\n", 3);
        memcpy(other + 2 * i, "b\n", 3);
    }
    assert_null(diff_of(one, other));
    free(one);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hunks),
        cmocka_unit_test(test_applied_it_gives_the_other_text),
        cmocka_unit_test(test_too_many_edits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
