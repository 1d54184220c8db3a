/* Copying QEMU's migration stream without the empty pages. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/machine/migration_stream.h"

#define ZERO 0x02
#define SIZES 0x04
#define PAGE 0x08
#define END 0x10
#define CONTINUE 0x20

struct stream {
    char *bytes;
    size_t length;
    FILE *file;
};

static struct stream given, wanted;

static void begin(struct stream *stream)
{
    stream->file = open_memstream(&stream->bytes, &stream->length);
    assert_non_null(stream->file);
}

static void add(struct stream *stream, const void *bytes, size_t length)
{
    assert_int_equal(fwrite(bytes, 1, length, stream->file), length);
}

static void add_byte(struct stream *stream, int byte)
{
    assert_int_equal(putc(byte, stream->file), byte);
}

static void add_word(struct stream *stream, uint64_t word)
{
    uint64_t big = htobe64(word);

    add(stream, &big, sizeof big);
}

static void add_name(struct stream *stream, const char *name)
{
    add_byte(stream, (int)strlen(name));
    add(stream, name, strlen(name));
}

/* A record of a page; NAME is NULL if it continues. FILL: 0 for an empty one. */
static void add_page(struct stream *stream, uint64_t address, const char *name, int fill)
{
    add_word(stream, address | (fill ? PAGE : ZERO) | (name == NULL ? CONTINUE : 0));
    if (name != NULL)
        add_name(stream, name);
    for (int i = 0; i < (fill ? 4096 : 1); i++)
        add_byte(stream, fill);
}

static void add_footer(struct stream *stream)
{
    add_word(stream, END);
    add(stream, "\x7e\0\0\0\x02", 5);
}

static void add_head(struct stream *stream)
{
    add(stream, "QEVM\0\0\0\x03\x07\0\0\0\x02pc", 15);
    add(stream, "\x01\0\0\0\x02\x03ram\0\0\0\0\0\0\0\x04", 17);
    add_word(stream, 0x6000 | SIZES);
    add_name(stream, "pc.ram");
    add_word(stream, 0x4000);
    add_name(stream, "pc.bios");
    add_word(stream, 0x2000);
    add_footer(stream);
}

static void add_section(struct stream *stream, int type)
{
    add_byte(stream, type);
    add(stream, "\0\0\0\x02", 4);
}

static void add_tail(struct stream *stream)
{
    add(stream, "\x04\0\0\0\x09\x05timer all the rest", 24);
}

static int setup(void **state)
{
    (void)state;
    begin(&given);
    begin(&wanted);
    add_head(&given);
    add_head(&wanted);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    fclose(given.file);
    fclose(wanted.file);
    free(given.bytes);
    free(wanted.bytes);
    return 0;
}

/* Copies the first LENGTH bytes of the input. Returns the error; *RET_COPY has the copy. */
static struct error *copy(size_t length, int *ret_copy)
{
    int from = memfd_create("from", MFD_CLOEXEC), to = memfd_create("to", MFD_CLOEXEC);

    assert_int_equal(write(from, given.bytes, length), length);
    assert_int_equal(lseek(from, 0, SEEK_SET), 0);
    struct error *err = migration_stream_copy(from, "pc.ram", to);

    close(from);
    *ret_copy = to;
    return err;
}

static void expect_wanted(void)
{
    int fd;

    fflush(given.file);
    fflush(wanted.file);
    struct error *err = copy(given.length, &fd);

    assert_null(err);
    char *bytes = malloc(wanted.length + 1);

    assert_int_equal(pread(fd, bytes, wanted.length + 1, 0), wanted.length);
    assert_memory_equal(bytes, wanted.bytes, wanted.length);
    free(bytes);
    close(fd);
}

static void expect_unknown(size_t length)
{
    int fd;
    struct error *err = copy(length, &fd);

    assert_non_null(err);
    assert_string_equal(err->message, "read QEMU's state: unknown format");
    error_free(err);
    close(fd);
}

static void test_empty_pages_are_dropped(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_page(&given, 0x0000, "pc.ram", 0);
    add_page(&given, 0x1000, NULL, 'a');
    add_page(&given, 0x2000, NULL, 0);
    add_page(&given, 0x3000, NULL, 'b');
    add_footer(&given);
    add_section(&given, 3);
    add_footer(&given);
    add_tail(&given);

    add_section(&wanted, 2);
    add_page(&wanted, 0x1000, "pc.ram", 'a');
    add_page(&wanted, 0x3000, NULL, 'b');
    add_footer(&wanted);
    add_section(&wanted, 3);
    add_footer(&wanted);
    add_tail(&wanted);
    expect_wanted();
}

/* A reader takes a record that continues for one of the last block it has heard of. */
static void test_blocks_keep_their_pages(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_page(&given, 0x0000, "pc.bios", 'r');
    add_page(&given, 0x1000, NULL, 0); /* empty, but not of the main memory */
    add_page(&given, 0x0000, "pc.ram", 0);
    add_page(&given, 0x1000, NULL, 'a');
    add_footer(&given);
    add_section(&given, 3);
    add_page(&given, 0x0000, "pc.bios", 's');
    add_page(&given, 0x2000, "pc.ram", 0);
    add_page(&given, 0x1000, "pc.bios", 't');
    add_footer(&given);
    add_tail(&given);

    add_section(&wanted, 2);
    add_page(&wanted, 0x0000, "pc.bios", 'r');
    add_page(&wanted, 0x1000, NULL, 0);
    add_page(&wanted, 0x1000, "pc.ram", 'a');
    add_footer(&wanted);
    add_section(&wanted, 3);
    add_page(&wanted, 0x0000, "pc.bios", 's');
    add_page(&wanted, 0x1000, NULL, 't');
    add_footer(&wanted);
    add_tail(&wanted);
    expect_wanted();
}

/* A page that was sent and has become empty since. */
static void test_second_pass_is_kept(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_page(&given, 0x1000, "pc.ram", 'a');
    add_page(&given, 0x2000, NULL, 0);
    add_footer(&given);
    add_section(&given, 3);
    add_page(&given, 0x1000, NULL, 0);
    add_footer(&given);
    add_tail(&given);

    add_section(&wanted, 2);
    add_page(&wanted, 0x1000, "pc.ram", 'a');
    add_footer(&wanted);
    add_section(&wanted, 3);
    add_page(&wanted, 0x1000, NULL, 0);
    add_footer(&wanted);
    add_tail(&wanted);
    expect_wanted();
}

/* Number 7 with 5 bytes, as QEMU 10 sends one. */
static void add_command(struct stream *stream)
{
    add(stream,
        "\x08\0\x07\0\x05"
        "12345",
        10);
}

static void test_commands_are_kept(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_page(&given, 0x1000, "pc.ram", 'a');
    add_footer(&given);
    add_command(&given);
    add_command(&given);
    add_section(&given, 3);
    add_page(&given, 0x2000, NULL, 0);
    add_footer(&given);
    add_command(&given);
    add_tail(&given);

    add_section(&wanted, 2);
    add_page(&wanted, 0x1000, "pc.ram", 'a');
    add_footer(&wanted);
    add_command(&wanted);
    add_command(&wanted);
    add_section(&wanted, 3);
    add_footer(&wanted);
    add_command(&wanted);
    add_tail(&wanted);
    expect_wanted();
}

static void test_unknown_record_is_an_error(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_word(&given, 0x1000 | 0x40);
    add_tail(&given);
    fflush(given.file);
    expect_unknown(given.length);
}

static void test_other_section_among_the_memory_is_an_error(void **state)
{
    (void)state;
    add(&given, "\x01\0\0\0\x03\x05other", 11);
    add_tail(&given);
    fflush(given.file);
    expect_unknown(given.length);
}

static void test_every_truncation_of_the_memory_is_an_error(void **state)
{
    (void)state;
    add_section(&given, 2);
    add_page(&given, 0x0000, "pc.ram", 0);
    add_page(&given, 0x1000, NULL, 'a');
    add_footer(&given);
    add_command(&given);
    add_section(&given, 3);
    add_footer(&given);
    fflush(given.file);
    for (size_t length = 0; length < given.length; length += length < 200 ? 1 : 97)
        expect_unknown(length);
    expect_unknown(given.length);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty_pages_are_dropped, setup, forget),
        cmocka_unit_test_setup_teardown(test_blocks_keep_their_pages, setup, forget),
        cmocka_unit_test_setup_teardown(test_second_pass_is_kept, setup, forget),
        cmocka_unit_test_setup_teardown(test_commands_are_kept, setup, forget),
        cmocka_unit_test_setup_teardown(test_unknown_record_is_an_error, setup, forget),
        cmocka_unit_test_setup_teardown(test_other_section_among_the_memory_is_an_error, setup,
                                        forget),
        cmocka_unit_test_setup_teardown(test_every_truncation_of_the_memory_is_an_error, setup,
                                        forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
