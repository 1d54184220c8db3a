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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oci_folder),
        cmocka_unit_test(test_oci_encrypted_layer_is_refused),
        cmocka_unit_test(test_oci_damage_is_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
