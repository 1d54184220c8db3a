/* What the guest is told of a spec by words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/job.h"

/* The words of a call of VERB for SPEC, a line each. The caller's. */
static char *call(const struct spec *spec, enum guest_verb verb)
{
    struct call_words words = {0}, own = {0};
    struct strings texts = {0};
    struct buffer lines = {0};

    job_words(spec, -1, &words);
    if ((guest_verbs[verb].required & GUEST_WORD_BIT(GUEST_WORD_CLOCK)) != 0)
        call_words_set_number(&own, GUEST_WORD_CLOCK, 7);
    call_words_write(verb, &own, &words, &texts);
    strings_sort(&texts);
    for (size_t i = 0; i < texts.count; i++)
        buffer_printf(&lines, "%s\n", texts.items[i]);
    strings_free(&texts);
    call_words_free(&words);
    call_words_free(&own);
    return buffer_steal(&lines);
}

static void test_a_spec_with_everything(void **state)
{
    struct spec_share shares[] = {{.target = (char[]){"/a"}}, {.target = (char[]){"/b"}}};
    const struct spec spec = {.created = -1,
                              .timeout = 60,
                              .still_clock = true,
                              .shadow_setup = true,
                              .network = true,
                              .shares = {shares, 2}};
    char *start = call(&spec, GUEST_VERB_START);
    char *run = call(&spec, GUEST_VERB_RUN);

    (void)state;
    assert_string_equal(start, "clamp=-1\nclock=7\nstart\n");
    assert_string_equal(run, "clock=7\nnetwork=1\nrun\nshadow=1\nshare=share0:/a\n"
                             "share=share1:/b\nstill=1\ntimeout=60\n");
    free(start);
    free(run);
}

static void test_a_spec_with_nothing(void **state)
{
    const struct spec spec = {.created = 1, .timeout = 3600};
    char *run = call(&spec, GUEST_VERB_RUN);
    char *pack = call(&spec, GUEST_VERB_PACK);

    (void)state;
    assert_string_equal(run, "clock=7\nrun\ntimeout=3600\n");
    assert_string_equal(pack, "pack\n");
    free(run);
    free(pack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spec_with_everything),
        cmocka_unit_test(test_a_spec_with_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
