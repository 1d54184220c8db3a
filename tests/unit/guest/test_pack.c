/* Trees as scripts leave them, packed into layers. Devices and overlayfs' attributes need root. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "guest/tar/pack.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define CLAMP 1000
#define HOLES_MAX 1 /* GiB */

/* Holds layer/ and image/. Not in /tmp, which may be a tmpfs without user attributes. */
static char folder[] = "/var/tmp/test_guest_pack.XXXXXX";
static struct buffer tar, notes;

/* After archive_write_fail nothing frees the buffer that archive_write_open made. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libarchive.so";
}

static int run_command(const char *command)
{
    char *line = xasprintf("cd %s && %s", folder, command);
    int status = system(line);

    free(line);
    return status;
}

static void run(const char *command)
{
    assert_int_equal(run_command(command), 0);
}

static int set_up_folder(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    return run_command("mkdir layer image");
}

static int tear_down_folder(void **state)
{
    (void)state;
    buffer_free(&tar);
    buffer_free(&notes);
    return chdir("/") || run_command("rm -rf layer image && rmdir $PWD");
}

static void need_root(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "# skipped: devices need root\n");
        skip();
    }
}

static int take_bytes(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return 0;
}

static uint64_t skipped; /* bytes, of the last packing */

static int take_zeros(void *context, uint64_t length)
{
    CLEANUP(freep) char *zeros = xcalloc(length, 1);

    skipped += length;
    buffer_append(context, zeros, length);
    return 0;
}

static int refuse_bytes(void *context, const void *bytes, size_t length)
{
    (void)context, (void)bytes, (void)length;
    return -1;
}

static void take_note(void *context, const char *text, const char *path)
{
    (void)context;
    buffer_printf(&notes, "%s: %s\n", text, path);
}

/* Packs layer/, which lay over image/. Returns what pack() returns. */
static int pack_layer(int (*write)(void *, const void *, size_t), struct fault *fault)
{
    char *layer_path = xasprintf("%s/layer", folder);
    char *image_path = xasprintf("%s/image", folder);
    int layer = open(layer_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int image = open(image_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    buffer_free(&tar);
    skipped = 0;
    int status = pack(layer, image, CLAMP,
                      (struct pack_sink){.write = write,
                                         .skip = take_zeros,
                                         .holes_max = HOLES_MAX,
                                         .note = take_note,
                                         .context = &tar},
                      fault);

    close(layer);
    close(image);
    free(layer_path);
    free(image_path);
    return status;
}

/* Appends "TYPE PATH[ -> LINK]" and a line's end. */
static void describe(struct archive_entry *entry, struct buffer *out)
{
    const char *link = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);

    buffer_printf(out, "%c %s",
                  link != NULL     ? 'h'
                  : S_ISDIR(type)  ? 'd'
                  : S_ISLNK(type)  ? 'l'
                  : S_ISCHR(type)  ? 'c'
                  : S_ISFIFO(type) ? 'p'
                                   : 'f',
                  archive_entry_pathname(entry));
    if (link == NULL)
        link = archive_entry_symlink(entry);
    buffer_printf(out, link != NULL ? " -> %s\n" : "\n", link);
}

static void expect_packed(const char *expected)
{
    static struct fault fault;
    struct buffer text = {0};
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    buffer_append(&text, "", 0);
    if (pack_layer(take_bytes, &fault))
        fail_msg("%s", fault.text);
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, tar.data, tar.length), ARCHIVE_OK);
    while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
        describe(entry, &text);
        assert_true(archive_entry_mtime(entry) <= CLAMP);
    }
    archive_read_free(archive);
    assert_string_equal(text.data, expected);
    buffer_free(&text);
}

static void expect_refused(const char *words)
{
    static struct fault fault;

    assert_int_equal(pack_layer(take_bytes, &fault), -1);
    if (strstr(fault.text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, fault.text);
}

/* By the bytes of whole paths: a directory's entries come where its name and a '/' would. */
static void test_order(void **state)
{
    (void)state;
    run("mkdir -p layer/a layer/b && touch layer/a/z layer/a-b layer/a.b layer/a0 layer/B && ln -s "
        "/x layer/b/link");
    expect_packed("f B\nf a-b\nf a.b\nd a/\nf a/z\nf a0\nd b/\nl b/link -> /x\n");
}

static void test_same_bytes_whatever_the_order_of_creation(void **state)
{
    struct buffer first;

    (void)state;
    expect_packed("");
    run("cd layer && mkdir d && touch d/1 d/2 d/3 && ln d/3 d/4 && chmod 755 d && chmod 644 d/* && "
        "touch -d @7 . d d/*");
    expect_packed("d d/\nf d/1\nf d/2\nf d/3\nh d/4 -> d/3\n");
    first = tar;
    tar = (struct buffer){0};
    run("cd layer && rm -r d && mkdir d && touch d/4 d/2 && ln d/4 d/3 && touch d/1 && chmod 755 d "
        "&& chmod 644 d/* && touch -d @7 . d d/*");
    expect_packed("d d/\nf d/1\nf d/2\nf d/3\nh d/4 -> d/3\n");
    assert_int_equal(tar.length, first.length);
    assert_memory_equal(tar.data, first.data, tar.length);
    buffer_free(&first);
}

/* The root is packed if it differs from the image's. */
static void test_root(void **state)
{
    (void)state;
    expect_packed("");
    run("chmod 700 layer");
    expect_packed("d ./\n");
}

/* Only a 0:0 device over a name of the image is a whiteout; other devices are devices. */
static void test_whiteouts(void **state)
{
    (void)state;
    need_root();
    run("touch image/gone && mkdir -p image/d/deep layer/d && mknod layer/gone c 0 0 && "
        "mknod layer/d/deep c 0 0 && mknod layer/lone c 0 0 && mknod layer/null c 1 3");
    expect_packed("f .wh.gone\nd d/\nf d/.wh.deep\nc lone\nc null\n");
}

static void test_opaque_folders(void **state)
{
    (void)state;
    need_root();
    run("mkdir -p image/d/sub layer/d layer/new && touch image/d/x layer/d/y && "
        "mknod layer/d/x c 0 0");
    if (run_command("setfattr -n trusted.overlay.opaque -v y layer/d layer/new 2> /dev/null")) {
        fprintf(stderr, "# skipped: trusted attributes cannot be set\n");
        skip();
    }
    /* x: the opaque directory hides it already, so the device is just one. */
    expect_packed("d d/\nf d/.wh..wh..opq\nc d/x\nf d/y\nd new/\n");
    assert_null(memmem(tar.data, tar.length, "trusted.overlay", strlen("trusted.overlay")));
}

/* A script's file of such a name would hide something wherever the layer is unpacked. */
/* Attributes are sorted by name; a time before 1970 is as it was, but for a fraction that a PAX
 * header cannot say. */
static void test_attributes_and_old_times(void **state)
{
    static struct fault fault;

    (void)state;
    run("touch layer/f layer/g && setfattr -n user.b -v two layer/f && "
        "setfattr -n user.a -v one layer/f && touch -d @-1.5 layer/f && touch -d @-0.5 layer/g");
    assert_int_equal(pack_layer(take_bytes, &fault), 0);
    const char *first = memmem(tar.data, tar.length, "SCHILY.xattr.user.a=one\n", 24);
    const char *second = memmem(tar.data, tar.length, "SCHILY.xattr.user.b=two\n", 24);

    assert_non_null(first);
    assert_true(second > first);
    assert_non_null(memmem(tar.data, tar.length, "mtime=-1.5\n", 11));
    assert_null(memmem(tar.data, tar.length, "mtime=-0", 8));
}

static void test_attributes_that_no_layer_can_hold(void **state)
{
    (void)state;
    run("touch layer/f && setfattr -n 'user.a=b' -v x layer/f");
    expect_refused("the extended attribute 'user.a=b'");
    run("setfattr -x 'user.a=b' layer/f && setfattr -n 'user.a%b' -v x layer/f");
    expect_refused("the extended attribute 'user.a%b'");
    run("setfattr -x 'user.a%b' layer/f && setfattr -n 'user.a b' -v x layer/f");
    expect_refused("the extended attribute 'user.a b'");
    run("setfattr -x 'user.a b' layer/f && setfattr -n 'user.\303\244' -v x layer/f");
    expect_refused("the extended attribute 'user.\303\244'");
}

static void test_names_of_whiteouts_are_refused(void **state)
{
    (void)state;
    run("mkdir layer/d && touch layer/d/.wh.passwd");
    expect_refused("pack 'd/.wh.passwd'");
    run("rm layer/d/.wh.passwd && mkdir layer/d/.wh..wh..opq");
    expect_refused("pack 'd/.wh..wh..opq'");
}

static void make_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/layer/%s", folder, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

static void test_sockets_are_left_out(void **state)
{
    (void)state;
    make_socket("socket");
    run("mkfifo layer/pipe");
    expect_packed("p pipe\n");
    assert_non_null(strstr(notes.data, ": socket\n"));
}

/* The image's own is gone all the same. */
static void test_sockets_hide_what_they_replace(void **state)
{
    (void)state;
    run("mkdir -p image/d/socket layer/d && touch image/file");
    make_socket("d/socket");
    make_socket("file");
    expect_packed("f .wh.file\nd d/\nf d/.wh.socket\n");
    assert_non_null(strstr(notes.data, ": d/socket\n"));
    assert_non_null(strstr(notes.data, ": file\n"));
}

/* The same bytes as those of a file without holes: only they are not all passed on. */
static void test_holes_are_zeros(void **state)
{
    struct buffer sparse;

    (void)state;
    run("truncate -s 64M layer/f && printf AB | dd of=layer/f bs=1 seek=33554431 conv=notrunc "
        "status=none && truncate -s 1M layer/hole && truncate -s 1000 layer/small && touch "
        "layer/none && touch -d @1 layer/*");
    expect_packed("f f\nf hole\nf none\nf small\n");
    assert_in_range(skipped, 64 << 20, 65 << 20);
    assert_memory_equal(tar.data + 512 + 33554431, "AB", 2);
    sparse = tar;
    tar = (struct buffer){0};
    run("for f in layer/*; do cp --sparse=never -p $f full && mv full $f; done");
    expect_packed("f f\nf hole\nf none\nf small\n");
    assert_int_equal(skipped, 0);
    assert_int_equal(tar.length, sparse.length);
    assert_memory_equal(tar.data, sparse.data, tar.length);
    buffer_free(&sparse);
}

static void test_too_many_holes(void **state)
{
    (void)state;
    run("truncate -s 600M layer/a && truncate -s 600M layer/b");
    expect_refused("pack 'b': with it, the files of the layer have holes of 1 GiB or more");
}

/* Names are any bytes, and depth has a separate limit. */
static void test_hostile_names(void **state)
{
    (void)state;
    run("cd layer && printf x > \"$(printf 'a\\nb\\033[31m')\" && "
        "n=$(printf %0250d 0) && mkdir -p $n/$n/$n/$n/$n/$n/$n/$n && "
        "(cd $n/$n/$n/$n/$n/$n/$n/$n && mkdir -p $n/$n/$n/$n/$n/$n/$n/$n && "
        " cd $n/$n/$n/$n/$n/$n/$n/$n && mkdir $n && touch $n/f)");
    static struct fault fault;

    assert_int_equal(pack_layer(take_bytes, &fault), 0);
    assert_non_null(memmem(tar.data, tar.length, "a\nb\033[31m", strlen("a\nb\033[31m")));
    run("touch layer/.wh.\"$(printf 'a\\nb')\"");
    expect_refused("pack '.wh.a?b'");
}

static void test_refusing_sink_ends_it(void **state)
{
    static struct fault fault;

    (void)state;
    run("head -c 2000000 /dev/zero > layer/f");
    assert_int_equal(pack_layer(refuse_bytes, &fault), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_folder, tear_down_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),
        TEST(test_same_bytes_whatever_the_order_of_creation),
        TEST(test_root),
        TEST(test_whiteouts),
        TEST(test_opaque_folders),
        TEST(test_attributes_and_old_times),
        TEST(test_attributes_that_no_layer_can_hold),
        TEST(test_names_of_whiteouts_are_refused),
        TEST(test_sockets_are_left_out),
        TEST(test_sockets_hide_what_they_replace),
        TEST(test_holes_are_zeros),
        TEST(test_too_many_holes),
        TEST(test_hostile_names),
        TEST(test_refusing_sink_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
