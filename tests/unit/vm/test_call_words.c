/* How the words of a call to the guest are put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/vm/call_words.h"

struct fixture {
    struct call_words common, own;
    struct strings call;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct strings still = {0}, shadow = {0};

    call_words_set_number(&fixture->common, GUEST_WORD_CLAMP, -1);
    call_words_set_number(&fixture->common, GUEST_WORD_TIMEOUT, 60);
    strings_add(&shadow, "1");
    call_words_take(&fixture->common, GUEST_WORD_STILL, GUEST_FLAG, &still);
    call_words_take(&fixture->common, GUEST_WORD_SHADOW, GUEST_FLAG, &shadow);
    call_words_take_item(&fixture->common, GUEST_WORD_SHARE, xstrdup("a:/a"));
    call_words_take_item(&fixture->common, GUEST_WORD_SHARE, xstrdup("b:/b"));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    call_words_free(&fixture->common);
    call_words_free(&fixture->own);
    strings_free(&fixture->call);
    free(fixture);
    return 0;
}

/* Checks the words of VERB, which NULL ends. */
static void assert_call(struct fixture *fixture, enum guest_verb verb, ...)
{
    va_list expected;
    const char *word;
    size_t count = 0;

    call_words_write(verb, &fixture->own, &fixture->common, &fixture->call);
    va_start(expected, verb);
    while ((word = va_arg(expected, const char *)) != NULL) {
        assert_true(strings_contain(&fixture->call, word));
        count++;
    }
    va_end(expected);
    assert_int_equal(fixture->call.count, count);
    assert_string_equal(fixture->call.items[0], guest_verbs[verb].name);
}

#define END ((const char *)NULL)

static void test_own_words_and_common_ones(void **state)
{
    struct fixture *fixture = *state;

    call_words_set_number(&fixture->own, GUEST_WORD_CLOCK, 7);
    assert_call(fixture, GUEST_VERB_RUN, "run", "clock=7", "timeout=60", "shadow=1", "share=a:/a",
                "share=b:/b", END);
}

static void test_only_what_the_verb_takes(void **state)
{
    struct fixture *fixture = *state;

    assert_call(fixture, GUEST_VERB_PACK, "pack", END);
    strings_free(&fixture->call);
    call_words_set_number(&fixture->own, GUEST_WORD_CLOCK, 7);
    call_words_set_text(&fixture->own, GUEST_WORD_NAME, "preMount");
    assert_call(fixture, GUEST_VERB_HOOK, "hook", "name=preMount", "clock=7", "timeout=60",
                "share=a:/a", "share=b:/b", END);
}

static void test_number_is_read_back(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(call_words_number(&fixture->common, GUEST_WORD_TIMEOUT), 60);
    assert_int_equal(call_words_number(&fixture->common, GUEST_WORD_CLAMP), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_own_words_and_common_ones),
        TEST(test_only_what_the_verb_takes),
        TEST(test_number_is_read_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
