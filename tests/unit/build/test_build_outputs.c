/* What several outputs of a build need together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/build/build_outputs.h"

static const struct output tar = {.format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_NONE},
                           gzip = {.format = FORMAT_DOCKER_ARCHIVE,
                                   .compression = COMPRESSION_GZIP},
                           zstd = {.format = FORMAT_DOCKER_ARCHIVE,
                                   .compression = COMPRESSION_ZSTD},
                           oci = {.format = FORMAT_OCI, .compression = COMPRESSION_GZIP},
                           remote = {.format = FORMAT_REGISTRY, .compression = COMPRESSION_GZIP},
                           layer = {.format = FORMAT_LAYER, .path = "x"};

static void expect(struct output one, struct output other, struct layer_form_wanted expected,
                   unsigned int base)
{
    const struct output outputs[] = {one, other};
    const struct build build = {.outputs = outputs, .output_count = 2};
    struct layer_form_wanted wanted = build_outputs_want_new(&build);

    assert_int_equal(wanted.tar, expected.tar);
    assert_int_equal(wanted.blob, expected.blob);
    assert_int_equal(wanted.blob_digest, expected.blob_digest);
    assert_int_equal(wanted.compression, expected.compression);
    assert_int_equal(wanted.tarsum, expected.tarsum);
    assert_int_equal(build_outputs_want_base(&build), base);
}

static void test_forms(void **state)
{
    (void)state;
    expect(tar, oci,
           (struct layer_form_wanted){.tar = true,
                                      .blob = true,
                                      .blob_digest = true,
                                      .compression = COMPRESSION_GZIP,
                                      .tarsum = true},
           LAYER_TAR | LAYER_BLOB);
    expect(gzip, remote,
           (struct layer_form_wanted){
               .blob = true, .blob_digest = true, .compression = COMPRESSION_GZIP, .tarsum = true},
           LAYER_TAR | LAYER_BLOB);
    /* The blob is that of the layout; the archive is made of the tar. */
    expect(zstd, oci,
           (struct layer_form_wanted){.tar = true,
                                      .blob = true,
                                      .blob_digest = true,
                                      .compression = COMPRESSION_GZIP,
                                      .tarsum = true},
           LAYER_TAR | LAYER_BLOB);
    expect(oci, zstd,
           (struct layer_form_wanted){.tar = true,
                                      .blob = true,
                                      .blob_digest = true,
                                      .compression = COMPRESSION_GZIP,
                                      .tarsum = true},
           LAYER_TAR | LAYER_BLOB);
    expect(zstd, gzip,
           (struct layer_form_wanted){
               .tar = true, .blob = true, .compression = COMPRESSION_ZSTD, .tarsum = true},
           LAYER_TAR);
    expect(oci, remote,
           (struct layer_form_wanted){
               .blob = true, .blob_digest = true, .compression = COMPRESSION_GZIP},
           LAYER_BLOB);
}

static void test_what_is_written(void **state)
{
    const struct output outputs[] = {remote, oci, layer};
    struct build build = {.outputs = outputs, .output_count = 3};

    (void)state;
    assert_false(build_outputs_is_written(&build, 0));
    assert_true(build_outputs_is_written(&build, 1));
    assert_false(build_outputs_are_layers(&build));
    assert_ptr_equal(build_outputs_of_others(&build), &outputs[0]);
    struct error *err = build_outputs_refuse_layers(&build);

    assert_non_null(err);
    error_free(err);
    build.outputs = &outputs[2];
    build.output_count = 1;
    assert_true(build_outputs_are_layers(&build));
    build.is_kept_only = true;
    assert_false(build_outputs_is_written(&build, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_what_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
