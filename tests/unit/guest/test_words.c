/* The words of calls, as the guest takes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/lib/words.h"
#include "host/lib/buffer.h"

static struct words words;
static struct fault fault;

/* Parses the words of VERB in the one string TEXT, with blanks between them. */
static int parse(enum guest_verb verb, const char *text)
{
    static char copy[16 << 10];
    char *texts[WORDS_MAX];
    size_t count = 0;

    strcpy(copy, text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        texts[count++] = word;
    return words_parse(verb, texts, count, &words, &fault);
}

static void assert_refused(enum guest_verb verb, const char *text, const char *why)
{
    assert_int_equal(parse(verb, text), -1);
    assert_string_equal(fault.text, why);
}

static void test_values_by_kind(void **state)
{
    size_t count;

    (void)state;
    assert_int_equal(parse(GUEST_VERB_RUN, "share=a:/a timeout=60 still=1 clock=7 share=b:/b"), 0);
    assert_int_equal(words_number(&words, GUEST_WORD_TIMEOUT), 60);
    assert_int_equal(words_number(&words, GUEST_WORD_CLOCK), 7);
    assert_true(words_flag(&words, GUEST_WORD_STILL));
    char *const *shares = words_list(&words, GUEST_WORD_SHARE, &count);

    assert_int_equal(count, 2);
    assert_string_equal(shares[0], "a:/a");
    assert_string_equal(shares[1], "b:/b");
    assert_int_equal(parse(GUEST_VERB_UNPACK, "layer=layer0 base=newbase layer=layer1"), 0);
    assert_string_equal(words_text(&words, GUEST_WORD_BASE), "newbase");
    words_list(&words, GUEST_WORD_LAYER, &count);
    assert_int_equal(count, 2);
    assert_int_equal(parse(GUEST_VERB_START, "clock=0 clamp=-5"), 0);
    assert_int_equal(words_number(&words, GUEST_WORD_CLAMP), -5);
}

static void test_what_is_not_given(void **state)
{
    size_t count;

    (void)state;
    assert_int_equal(parse(GUEST_VERB_RUN, "timeout=1 clock=0 still=0"), 0);
    assert_false(words_flag(&words, GUEST_WORD_STILL));
    assert_false(words_flag(&words, GUEST_WORD_SHADOW));
    words_list(&words, GUEST_WORD_SHARE, &count);
    assert_int_equal(count, 0);
    assert_int_equal(parse(GUEST_VERB_PACK, ""), 0);
}

static void test_unknown_words(void **state)
{
    (void)state;
    assert_refused(GUEST_VERB_PACK, "clock=1", "pack: unknown word 'clock=1': Invalid argument");
    assert_refused(GUEST_VERB_HOOK, "name=preMount timeout=1 clock=0 shadow=1",
                   "hook: unknown word 'shadow=1': Invalid argument");
    assert_refused(GUEST_VERB_START, "clocks=1",
                   "start: unknown word 'clocks=1': Invalid argument");
    assert_refused(GUEST_VERB_START, "cloc=1", "start: unknown word 'cloc=1': Invalid argument");
    assert_refused(GUEST_VERB_START, "=1", "start: unknown word '=1': Invalid argument");
    assert_refused(GUEST_VERB_START, "clock", "start: unknown word 'clock': Invalid argument");
}

static void test_missing_and_repeated_words(void **state)
{
    (void)state;
    assert_refused(GUEST_VERB_START, "clock=1",
                   "start: the word 'clamp' is missing: Invalid argument");
    assert_refused(GUEST_VERB_START, "clock=1 clamp=1 clock=2",
                   "start: repeated word 'clock=2': Invalid argument");
}

static void test_bad_values(void **state)
{
    static const char *const numbers[] = {"clock=",   "clock=-1", "clock=1x",
                                          "clock= 1", "clock=+1", "clock=9223372036854775808"};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *texts[] = {(char *)numbers[i]};

        assert_int_equal(words_parse(GUEST_VERB_START, texts, 1, &words, &fault), -1);
        assert_non_null(strstr(fault.text, "start: bad word 'clock="));
    }
    assert_refused(GUEST_VERB_RUN, "timeout=0", "run: bad word 'timeout=0': Invalid argument");
    assert_refused(GUEST_VERB_RUN, "timeout=31536001",
                   "run: bad word 'timeout=31536001': Invalid argument");
    assert_refused(GUEST_VERB_RUN, "still=2", "run: bad word 'still=2': Invalid argument");
    assert_refused(GUEST_VERB_RUN, "still=", "run: bad word 'still=': Invalid argument");
    assert_refused(GUEST_VERB_BASE, "base=", "base: bad word 'base=': Invalid argument");
}

static void test_lists_have_limits(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_printf(&text, "base=newbase");
    for (size_t i = 0; i < GUEST_LAYERS_MAX; i++)
        buffer_printf(&text, " layer=l");
    assert_int_equal(parse(GUEST_VERB_UNPACK, text.data), 0);
    buffer_printf(&text, " layer=last");
    assert_refused(GUEST_VERB_UNPACK, text.data, "unpack: bad word 'layer=last': Invalid argument");
    buffer_free(&text);
}

/* As many words as any verb takes are no more than a call can have. */
static void test_calls_have_room(void **state)
{
    (void)state;
    for (enum guest_verb verb = 0; verb < GUEST_VERB_COUNT; verb++) {
        int64_t most = 1;

        for (enum guest_word word = GUEST_WORD_NONE + 1; word < GUEST_WORD_COUNT; word++)
            if ((guest_verbs[verb].taken & GUEST_WORD_BIT(word)) != 0)
                most += guest_words[word].kind == GUEST_LIST ? guest_words[word].most : 1;
        assert_true(most <= WORDS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_by_kind),  cmocka_unit_test(test_what_is_not_given),
        cmocka_unit_test(test_unknown_words),   cmocka_unit_test(test_missing_and_repeated_words),
        cmocka_unit_test(test_bad_values),      cmocka_unit_test(test_lists_have_limits),
        cmocka_unit_test(test_calls_have_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
