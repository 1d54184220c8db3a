/* Which warnings a Dockerfile gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/conversion.h"

/* Every image is configured with nothing; the one called "arm" is for another machine. */
static struct error *find_config(void *context, const char *reference, const char *architecture,
                                 struct json **ret, char **ret_platform)
{
    (void)context, (void)architecture;
    if (strcmp(reference, "docker://arm") == 0)
        *ret_platform = strdup("linux/arm64");
    *ret = json_object();
    return NULL;
}

static struct conversion_options defaults(void)
{
    return (struct conversion_options){
        .folder = ".", .architecture = "amd64", .build_machine = "amd64"};
}

static struct error *convert(const char *text, const struct conversion_options *options,
                             struct conversion_result *ret)
{
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("Dockerfile", text, strlen(text), &file);

    if (err == NULL)
        err = conversion_make(file, options, find_config, NULL, ret);
    dockerfile_free(file);
    return err;
}

static void refuses(const char *text, const char *message)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};
    struct error *err = convert(text, &options, &result);

    assert_non_null(err);
    assert_string_equal(err->message, message);
    error_free(err);
}

static bool is_left_out(void *context, const char *path)
{
    (void)context;
    return strcmp(path, "secret/key") == 0;
}

/* The warnings about TEXT are EXPECTED: "LINE RULE", a line each. */
static void warns(const char *text, const char *expected)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};
    struct buffer lines = {0};

    options.is_ignored = is_left_out;
    struct error *err = convert(text, &options, &result);

    if (err != NULL)
        fail_msg("%s", err->message);
    buffer_printf(&lines, "%s", "");
    for (size_t i = 0; i < result.check.count; i++)
        buffer_printf(&lines, "%u %s\n", result.check.warnings[i].line,
                      check_rule_name(result.check.warnings[i].rule));
    assert_string_equal(lines.data, expected);
    buffer_free(&lines);
    conversion_result_free(&result);
}

static void test_warnings_about_stages(void **state)
{
    (void)state;
    warns("FROM debian AS Base\nFROM debian as base\nFROM debian AS context\nFrom debian AS d",
          "1 StageNameCasing\n2 FromAsCasing\n2 DuplicateStageName\n3 ReservedStageName\n"
          "4 ConsistentInstructionCasing\n");
    warns("from debian as a\nrun b\nRUN c", "3 ConsistentInstructionCasing\n");
    warns("ARG A=debian\nARG B\nFROM ${A}\nFROM $A:$B\nFROM debian$TYP",
          "4 InvalidDefaultArgInFrom\n5 UndefinedArgInFrom\n");
    warns("FROM --platform=$TARGETPLATFORM debian AS a\nFROM --platform=linux/amd64 debian\n"
          "FROM --platform=linux/amd64 debian AS tools-amd64\n"
          "FROM --platform=$BUILDPLATFORM debian\nCOPY --from=0 a b\nCOPY --from=1 a b\n"
          "COPY --from=2 a b",
          "1 RedundantTargetPlatform\n2 FromPlatformFlagConstDisallowed\n");
    warns("FROM arm AS a\nFROM scratch\nFROM a\nCOPY --from=arm a b",
          "1 InvalidBaseImagePlatform\n");
}

static void test_warnings_about_instructions(void **state)
{
    (void)state;
    warns("FROM debian\nENV A $B\nLABEL c d\nARG E\nENV F=$E$A${G:-1}\nMAINTAINER me",
          "2 LegacyKeyValueFormat\n2 UndefinedVar\n3 LegacyKeyValueFormat\n5 UndefinedVar\n"
          "6 MaintainerDeprecated\n");
    warns("FROM debian\nCMD a\nCMD [\"b\"]\nENTRYPOINT c\nSHELL [\"/bin/bash\"]\nCMD d",
          "2 MultipleInstructionsDisallowed\n2 JSONArgsRecommended\n"
          "3 MultipleInstructionsDisallowed\n4 JSONArgsRecommended\n");
    warns("FROM debian\nARG GITHUB_TOKEN\nENV API_KEY=1 KEY_FILE=2 MONKEY=3 Password=4",
          "2 SecretsUsedInArgOrEnv\n3 SecretsUsedInArgOrEnv\n3 SecretsUsedInArgOrEnv\n");
    warns("FROM debian\nWORKDIR a\nWORKDIR b\nFROM debian\nWORKDIR /a\nWORKDIR b", "");
    warns("FROM debian\nWORKDIR a\nWORKDIR b", "2 WorkdirRelativePath\n");
    warns("FROM debian\nEXPOSE 80/TCP 1:2", "2 ExposeProtoCasing\n2 ExposeInvalidFormat\n");
    warns("FROM debian\nRUN a \\\n\n b", "2 NoEmptyContinuation\n");
    warns("FROM debian\nCOPY secret/key a ./secret/../b /\nCOPY /secret/key /x",
          "2 CopyIgnoredFile\n3 CopyIgnoredFile\n");
}

static void test_the_directive_check(void **state)
{
    struct conversion_options options = defaults();
    struct conversion_result result = {0};
    static const char described[] =
        "# what it is\nARG A=debian\n\n# other\n\nARG B\n# image of it\nFROM $A AS image\n";
    struct buffer text = {0};

    (void)state;
    warns("# check=skip=JSONArgsRecommended, UndefinedVar,RuleOfTheFuture\nFROM debian\n"
          "CMD a\nENV B=$C\nMAINTAINER me",
          "5 MaintainerDeprecated\n");
    warns("# check=skip=all\nFROM debian\nMAINTAINER me", "");
    warns(described, "");
    buffer_printf(&text, "# check=experimental=all\n%s", described);
    warns(text.data, "3 InvalidDefinitionDescription\n");
    buffer_free(&text);
    assert_null(convert("# check=error=true\nFROM debian", &options, &result));
    assert_true(result.check.is_strict);
    conversion_result_free(&result);
    strings_add(&options.arguments, "BUILDKIT_DOCKERFILE_CHECK=error=false");
    assert_null(convert("# check=error=true\nFROM debian", &options, &result));
    assert_false(result.check.is_strict);
    conversion_result_free(&result);
    strings_free(&options.arguments);
    refuses("# check=skpi=all\nFROM debian",
            "read 'Dockerfile': the directive 'check': unknown setting 'skpi'");
    refuses("# check=error=maybe\nFROM debian",
            "read 'Dockerfile': the directive 'check': 'error' must be true or false");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings_about_stages),
        cmocka_unit_test(test_warnings_about_instructions),
        cmocka_unit_test(test_the_directive_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
