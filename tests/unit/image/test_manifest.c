#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "host/image/manifest.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG                                                                                     \
    "{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"sha256:" HEX_A       \
    "\",\"size\":7}"
#define LAYER(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX_B "\",\"size\":9}"
#define IMAGE(layer)                                                                               \
    "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_OCI "\",\"config\":" CONFIG                   \
    ",\"layers\":[" layer "]}"
#define GZIP "application/vnd.oci.image.layer.v1.tar+gzip"

static void read_good(const char *text, const char *content_type, struct manifest *ret)
{
    struct error *err = manifest_parse("m", text, strlen(text), content_type, ret);

    if (err != NULL)
        fail_msg("%s", err->message);
}

/* TEXT is refused with exit code 3 and words that hold CAUSE. */
static void refuse(const char *text, const char *content_type, const char *cause)
{
    struct manifest manifest;
    struct error *err = manifest_parse("m", text, strlen(text), content_type, &manifest);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, cause) == NULL)
        fail_msg("'%s' does not say '%s'", err->message, cause);
    error_free(err);
}

static void test_image(void **state)
{
    struct manifest manifest;

    (void)state;
    read_good(IMAGE(LAYER(GZIP)), NULL, &manifest);
    assert_false(manifest.is_index);
    assert_string_equal(manifest.media_type, MANIFEST_OCI);
    assert_string_equal(manifest.config.digest.hex, HEX_A);
    assert_int_equal(manifest.count, 1);
    assert_string_equal(manifest.items[0].digest.hex, HEX_B);
    assert_int_equal(manifest.items[0].size, 9);
    manifest_free(&manifest);
}

static void test_write(void **state)
{
    struct manifest manifest;
    struct buffer out = {0};

    (void)state;
    read_good(IMAGE(LAYER(GZIP)), NULL, &manifest);
    manifest_write(&manifest, &out);
    assert_string_equal(out.data, IMAGE(LAYER(GZIP)));
    buffer_free(&out);
    manifest_free(&manifest);
}

/* Documents without a mediaType are of the content type's kind. */
static void test_content_type(void **state)
{
    static const char text[] = "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[]}";
    struct manifest manifest;

    (void)state;
    read_good(text, MANIFEST_DOCKER, &manifest);
    assert_string_equal(manifest.media_type, MANIFEST_DOCKER);
    manifest_free(&manifest);
    read_good(text, NULL, &manifest);
    assert_string_equal(manifest.media_type, MANIFEST_OCI);
    manifest_free(&manifest);
}

static void test_schema_1(void **state)
{
    (void)state;
    refuse("{\"schemaVersion\":1,\"fsLayers\":[]}", NULL, "schema 1");
    refuse("{}", "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1");
}

static void test_ambiguous(void **state)
{
    (void)state;
    refuse("{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL, "both");
    refuse("{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_OCI "\",\"manifests\":[]}", NULL,
           "mediaType");
}

static void test_layers_refused(void **state)
{
    (void)state;
    refuse(IMAGE(LAYER("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")), NULL,
           "foreign");
    refuse(IMAGE(LAYER("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")), NULL,
           "foreign");
    refuse(IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:" HEX_B
                 "\",\"size\":9,\"urls\":[\"https://a/\"]}"),
           NULL, "foreign");
    refuse(IMAGE(LAYER(GZIP "+encrypted")), NULL, "encrypted");
    refuse(IMAGE(LAYER("text/html")), NULL, "not an image layer");
}

static void test_artifact(void **state)
{
    (void)state;
    refuse("{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.cncf.helm.config\","
           "\"digest\":\"sha256:" HEX_A "\",\"size\":7},\"layers\":[]}",
           NULL, "not an image");
}

#define CONFIG_OF(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX_A "\",\"size\":7}"

/* Of these, Docker's manifests of old registries have some. */
static void test_types_of_configs(void **state)
{
    static const char *const types[] = {
        CONFIG_OF("application/octet-stream"), CONFIG_OF("application/json"),
        CONFIG_OF("text/html"), CONFIG_OF(""), "{\"digest\":\"sha256:" HEX_A "\",\"size\":7}"};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct manifest manifest;
        struct buffer text = {0};

        buffer_printf(&text, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[]}", types[i]);
        read_good(text.data, MANIFEST_DOCKER, &manifest);
        manifest_free(&manifest);
        refuse(text.data, MANIFEST_OCI, "");
        assert_true(i >= 3 || manifest_is_artifact(text.data, text.length));
        buffer_free(&text);
    }
}

static void test_null_is_an_empty_list(void **state)
{
    struct manifest manifest;

    (void)state;
    read_good("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":null}", NULL, &manifest);
    assert_int_equal(manifest.count, 0);
    assert_false(manifest.is_index);
    manifest_free(&manifest);
    read_good("{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[],\"manifests\":null}", NULL,
              &manifest);
    assert_false(manifest.is_index);
    manifest_free(&manifest);
    read_good("{\"schemaVersion\":2,\"config\":null,\"manifests\":[]}", NULL, &manifest);
    assert_true(manifest.is_index);
    manifest_free(&manifest);
}

static void test_keys_in_another_case(void **state)
{
    struct manifest manifest;

    (void)state;
    read_good("{\"schemaversion\":2,\"MEDIATYPE\":\"" MANIFEST_OCI "\",\"Config\":" CONFIG
              ",\"Layers\":[" LAYER(GZIP) "]}",
              NULL, &manifest);
    assert_int_equal(manifest.count, 1);
    manifest_free(&manifest);
    refuse("{\"schemaVersion\":2,\"layers\":[],\"Manifests\":[]}", NULL, "both");
}

static void test_malformed(void **state)
{
    (void)state;
    refuse("[]", NULL, "not a JSON object");
    refuse("{\"schemaVersion\":3}", NULL, "schemaVersion");
    refuse("{\"schemaVersion\":2,\"config\":" CONFIG "}", NULL, "neither layers nor images");
    refuse(IMAGE("{\"digest\":\"sha256:" HEX_B "\",\"size\":9}"), NULL, "mediaType");
    refuse(IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"md5:x\",\"size\":9}"), NULL, "digest");
    refuse(IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:" HEX_B "\",\"size\":-1}"), NULL,
           "size");
    refuse(IMAGE("{\"mediaType\":\"" GZIP "\",\"digest\":\"sha256:" HEX_B
                 "\",\"size\":99999999999999999999}"),
           NULL, "size");
    refuse(IMAGE("null"), NULL, "mediaType");
}

static void test_too_many_layers(void **state)
{
    struct buffer text = {0};

    (void)state;
    buffer_printf(&text, "{\"schemaVersion\":2,\"config\":" CONFIG ",\"layers\":[");
    for (int i = 0; i < 256; i++)
        buffer_printf(&text, "%s" LAYER(GZIP), i > 0 ? "," : "");
    buffer_printf(&text, "]}");
    refuse(text.data, NULL, "256 layers");
    buffer_free(&text);
}

/* An index's entry whose digest is DIGIT, repeated. */
#define TIMES_8(digit) digit digit digit digit digit digit digit digit
#define ENTRY(digit, platform)                                                                     \
    "{\"mediaType\":\"" MANIFEST_OCI                                                               \
    "\",\"digest\":\"sha256:" TIMES_8(TIMES_8(digit)) "\",\"size\":9,\"platform\":{" platform "}}"

/* clang-format off */
static const char index_of_four[] =
    "{\"schemaVersion\":2,\"manifests\":["
    ENTRY("0", "\"os\":\"windows\",\"architecture\":\"amd64\"") ","
    ENTRY("1", "\"os\":\"linux\",\"architecture\":\"amd64\"") ","
    ENTRY("2", "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"") ","
    ENTRY("3", "\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"") "]}";
/* clang-format on */

static void check_choice(const char *architecture, char digit)
{
    struct manifest index;
    const struct descriptor *chosen = NULL;

    read_good(index_of_four, NULL, &index);
    assert_null(manifest_choose(&index, "m", architecture, &chosen));
    assert_int_equal(chosen->digest.hex[0], digit);
    manifest_free(&index);
}

static void test_choose(void **state)
{
    (void)state;
    check_choice("amd64", '1');
    check_choice("arm", '3');
    check_choice("arm/v6", '2');
}

/* clang-format off */
static const char index_with_others[] =
    "{\"schemaVersion\":2,\"manifests\":["
    "{\"mediaType\":\"" MANIFEST_OCI "\",\"digest\":\"sha512:abc\",\"size\":9},"
    "{\"mediaType\":\"" MANIFEST_OCI "\",\"artifactType\":\"application/spdx+json\","
    "\"digest\":\"sha256:" HEX_A "\",\"size\":9},"
    "{\"mediaType\":\"application/vnd.oci.artifact.manifest.v1+json\","
    "\"digest\":\"sha256:" HEX_A "\",\"size\":9},"
    "{\"mediaType\":\"" MANIFEST_OCI "\",\"digest\":\"sha256:" HEX_B "\",\"size\":9}]}";
/* clang-format on */

/* Artifacts, and what has a digest of another algorithm, do not keep an image from being found. */
static void test_choose_among_others(void **state)
{
    struct manifest index;
    const struct descriptor *chosen = NULL;

    (void)state;
    read_good(index_with_others, NULL, &index);
    assert_int_equal(index.count, 4);
    assert_null(manifest_choose(&index, "m", "amd64", &chosen));
    assert_string_equal(chosen->digest.hex, HEX_B);
    manifest_free(&index);
    refuse("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MANIFEST_OCI
           "\",\"digest\":\"sha256:short\",\"size\":9}]}",
           NULL, "digest");
}

static void test_choose_none(void **state)
{
    struct manifest index;
    const struct descriptor *chosen = NULL;

    (void)state;
    read_good(index_of_four, NULL, &index);
    struct error *err = manifest_choose(&index, "m", "s390x", &chosen);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, "windows/amd64, linux/amd64, linux/arm/v6"));
    error_free(err);
    manifest_free(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_content_type),
        cmocka_unit_test(test_schema_1),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_layers_refused),
        cmocka_unit_test(test_artifact),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_too_many_layers),
        cmocka_unit_test(test_choose),
        cmocka_unit_test(test_choose_none),
        cmocka_unit_test(test_types_of_configs),
        cmocka_unit_test(test_null_is_an_empty_list),
        cmocka_unit_test(test_keys_in_another_case),
        cmocka_unit_test(test_choose_among_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
