#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/command/help.h"
#include "host/command/option_table.h"
#include "host/command/options.h"

#define END ((const char *)NULL) /* of the words */

static struct strings kept; /* words, which options point into; freed at the end */

/* Parses the words after "vmbuild", which end with NULL. */
static struct error *parse(struct options *options, const char *first, ...)
{
    static char *words[32];
    int count = 0;
    va_list args;

    strings_add(&kept, "vmbuild");
    words[count++] = kept.items[kept.count - 1];
    va_start(args, first);
    for (const char *word = first; word != NULL; word = va_arg(args, const char *)) {
        strings_add(&kept, word);
        words[count++] = kept.items[kept.count - 1];
    }
    va_end(args);
    words[count] = NULL;
    return options_parse(count, words, options);
}

static int free_words(void **state)
{
    (void)state;
    strings_free(&kept);
    return 0;
}

static void expect_usage_error(struct error *err, const char *message, const char *advice)
{
    assert_non_null(err);
    assert_int_equal(err->code, EXIT_USAGE);
    if (strstr(err->message, message) == NULL)
        fail_msg("'%s' is not in '%s'", message, err->message);
    if (advice != NULL)
        assert_non_null(strstr(err->advice, advice));
    error_free(err);
}

static void test_build_is_the_default(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "--spec", "x.json", "-o", "out", "--format=oci", "-o", "b", END));
    assert_string_equal(options.command->name, "build");
    assert_string_equal(options.spec, "x.json");
    assert_int_equal(options.outputs.count, 2);
    assert_string_equal(options.outputs.items[0], "out");
    assert_string_equal(options.outputs.items[1], "b");
    assert_int_equal(options.format, FORMAT_OCI);
    assert_int_equal(options.compression, COMPRESSION_GZIP);
    options_free(&options);
}

static void test_options_after_arguments(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "export", "image", "-o", "out", END));
    assert_string_equal(options.arguments.items[0], "image");
    assert_string_equal(options.output, "out");
    options_free(&options);
    assert_null(parse(&options, "merge", "-o", "out", "a", "--only-deps", "b", END));
    assert_int_equal(options.arguments.count, 2);
    assert_true(options.only_deps);
    options_free(&options);
}

static void test_overrides_keep_their_order(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "--spec", "x", "--set", "tag=a=b", "--memory", "100", END));
    assert_int_equal(options.override_count, 2);
    assert_string_equal(options.overrides[0].key, "tag");
    assert_string_equal(options.overrides[0].value, "a=b");
    assert_string_equal(options.overrides[1].key, "memory");
    options_free(&options);
}

static void test_what_was_given_is_kept(void **state)
{
    struct options options;

    (void)state;
    assert_null(
        parse(&options, "graph", "--spec", "x", "--set", "tag=a=b", "--trace", "-o", "out", END));
    assert_int_equal(options.given_count, 4);
    assert_string_equal(options.given[1].row->name, "set");
    assert_string_equal(options.given[1].value, "tag=a=b");
    assert_string_equal(options.given[2].row->name, "trace");
    assert_null(options.given[2].value);
    assert_string_equal(options.given[3].row->name, "output");
    options_free(&options);
}

static void test_names_of_files_are_names_of_images(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "--spec", "x", "base.json", END));
    assert_string_equal(options.arguments.items[0], "base.json");
    options_free(&options);
    expect_usage_error(parse(&options, "build", "base.json", END),
                       "unexpected argument 'base.json'", "did you mean '--spec base.json'?");
    options_free(&options);
}

static void test_network_grants_add_up(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "--spec", "x", "--allow-network", "private",
                      "--allow-network=host:80", END));
    assert_int_equal(options.allow_network.count, 2);
    assert_string_equal(options.allow_network.items[0], "private");
    assert_string_equal(options.allow_network.items[1], "host:80");
    options_free(&options);
    expect_usage_error(parse(&options, "--spec", "x", "--allow-network", "privat", END),
                       "read option '--allow-network': 'privat' must be host, private, ", NULL);
    options_free(&options);
}

static void test_unknown_command(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(parse(&options, "exprot", END), "unknown command 'exprot'", "'export'");
    options_free(&options);
    expect_usage_error(parse(&options, END), "a command is missing", "--help");
    options_free(&options);
}

static void test_unknown_option(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(parse(&options, "--spce", "x", END), "'--spce'", "'--spec'");
    options_free(&options);
    expect_usage_error(parse(&options, "build", "-z", END), "'-z'", NULL);
    options_free(&options);
    expect_usage_error(parse(&options, "export", "--memory", "1", "x", END), "'--memory'", NULL);
    options_free(&options);
}

static void test_wrong_values(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(parse(&options, "--format", "zip", END), "must be one of docker-archive, ",
                       NULL);
    options_free(&options);
    expect_usage_error(parse(&options, "--spec", END), "missing", NULL);
    options_free(&options);
    expect_usage_error(parse(&options, "--set", "novalue", END), "KEY=VALUE", NULL);
    options_free(&options);
    expect_usage_error(parse(&options, "--check=1", END), "'--check': it takes no value", NULL);
    options_free(&options);
    expect_usage_error(parse(&options, "--check=1", "--progress", "json", END), "'--check'", NULL);
    assert_int_equal(options.progress, PROGRESS_JSON);
    options_free(&options);
}

static void test_arguments_are_counted(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(parse(&options, "push", "a", END), "argument REF is missing", "--help");
    options_free(&options);
    expect_usage_error(parse(&options, "export", "a", "b", END), "unexpected argument 'b'", NULL);
    options_free(&options);
}

static void test_options_before_the_command(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "-v", "--cache-dir", "schema", "--progress=json", "export", "image",
                      "-o", "out", END));
    assert_string_equal(options.command->name, "export");
    assert_int_equal(options.arguments.count, 1);
    assert_string_equal(options.arguments.items[0], "image");
    assert_string_equal(options.cache_dir, "schema");
    assert_int_equal(options.progress, PROGRESS_JSON);
    options_free(&options);
    assert_null(parse(&options, "--spec", "x", "--", "export", END)); /* an image of the spec */
    assert_string_equal(options.command->name, "build");
    assert_string_equal(options.arguments.items[0], "export");
    options_free(&options);
}

static void test_a_layer_is_not_compressed(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(
        parse(&options, "--spec", "x", "--compression", "gzip", "--format", "layer", END),
        "'layer' is not compressed", NULL);
    options_free(&options);
    assert_null(parse(&options, "--spec", "x", "--compression=none", "--format=layer", END));
    options_free(&options);
}

static void test_default_output(void **state)
{
    struct options options;

    (void)state;
    assert_null(parse(&options, "--spec", "x", END));
    char *path = options_output_path(&options, "host/a/name");

    assert_string_equal(path, "name.tar.gz");
    free(path);
    options_free(&options);
    assert_null(parse(&options, "--spec", "x", "--compression", "none", END));
    path = options_output_path(&options, "name");
    assert_string_equal(path, "name.tar");
    free(path);
    options_free(&options);
}

/* The compression that the words "vmbuild --spec x -o NAME" lead to. */
static enum compression compression_of(const char *name)
{
    struct options options;

    assert_null(parse(&options, "--spec", "x", "-o", name, END));
    options_free(&options);
    assert_null(parse(&options, "pull", "docker://a/b", "-o", name, END));

    enum compression compression = options.compression;

    options_free(&options);
    return compression;
}

static void test_the_name_of_the_output_decides(void **state)
{
    (void)state;
    assert_int_equal(compression_of("a/x.tar"), COMPRESSION_NONE);
    assert_int_equal(compression_of("x.tar.gz"), COMPRESSION_GZIP);
    assert_int_equal(compression_of("x.tgz"), COMPRESSION_GZIP);
    assert_int_equal(compression_of("x.tar.zst"), COMPRESSION_ZSTD);
    assert_int_equal(compression_of("X.TAR"), COMPRESSION_NONE);
    assert_int_equal(compression_of("x"), COMPRESSION_GZIP);
    assert_int_equal(compression_of("x.tar.d"), COMPRESSION_GZIP);
    assert_int_equal(compression_of(".tar"), COMPRESSION_GZIP);
    assert_int_equal(compression_of("-"), COMPRESSION_GZIP);
    assert_int_equal(compression_of("/dev/null"), COMPRESSION_GZIP);
}

static void test_a_name_that_would_be_wrong(void **state)
{
    static const struct {
        const char *format, *compression, *name;
    } wrong[] = {
        {"docker-archive", "gzip", "x.tar"}, {"docker-archive", "zstd", "x.tar.gz"},
        {"docker-archive", "none", "x.tgz"}, {"docker-archive", "gzip", "x.tar.zst"},
        {"oci-archive", "gzip", "x.tar.gz"}, {"oci-archive", "zstd", "x.tar.zst"},
    };
    struct options options;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        expect_usage_error(parse(&options, "pull", "docker://a/b", "--format", wrong[i].format,
                                 "--compression", wrong[i].compression, "-o", wrong[i].name, END),
                           wrong[i].name, NULL);
        options_free(&options);
    }
    expect_usage_error(
        parse(&options, "pull", "docker://a/b", "--compression=zstd", "-o", "x.tar", END),
        "'zstd' contradicts the name of the output 'x.tar', which stands for 'none'",
        "leave '--compression' out");
    options_free(&options);
    assert_null(parse(&options, "pull", "docker://a/b", "--compression=none", "-o", "x.tar", END));
    options_free(&options);
    assert_null(parse(&options, "pull", "docker://a/b", "--format=oci-archive",
                      "--compression=zstd", "-o", "x.tar", END));
    assert_int_equal(options.compression, COMPRESSION_ZSTD);
    options_free(&options);
    assert_null(parse(&options, "pull", "docker://a/b", "--format=oci", "-o", "x.tar", END));
    assert_int_equal(options.compression, COMPRESSION_GZIP);
    options_free(&options);
    expect_usage_error(
        parse(&options, "pull", "docker://a/b", "--format=oci-archive", "-o", "x.tgz", END),
        "in an oci-archive only the layers", "'.tar'");
    options_free(&options);
}

static void test_help_names_every_option_and_command(void **state)
{
    struct options options;
    struct buffer help = {0};

    (void)state;
    help_show(NULL, &help);
    const char *const commands[] = {"build",  "export",    "pull",   "push",  "merge",
                                    "tarsum", "inspect",   "doctor", "cache", "schema",
                                    "copy",   "list-tags", "convert"};

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        assert_non_null(strstr(help.data, commands[i]));
    buffer_free(&help);
    assert_null(parse(&options, "build", "--help", END));
    assert_true(options.help);
    help_show(options.command, &help);
    const char *const words[] = {
        "--spec FILE", "-o, --output OUT", "--compression", "--accel",        "--memory",
        "--cpus",      "--timeout",        "--no-cache",    "--cache-dir",    "--dry-run",
        "--progress",  "-v, --verbose",    "-q, --quiet",   "--set KEY=VALUE"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(help.data, words[i]) == NULL)
            fail_msg("'%s' is not in the help", words[i]);
    buffer_free(&help);
    options_free(&options);
}

static void test_what_is_required(void **state)
{
    struct options options;

    (void)state;
    expect_usage_error(parse(&options, "build", END), "option --spec FILE is missing", "--help");
    options_free(&options);
    expect_usage_error(parse(&options, "export", "a", END), "option --output FILE is missing",
                       "--help");
    options_free(&options);
    expect_usage_error(parse(&options, "merge", "a", END), "option --output DIR is missing",
                       "--help");
    options_free(&options);
    expect_usage_error(parse(&options, "cache", "remove", END),
                       "'remove' must be one of list, prune, verify, path", NULL);
    options_free(&options);
    assert_null(parse(&options, "export", "--help", END));
    options_free(&options);
}

static void test_every_command_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &command_table[i];
        int count = 0;

        assert_non_null(command->name);
        assert_non_null(command->summary);
        assert_non_null(command->text);
        while (count < COMMAND_ARGUMENTS_MAX && command->arguments[count].name != NULL)
            count++;
        assert_true(command->arguments_max == count || command->arguments_max == -1);
        assert_true(command->arguments_min <= count);
    }
}

static void test_every_option_is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];

        assert_non_null(row->summary);
        assert_non_null(row->text);
        assert_int_not_equal(row->commands, 0);
        assert_int_equal(row->required & ~row->commands, 0);
        assert_true(i == 0 || row->group >= option_table[i - 1].group);
        assert_true((row->argument.kind == ARGUMENT_CHOICE) == (row->kind == OPTION_CHOICE));
        assert_true((row->argument.choices != NULL) == (row->kind == OPTION_CHOICE));
        assert_true(option_has_value(row) !=
                    (row->kind == OPTION_FLAG || row->kind == OPTION_CONSTANT));
    }
}

static void test_help_of_a_command_has_its_options_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        struct buffer help = {0};

        help_show(&command_table[i], &help);
        for (size_t j = 0; j < option_count; j++) {
            bool is_own = option_is_of(&option_table[j], &command_table[i]);
            bool is_shown = strstr(help.data, option_table[j].summary) != NULL;

            if (is_own != is_shown)
                fail_msg("option '%s' in the help of '%s': %d", option_table[j].name,
                         command_table[i].name, is_shown);
        }
        buffer_free(&help);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_is_the_default),
        cmocka_unit_test(test_options_after_arguments),
        cmocka_unit_test(test_overrides_keep_their_order),
        cmocka_unit_test(test_what_was_given_is_kept),
        cmocka_unit_test(test_names_of_files_are_names_of_images),
        cmocka_unit_test(test_network_grants_add_up),
        cmocka_unit_test(test_unknown_command),
        cmocka_unit_test(test_unknown_option),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_arguments_are_counted),
        cmocka_unit_test(test_options_before_the_command),
        cmocka_unit_test(test_a_layer_is_not_compressed),
        cmocka_unit_test(test_default_output),
        cmocka_unit_test(test_the_name_of_the_output_decides),
        cmocka_unit_test(test_a_name_that_would_be_wrong),
        cmocka_unit_test(test_help_names_every_option_and_command),
        cmocka_unit_test(test_what_is_required),
        cmocka_unit_test(test_every_command_is_described),
        cmocka_unit_test(test_every_option_is_described),
        cmocka_unit_test(test_help_of_a_command_has_its_options_and_no_others),
    };

    return cmocka_run_group_tests(tests, NULL, free_words);
}
