/* The stages of a Dockerfile, and the rules that each instruction is held to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/dockerfile.h"
#include "host/dockerfile/instruction_flags.h"
#include "host/dockerfile/stages.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

static struct dockerfile *parse(const char *text)
{
    struct dockerfile *file = NULL;

    assert_null(dockerfile_parse("Dockerfile", text, strlen(text), &file));
    return file;
}

/* INSTRUCTION in the second line is right, or is refused with CAUSE. */
static void check(const char *instruction, const char *cause)
{
    struct buffer text = {0};

    buffer_printf(&text, "FROM a\n%s\n", instruction);
    struct dockerfile *file = parse(text.data);
    struct stages stages = {0};
    struct error *err = stages_make(file, &stages);

    if (cause == NULL && err != NULL)
        fail_msg("'%s': %s", instruction, err->message);
    if (cause != NULL) {
        struct buffer message = {0};

        assert_non_null(err);
        buffer_printf(&message, "read 'Dockerfile': line 2: %s", cause);
        assert_string_equal(err->message, message.data);
        buffer_free(&message);
    }
    error_free(err);
    stages_free(&stages);
    dockerfile_free(file);
    buffer_free(&text);
}

static void test_stages(void **state)
{
    struct dockerfile *file = parse("ARG A=1\nARG B\nFROM a AS One\nRUN x\nRUN y\nFROM one\n"
                                    "FROM --platform=p c as one\nCMD z");
    struct stages stages = {0};

    (void)state;
    assert_null(stages_make(file, &stages));
    assert_int_equal(stages.definition_count, 2);
    assert_string_equal(stages.definitions[1].assignments.items[0].name, "B");
    assert_int_equal(stages.count, 3);
    assert_string_equal(stages.items[0].name, "one");
    assert_string_equal(stages.items[0].base, "a");
    assert_int_equal(stages.items[0].count, 2);
    assert_string_equal(stages.items[0].instructions[1].arguments.items[0], "y");
    assert_null(stages.items[1].name);
    assert_int_equal(stages.items[1].count, 0);
    assert_string_equal(instruction_flag(stages.items[2].from, "platform"), "p");
    assert_int_equal(stages_find(&stages, "ONE", 3), 2);
    assert_int_equal(stages_find(&stages, "one", 2), 0);
    assert_int_equal(stages_find(&stages, "two", 3), STAGE_NONE);
    assert_int_equal(stages_find(&stages, "one", 0), STAGE_NONE);
    stages_free(&stages);
    dockerfile_free(file);
}

static void refuses_file(const char *text, const char *message)
{
    struct dockerfile *file = parse(text);
    struct stages stages = {0};
    struct error *err = stages_make(file, &stages);

    assert_non_null(err);
    assert_string_equal(err->message, message);
    error_free(err);
    dockerfile_free(file);
}

static void test_order(void **state)
{
    (void)state;
    refuses_file("ARG a\nRUN x\nFROM a", "read 'Dockerfile': line 2: RUN before the first FROM");
    refuses_file("ARG a", "read 'Dockerfile': no FROM");
    refuses_file("FROM a\nRUN x\nFROM",
                 "read 'Dockerfile': line 3: FROM: requires an image, and may "
                 "have a name for the stage");
}

static void test_their_number_is_limited(void **state)
{
    struct buffer text = {0};

    (void)state;
    for (int i = 0; i <= STAGES_MAX; i++)
        buffer_printf(&text, "FROM a\n");
    refuses_file(text.data, "read 'Dockerfile': line 1001: more than 1000 stages");
    buffer_free(&text);
}

static void test_from(void **state)
{
    (void)state;
    check("FROM b AS c-1_2.x", NULL);
    check("FROM b AS 1c", "FROM: '1c' cannot be a stage's name");
    check("FROM b AS c/d", "FROM: 'c/d' cannot be a stage's name");
    check("FROM b c", "FROM: requires an image, and may have a name for the stage");
    check("FROM b IS c", "FROM: requires an image, and may have a name for the stage");
    check("FROM --from=x b", "FROM: unknown flag '--from'");
}

static void test_counts(void **state)
{
    (void)state;
    check("RUN", "RUN: requires an argument");
    check("RUN []", "RUN: requires an argument");
    check("COPY a", "COPY: requires a source and a destination");
    check("ADD [\"a\"]", "ADD: requires a source and a destination");
    check("WORKDIR", "WORKDIR: requires an argument");
    check("USER", "USER: requires an argument");
    check("EXPOSE", "EXPOSE: requires an argument");
    check("ENV", "ENV: requires an argument");
    check("ARG", "ARG: requires an argument");
    check("ENV =x", "ENV: a name must not be empty");
    check("ARG =x", "ARG: a name must not be empty");
    check("ONBUILD", "ONBUILD: requires an instruction");
    check("ONBUILD COPY a", "ONBUILD: COPY: requires a source and a destination");
    check("VOLUME [\"\"]", "VOLUME: a path must not be empty");
    check("VOLUME []", "VOLUME: requires an argument");
    check("CMD []", NULL);
    check("ENTRYPOINT []", NULL);
    check("SHELL sh -c", "SHELL: requires a JSON array");
    check("SHELL [\"sh\", \"-c\"]", NULL);
    check("COPY a <<EOF\nEOF", "COPY: the destination cannot be a here-document");
}

static void test_flags_are_checked(void **state)
{
    (void)state;
    check("COPY --form=a b c", "COPY: unknown flag '--form'");
    check("COPY --from b c", "COPY: '--from' requires a value: --from=VALUE");
    check("COPY --from=a --from=b c d", "COPY: '--from' is repeated");
    check("COPY --exclude=a --exclude=b c d", NULL);
    check("COPY --link=maybe a b", "COPY: '--link' must be true or false");
    check("COPY --link=TRUE --parents a b", NULL);
    check("ADD --link= a b", "ADD: '--link' must be true or false");
    check("ADD --parents a b", "ADD: unknown flag '--parents'");
    check("RUN --mount=type=cache,target=/a --network=none x", NULL);
    check("RUN --help", "RUN: unknown flag '--help'");
    check("ENV --a=b c=d", "ENV: unknown flag '--a'");
    check("ARG --a=b c=d", "ARG: unknown flag '--a'");
}

static void test_values_of_flags(void **state)
{
    struct dockerfile *file = parse("FROM a\nCOPY --exclude=a --exclude=b --parents=false --link "
                                    "--chmod=0 c d\nRUN --mount=x y");
    const struct instruction *copy = &file->instructions[1];
    struct strings values = {0};

    (void)state;
    instruction_flag_values(copy, "exclude", &values);
    assert_int_equal(values.count, 2);
    assert_string_equal(values.items[1], "b");
    assert_false(instruction_flag_is_set(copy, "parents"));
    assert_true(instruction_flag_is_set(copy, "link"));
    assert_string_equal(instruction_flag(copy, "chmod"), "0");
    assert_null(instruction_flag(copy, "ch"));
    assert_null(instruction_flag(copy, "from"));
    strings_free(&values);
    dockerfile_free(file);
}

static void test_health(void **state)
{
    (void)state;
    check("HEALTHCHECK --interval=1m30s --timeout=0 --start-period=1.5h --retries=3 CMD x", NULL);
    check("HEALTHCHECK NONE", NULL);
    check("HEALTHCHECK none x", "HEALTHCHECK: NONE takes no arguments");
    check("HEALTHCHECK", "HEALTHCHECK: requires an argument");
    check("HEALTHCHECK CMD", "HEALTHCHECK: CMD requires a command");
    check("HEALTHCHECK CMD []", "HEALTHCHECK: CMD requires a command");
    check("HEALTHCHECK TCP 80", "HEALTHCHECK: unknown kind 'TCP'");
    check("HEALTHCHECK --interval=5 CMD x", "HEALTHCHECK: '--interval=5' is not a duration");
    check("HEALTHCHECK --timeout=-1s CMD x", "HEALTHCHECK: '--timeout=-1s' is not a duration");
    check("HEALTHCHECK --timeout=999us CMD x", "HEALTHCHECK: '--timeout=999us' is less than 1ms");
    check("HEALTHCHECK --retries=x CMD x",
          "HEALTHCHECK: '--retries' must be a whole number between 0 and 2147483647");
    check("HEALTHCHECK --retries=2147483648 CMD x",
          "HEALTHCHECK: '--retries' must be a whole number between 0 and 2147483647");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_their_number_is_limited),
        cmocka_unit_test(test_from),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_flags_are_checked),
        cmocka_unit_test(test_values_of_flags),
        cmocka_unit_test(test_health),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
