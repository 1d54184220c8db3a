/* What an index leads to, and how much of it is read at most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/image_bundle.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define HEX_62 "00000000000000000000000000000000000000000000000000000000000000"
#define IMAGE                                                                                      \
    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/x\",\"digest\":\"sha256:" HEX_62 \
    "01\",\"size\":1},\"layers\":[{\"mediaType\":\"text/plain\",\"digest\":"                       \
    "\"sha256:" HEX_62 "02\",\"size\":2},{\"mediaType\":\"text/plain\",\"digest\":"                \
    "\"sha256:" HEX_62 "01\",\"size\":1}]}"

/* Returns an index of COUNT entries, whose digests begin at FIRST. */
static struct buffer make_index(unsigned int first, unsigned int count)
{
    struct buffer index = {0};

    buffer_printf(&index, "{\"schemaVersion\":2,\"manifests\":[");
    for (unsigned int i = 0; i < count; i++)
        buffer_printf(&index, "%s{\"mediaType\":\"%s\",\"digest\":\"sha256:%064x\",\"size\":1}",
                      i > 0 ? "," : "", MANIFEST_OCI, first + i);
    buffer_printf(&index, "]}");
    return index;
}

/* A source of one image again and again, with spaces up to the *CONTEXT bytes that are wanted. */
static struct error *read_image(void *context, const struct descriptor *descriptor,
                                struct buffer *ret)
{
    const size_t *size = context;

    (void)descriptor;
    buffer_printf(ret, "%s", IMAGE);
    while (ret->length < *size)
        buffer_append(ret, " ", 1);
    return NULL;
}

/* A source of indexes without end. */
static struct error *read_index(void *context, const struct descriptor *descriptor,
                                struct buffer *ret)
{
    unsigned int *next = context;

    (void)descriptor;
    *ret = make_index((*next)++, 1);
    return NULL;
}

static void expect_refusal(const struct bundle_source *source, struct buffer *root,
                           const char *cause)
{
    CLEANUP(image_bundle_free) struct image_bundle bundle = {0};
    CLEANUP(error_freep)
    struct error *err = image_bundle_walk(source, "root", NULL, root, &bundle);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, cause));
    buffer_free(root);
}

static void test_everything_once(void **state)
{
    CLEANUP(image_bundle_free) struct image_bundle bundle = {0};
    struct buffer root = make_index(1, 3);
    size_t size = 0;

    (void)state;
    assert_null(image_bundle_walk(&(struct bundle_source){&size, read_image}, "root", NULL, &root,
                                  &bundle));
    assert_int_equal(bundle.manifest_count, 4);
    assert_string_equal(image_bundle_root(&bundle)->type, MANIFEST_OCI_INDEX);
    assert_int_equal(bundle.blob_count, 2);
    assert_int_equal(bundle.blobs[1].size, 2);
}

static void test_limits(void **state)
{
    size_t size = 0;
    size_t large = MANIFEST_SIZE_MAX;
    unsigned int next = 2;
    const struct bundle_source images = {&size, read_image};
    const struct bundle_source large_images = {&large, read_image};
    const struct bundle_source indexes = {&next, read_index};
    struct buffer root = make_index(1, 4097);

    (void)state;
    expect_refusal(&images, &root, "more than 4096 manifests");
    root = make_index(1, 16);
    expect_refusal(&large_images, &root, "manifests of more than 64 MiB together");
    root = make_index(1, 1);
    expect_refusal(&indexes, &root, "indexes are nested too deeply");
}

static void test_another_digest(void **state)
{
    size_t size = 0;
    const struct bundle_source images = {&size, read_image};
    struct buffer root = {0};

    (void)state;
    buffer_printf(&root, "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MANIFEST_OCI
                         "\",\"digest\":\"sha512:12\",\"size\":1}]}");
    expect_refusal(&images, &root, "a digest is not SHA-256");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_once),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_another_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
