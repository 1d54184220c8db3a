#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/tree/contents.h"
#include "tests/unit/contents.h"
#include "tests/unit/folder.h"

/* Appends an entry as "TYPE MODE UID MTIME PATH[ -> LINK][ = DATA]". */
static void describe(struct archive *archive, struct archive_entry *entry, struct buffer *out)
{
    char data[64] = "";
    const char *hardlink = archive_entry_hardlink(entry);
    const char *symlink = archive_entry_symlink(entry);

    buffer_printf(out, "%c %o %d %d %s", type_letter(entry), (unsigned)archive_entry_perm(entry),
                  (int)archive_entry_uid(entry), (int)archive_entry_mtime(entry),
                  archive_entry_pathname(entry));
    if (hardlink != NULL || symlink != NULL)
        buffer_printf(out, " -> %s", hardlink ? hardlink : symlink);
    if (archive_read_data(archive, data, sizeof data - 1) > 0)
        buffer_printf(out, " = %s", data);
    buffer_printf(out, "\n");
}

/* Packs PATHS (a NULL-ended list below the directory) and describes the tar's contents. The
 * caller's. */
static char *pack(const char *const *paths, const struct contents *options, struct buffer *tar)
{
    struct strings list = {0};
    struct contents contents = *options;

    for (; *paths != NULL; paths++)
        strings_take(&list, xasprintf("%s/%s", folder, *paths));
    CLEANUP(freep)
    struct contents_source *sources = make_sources(&list, CONTENTS_MODE_ADD_WRITE);

    contents.sources = sources;
    contents.source_count = list.count;
    assert_null(contents_write(&contents, (struct sink){append, tar}));
    strings_free(&list);
    return list_entries(tar, describe);
}

static void expect(const char *const *paths, const char *expected)
{
    struct buffer tar = {0};
    struct contents options = {.clamp = 1};
    char *text = pack(paths, &options, &tar);

    assert_string_equal(text, expected);
    assert_int_equal(tar.length % 512, 0);
    free(text);
    buffer_free(&tar);
}

static void test_folder(void **state)
{
    (void)state;
    run("mkdir -p a/bin && echo -n x > a/bin/x && chmod 555 a/bin/x && ln -s x a/bin/y && chmod "
        "750 a/bin");
    expect((const char *[]){"a", NULL}, "d 770 0 1 bin/\n"
                                        "f 755 0 1 bin/x = x\n"
                                        "l 777 0 1 bin/y -> x\n");
}

static void test_single_file(void **state)
{
    (void)state;
    run("echo -n hello > one && chmod 644 one");
    expect((const char *[]){"one", NULL}, "f 664 0 1 one = hello\n");
}

static void test_empty_file_is_no_tarball(void **state)
{
    (void)state;
    run(": > empty && chmod 600 empty");
    expect((const char *[]){"empty", NULL}, "f 620 0 1 empty\n");
}

/* A file system's or a disk's first blocks may be zeros. Only a tarball's one record is one. */
static void test_zeros(void **state)
{
    (void)state;
    run("truncate -s 10241 zeros && (head -c 1024 /dev/zero; echo -n x) > disk && chmod 644 zeros "
        "disk && tar -cf empty.tar -T /dev/null && gzip -k empty.tar");
    expect((const char *[]){"disk", NULL}, "f 664 0 1 disk = \n");
    expect((const char *[]){"zeros", NULL}, "f 664 0 1 zeros = \n");
    expect((const char *[]){"empty.tar", "empty.tar.gz", NULL}, "");
}

static void test_tarball(void **state)
{
    (void)state;
    run("mkdir -p t/etc && echo -n c > t/etc/c && chmod 644 t/etc/c && chmod 755 t/etc && "
        "tar -C t --sort=name -czf t.tar.gz .");
    expect((const char *[]){"t.tar.gz", NULL}, "d 775 0 1 etc/\n"
                                               "f 664 0 1 etc/c = c\n");
}

/* The layer of a file with holes is the same, whether a directory or a tarball of either form has
 * it. */
static void test_sparse_file(void **state)
{
    static const char *const sources[][2] = {{"s"}, {"gnu.tar"}, {"pax.tar"}};
    struct buffer tars[3] = {0};
    struct contents options = {.clamp = 1};

    (void)state;
    run("mkdir s && truncate -s 1M s/f && printf A | dd of=s/f bs=1 seek=300000 conv=notrunc "
        "status=none && printf B >> s/f && chmod 664 s/f && tar -C s -S --format=gnu -cf gnu.tar f "
        "&& tar -C s -S --format=pax -cf pax.tar f");
    for (size_t i = 0; i < 3; i++) {
        free(pack(sources[i], &options, &tars[i]));
        assert_int_equal(tars[i].length, tars[0].length);
        assert_memory_equal(tars[i].data, tars[0].data, tars[0].length);
    }
    assert_int_equal(tars[0].data[512 + 300000], 'A');
    assert_int_equal(tars[0].data[512 + (1 << 20)], 'B');
    for (size_t i = 0; i < 3; i++)
        buffer_free(&tars[i]);
}

static void test_later_source_wins_and_folders_merge(void **state)
{
    (void)state;
    run("mkdir -p a/d b/d && echo -n 1 > a/d/f && echo -n 2 > b/d/f && echo -n 3 > a/d/g && "
        "chmod 644 */d/* && chmod 755 a/d && chmod 700 b/d");
    expect((const char *[]){"a", "b", NULL}, "f 664 0 1 d/g = 3\n"
                                             "d 720 0 1 d/\n"
                                             "f 664 0 1 d/f = 2\n");
}

static void test_file_replaces_folder(void **state)
{
    (void)state;
    run("mkdir -p a/d/e b && echo -n 1 > a/d/e/f && echo -n 2 > b/d && chmod 644 b/d");
    expect((const char *[]){"a", "b", NULL}, "f 664 0 1 d = 2\n");
}

static void test_hard_links(void **state)
{
    (void)state;
    run("mkdir a && echo -n 1 > a/f && chmod 644 a/f && ln a/f a/g && ln a/f a/h");
    expect((const char *[]){"a", NULL}, "f 664 0 1 f = 1\n"
                                        "h 664 0 1 g -> f\n"
                                        "h 664 0 1 h -> f\n");
}

static void test_hard_link_whose_first_name_is_lost(void **state)
{
    (void)state;
    run("mkdir a b && echo -n 1 > a/f && chmod 644 a/f && ln a/f a/g && ln a/f a/h && "
        "echo -n 2 > b/f && chmod 644 b/f && tar -C a --sort=name -cf a.tar f g h");
    const char *expected = "f 664 0 1 g = 1\n"
                           "h 664 0 1 h -> g\n"
                           "f 664 0 1 f = 2\n";

    expect((const char *[]){"a.tar", "b", NULL}, expected);
    expect((const char *[]){"a", "b", NULL}, expected);
}

/* What `tar -r` appends replaces what came before, and is not a link to it. */
static void test_hard_links_of_an_appended_tarball(void **state)
{
    (void)state;
    run("mkdir a && echo -n 1 > a/f && chmod 644 a/f && ln a/f a/g && ln a/f a/h && "
        "tar -C a -cf a.tar f g h && echo -n 2 > a/f && tar -C a -rf a.tar f g && "
        "cp a.tar b.tar && rm a/g && echo -n 3 > a/g && chmod 644 a/g && tar -C a -rf b.tar g");
    expect((const char *[]){"a.tar", NULL}, "f 664 0 1 h = 1\n"
                                            "f 664 0 1 f = 2\n"
                                            "h 664 0 1 g -> f\n");
    expect((const char *[]){"b.tar", NULL}, "f 664 0 1 h = 1\n"
                                            "f 664 0 1 f = 2\n"
                                            "f 664 0 1 g = 3\n");
}

/* refused NAME WORD: the tarball is not a valid source, and the message contains WORD. */
static void refused(const char *name, const char *word)
{
    struct strings list = {0};
    struct buffer tar = {0};

    strings_take(&list, xasprintf("%s/%s", folder, name));
    CLEANUP(freep)
    struct contents_source *sources = make_sources(&list, CONTENTS_MODE_ADD_WRITE);
    struct contents contents = {.sources = sources, .source_count = 1};
    struct error *err = contents_write(&contents, (struct sink){append, &tar});

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, word) == NULL)
        fail_msg("'%s' is not in '%s'", word, err->message);
    error_free(err);
    buffer_free(&tar);
    strings_free(&list);
}

/* Names are bytes, also those that Unicode has in a shorter form. */
static void test_names_keep_their_bytes(void **state)
{
    struct buffer tar = {0};
    struct contents options = {.clamp = 1};

    (void)state;
    run("mkdir n && : > n/$(printf 'e\\314\\201') && tar --format=posix -C n -cf n.tar .");
    free(pack((const char *[]){"n.tar", NULL}, &options, &tar));
    assert_non_null(memmem(tar.data, tar.length, "path=e\314\201\n", 9));
    assert_null(memmem(tar.data, tar.length, "\303\251", 2));
    buffer_free(&tar);
}

/* As tar(1) does, whatever can be read of it. */
static void test_damaged_tarballs_are_refused(void **state)
{
    (void)state;
    run("mkdir d && head -c 300000 /dev/zero > d/a && echo x > d/b && "
        "tar -C d --sort=name -cf d.tar . && gzip -k d.tar && cp d.tar.gz crc.gz && "
        "cp d.tar.gz length.gz && size=$(stat -c %s d.tar.gz) && "
        "printf X | dd conv=notrunc bs=1 seek=$((size - 8)) of=crc.gz status=none && "
        "printf X | dd conv=notrunc bs=1 seek=$((size - 4)) of=length.gz status=none && "
        "head -c $((size - 4)) d.tar.gz > cut.gz && "
        "printf X | dd conv=notrunc bs=1 seek=$((512 * 2 + 300032)) of=d.tar status=none");
    refused("crc.gz", "the gzip data does not match its checksum");
    refused("length.gz", "the gzip data does not match its length");
    refused("cut.gz", "the gzip data is truncated");
    refused("d.tar", "Damaged tar archive");
}

static void test_hard_link_to_nothing_is_refused(void **state)
{
    (void)state;
    run("echo x > x && ln x y && tar -cf bad.tar x y && tar --delete -f bad.tar x");
    refused("bad.tar", "hard link to 'x'");
}

static void test_name_of_a_whiteout_is_refused(void **state)
{
    (void)state;
    run("mkdir -p a/b && echo x > a/b/.wh.x && tar -C a -cf a.tar b/.wh.x");
    refused("a", "'b/.wh.x'");
    refused("a.tar", "'b/.wh.x'");
}

static void test_xattrs_of_overlayfs_are_left_out(void **state)
{
    struct buffer tar = {0};
    struct contents options = {.clamp = 1};

    (void)state;
    run("echo x > x && tar --format=pax --pax-option=SCHILY.xattr.user.a:=b,"
        "SCHILY.xattr.trusted.overlay.opaque:=y,SCHILY.xattr.user.c:=d -cf x.tar x");
    free(pack((const char *[]){"x.tar", NULL}, &options, &tar));
    assert_non_null(memmem(tar.data, tar.length, "SCHILY.xattr.user.a=b", 21));
    assert_non_null(memmem(tar.data, tar.length, "SCHILY.xattr.user.c=d", 21));
    assert_null(memmem(tar.data, tar.length, "overlay", 7));
    buffer_free(&tar);
}

static void test_xattrs_that_no_layer_can_hold(void **state)
{
    (void)state;
    run("echo x > x && tar --format=pax --pax-option='SCHILY.xattr.user.a b:=c' -cf x.tar x");
    refused("x.tar", "the extended attribute 'user.a b'");
}

static void test_implied_parents(void **state)
{
    (void)state;
    run("mkdir -p a/x/y && echo -n 1 > a/x/y/z && chmod 644 a/x/y/z && tar -C a -cf a.tar x/y/z");
    expect((const char *[]){"a.tar", NULL}, "d 755 0 1 x/\n"
                                            "d 755 0 1 x/y/\n"
                                            "f 664 0 1 x/y/z = 1\n");
}

static void test_dotdot_is_refused(void **state)
{
    (void)state;
    run("echo x > x && tar -P --transform 's,x,../x,' -cf bad.tar x");
    refused("bad.tar", "'..'");
}

static void test_same_bytes_whatever_the_order_of_creation(void **state)
{
    struct buffer one = {0}, two = {0};
    struct contents options = {.clamp = 1};

    (void)state;
    run("mkdir a b && for i in 1 2 3 4 5; do echo $i > a/$i; done && "
        "for i in 5 3 1 4 2; do echo $i > b/$i; done");
    free(pack((const char *[]){"a", NULL}, &options, &one));
    free(pack((const char *[]){"b", NULL}, &options, &two));
    assert_int_equal(one.length, two.length);
    assert_memory_equal(one.data, two.data, one.length);
    buffer_free(&one);
    buffer_free(&two);
}

static void test_extract(void **state)
{
    struct strings list = {0};

    (void)state;
    run("mkdir -p a/d out && echo -n 1 > a/d/f && chmod 4640 a/d/f && ln a/d/f a/g && ln -s d a/s");
    strings_take(&list, xasprintf("%s/a", folder));
    CLEANUP(freep) struct contents_source *sources = make_sources(&list, CONTENTS_MODE_KEEP);
    struct contents contents = {.sources = sources, .source_count = 1, .clamp = 5000000000};
    char *out = xasprintf("%s/out", folder);

    assert_null(contents_extract(&contents, out));
    run("test \"$(stat -c %a out/d/f)\" = 4640 && test out/d/f -ef out/g && "
        "test \"$(readlink out/s)\" = d && test \"$(cat out/g)\" = 1");
    free(out);
    strings_free(&list);
}

static int set_up(void **state)
{
    umask(022);
    return make_folder(state);
}

static struct error *refuse(void *context, const void *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    return error_new(EXIT_DISK_FULL, "no room for %zu bytes", length);
}

/* The file is longer than what the archive keeps back. */
static void test_sink_that_fails(void **state)
{
    struct strings list = {0};

    (void)state;
    run("head -c 3M /dev/urandom > f");
    strings_take(&list, xasprintf("%s/f", folder));
    CLEANUP(freep) struct contents_source *sources = make_sources(&list, CONTENTS_MODE_KEEP);
    struct contents contents = {.sources = sources, .source_count = 1};
    struct error *err = contents_write(&contents, (struct sink){.write = refuse});

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    error_free(err);
    strings_free(&list);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folder),
        TEST(test_single_file),
        TEST(test_empty_file_is_no_tarball),
        TEST(test_zeros),
        TEST(test_tarball),
        TEST(test_sparse_file),
        TEST(test_later_source_wins_and_folders_merge),
        TEST(test_file_replaces_folder),
        TEST(test_hard_links),
        TEST(test_hard_link_whose_first_name_is_lost),
        TEST(test_hard_links_of_an_appended_tarball),
        TEST(test_names_keep_their_bytes),
        TEST(test_damaged_tarballs_are_refused),
        TEST(test_hard_link_to_nothing_is_refused),
        TEST(test_name_of_a_whiteout_is_refused),
        TEST(test_xattrs_of_overlayfs_are_left_out),
        TEST(test_xattrs_that_no_layer_can_hold),
        TEST(test_implied_parents),
        TEST(test_dotdot_is_refused),
        TEST(test_same_bytes_whatever_the_order_of_creation),
        TEST(test_extract),
        TEST(test_sink_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
