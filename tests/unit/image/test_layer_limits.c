/* The limits of a layer that are GiB away: fast, but for tools that make the program slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/image/layer_writer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/folder.h"
#include "tests/unit/tar_blocks.h"

/* Beyond a GiB of zeros, the legacy checksum is not computed. */
static void test_giant_hole(void **state)
{
    const uint64_t size = UINT64_C(0x50000000);
    const struct layer_form_wanted wanted = {.tarsum = true};
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    (void)state;
    tar_blocks_header(&tar, (struct tar_block){.name = "lastlog", .size = size});
    assert_null(layer_writer_new(folder, "layer", wanted, &writer));
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_skip(writer, size));
    tar.length = 0;
    tar_blocks_end(&tar);
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_finish(writer, &layer));
    assert_int_equal(layer.size, 512 + size + 1024);
    assert_null(layer.tarsum);
    layer_free(&layer);
}

/* A hole that is worth a note, but of no file. */
static void test_giant_hole_before_any_entry(void **state)
{
    const uint64_t size = UINT64_C(0x40000200);
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    (void)state;
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    assert_null(layer_writer_skip(writer, size));
    assert_null(layer_writer_finish(writer, &layer));
    assert_int_equal(layer.size, size);
    layer_free(&layer);
}

/* Headers without end. */
static void test_a_guests_headers(void **state)
{
    CLEANUP(layer_writer_freep) struct layer_writer *writer = NULL;
    CLEANUP(freep) char *text = xcalloc((4 << 20) - 4, 1);
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct error *err = NULL;

    (void)state;
    memset(text, ' ', (4 << 20) - 8);
    assert_null(layer_writer_new(folder, "layer", (struct layer_form_wanted){0}, &writer));
    layer_writer_expect_guest(writer, 1 << 20);
    tar_blocks_extension(&tar, 'L', text);
    for (int i = 0; err == NULL && i < 300; i++)
        err = layer_writer_write(writer, tar.data, tar.length);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "more headers than a disk of 1 MiB accounts for"));
    error_free(err);
}

static int set_up(void **state)
{
    assert_null(temporary_setup());
    return make_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_giant_hole),
        cmocka_unit_test(test_giant_hole_before_any_entry),
        cmocka_unit_test(test_a_guests_headers),
    };

    return cmocka_run_group_tests(tests, set_up, remove_empty_folder);
}
