/* The new image's config document: what it inherits, merges and drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/image_config.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"

#define DIFF_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIFF_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ROOTFS_B "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" DIFF_B "\"]}"
#define ROOTFS_AB                                                                                  \
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" DIFF_A "\",\"sha256:" DIFF_B "\"]}"
#define CREATED "\"created\":\"1970-01-01T00:00:01Z\""
#define NEW_HISTORY "{" CREATED ",\"created_by\":\"runAsRoot: make\",\"comment\":\"vmbuild\"}"

static struct json *parse(const char *text)
{
    struct json *value = NULL;

    if (text != NULL)
        assert_null(json_parse("test", text, strlen(text), &value));
    return value;
}

static struct error *make(const char *base_text, const char *spec_text, bool has_new_layer,
                          char **ret)
{
    CLEANUP(json_freep) struct json *base = parse(base_text);
    CLEANUP(json_freep) struct json *spec = parse(spec_text);
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    struct layer layer_a = {.diff_id = {DIFF_A}}, layer_b = {.diff_id = {DIFF_B}};
    CLEANUP(buffer_free) struct buffer text = {0};

    if (base != NULL)
        image_add_layer(image, layer_a);
    if (has_new_layer)
        image_add_layer(image, layer_b);
    const struct image_config_parts parts = {.base = base,
                                             .config = spec,
                                             .created = 1,
                                             .created_by = "runAsRoot: make",
                                             .architecture = "amd64",
                                             .has_new_layer = has_new_layer};

    TRY(image_config_make(&parts, image));
    json_write(image->config, false, &text);
    *ret = buffer_steal(&text);
    return NULL;
}

/* Checks the whole document. */
static void check(const char *base, const char *spec, bool has_new_layer, const char *expected)
{
    CLEANUP(freep) char *text = NULL;

    assert_null(make(base, spec, has_new_layer, &text));
    assert_string_equal(text, expected);
}

/* Checks the `config` object alone. */
static void check_config(const char *base_config, const char *spec, const char *expected)
{
    CLEANUP(freep) char *base = xasprintf("{\"config\":%s}", base_config);
    CLEANUP(freep) char *text = NULL;
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(buffer_free) struct buffer config = {0};

    assert_null(make(base, spec, true, &text));
    document = parse(text);
    json_write(json_get(document, "config"), false, &config);
    assert_string_equal(config.data, expected);
}

static void test_without_base(void **state)
{
    (void)state;
    check(NULL, NULL, true,
          "{" CREATED ",\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{}," ROOTFS_B
          ",\"history\":[" NEW_HISTORY "]}");
}

static void test_whole_document_is_inherited(void **state)
{
    (void)state;
    check(
        "{\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"author\":\"a\","
        "\"id\":\"x\",\"container\":\"x\",\"container_config\":{},\"docker_version\":\"20\","
        "\"created\":\"2020-01-01T00:00:00Z\",\"config\":{\"User\":\"u\",\"Image\":\"sha256:x\"},"
        "\"history\":[{\"created_by\":\"x\"},{\"created_by\":\"y\",\"empty_layer\":true}],"
        "\"x\":1.50}",
        "{\"WorkingDir\":\"/w\"}", true,
        "{\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"author\":\"a\"," CREATED
        ",\"config\":{\"User\":\"u\",\"WorkingDir\":\"/w\"},"
        "\"history\":[{\"created_by\":\"x\"},{\"created_by\":\"y\",\"empty_layer\":true}"
        "," NEW_HISTORY "],\"x\":1.50," ROOTFS_AB "}");
}

static void test_author(void **state)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(json_freep) struct json *base = parse("{\"author\":\"a\",\"history\":[]}");
    const struct image_config_parts parts = {
        .base = base, .created_by = "x", .author = "b", .architecture = "amd64"};

    (void)state;
    assert_null(image_config_make(&parts, image));
    assert_string_equal(json_get_string(image->config, "author"), "b");
    assert_string_equal(json_get_string(json_get(image->config, "history")->items[0], "author"),
                        "b");
}

static void test_env_by_name(void **state)
{
    (void)state;
    check_config("{\"Env\":[\"A=1\",\"AB=2\",\"C=3\"]}", "{\"Env\":[\"C=\",\"D=4\",\"A=5=6\"]}",
                 "{\"Env\":[\"A=5=6\",\"AB=2\",\"C=\",\"D=4\"]}");
    check_config("{\"Env\":null}", "{\"Env\":[\"A=1\"]}", "{\"Env\":[\"A=1\"]}");
    /* Whichever of several a program takes, it is the spec's. */
    check_config("{\"Env\":[\"A=1\",\"B=1\",\"A=2\",\"B=2\",\"AA=3\",\"A\"]}",
                 "{\"Env\":[\"A=4\",\"C=5\"]}",
                 "{\"Env\":[\"A=4\",\"B=1\",\"B=2\",\"AA=3\",\"C=5\"]}");
}

static void test_maps_by_key(void **state)
{
    (void)state;
    check_config("{\"Labels\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"},\"Volumes\":null}",
                 "{\"Labels\":{\"b\":\"4\",\"c\":null},\"Volumes\":{\"/v\":{}},"
                 "\"ExposedPorts\":{\"80/tcp\":{}}}",
                 "{\"Labels\":{\"a\":\"1\",\"b\":\"4\"},\"Volumes\":{\"/v\":{}},"
                 "\"ExposedPorts\":{\"80/tcp\":{}}}");
}

static void test_entrypoint_clears_cmd(void **state)
{
    (void)state;
    check_config("{\"Cmd\":[\"a\"]}", "{\"Entrypoint\":[\"b\"]}", "{\"Entrypoint\":[\"b\"]}");
    check_config("{\"Cmd\":[\"a\"]}", "{\"Entrypoint\":[\"b\"],\"Cmd\":[\"c\"]}",
                 "{\"Cmd\":[\"c\"],\"Entrypoint\":[\"b\"]}");
    check_config("{\"Cmd\":[\"a\"],\"Entrypoint\":[\"b\"]}", "{\"Entrypoint\":null}",
                 "{\"Cmd\":[\"a\"]}");
}

static void test_null_removes(void **state)
{
    (void)state;
    check_config("{\"User\":\"u\",\"Env\":[\"A=1\"],\"Cmd\":[]}", "{\"User\":null,\"Env\":null}",
                 "{\"Cmd\":[]}");
}

static void test_history_is_filled_up(void **state)
{
    (void)state;
    check("{\"os\":\"linux\",\"architecture\":\"amd64\"}", NULL, true,
          "{\"os\":\"linux\",\"architecture\":\"amd64\"," CREATED ",\"config\":{}," ROOTFS_AB
          ",\"history\":[{\"comment\":\"not recorded by the base image\"}," NEW_HISTORY "]}");
    check("{\"os\":\"linux\",\"architecture\":\"amd64\",\"history\":[{},{}]}", NULL, true,
          "{\"os\":\"linux\",\"architecture\":\"amd64\",\"history\":"
          "[{\"comment\":\"not recorded by the base image\"}," NEW_HISTORY "]," CREATED
          ",\"config\":{}," ROOTFS_AB "}");
}

static void test_no_new_layer(void **state)
{
    (void)state;
    check("{\"os\":\"linux\",\"architecture\":\"amd64\",\"history\":[{}]}", NULL, false,
          "{\"os\":\"linux\",\"architecture\":\"amd64\",\"history\":[{},{" CREATED
          ",\"created_by\":\"runAsRoot: "
          "make\",\"comment\":\"vmbuild\",\"empty_layer\":true}]," CREATED
          ",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" DIFF_A "\"]}}");
}

static void refuse(const char *base, const char *spec, const char *message)
{
    char *text = NULL;
    struct error *err = make(base, spec, true, &text);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, message);
    error_free(err);
}

static int64_t created(const char *text)
{
    CLEANUP(json_freep) struct json *config = parse(text);

    return image_config_created(config);
}

static void test_created(void **state)
{
    (void)state;
    assert_int_equal(created(NULL), INT64_MIN);
    assert_int_equal(created("{}"), INT64_MIN);
    assert_int_equal(created("{\"created\":\"1970-01-01T00:01:00Z\"}"), 60);
    assert_int_equal(created("{\"created\":\"0001-01-01T00:00:00Z\",\"history\":[]}"),
                     -62135596800);
    assert_int_equal(created("{\"created\":\"1970-01-01T00:01:00Z\",\"history\":["
                             "{\"created\":\"1970-01-01T00:02:00Z\"},{},"
                             "{\"created\":\"1970-01-01T00:01:30Z\"}]}"),
                     120);
    /* What is malformed does not count. */
    assert_int_equal(created("{\"created\":7,\"history\":[7,{\"created\":\"yesterday\"}]}"),
                     INT64_MIN);
    assert_int_equal(created("{\"created\":\"1970-01-01T00:01:00Z\",\"history\":{}}"), 60);
}

static void test_malformed(void **state)
{
    (void)state;
    refuse("[]", NULL, "read config of 'base image': the document is of type array, not object");
    refuse("{\"config\":1}", NULL,
           "read config of 'base image': config is of type number, not object");
    refuse("{\"config\":{\"Env\":{}}}", "{\"Env\":[]}",
           "read config of 'base image': Env is of type object, not array");
    refuse("{\"config\":{\"Env\":[1]}}", "{\"Env\":[]}",
           "read config of 'base image': Env contains number, not only strings");
    refuse("{}", "{\"Env\":[null]}", "read config of 'spec': Env contains null, not only strings");
    refuse("{}", "{\"Labels\":[]}", "read config of 'spec': Labels is of type array, not object");
    refuse("{\"history\":[1]}", NULL,
           "read config of 'base image': history contains number, not only objects");
}

static void expect_unusable(const char *text, const char *words)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
    CLEANUP(buffer_free) struct buffer bytes = {0};
    struct digest *diff_ids = NULL;
    size_t count = 0;

    buffer_printf(&bytes, "%s", text);
    struct error *err = image_config_read("test", &bytes, image, &diff_ids, &count);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_null(diff_ids);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, err->message);
    error_free(err);
}

/* What is not the config of an image that this program can use. */
static void test_unusable_configs(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "premature EOF"},
        {"[]", "rootfs is missing"},
        {"{}", "rootfs is missing"},
        {"{\"rootfs\":{\"type\":\"tree\"}}", "not of type 'layers'"},
        {"{\"os\":\"windows\"," ROOTFS_B "}", "not for Linux"},
        {"{\"rootfs\":{\"diff_ids\":{}}}", "diff_ids is not an array"},
        {"{\"rootfs\":{\"diff_ids\":[1]}}", "a diff ID is not a string"},
        {"{\"rootfs\":{\"diff_ids\":[\"sha256:1\"]}}", "sha256:1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_unusable(cases[i].text, cases[i].words);
    CLEANUP(buffer_free) struct buffer many = {0};

    buffer_printf(&many, "{\"rootfs\":{\"diff_ids\":[");
    for (int i = 0; i <= IMAGE_LAYERS_MAX; i++)
        buffer_printf(&many, "%s0", i > 0 ? "," : "");
    buffer_printf(&many, "]}}");
    expect_unusable(many.data, "256 layers, more than the limit of 255");
}

/* What other programs leave out is filled in, but the config's own bytes are kept. */
static void test_read_config(void **state)
{
    static const char *const texts[] = {
        "{\"os\":\"\",\"rootfs\":{\"diff_ids\":null}}",
        "{\"rootfs\":{}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);
        CLEANUP(freep) struct digest *diff_ids = NULL;
        struct buffer bytes = {0};
        size_t count = 1;

        buffer_printf(&bytes, "%s", texts[i]);
        assert_null(image_config_read("test", &bytes, image, &diff_ids, &count));
        assert_int_equal(count, 0);
        assert_string_equal(json_get_string(image->config, "os"), "linux");
        assert_non_null(json_get_string(image->config, "architecture"));
        assert_string_equal(image->config_bytes.data, texts[i]);
        assert_null(bytes.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unusable_configs), cmocka_unit_test(test_read_config),
        cmocka_unit_test(test_without_base),     cmocka_unit_test(test_whole_document_is_inherited),
        cmocka_unit_test(test_author),           cmocka_unit_test(test_env_by_name),
        cmocka_unit_test(test_maps_by_key),      cmocka_unit_test(test_entrypoint_clears_cmd),
        cmocka_unit_test(test_null_removes),     cmocka_unit_test(test_history_is_filled_up),
        cmocka_unit_test(test_no_new_layer),     cmocka_unit_test(test_created),
        cmocka_unit_test(test_malformed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
