/* What an image's history tells of its new layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/build/build_history.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

static char text[] = "x", root[] = "/", target[] = "/usr/local", base[] = "base";

/* Expects the line for BUILD, whose steps are those of its spec, to be EXPECTED. */
static void expect_line(const struct build *build, bool is_empty, const char *expected)
{
    struct plan plan;

    if (build->session != NULL)
        build_session_plan(build->session, build->spec, &plan);
    else
        plan_make(build->spec, &plan);
    CLEANUP(freep) char *line = build_history_line(build, &plan, is_empty);

    assert_string_equal(line, expected);
}

/* The same for the script SCRIPT. */
static void expect_script(const char *script, const char *expected)
{
    CLEANUP(freep) char *copy = xstrdup(script);
    CLEANUP(freep) char *line = xasprintf("runAsRoot: %s", expected);
    const struct spec spec = {.run_as_root = copy};

    expect_line(&(struct build){.spec = &spec}, false, line);
}

static void test_first_line(void **state)
{
    CLEANUP(freep) char *many = xasprintf("%0200d", 0);
    CLEANUP(freep) char *cut = xasprintf("%0160d ...", 0);

    (void)state;
    expect_script("make install", "make install");
    expect_script("\n \n  make install \r\n\n", "make install");
    expect_script("make\nmake install\n", "make ...");
    expect_script("#!/bin/bash\n\n# Installs it.\nmake\n", "# Installs it. ...");
    expect_script("#!/bin/true", "");
    expect_script("", "");
    expect_script("a\tb\x1b[1m\xff\xc3\xa9", "a\tb?[1m?\xc3\xa9");
    expect_script(many, cut);
}

/* A character is not cut through. */
static void test_cut_of_characters(void **state)
{
    CLEANUP(buffer_free) struct buffer script = {0}, expected = {0};

    (void)state;
    buffer_printf(&script, "a");
    buffer_printf(&expected, "a");
    for (size_t i = 0; i < 100; i++)
        buffer_printf(&script, "\xc3\xa9");
    for (size_t i = 0; i < 79; i++)
        buffer_printf(&expected, "\xc3\xa9");
    buffer_printf(&expected, " ...");
    expect_script(script.data, expected.data);
}

static void test_steps_in_order(void **state)
{
    char written[] = "rootfs", *closure[] = {text, text};
    struct spec_content items[] = {{.source = text, .written = written, .target = root},
                                   {.source = text, .target = target},
                                   {.path = root, .image.name = base, .target = target}};
    const struct spec spec = {.contents = {items, 3},
                              .closure = {.items = closure, .count = 2},
                              .shadow_setup = true,
                              .run_as_root = text,
                              .hooks[GUEST_HOOK_PRE_MOUNT] = text,
                              .hooks[GUEST_HOOK_EXTRA_COMMANDS] = text};

    (void)state;
    expect_line(&(struct build){.spec = &spec}, false,
                "contents: rootfs in /, files in /usr/local, / of an image in /usr/local; "
                "closure: 2 paths; preMount: x; shadowSetup; runAsRoot: x; extraCommands: x");
}

static void test_many_contents(void **state)
{
    struct spec_content items[10];
    const struct spec spec = {.contents = {items, 10}};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        items[i] = (struct spec_content){.source = text, .target = root};
    expect_line(&(struct build){.spec = &spec}, false,
                "contents: files in /, files in /, files in /, files in /, files in /, files in /, "
                "files in /, files in /, and 2 more");
}

static void test_sessions(void **state)
{
    char *words[] = {text, root};
    struct spec spec = {.run_as_root = base, .hooks[GUEST_HOOK_EXTRA_COMMANDS] = text};
    struct build_session session = {.step = PLAN_RUN_AS_ROOT,
                                    .vm.command = {.items = words, .count = 2}};
    const struct build build = {.spec = &spec, .session = &session};

    (void)state;
    expect_line(&build, false, "run: x /");
    session.is_after = true;
    expect_line(&build, false, "runAsRoot: base; run: x /");
    session.vm.command.count = 0;
    expect_line(&build, false, "runAsRoot: base; shell");
}

static void test_resumed(void **state)
{
    char contents[] = "contents: a in /";
    const struct spec spec = {.run_as_root = text};
    const struct kept_step kept = {.contents = contents};

    (void)state;
    expect_line(&(struct build){.spec = &spec, .resumed = &kept}, false,
                "contents: a in /; runAsRoot: x");
}

static void test_config_alone(void **state)
{
    static const char json[] = "{\"User\":\"1\",\"Cmd\":[]}";
    struct spec spec = {0};

    (void)state;
    expect_line(&(struct build){.spec = &spec}, false, "an empty layer");
    expect_line(&(struct build){.spec = &spec}, true, "config");
    assert_null(json_parse("test", json, strlen(json), &spec.config));
    expect_line(&(struct build){.spec = &spec}, true, "config: Cmd, User");
    json_free(spec.config);
}

static void test_secrets_are_masked(void **state)
{
    char token[] = "xyzzy-token";
    struct secret items[] = {{.bytes = token, .length = strlen(token)}};
    const struct secrets secrets = {items, 1};
    char script[] = "login xyzzy-token";
    const struct spec spec = {.run_as_root = script};

    (void)state;
    expect_line(&(struct build){.spec = &spec, .secrets = &secrets}, false, "runAsRoot: login ***");
}

static void test_run(void **state)
{
    char script[] = "make\nmake install", program[] = "/bin/x", argument[] = "a b";
    char *words[] = {program, argument};
    struct spec spec = {.run.text = script, .shadow_setup = true};

    (void)state;
    expect_line(&(struct build){.spec = &spec}, false, "shadowSetup; run: make ...");
    spec = (struct spec){.run.words = {.items = words, .count = 2}};
    expect_line(&(struct build){.spec = &spec}, false, "run: /bin/x a b");
}

/* It is for what the spec makes, not for what a session does. */
static void test_text_of_the_specs(void **state)
{
    char token[] = "xyzzy-token", created_by[] = "RUN login xyzzy-token\nmake";
    struct secret items[] = {{.bytes = token, .length = strlen(token)}};
    const struct secrets secrets = {items, 1};
    const struct spec spec = {.run_as_root = text, .created_by = created_by};
    struct build_session session = {.step = PLAN_RUN_AS_ROOT};

    (void)state;
    expect_line(&(struct build){.spec = &spec, .secrets = &secrets}, false, "RUN login ***\nmake");
    expect_line(&(struct build){.spec = &spec}, true, created_by);
    expect_line(&(struct build){.spec = &spec, .session = &session}, false, "shell");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_line),
        cmocka_unit_test(test_cut_of_characters),
        cmocka_unit_test(test_steps_in_order),
        cmocka_unit_test(test_many_contents),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_resumed),
        cmocka_unit_test(test_config_alone),
        cmocka_unit_test(test_secrets_are_masked),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_text_of_the_specs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
