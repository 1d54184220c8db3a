#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/spec.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_reader.h"
#include "tests/unit/folder.h"

static void write_file(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    free(path);
}

static struct error *read_with(const char *text, const struct spec_override *overrides,
                               size_t count, const char *epoch, struct spec **ret)
{
    char *path = xasprintf("%s/spec.json", folder);

    write_file("spec.json", text);
    struct error *err = spec_read(path, overrides, count, 5000, epoch, ret);

    free(path);
    return err;
}

static struct spec *read_spec(const char *text)
{
    struct spec *spec = NULL;
    struct error *err = read_with(text, NULL, 0, NULL, &spec);

    if (err != NULL)
        fail_msg("%s", err->message);
    return spec;
}

static void expect_error(const char *text, const char *part, const char *advice)
{
    struct spec *spec = NULL;
    struct error *err = read_with(text, NULL, 0, NULL, &spec);

    if (err == NULL) {
        fail_msg("accepted: %s", text);
        return;
    }
    assert_null(spec);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, err->message);
    if (advice != NULL && (err->advice == NULL || strstr(err->advice, advice) == NULL))
        fail_msg("'%s' is not in '%s'", advice, err->advice);
    error_free(err);
}

static void test_defaults(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a/b\"}");

    (void)state;
    assert_string_equal(spec->tag, "latest");
    assert_int_equal(spec->created, 1);
    assert_int_equal(spec->disk_size, 10240);
    assert_int_equal(spec->memory, 512);
    assert_int_equal(spec->cpus, 1);
    assert_int_equal(spec->timeout, 3600);
    assert_null(spec->run_as_root);
    assert_false(spec->network);
    assert_false(spec->still_clock);
    spec_free(spec);
}

static void test_null_and_empty_script_mean_not_given(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a\",\"fromImage\":null,\"contents\":null,"
                                  "\"config\":null,\"runAsRoot\":\"\",\"extraCommands\":\"\"}");

    (void)state;
    assert_null(spec->from_image.name);
    assert_null(spec->run_as_root);
    assert_null(spec->hooks[GUEST_HOOK_EXTRA_COMMANDS]);
    assert_int_equal(spec->contents.count, 0);
    spec_free(spec);
}

static void test_relative_paths_are_the_spec_files(void **state)
{
    char *expected = xasprintf("%s/data", folder);

    (void)state;
    write_file("data", "x");
    struct spec *spec = read_spec("{\"name\":\"a\",\"contents\":\"data\",\"fromImage\":\"data\"}");

    assert_string_equal(spec->contents.items[0].source, expected);
    assert_string_equal(spec->from_image.name, expected);
    spec_free(spec);
    free(expected);
}

static void test_contents(void **state)
{
    CLEANUP(freep) char *expected = xasprintf("%s/data", folder);

    (void)state;
    write_file("data", "x");
    struct spec *spec =
        read_spec("{\"name\":\"a\",\"contents\":[\"data\",{\"source\":\"data\"},"
                  "{\"source\":\"data\",\"target\":\"//srv/./www/\",\"owner\":\"7:4294967294\","
                  "\"mode\":\"04755\",\"exclude\":[\"*.pyc\",\"/a\"]},"
                  "{\"source\":\"data\",\"owner\":\"keep\",\"mode\":\"keep\",\"target\":null},"
                  "{\"source\":\"data\",\"owner\":\"12\",\"mode\":\"+w\",\"target\":\"/\"}]}");
    const struct spec_content *items = spec->contents.items;

    assert_int_equal(spec->contents.count, 5);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(items[i].is_alone, i == 0);
        assert_string_equal(items[i].source, expected);
        assert_string_equal(items[i].target, "/");
        assert_false(items[i].keep_owner);
        assert_int_equal(items[i].uid, 0);
        assert_int_equal(items[i].gid, 0);
        assert_int_equal(items[i].mode_rule, SPEC_MODE_ADD_WRITE);
        assert_int_equal(items[i].exclude.count, 0);
    }
    assert_string_equal(items[2].target, "/srv/www");
    assert_int_equal(items[2].uid, 7);
    assert_int_equal(items[2].gid, 4294967294);
    assert_int_equal(items[2].mode_rule, SPEC_MODE_SET);
    assert_int_equal(items[2].mode, 04755);
    assert_int_equal(items[2].exclude.count, 2);
    assert_string_equal(items[2].exclude.items[1], "/a");
    assert_true(items[3].keep_owner);
    assert_int_equal(items[3].mode_rule, SPEC_MODE_KEEP);
    assert_string_equal(items[3].target, "/");
    assert_int_equal(items[4].uid, 12);
    assert_int_equal(items[4].gid, 12);
    assert_int_equal(items[4].mode_rule, SPEC_MODE_ADD_WRITE);
    spec_free(spec);
}

/* An element of `contents` with MEMBERS is refused, with PART in the message. */
static void refuse_content(const char *members, const char *part, const char *advice)
{
    CLEANUP(freep)
    char *text = xasprintf("{\"name\":\"a\",\n\"contents\":[{%s}]}", members);

    expect_error(text, part, advice);
}

static void test_wrong_contents(void **state)
{
    static const char *const owners[] = {"\"\"",
                                         "\"7:\"",
                                         "\":7\"",
                                         "\"7:8:9\"",
                                         "\"-1\"",
                                         "7",
                                         "\"4294967295\"",
                                         "\" 7\"",
                                         "\"a b\"",
                                         "\"a/b\"",
                                         "\"99999999999999999999999\""};
    static const char *const modes[] = {"\"\"",   "\"rwx\"",   "\"0888\"", "755",       "\"10000\"",
                                        "\"-1\"", "\"u+rx,\"", "\"u+y\"",  "\"000755\""};

    (void)state;
    write_file("data", "x");
    expect_error("{\"name\":\"a\",\"contents\":{\"source\":\"data\"}}", "key 'contents': expected",
                 NULL);
    expect_error("{\"name\":\"a\",\"contents\":[7]}", "expected a path or an object, found number",
                 NULL);
    expect_error("{\"name\":\"a\",\"contents\":[\"\"]}", "must not be empty", NULL);
    refuse_content("", "'source' is missing", NULL);
    refuse_content("\"source\":null", "'source' is missing", NULL);
    refuse_content("\"source\":7", "expected a path, found number", NULL);
    refuse_content("\"source\":\"none\"", "/none': No such file", NULL);
    refuse_content("\"source\":\"data\",\"owners\":\"7\"", "line 2, column",
                   "did you mean 'owner'?");
    refuse_content("\"source\":\"data\",\"target\":\"srv\"", "must be an absolute path", NULL);
    refuse_content("\"source\":\"data\",\"target\":\"/a/../b\"", "must not contain '..'", NULL);
    refuse_content("\"source\":\"data\",\"exclude\":\"*\"", "must be a list of patterns", NULL);
    refuse_content("\"source\":\"data\",\"exclude\":[\"\"]", "must be a list of patterns", NULL);
    for (size_t i = 0; i < sizeof owners / sizeof *owners; i++) {
        CLEANUP(freep) char *members = xasprintf("\"source\":\"data\",\"owner\":%s", owners[i]);

        refuse_content(members, "'owner' must be", NULL);
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        CLEANUP(freep) char *members = xasprintf("\"source\":\"data\",\"mode\":%s", modes[i]);

        refuse_content(members, "'mode' must be", NULL);
    }
}

static void test_kinds_of_contents(void **state)
{
    (void)state;
    write_file("data", "x");
    struct spec *spec = read_spec(
        "{\"name\":\"a\",\"contents\":[{\"source\":\".\",\"path\":\"/a//*.c\",\"excludeFile\":"
        "\"data\",\"ignore\":[\"!b\"],\"owner\":\"www-data:9\",\"target\":\"/d/\"},"
        "{\"directory\":\"/w/\",\"owner\":\"7:adm\",\"mode\":\"u=rwX,go=rX\"},"
        "{\"text\":\"t\",\"name\":\"n\"},{\"text\":\"\",\"target\":\"/e\",\"owner\":\"u\"},"
        "{\"url\":\"http://h/@\",\"unpack\":true},"
        "{\"source\":\".\",\"path\":\"//a/./b/c\",\"parents\":true}]}");
    const struct spec_content *items = spec->contents.items;

    assert_int_equal(items[0].kind, SPEC_CONTENT_SOURCE);
    assert_string_equal(items[0].path, "/a/*.c");
    assert_non_null(strstr(items[0].exclude_file, "/data"));
    assert_string_equal(items[0].ignore.items[0], "!b");
    assert_string_equal(items[0].user, "www-data");
    assert_int_equal(items[0].gid, 9);
    assert_true(items[0].has_group && items[0].is_into);
    assert_int_equal(items[0].mode_rule, SPEC_MODE_KEEP);
    assert_int_equal(items[1].kind, SPEC_CONTENT_DIRECTORY);
    assert_string_equal(items[1].target, "/w");
    assert_int_equal(items[1].uid, 7);
    assert_string_equal(items[1].group, "adm");
    assert_int_equal(items[1].mode_rule, SPEC_MODE_CHANGE);
    assert_string_equal(items[1].mode_change, "u=rwX,go=rX");
    assert_string_equal(items[2].text, "t");
    assert_string_equal(items[2].name, "n");
    assert_int_equal(items[4].kind, SPEC_CONTENT_URL);
    assert_string_equal(items[4].url, "http://h/@");
    assert_true(items[4].unpack);
    assert_string_equal(items[5].path, "/a/b/c");
    assert_int_equal(items[5].pivot, 2);
    assert_true(items[5].parents);
    assert_string_equal(items[3].target, "/e");
    assert_false(items[3].is_into || items[3].has_group);
    spec_free(spec);
}

static void test_wrong_kinds_of_contents(void **state)
{
    (void)state;
    write_file("data", "x");
    refuse_content("\"source\":\"data\",\"text\":\"x\"", "'source' and 'text' exclude each other",
                   NULL);
    refuse_content("\"directory\":\"/a\",\"path\":\"/x\"",
                   "'path' is not for an element with 'directory'", NULL);
    refuse_content("\"text\":\"x\",\"target\":\"/d/\"", "'name' is missing", NULL);
    refuse_content("\"text\":\"x\",\"name\":\"a/b\"", "'name' must be the name of a file", NULL);
    refuse_content("\"text\":\"x\",\"name\":\"..\"", "'name' must be the name of a file", NULL);
    refuse_content("\"text\":1,\"name\":\"a\"", "'text' must be a string", NULL);
    refuse_content("\"directory\":\"a\"", "must be an absolute path", NULL);
    refuse_content("\"source\":\".\",\"path\":\"a\"", "must be an absolute path", NULL);
    refuse_content("\"source\":\".\",\"excludeFile\":\"none\"", "No such file", NULL);
    refuse_content("\"source\":\".\",\"ignore\":\"a\"", "'ignore' must be a list", NULL);
    refuse_content("\"source\":\".\",\"unpack\":true", "'unpack' is for an element with 'path'",
                   NULL);
    refuse_content("\"source\":\".\",\"parents\":true", "'path' is missing", NULL);
    refuse_content("\"source\":\".\",\"path\":\"/a\",\"parents\":1", "must be true or false", NULL);
    refuse_content("\"url\":\"ftp://h/a\"", "'url' must begin with", NULL);
    refuse_content("\"url\":\"https://u:p@h/a\"", "must not contain a user or password", NULL);
    refuse_content("\"url\":\"https://h/a\",\"checksum\":\"sha256:1\"", "'checksum' must be", NULL);
}

static void test_script_and_closure_of_files(void **state)
{
    (void)state;
    write_file("script", "echo hello\n");
    char *list = xasprintf("%s\n%s/script\n", folder, folder);

    write_file("paths", list);
    struct spec *spec = read_spec(
        "{\"name\":\"a\",\"runAsRoot\":{\"file\":\"script\"},\"closure\":{\"file\":\"paths\"}}");

    assert_string_equal(spec->run_as_root, "echo hello\n");
    assert_int_equal(spec->closure.count, 2);
    assert_string_equal(spec->closure.items[0], folder);
    spec_free(spec);
    free(list);
}

static void test_created(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a\",\"created\":\"2000-01-01T00:00:00Z\"}");

    (void)state;
    assert_int_equal(spec->created, 946684800);
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\",\"created\":\"now\"}");
    assert_int_equal(spec->created, 5000);
    spec_free(spec);
    assert_null(read_with("{\"name\":\"a\"}", NULL, 0, "77", &spec));
    assert_int_equal(spec->created, 77);
    spec_free(spec);
    assert_null(read_with("{\"name\":\"a\"}", NULL, 0, "253402300799", &spec));
    spec_free(spec);
    struct error *err = read_with("{\"name\":\"a\"}", NULL, 0, "253402300800", &spec);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    error_free(err);
    expect_error("{\"name\":\"a\",\"created\":\"yesterday\"}", "RFC 3339", NULL);
}

static void test_overrides(void **state)
{
    const struct spec_override overrides[] = {{"memory", "memory", "1024"},
                                              {"set", "tag", "1"},
                                              {"set", "network", "true"},
                                              {"set", "runAsRoot", "true"}};
    struct spec *spec = NULL;

    (void)state;
    assert_null(read_with("{\"name\":\"a\",\"tag\":\"x\"}", overrides, 4, NULL, &spec));
    assert_int_equal(spec->memory, 1024);
    assert_string_equal(spec->tag, "1");
    assert_true(spec->network);
    assert_string_equal(spec->run_as_root, "true");
    spec_free(spec);
}

static void test_of_several_overrides_the_last_counts(void **state)
{
    const struct spec_override overrides[] = {{"set", "memory", "300"},
                                              {"memory", "memory", "400"}};
    struct spec *spec = NULL;

    (void)state;
    assert_null(read_with("{\"name\":\"a\"}", overrides, 2, NULL, &spec));
    assert_int_equal(spec->memory, 400);
    spec_free(spec);
}

/* A value that is wrong whatever the file contains is a usage error. */
static void test_wrong_overrides(void **state)
{
    static const struct {
        struct spec_override override;
        const char *message;
    } cases[] = {
        {{"memory", "memory", "lots"},
         "'--memory': key 'memory': 'lots' must be a whole number between 256 and"},
        {{"set", "cpus", "1.5"},
         "'--set': key 'cpus': '1.5' must be a whole number between 1 and 32"},
        {{"set", "network", "yes"}, "'--set': key 'network': 'yes' must be true or false"},
        {{"set", "env", "{\"A\":}"}, "'--set': key 'env': read JSON: line 1, column"},
        {{"set", "nam", "x"}, "'--set': unknown key 'nam'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spec *spec = NULL;
        struct error *err = spec_read("/no/such/file", &cases[i].override, 1, 0, NULL, &spec);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_USAGE);
        if (strstr(err->message, cases[i].message) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].message, err->message);
        error_free(err);
    }
}

/* A place in an option's text is not a place in the file. */
static void test_overrides_have_no_line(void **state)
{
    const struct spec_override override = {"set", "config", "{\"Env\": 1}"};
    struct spec *spec = NULL;
    struct error *err = read_with("{\"name\":\"a\"}", &override, 1, NULL, &spec);

    (void)state;
    assert_non_null(err);
    assert_null(strstr(err->message, "line"));
    assert_non_null(strstr(err->message, "key 'config.Env': must be a list of NAME=VALUE"));
    error_free(err);
}

/* Shell commands in braces are not taken for JSON, nor is a path. */
static void test_overrides_of_text(void **state)
{
    const struct spec_override overrides[] = {{"set", "preMount", "{ true; }"},
                                              {"set", "contents", "/"},
                                              {"set", "runAsRoot", "{\"file\": \"script\"}"}};
    struct spec *spec = NULL;

    (void)state;
    write_file("script", "echo from a file");
    assert_null(read_with("{\"name\":\"a\"}", overrides, 3, NULL, &spec));
    assert_string_equal(spec->hooks[GUEST_HOOK_PRE_MOUNT], "{ true; }");
    assert_string_equal(spec->contents.items[0].source, "/");
    assert_string_equal(spec->run_as_root, "echo from a file");
    spec_free(spec);
}

static void test_config_options_have_one_spelling(void **state)
{
    (void)state;
    expect_error("{\"name\":\"a\",\n\"config\":{\"env\":[\"A=b\"]}}",
                 "line 2, column 17: key 'config.env': unknown option", "'Env'");
}

static void test_a_path_of_a_closure_file_is_found_by_the_files_place(void **state)
{
    (void)state;
    write_file("paths", "/no/such/path\n");
    expect_error("{\"name\":\"a\",\n\"closure\":{\"file\":\"paths\"}}",
                 "line 2, column 11: key 'closure': '/no/such/path': No such file", NULL);
}

static void test_architecture(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a\",\"architecture\":\"arm64\"}");

    (void)state;
    assert_string_equal(spec->architecture.name, "arm64");
    assert_true(spec->architecture.is_given);
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\",\"architecture\":\"aarch64\"}");
    assert_string_equal(spec->architecture.name, "arm64");
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\",\"architecture\":\"linux/arm/v7\"}");
    assert_string_equal(spec->architecture.name, "arm/v7");
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\"}");
    assert_false(spec->architecture.is_given);
    spec_free(spec);
    expect_error("{\"name\":\"a\",\"architecture\":\"arm46\"}", "unknown architecture 'arm46'",
                 "arm64");
    expect_error("{\"name\":\"a\",\"architecture\":\"\"}", "must not be empty", NULL);
}

static void test_run(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a\",\"run\":\"[ -e /x ]\"}");

    (void)state;
    assert_true(spec_has_run(spec));
    assert_string_equal(spec->run.text, "[ -e /x ]");
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\",\"run\":[\"x\",\"\"],\"runAsRoot\":\"\"}");
    assert_true(spec_has_run(spec));
    assert_null(spec->run.text);
    assert_int_equal(spec->run.words.count, 2);
    spec_free(spec);
    spec = read_spec("{\"name\":\"a\",\"run\":\"\"}");
    assert_false(spec_has_run(spec));
    spec_free(spec);
    expect_error("{\"name\":\"a\",\"run\":[]}", "must begin with the name of a program", NULL);
    expect_error("{\"name\":\"a\",\"run\":[\"\",\"x\"]}", "must begin with the name", NULL);
    expect_error("{\"name\":\"a\",\"run\":[\"x\",1]}", "expected a string, found number", NULL);
    expect_error("{\"name\":\"a\",\"run\":{\"file\":\"x\"}}", "a string or a list of strings",
                 NULL);
    expect_error("{\"name\":\"a\",\n\"run\":\"x\",\"runAsRoot\":\"y\"}",
                 "line 2, column 7: key 'run': 'run' and 'runAsRoot' exclude each other", NULL);
}

static void test_unknown_key_names_the_nearest(void **state)
{
    (void)state;
    expect_error("{\"name\":\"a\",\n\"runAsroot\":\"x\"}",
                 "line 2, column 13: unknown key 'runAsroot'", "'runAsRoot'");
    expect_error("{\"name\":\"a\",\"zzzzzzzz\":1}", "unknown key", "schema");
}

static void test_wrong_types(void **state)
{
    (void)state;
    expect_error("[]", "expected an object, found array", NULL);
    expect_error("{\"name\":7}", "key 'name': expected a string, found number", NULL);
    expect_error("{\"name\":\"a\",\"cpus\":\"2\"}", "expected a number, found string", NULL);
    expect_error("{\"name\":\"a\",\"network\":1}", "expected true or false, found number", NULL);
    expect_error("{\"name\":\"a\",\"env\":{\"A\":1}}", "'A': expected a string, found number",
                 NULL);
    expect_error("{\"name\":\"a\",\"config\":{\"Env\":[\"A\"]}}", "'config.Env'", NULL);
    expect_error("{\"name\":\"a\",\"config\":{\"Cmd\":[1]}}", "'config.Cmd'", NULL);
    expect_error("{\"name\":\"a\",\"runAsRoot\":{\"path\":\"x\"}}", "{\"file\": PATH}", NULL);
}

static void test_missing(void **state)
{
    (void)state;
    expect_error("{}", "the key 'name' is missing", NULL);
    expect_error("{\"name\":null}", "expected a string, found null", NULL);
    expect_error("{\"name\":\"a\",\"contents\":[\"gone\"]}", "gone': No such file", NULL);
    expect_error("{\"name\":\"a\",\"fromImage\":\"gone.tar\"}", "gone.tar': No such file", NULL);
}

static void test_limits(void **state)
{
    (void)state;
    expect_error("{\"name\":\"a\",\"cpus\":0}", "between 1 and 32", NULL);
    expect_error("{\"name\":\"a\",\"memory\":1.5}", "whole number", NULL);
    expect_error("{\"name\":\"a\",\"timeout\":99999999999999999999999}", "whole number", NULL);
    expect_error("{\"name\":\"Upper\"}", "valid name", "lower-case");
    expect_error("{\"name\":\"a\",\"tag\":\"a b\"}", "valid tag", NULL);
}

static void test_shares(void **state)
{
    struct spec *spec =
        read_spec("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc\",\"target\":\"/mnt//./x/\"}]}");

    (void)state;
    assert_string_equal(spec->shares.items[0].source, "/etc");
    assert_string_equal(spec->shares.items[0].target, "/mnt/x");
    spec_free(spec);
    expect_error("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc\",\"target\":\"/a\"},"
                 "{\"source\":\"/etc\",\"target\":\"/a/b\"}]}",
                 "target '/a/b' and target '/a' overlap", NULL);
    expect_error("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc\",\"target\":\"/a/../b\"}]}",
                 "'..'", NULL);
    expect_error("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc\",\"target\":\"/dev/x\"}]}",
                 "/dev", NULL);
    expect_error("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc\",\"target\":\"/\"}]}", "root",
                 NULL);
    expect_error("{\"name\":\"a\",\"shares\":[{\"source\":\"/etc/passwd\",\"target\":\"/a\"}]}",
                 "not a directory", NULL);
}

static void test_what_the_guest_is_told_has_its_limits(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_printf(&text, "{\"name\":\"a\",\"shares\":[");
    for (size_t i = 0; i <= GUEST_SHARES_MAX; i++)
        buffer_printf(&text, "%s{\"source\":\"/etc\",\"target\":\"/%zu\"}", i > 0 ? "," : "", i);
    buffer_printf(&text, "]}");
    expect_error(text.data, "key 'shares': must have at most 64 items", NULL);
    buffer_free(&text);
}

static void test_cmd_string_becomes_a_list(void **state)
{
    struct spec *spec = read_spec("{\"name\":\"a\",\"config\":{\"Cmd\":\"/bin/x\",\"New\":[1]}}");
    const struct json *cmd = json_get(spec->config, "Cmd");

    (void)state;
    assert_int_equal(cmd->type, JSON_ARRAY);
    assert_string_equal(cmd->items[0]->text, "/bin/x");
    assert_non_null(json_get(spec->config, "New"));
    spec_free(spec);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(
        nearest_word("fromimage", &spec_keys->name, sizeof *spec_keys, spec_key_count),
        "fromImage");
    assert_string_equal(
        nearest_word("content", &spec_keys->name, sizeof *spec_keys, spec_key_count), "contents");
    assert_null(nearest_word("xyzzy", &spec_keys->name, sizeof *spec_keys, spec_key_count));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_null_and_empty_script_mean_not_given),
        cmocka_unit_test(test_relative_paths_are_the_spec_files),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_wrong_contents),
        cmocka_unit_test(test_kinds_of_contents),
        cmocka_unit_test(test_wrong_kinds_of_contents),
        cmocka_unit_test(test_script_and_closure_of_files),
        cmocka_unit_test(test_created),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_of_several_overrides_the_last_counts),
        cmocka_unit_test(test_wrong_overrides),
        cmocka_unit_test(test_overrides_have_no_line),
        cmocka_unit_test(test_overrides_of_text),
        cmocka_unit_test(test_architecture),
        cmocka_unit_test(test_config_options_have_one_spelling),
        cmocka_unit_test(test_a_path_of_a_closure_file_is_found_by_the_files_place),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_unknown_key_names_the_nearest),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_what_the_guest_is_told_has_its_limits),
        cmocka_unit_test(test_cmd_string_becomes_a_list),
        cmocka_unit_test(test_nearest),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
