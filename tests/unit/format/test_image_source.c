/* Which kind of input a file or directory is, compressed or not, and which files are not images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "tests/unit/input_image.h"

static void test_compressed_as_a_whole(void **state)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD,
                                  ARCHIVE_FILTER_BZIP2};

    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct buffer tar = make_archive(NULL);
        struct buffer compressed = compress(&tar, filters[i]);

        write_file("c.tar", &compressed);
        expect_image("%s/c.tar", LAYER_TAR);
        store_drop(store, STORE_BLOB, diff_ids[0].hex);
        store_drop(store, STORE_BLOB, diff_ids[1].hex);
    }
}

/* A compressed archive is read once: a document that is too large for memory is kept elsewhere,
 * even if no form of the layers is requested. */
static void test_large_document_in_a_compressed_archive(void **state)
{
    char *config = make_config(0, 1);
    char *name = config_name(config);
    char *manifest = xasprintf("%1000000s[{\"Config\":\"%s\",\"RepoTags\":null,"
                               "\"Layers\":[\"" ID_1 "/layer.tar\",\"" ID_2 "/layer.tar\"]}]",
                               "", name);
    struct buffer tar = make_archive(manifest);
    struct buffer packed = compress(&tar, ARCHIVE_FILTER_GZIP);
    struct image *image = NULL;

    (void)state;
    write_file("large-document.tar.gz", &packed);
    struct error *err = open_choice("%s/large-document.tar.gz", NULL, 0, &image);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_int_equal(image->layer_count, LAYERS);
    for (int i = 0; i < LAYERS; i++)
        assert_null(image->layers[i].tar_path);
    image_free(image);
    free(manifest);
    free(name);
    free(config);
}

static void test_what_is_no_image(void **state)
{
    struct buffer bytes = {0};

    (void)state;
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "not a tar archive");
    buffer_printf(&bytes, "%2000s", "text");
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "not a tar archive");
    add_text(&bytes, "etc/passwd", "root");
    tar_blocks_end(&bytes);
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "no manifest.json");
    expect_refusal("%s/none.tar", NULL, "No such file");
    expect_refusal("%s", NULL, "without index.json");
    write_archive("e.tar");
    expect_refusal("oci-archive:%s/e.tar", NULL, "not an image of the requested kind");
    expect_refusal("oci:%s/e.tar", NULL, "not a directory");
}

static void test_links_that_lead_nowhere(void **state)
{
    struct buffer tar = {0};

    (void)state;
    add_symlink(&tar, "manifest.json", "manifest.json");
    add_symlink(&tar, "index.json", "/etc/passwd");
    add_symlink(&tar, "repositories", "../../etc/passwd");
    tar_blocks_end(&tar);
    write_file("w.tar", &tar);
    expect_refusal("%s/w.tar", NULL, "no manifest.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compressed_as_a_whole),
        cmocka_unit_test(test_large_document_in_a_compressed_archive),
        cmocka_unit_test(test_what_is_no_image),
        cmocka_unit_test(test_links_that_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
