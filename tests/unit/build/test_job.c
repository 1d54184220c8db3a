/* What the guest is told of a spec by words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/job.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

/* The words of a call of VERB for SPEC with CONTAINER, a line each. The caller's. */
static char *call(const struct spec *spec, const struct json *container, enum guest_verb verb)
{
    struct call_words words = {0}, own = {0};
    struct strings texts = {0};
    struct buffer lines = {0};

    job_words(spec, container, -1, &words);
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
    char *start = call(&spec, NULL, GUEST_VERB_START);
    char *run = call(&spec, NULL, GUEST_VERB_RUN);

    (void)state;
    assert_string_equal(start, "clamp=-1\nclock=7\nnetwork=1\nstart\n");
    assert_string_equal(run, "clock=7\nnetwork=1\nrun\nshadow=1\nshare=share0:/a\n"
                             "share=share1:/b\nstill=1\ntimeout=60\n");
    free(start);
    free(run);
}

static void test_a_spec_with_nothing(void **state)
{
    const struct spec spec = {.created = 1, .timeout = 3600};
    char *run = call(&spec, NULL, GUEST_VERB_RUN);
    char *pack = call(&spec, NULL, GUEST_VERB_PACK);

    (void)state;
    assert_string_equal(run, "clock=7\nrun\ntimeout=3600\n");
    assert_string_equal(pack, "pack\n");
    free(run);
    free(pack);
}

static struct json *parse(const char *text)
{
    struct json *value = NULL;

    assert_null(json_parse("test", text, strlen(text), &value));
    return value;
}

/* The words of `run`, whose base has BASE as its config, and the spec OVER. The caller's. */
static char *call_run(const char *base, const char *over)
{
    static char text[] = "true";
    CLEANUP(json_freep) struct json *document = parse(base);
    CLEANUP(json_freep) struct json *config = parse(over);
    CLEANUP(json_freep) struct json *container = NULL;
    const struct spec spec = {.timeout = 1, .run.text = text, .config = config};

    assert_null(job_container(&spec, document, &container));
    return call(&spec, container, GUEST_VERB_RUN);
}

static void expect_run(const char *base, const char *over, const char *expected)
{
    CLEANUP(freep) char *words = call_run(base, over);
    CLEANUP(freep) char *lines = xasprintf("clock=7\n%s", expected);

    assert_string_equal(words, lines);
}

static void test_a_container(void **state)
{
    (void)state;
    expect_run("{}", "{}", "directory=/\nrun\ntimeout=1\nuser=0\n");
    expect_run("{\"config\":{\"User\":\"\",\"WorkingDir\":\"\"}}", "{}",
               "directory=/\nrun\ntimeout=1\nuser=0\n");
    expect_run("{\"config\":{\"User\":\"a\",\"WorkingDir\":\"/w\"}}", "{}",
               "directory=/w\nrun\ntimeout=1\nuser=a\n");
    expect_run("{\"config\":{\"User\":\"a\",\"WorkingDir\":\"/w\"}}",
               "{\"User\":\"b:c\",\"WorkingDir\":\"/x\"}",
               "directory=/x\nrun\ntimeout=1\nuser=b:c\n");
}

static void expect_refused(const char *name, const char *value, const char *message)
{
    static char text[] = "true";
    CLEANUP(json_freep) struct json *config = json_object();
    CLEANUP(json_freep) struct json *container = NULL;

    json_set(config, name, json_string(value));
    const struct spec spec = {.run.text = text, .config = config};
    CLEANUP(error_freep) struct error *err = job_container(&spec, NULL, &container);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, message);
    assert_null(container);
}

static void test_no_container_could_have_it(void **state)
{
    CLEANUP(freep) char *user = xasprintf("%0*d", GUEST_USER_MAX + 1, 0);

    (void)state;
    expect_refused("WorkingDir", "x/y",
                   "run a command in the image: WorkingDir 'x/y' of its config must be an absolute "
                   "path");
    expect_refused("User", user, "run a command in the image: User of its config is too long");
}

/* Without `run`, nobody reads the config. */
static void test_no_container_is_needed(void **state)
{
    const struct spec spec = {.timeout = 1};
    struct json *base = parse("{\"config\":{\"WorkingDir\":\"x\"}}"), *container = NULL;

    (void)state;
    assert_null(job_container(&spec, base, &container));
    assert_null(container);
    json_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spec_with_everything),
        cmocka_unit_test(test_a_spec_with_nothing),
        cmocka_unit_test(test_a_container),
        cmocka_unit_test(test_no_container_could_have_it),
        cmocka_unit_test(test_no_container_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
