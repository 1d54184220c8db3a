/* Directories in the OCI image layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "tests/unit/input_image.h"

/* Puts a blob into the OCI layout; returns its descriptor, the caller's. */
static char *write_blob(struct buffer *bytes, const char *type)
{
    struct digest digest;
    size_t length = bytes->length;

    digest_of(bytes->data, length, &digest);
    char *path = xasprintf("oci/blobs/sha256/%s", digest.hex);

    write_file(path, bytes);
    free(path);
    return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
                     digest.hex, length);
}

/* Writes an OCI layout, its second layer compressed, of TYPE. */
static void write_oci(const char *type)
{
    struct buffer copies[LAYERS] = {{0}};
    struct buffer text = {0};
    char *command = xasprintf("mkdir -p '%s/oci/blobs/sha256'", folder);
    char *config = make_config(0, 1);

    assert_int_equal(system(command), 0);
    for (int i = 0; i < LAYERS; i++)
        buffer_append(&copies[i], layers[i].data, layers[i].length);
    struct buffer zipped = compress(&copies[1], ARCHIVE_FILTER_GZIP);
    char *plain = write_blob(&copies[0], "application/vnd.oci.image.layer.v1.tar");
    char *second = write_blob(&zipped, type);

    buffer_append(&text, config, strlen(config));
    char *config_blob = write_blob(&text, "application/vnd.oci.image.config.v1+json");

    buffer_printf(&text, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s,%s]}", config_blob,
                  plain, second);
    char *manifest = write_blob(&text, "application/vnd.oci.image.manifest.v1+json");

    manifest[strlen(manifest) - 1] = '\0';
    buffer_printf(&text,
                  "{\"schemaVersion\":2,\"manifests\":[%s,\"annotations\":"
                  "{\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
                  manifest);
    write_file("oci/index.json", &text);
    free(manifest);
    free(config_blob);
    free(second);
    free(plain);
    free(config);
    free(command);
}

static void test_oci_folder(void **state)
{
    struct image *image = NULL;

    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip");
    expect_image("%s/oci", LAYER_TAR);
    expect_image("oci:%s/oci:v1", LAYER_BLOB);
    assert_null(open_choice("oci:%s/oci", NULL, LAYER_BLOB, &image));
    assert_string_equal(image->tag, "v1");
    assert_int_equal(image->layers[0].blob.compression, COMPRESSION_NONE);
    assert_non_null(image->layers[0].blob.path);
    assert_int_equal(image->layers[1].blob.compression, COMPRESSION_GZIP);
    assert_non_null(image->layers[1].blob.path);
    assert_true(image->manifest.length > 0);
    image_free(image);
    expect_refusal("oci:%s/oci:v2", NULL, "it contains v1");
}

static void test_oci_encrypted_layer_is_refused(void **state)
{
    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
    expect_refusal("%s/oci", NULL, "encrypted");
}

static void test_oci_damage_is_found(void **state)
{
    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip");
    char *command =
        xasprintf("cd '%s/oci/blobs/sha256' && for f in *; do printf '\\n' >> $f; done", folder);

    assert_int_equal(system(command), 0);
    expect_refusal("%s/oci", NULL, "damaged");
    free(command);
}

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"

/* Puts TEXT into the layout as a blob; returns its descriptor, the caller's. */
static char *write_text(const char *text, const char *type)
{
    struct buffer bytes = {0};

    buffer_append(&bytes, text, strlen(text));
    return write_blob(&bytes, type);
}

/* Puts an index of DESCRIPTORS into the layout; returns its descriptor, the caller's. */
static char *write_index_blob(const char *descriptors)
{
    CLEANUP(freep)
    char *text = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", descriptors);

    return write_text(text, INDEX_TYPE);
}

/* Makes DESCRIPTORS the layout's own index. */
static void write_index(const char *descriptors)
{
    struct buffer text = {0};

    buffer_printf(&text, "{\"schemaVersion\":2,\"manifests\":[%s]}", descriptors);
    write_file("oci/index.json", &text);
}

/* Puts a manifest of LAYERS_TEXT, descriptors, into the layout; returns its descriptor, the
 * caller's. TYPE is what the descriptor states. */
static char *write_manifest(const char *layers_text, const char *type)
{
    CLEANUP(freep) char *config = make_config(0, 1);
    CLEANUP(freep)
    char *config_blob = write_text(config, "application/vnd.oci.image.config.v1+json");
    CLEANUP(freep)
    char *text =
        xasprintf("{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s]}", config_blob, layers_text);

    return write_text(text, type);
}

static char *write_layer(int number)
{
    struct buffer copy = {0};

    buffer_append(&copy, layers[number].data, layers[number].length);
    return write_blob(&copy, LAYER_TYPE);
}

static void test_indexes_that_are_refused(void **state)
{
    static const char *const indexes[][2] = {
        {"", "it lists no images"},
        {"{\"mediaType\":\"" MANIFEST_TYPE "\",\"digest\":\"sha512:" ID_1 ID_2 "\",\"size\":9}",
         "the digest of the image is not SHA-256"},
        {"{\"mediaType\":\"" MANIFEST_TYPE "\",\"digest\":\"sha256:" ID_1 "\",\"size\":9}",
         "No such file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        write_index(indexes[i][0]);
        expect_refusal("%s/oci", NULL, indexes[i][1]);
    }
}

/* What a descriptor states of a blob has to be so. */
static void test_false_descriptors(void **state)
{
    CLEANUP(freep) char *first = write_layer(0);
    CLEANUP(freep) char *second = write_layer(1);
    CLEANUP(freep) char *both = xasprintf("%s,%s", first, second);
    CLEANUP(freep) char *as_index = write_manifest(both, INDEX_TYPE);
    CLEANUP(freep) char *of_one = write_manifest(first, MANIFEST_TYPE);
    CLEANUP(freep)
    char *larger =
        xasprintf("%s,{\"mediaType\":\"" LAYER_TYPE "\",\"digest\":\"sha256:%s\",\"size\":%zu}",
                  first, diff_ids[1].hex, layers[1].length + 1);
    CLEANUP(freep) char *of_larger = write_manifest(larger, MANIFEST_TYPE);

    (void)state;
    write_index(as_index);
    expect_refusal("%s/oci", NULL, "its type is not the one that its index states");
    write_index(of_one);
    expect_refusal("%s/oci", NULL, "the manifest lists 1 layers, but the config lists 2");
    write_index(of_larger);
    expect_refusal("%s/oci", NULL, "but the manifest states");
}

/* An image is found in an index in an index, but not in any number of them. */
static void test_nested_indexes(void **state)
{
    CLEANUP(freep) char *first = write_layer(0);
    CLEANUP(freep) char *second = write_layer(1);
    CLEANUP(freep) char *both = xasprintf("%s,%s", first, second);
    char *descriptor = write_manifest(both, MANIFEST_TYPE);

    (void)state;
    for (int depth = 1; depth <= 100; depth++) {
        CLEANUP(freep) char *inner = descriptor;

        descriptor = write_index_blob(inner);
        if (depth == 99) {
            write_index(descriptor);
            expect_image("%s/oci", LAYER_TAR);
        }
    }
    write_index(descriptor);
    expect_refusal("%s/oci", NULL, "more than 100 manifests and indexes to look at");
    free(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_folder),
        cmocka_unit_test(test_oci_encrypted_layer_is_refused),
        cmocka_unit_test(test_oci_damage_is_found),
        cmocka_unit_test(test_indexes_that_are_refused),
        cmocka_unit_test(test_false_descriptors),
        cmocka_unit_test(test_nested_indexes),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
