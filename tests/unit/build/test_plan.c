#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/plan.h"
#include "host/lib/json_text.h"

/* Expects the steps of SPEC to be the names in EXPECTED, each followed by a blank. */
static void expect_steps(const struct spec *spec, const char *expected)
{
    struct plan plan;
    struct buffer names = {0};

    plan_make(spec, &plan);
    buffer_append(&names, "", 0);
    for (size_t i = 0; i < plan.step_count; i++)
        buffer_printf(&names, "%s ", plan_step_name(plan.steps[i]));
    assert_string_equal(names.data, expected);
    buffer_free(&names);
}

static char text[] = "x";
static struct spec_content items[] = {{.source = text}};

static void test_pure_layer_needs_no_vm(void **state)
{
    struct spec spec = {.from_image.name = text, .contents = {items, 1}};
    struct plan plan;

    (void)state;
    plan_make(&spec, &plan);
    assert_false(plan.needs_vm);
    expect_steps(&spec, "contents ");
}

static void test_all_steps_in_order(void **state)
{
    struct spec spec = {.from_image.name = text,
                        .contents = {items, 1},
                        .run_as_root = text,
                        .hooks[GUEST_HOOK_PRE_MOUNT] = text,
                        .hooks[GUEST_HOOK_POST_MOUNT] = text,
                        .hooks[GUEST_HOOK_POST_UMOUNT] = text,
                        .hooks[GUEST_HOOK_EXTRA_COMMANDS] = text};

    (void)state;
    expect_steps(&spec, "unpack contents preMount mount runAsRoot postMount unmount postUmount "
                        "extraCommands pack ");
}

static void test_extra_commands_need_no_overlay(void **state)
{
    struct spec spec = {.from_image.name = text, .hooks[GUEST_HOOK_EXTRA_COMMANDS] = text};

    (void)state;
    expect_steps(&spec, "unpack extraCommands pack ");
}

static void test_shadow_setup_runs_in_the_image(void **state)
{
    struct spec spec = {.shadow_setup = true};

    (void)state;
    expect_steps(&spec, "mount runAsRoot unmount pack ");
}

static void test_run_takes_the_place_of_the_script(void **state)
{
    struct spec spec = {.from_image.name = text, .run.text = text, .shadow_setup = true};
    char *words[] = {text};

    (void)state;
    expect_steps(&spec, "unpack mount run unmount pack ");
    spec.run = (struct spec_command){.words = {words, 1}};
    expect_steps(&spec, "unpack mount run unmount pack ");
}

/* Expects OUT, entries ended by NUL bytes, to be EXPECTED, entries ended by newlines. */
static void expect_environment(struct buffer *out, const char *expected)
{
    for (size_t i = 0; i < out->length; i++)
        if (out->data[i] == '\0')
            out->data[i] = '\n';
    assert_string_equal(out->data, expected);
    buffer_free(out);
}

static struct json *parse(const char *json)
{
    struct json *value = NULL;

    assert_null(json_parse("test", json, strlen(json), &value));
    return value;
}

static void test_environment(void **state)
{
    struct json *base =
        parse("{\"config\":{\"Env\":[\"PATH=/x\",\"A=1\",\"B=2\",\"broken\",\"=z\"]}}");
    struct spec spec = {.env = parse("{\"D\":\"4\",\"A\":\"3\",\"C\":\"=\"}"), .created = 77};
    struct buffer out = {0};

    (void)state;
    plan_environment(&spec, base, &out);
    expect_environment(&out, "PATH=/x\nA=3\nB=2\nC==\nD=4\nSOURCE_DATE_EPOCH=77\nHOME=/root\n");
    strings_add(&spec.variables, "F=6");
    strings_add(&spec.variables, "E=5");
    strings_add(&spec.variables, "C=3");
    plan_environment(&spec, base, &out);
    expect_environment(&out,
                       "PATH=/x\nA=3\nB=2\nC=3\nD=4\nSOURCE_DATE_EPOCH=77\nE=5\nF=6\nHOME=/root\n");
    strings_free(&spec.variables);
    json_free(base);
    json_free(spec.env);
}

static void test_environment_without_base(void **state)
{
    struct spec spec = {.created = 1};
    struct buffer out = {0};

    (void)state;
    plan_environment(&spec, NULL, &out);
    expect_environment(&out, "SOURCE_DATE_EPOCH=1\n"
                             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                             "HOME=/root\n");
}

static void test_epoch_is_this_builds_unless_the_spec_sets_it(void **state)
{
    struct json *base = parse("{\"config\":{\"Env\":[\"SOURCE_DATE_EPOCH=5\",\"PATH=/x\"]}}");
    struct spec spec = {.created = 77};
    struct buffer out = {0};

    (void)state;
    plan_environment(&spec, base, &out);
    expect_environment(&out, "SOURCE_DATE_EPOCH=77\nPATH=/x\nHOME=/root\n");
    spec.env = parse("{\"SOURCE_DATE_EPOCH\":\"9\"}");
    plan_environment(&spec, base, &out);
    expect_environment(&out, "SOURCE_DATE_EPOCH=9\nPATH=/x\nHOME=/root\n");
    json_free(base);
    json_free(spec.env);
}

static void test_environment_of_a_container(void **state)
{
    struct json *container = parse("{\"Env\":[\"A=1\",\"B=2\",\"broken\"]}");
    struct spec spec = {.env = parse("{\"A\":\"3\"}"), .created = SPEC_CREATED_DEFAULT};
    struct buffer out = {0};

    (void)state;
    plan_container_environment(&spec, container, &out);
    expect_environment(&out, "A=3\nB=2\n"
                             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
    spec.created = 77;
    json_set(spec.env, "PATH", json_string("/x"));
    plan_container_environment(&spec, container, &out);
    expect_environment(&out, "A=3\nB=2\nPATH=/x\nSOURCE_DATE_EPOCH=77\n");
    json_free(container);
    json_free(spec.env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pure_layer_needs_no_vm),
        cmocka_unit_test(test_all_steps_in_order),
        cmocka_unit_test(test_extra_commands_need_no_overlay),
        cmocka_unit_test(test_shadow_setup_runs_in_the_image),
        cmocka_unit_test(test_run_takes_the_place_of_the_script),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_environment_without_base),
        cmocka_unit_test(test_epoch_is_this_builds_unless_the_spec_sets_it),
        cmocka_unit_test(test_environment_of_a_container),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
