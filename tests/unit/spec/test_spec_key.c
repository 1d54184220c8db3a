/* The table of keys as a whole: what a row holds reaches the file, --set, --dry-run, the schema and
 * the documents, so that a key which is only read cannot exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/spec/spec.h"
#include "host/spec/spec_command.h"
#include "host/spec/spec_contents.h"
#include "host/spec/spec_image.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_mount.h"
#include "host/spec/spec_path.h"
#include "host/spec/spec_reader.h"
#include "host/spec/spec_schema.h"
#include "host/spec/spec_secret.h"
#include "host/spec/spec_value.h"

/* A value of each kind that is not the default of any key: as --set takes it, and as --dry-run
 * shows it (NULL: in the steps). A number is made from its key's limits. */
static const struct {
    const struct spec_kind *kind;
    const char *text;
    const char *shown;
} samples[] = {
    {&spec_value_name, "a/b", "\"a/b\""},
    {&spec_value_tag, "t", "\"t\""},
    {&spec_value_string, "s", "\"s\""},
    {&spec_value_architecture, "riscv64", "\"riscv64\""},
    {&spec_value_boolean, "true", "true"},
    {&spec_value_number, NULL, NULL},
    {&spec_value_time, "2000-01-01T00:00:00Z", "\"2000-01-01T00:00:00Z\""},
    {&spec_value_config, "{\"User\":\"u\"}", "{\"User\":\"u\"}"},
    {&spec_value_env, "{\"A\":\"b\"}", "{\"A\":\"b\"}"},
    {&spec_value_annotations, "{\"a.b\":\"c\",\"d\":null}", "{\"a.b\":\"c\",\"d\":null}"},
    {&spec_image_base, "/etc/passwd", "\"/etc/passwd\""},
    {&spec_contents_list, "[\"/etc\",{\"source\":\"/usr\",\"owner\":\"7\",\"mode\":\"644\"}]",
     "[\"/etc\",{\"source\":\"/usr\",\"target\":\"/\",\"owner\":\"7:7\",\"mode\":\"0644\","
     "\"exclude\":[]}]"},
    {&spec_path_closure, "[\"/etc\"]", "[\"/etc\"]"},
    {&spec_path_script, "true", NULL},
    {&spec_command_kind, "[\"true\",\"\"]", NULL},
    {&spec_path_shares, "[{\"source\":\"/etc\",\"target\":\"/a\"}]",
     "[{\"source\":\"/etc\",\"target\":\"/a\"}]"},
    {&spec_mount_list,
     "[{\"type\":\"tmpfs\",\"target\":\"/t\",\"size\":\"1m\",\"uid\":\"7\"},"
     "{\"type\":\"secret\",\"id\":\"c\",\"required\":true,\"mode\":\"444\"}]",
     "[{\"type\":\"tmpfs\",\"target\":\"/t\",\"size\":\"1048576\",\"uid\":\"7\"},"
     "{\"type\":\"secret\",\"id\":\"c\",\"target\":\"/run/secrets/c\",\"required\":true,"
     "\"mode\":\"0444\"}]"},
    {&spec_secret_list,
     "[{\"id\":\"a\",\"file\":\"/etc/passwd\"},{\"id\":\"b\",\"target\":\"/b\"}]",
     "[{\"id\":\"a\",\"file\":\"/etc/passwd\",\"target\":\"/run/secrets/a\"},"
     "{\"id\":\"b\",\"target\":\"/b\"}]"},
};

#define SAMPLE_COUNT (sizeof samples / sizeof *samples)

/* The sample of KEY's kind. */
static size_t find_sample(const struct spec_key *key)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        if (samples[i].kind == key->kind)
            return i;
    fail_msg("the kind of '%s' has no sample in this test", key->name);
    return 0;
}

/* A value of KEY that is not its default, as --set takes it. The caller's. */
static char *sample_text(const struct spec_key *key)
{
    const char *text = samples[find_sample(key)].text;
    CLEANUP(freep) char *least = xasprintf("%ju", (uintmax_t)key->least);

    if (text != NULL)
        return xstrdup(text);
    if (key->initial != NULL && strcmp(least, key->initial) == 0)
        return xasprintf("%ju", (uintmax_t)key->least + 1);
    return STEAL(least);
}

/* Reads a spec that has nothing but COUNT OVERRIDES. */
static struct spec *read_overrides(const struct spec_override *overrides, size_t count)
{
    char path[] = "/tmp/test_spec_key.XXXXXX";
    struct spec *spec = NULL;
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{}", 2), 2);
    close(fd);
    struct error *err = spec_read(path, overrides, count, 0, NULL, &spec);

    unlink(path);
    if (err != NULL)
        fail_msg("%s", err->message);
    return spec;
}

/* What --dry-run prints of SPEC. The caller's. */
static struct json *describe(const struct spec *spec)
{
    struct plan plan;

    plan_make(spec, &plan);
    return plan_describe(&plan, spec);
}

/* What DESCRIPTION shows of KEY. */
static const struct json *find_shown(const struct json *description, const struct spec_key *key)
{
    const struct json *part = key->part == SPEC_PART_VM ? json_get(description, "vm") : description;

    return json_get(part, key->name);
}

static void expect_json(const struct spec_key *key, const struct json *value, const char *expected)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    if (value == NULL) {
        fail_msg("--dry-run does not show '%s'", key->name);
        return;
    }
    json_write(value, false, &text);
    if (strcmp(text.data, expected) != 0)
        fail_msg("'%s': %s, expected %s", key->name, text.data, expected);
}

static void expect_step(const struct json *description, const char *name)
{
    const struct json *steps = json_get(description, "steps");

    for (size_t i = 0; i < steps->count; i++)
        if (strcmp(steps->items[i]->text, name) == 0)
            return;
    fail_msg("no step '%s'", name);
}

static void test_rows_are_complete(void **state)
{
    (void)state;
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];
        bool is_literal;

        if (*key->summary == '\0' || key->summary[strlen(key->summary) - 1] != '.')
            fail_msg("'%s' has no summary", key->name);
        if (key->documentation == NULL || strlen(key->documentation) < 2 ||
            key->documentation[strlen(key->documentation) - 1] != '.')
            fail_msg("'%s' has no documentation", key->name);
        assert_true(*spec_key_type(key) != '\0');
        assert_true(*spec_key_default(key, &is_literal) != '\0');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(spec_keys[j].name, key->name);
            assert_int_not_equal(spec_keys[j].offset, key->offset);
        }
    }
}

/* A stray backquote would turn the rest of a paragraph into literal text. */
static void test_documentation_is_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < spec_key_count; i++) {
        size_t quotes = 0;
        const char *text = spec_keys[i].documentation;

        for (const char *at = text; (at = strchr(at, '`')) != NULL; at++)
            quotes++;
        if (quotes % 2 != 0 || strstr(text, "\n\n\n") != NULL || *text == '\n')
            fail_msg("'%s': %s", spec_keys[i].name, text);
    }
}

static void test_kinds_are_complete_and_used(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct spec_kind *kind = samples[i].kind;
        bool is_used = false;

        for (size_t j = 0; j < spec_key_count; j++)
            is_used = is_used || spec_keys[j].kind == kind;
        assert_true(is_used);
        assert_non_null(kind->type);
        assert_non_null(kind->read);
        assert_non_null(kind->schema);
        assert_non_null(kind->describe);
    }
}

/* What a key's value may be, its word may be; and no word belongs to two keys. */
static void test_words_are_the_contracts(void **state)
{
    guest_word_set used = 0, taken = 0;

    (void)state;
    for (enum guest_verb verb = 0; verb < GUEST_VERB_COUNT; verb++)
        taken |= guest_verbs[verb].taken;
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];
        const struct guest_word_row *word = &guest_words[key->word];

        if (key->word == GUEST_WORD_NONE)
            continue;
        if (key->kind->word_values == NULL || key->kind->word_kind != word->kind)
            fail_msg("'%s': the word '%s' is of another kind", key->name, word->key);
        if (key->kind == &spec_value_number &&
            ((int64_t)key->least < word->least || (int64_t)key->most > word->most))
            fail_msg("'%s': the word '%s' has other limits", key->name, word->key);
        if ((taken & GUEST_WORD_BIT(key->word)) == 0)
            fail_msg("'%s': no verb takes the word '%s'", key->name, word->key);
        assert_true((used & GUEST_WORD_BIT(key->word)) == 0);
        used |= GUEST_WORD_BIT(key->word);
    }
}

static void test_hooks_are_the_contracts(void **state)
{
    (void)state;
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++) {
        const struct spec_key *key = spec_key_find(guest_hooks[hook].name);

        if (key == NULL) {
            fail_msg("the hook '%s' is not a key", guest_hooks[hook].name);
            return;
        }
        assert_ptr_equal(key->kind, &spec_path_script);
        assert_int_equal(key->offset, offsetof(struct spec, hooks) + hook * sizeof(char *));
    }
}

/* Sets all keys but EXCLUDED. Under the address sanitizer this also shows that spec_free releases
 * every key. */
static void expect_all_but(const char *excluded)
{
    struct spec_override *overrides = xcalloc(spec_key_count, sizeof *overrides);
    char **texts = xcalloc(spec_key_count, sizeof *texts);
    size_t count = 0;

    for (size_t i = 0; i < spec_key_count; i++) {
        texts[i] = sample_text(&spec_keys[i]);
        if (strcmp(spec_keys[i].name, excluded) != 0)
            overrides[count++] = (struct spec_override){"set", spec_keys[i].name, texts[i]};
    }
    struct spec *spec = read_overrides(overrides, count);
    struct json *description = describe(spec);

    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];
        const char *shown = samples[find_sample(key)].shown;

        if (strcmp(key->name, excluded) == 0)
            assert_null(find_shown(description, key));
        else if (key->kind->is_script)
            expect_step(description, key->name);
        else
            expect_json(key, find_shown(description, key), shown != NULL ? shown : texts[i]);
        free(texts[i]);
    }
    json_free(description);
    spec_free(spec);
    free(texts);
    free(overrides);
}

static void test_every_key_reaches_dry_run(void **state)
{
    (void)state;
    expect_all_but("run");
    expect_all_but("runAsRoot");
}

static void test_defaults_are_the_tables(void **state)
{
    const struct spec_override overrides[] = {{"set", "name", "x"}, {"set", "runAsRoot", "true"}};
    struct spec *spec = read_overrides(overrides, 2);
    struct json *description = describe(spec);

    (void)state;
    for (size_t i = 0; i < spec_key_count; i++) {
        struct json *value = NULL;
        CLEANUP(buffer_free) struct buffer expected = {0};

        if (spec_keys[i].initial == NULL)
            continue;
        assert_null(spec_key_value(&spec_keys[i], spec_keys[i].initial, &value));
        json_write(value, false, &expected);
        expect_json(&spec_keys[i], find_shown(description, &spec_keys[i]), expected.data);
        json_free(value);
    }
    json_free(description);
    spec_free(spec);
}

/* What has no effect is not shown. */
static void test_without_a_vm_its_keys_are_not_shown(void **state)
{
    const struct spec_override overrides[] = {{"set", "name", "x"}, {"set", "memory", "300"}};
    struct spec *spec = read_overrides(overrides, 2);
    struct json *description = describe(spec);

    (void)state;
    assert_int_equal(json_get(description, "vm")->type, JSON_NULL);
    assert_null(json_get(description, "memory"));
    json_free(description);
    spec_free(spec);
}

static void test_schema_has_every_key(void **state)
{
    struct json *schema = spec_schema();
    const struct json *properties = json_get(schema, "properties");

    (void)state;
    assert_int_equal(properties->count, spec_key_count + 1);
    assert_string_equal(properties->keys[spec_key_count], "images");
    for (size_t i = 0; i < spec_key_count; i++) {
        assert_string_equal(properties->keys[i], spec_keys[i].name);
        assert_string_equal(json_get_string(properties->items[i], "description"),
                            spec_keys[i].summary);
    }
    assert_false(json_get(schema, "additionalProperties")->boolean);
    json_free(schema);
}

static void test_types_and_defaults_as_text(void **state)
{
    static const struct {
        const char *key, *type, *initial;
        bool is_literal;
    } cases[] = {
        {"name", "string", "required", false},
        {"tag", "string", "latest", true},
        {"fromImageName", "string", "the first", false},
        {"contents", "string or list", "none", false},
        {"diskSize", "MiB", "10240", true},
        {"cpus", "number", "1", true},
        {"architecture", "GOARCH name", "the host's", false},
        {"stillClock", "boolean", "false", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct spec_key *key = spec_key_find(cases[i].key);
        bool is_literal = !cases[i].is_literal;

        assert_string_equal(spec_key_type(key), cases[i].type);
        assert_string_equal(spec_key_default(key, &is_literal), cases[i].initial);
        assert_int_equal(is_literal, cases[i].is_literal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_complete),
        cmocka_unit_test(test_documentation_is_well_formed),
        cmocka_unit_test(test_kinds_are_complete_and_used),
        cmocka_unit_test(test_words_are_the_contracts),
        cmocka_unit_test(test_hooks_are_the_contracts),
        cmocka_unit_test(test_every_key_reaches_dry_run),
        cmocka_unit_test(test_defaults_are_the_tables),
        cmocka_unit_test(test_without_a_vm_its_keys_are_not_shown),
        cmocka_unit_test(test_schema_has_every_key),
        cmocka_unit_test(test_types_and_defaults_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
