/* Layers unpacked into a tree. */
#include "host/lib/cleanup.h"
#include "tests/unit/unpacked_tree.h"

/* Whatever links say, nothing leaves the tree: there, absolute ones and '..' end at its root. */
static void test_links_stay_inside(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    add_link(&tar, "up", '2', "../../../../outside");
    add_file(&tar, "up/evil", "x");
    char *absolute = xasprintf("%s/outside", folder);

    add_link(&tar, "absolute", '2', absolute);
    free(absolute);
    add_file(&tar, "absolute/evil", "x");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test -z \"$(ls -A outside)\" && test -f tree/outside/evil && test -f "
        "tree$PWD/outside/evil");
}

static void test_dotdot_is_refused(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    add_file(&tar, "a/../../outside/evil", "x");
    expect_refused(&tar, "'..'");
    add_file(&tar, "here", "x");
    add_link(&tar, "link", '1', "../outside/evil");
    expect_refused(&tar, "'..'");
    add_link(&tar, "nothing", '1', "missing");
    expect_refused(&tar, "unpack 'nothing', a hard link to 'missing': No such file");
    run("test -z \"$(ls -A outside)\"");
}

/* So it is once the link is replaced, also by an entry whose own path leads through it. */
static void test_links_on_the_way_to_what_replaces_them(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    add_link(&tar, "a", '2', "/");
    add_link(&tar, "b", '2', "/");
    add_link(&tar, "c", '2', "/");
    add_link(&tar, "d", '6', "");
    tar_blocks_header(&tar, (struct tar_block){.name = "a/a/", .mode = 0700, .type = '5'});
    add_file(&tar, "a/file", "f");
    add_link(&tar, "b/b", '1', "d");
    add_file(&tar, "b2", "");
    tar_blocks_header(&tar, (struct tar_block){.name = "c/c/c/", .mode = 0700, .type = '5'});
    tar_blocks_header(&tar, (struct tar_block){.name = "c/c/", .mode = 0700, .type = '5'});
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("a/\na/file 1\nb 2\nb2 1\nc/\nc/c/\nd 2");
}

/* These agree with the cases of the same names in test_export.c. */
static void test_hard_links_through_symlinks(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir -p tree/usr/lib && touch tree/usr/lib/old && ln -s /usr/lib tree/lib");
    add_file(&tar, "lib/f", "f");
    add_link(&tar, "lib/h", '1', "lib/f");
    add_link(&tar, "usr/lib/g", '1', "./lib/f");
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("lib->/usr/lib\nusr/\nusr/lib/\nusr/lib/f 3\nusr/lib/g 3\nusr/lib/h 3\n"
                "usr/lib/old 1");
}

static void test_directories_without_entries_replace_files(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && touch a f && ln -s f link && ln -s link far && ln -s made/here dangling");
    add_file(&tar, "a/b", "b");
    add_file(&tar, "far/d", "d");
    add_file(&tar, "link/c", "c");
    add_file(&tar, "dangling/e", "e");
    add_file(&tar, "f/.wh.x", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("a/\na/b 1\ndangling->made/here\nf 1\nfar/\nfar/d 1\nlink/\nlink/c 1\nmade/\n"
                "made/here/\nmade/here/e 1");
    run("test \"$(stat -c %a:%Y tree/a tree/made tree/link | sort -u)\" = 755:0");
}

static void test_entries_below_a_file_are_refused(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    add_file(&tar, "a", "");
    add_file(&tar, "a/b", "");
    expect_refused(&tar, "unpack 'a/b': Not a directory");
}

/* What is put into a directory changes its time, whatever name the directory has there, and
 * whatever becomes of that name. */
static void test_times_through_symlinks(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && mkdir -p usr/lib/sub usr/bin opt && ln -s usr/lib lib && ln -s /usr/bin bin && "
        "ln -s opt/new/dir dangling && touch usr/bin/gone && touch -d @1000 usr/lib/sub usr/lib "
        "usr/bin opt usr .");
    add_file(&tar, "lib/f", "f");
    add_file(&tar, "lib/sub/f", "f");
    add_link(&tar, "lib/h", '1', "lib/sub/f");
    add_file(&tar, "bin/.wh.gone", "");
    add_file(&tar, ".wh.bin", "");
    add_file(&tar, "dangling/f", "f");
    tar_blocks_header(
        &tar, (struct tar_block){.name = "lib/own/", .mode = 0700, .mtime = 5, .type = '5'});
    add_file(&tar, "lib/own/f", "f");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(cd tree && stat -c '%n %Y' . usr usr/lib usr/lib/sub usr/bin opt opt/new "
        "usr/lib/own)\" = '. 1000\nusr 1000\nusr/lib 1000\nusr/lib/sub 1000\nusr/bin 1000\n"
        "opt 1000\nopt/new 0\nusr/lib/own 5'");
}

/* The time is that of the directory, also if the symlink that led to it is what it replaces, or is
 * gone in the end. */
static void test_times_below_replaced_symlinks(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && ln -s / a && ln -s / b && mkdir -p c/in c/old && ln -s / c/up && "
        "touch -d @1000 c/in c/old c .");
    tar_blocks_header(&tar, (struct tar_block){.name = "a/a/", .mtime = 5, .type = '5'});
    add_file(&tar, "a/file", "f");
    add_file(&tar, "b/implied/file", "f");
    add_file(&tar, "b", "f");
    add_file(&tar, "c/in/file", "f");
    add_file(&tar, "c/up/.wh.c", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(cd tree && stat -c '%n %a %Y' . a implied c c/in)\" = "
        "\"$(stat -c '. %a' tree) 1000\na 0 5\nimplied 755 0\nc 755 0\nc/in 755 0\"");
}

/* Zeros take no room, as they took none in the layer that a sparse file came from. */
static void test_zeros_become_holes(void **state)
{
    struct buffer tar = {0};
    char *zeros = xcalloc(8 << 20, 1);

    (void)state;
    need_root();
    zeros[0] = 'a';
    tar_blocks_header(&tar, (struct tar_block){.name = "f", .mode = 0644, .size = 8 << 20});
    tar_blocks_data(&tar, zeros, 8 << 20);
    tar_blocks_header(&tar, (struct tar_block){.name = "z", .mode = 0644, .size = 4 << 20});
    tar_blocks_data(&tar, zeros + 1, 4 << 20);
    free(zeros);
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(stat -c %s tree/f tree/z | tr '\\n' ' ')\" = '8388608 4194304 ' && "
        "test $(du -sk tree | cut -f 1) -lt 4096 && "
        "{ printf a; head -c 8388607 /dev/zero; } | cmp - tree/f");
}

/* A PAX time below zero counts away from it. */
static void test_old_times_and_acls(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    tar_blocks_extension(&tar, 'x', "14 mtime=-1.5\n");
    add_file(&tar, "old", "");
    tar_blocks_extension(&tar, 'x',
                         "74 SCHILY.acl.access=user::rw-,user:7:r--,group::---,mask::r--,"
                         "other::---\n"
                         "24 SCHILY.xattr.user.a=\n");
    add_file(&tar, "acl", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(stat -c %.1Y tree/old)\" = -1.5");
    run("test \"$(stat -c %a tree/acl)\" = 640");
}

static void test_impossible_metadata(void **state)
{
    struct buffer tar = {0};
    CLEANUP(freep) char *name = xcalloc(301, 1);

    (void)state;
    need_root();
    tar_blocks_extension(&tar, 'x', "18 uid=4294967295\n");
    add_file(&tar, "f", "");
    expect_refused(&tar, "the owner 4294967295:0 is out of range");
    memset(name, 'x', 298);
    snprintf(name + 298, 3, "/f");
    tar_blocks_extension(&tar, 'L', name);
    add_file(&tar, "f", "");
    expect_refused(&tar, "File name too long");
}

/* A directory without an entry is a plain one even where new names inherit something, as they do in
 * the root once its own entry says so. */
static void test_nothing_is_inherited(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir tree/old && chmod 2755 tree/old && chgrp 7 tree/old");
    tar_blocks_header(&tar, (struct tar_block){.name = "./", .mode = 02755, .gid = 9, .type = '5'});
    tar_blocks_header(&tar, (struct tar_block){.name = "new/", .mode = 0700, .type = '5'});
    add_file(&tar, "file", "");
    add_file(&tar, "made/here/file", "");
    add_file(&tar, "old/made/file", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(cd tree && stat -c '%n %a %g' . new file made made/here made/here/file old "
        "old/made old/made/file)\" = '. 2755 9\nnew 700 0\nfile 644 0\nmade 755 0\n"
        "made/here 755 0\nmade/here/file 644 0\nold 2755 7\nold/made 755 0\n"
        "old/made/file 644 0'");
}

static void test_kinds_replace_one_another(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir -p tree/folder/below tree/stays && touch tree/file tree/stays/inside && ln -s "
        "../outside tree/link");
    add_file(&tar, "folder", "now a file");
    tar_blocks_header(&tar, (struct tar_block){.name = "file/", .mode = 0700, .type = '5'});
    tar_blocks_header(&tar,
                      (struct tar_block){.name = "stays/", .mode = 01777, .type = '5', .uid = 7});
    add_file(&tar, "link", "now a file");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test -f tree/folder && test -d tree/file && test -f tree/stays/inside && test ! -L "
        "tree/link && test \"$(stat -c %a:%u tree/stays)\" = 1777:7");
}

static void test_metadata(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    tar_blocks_header(&tar,
                      (struct tar_block){.name = "d/", .mode = 02755, .mtime = 5, .type = '5'});
    tar_blocks_header(
        &tar, (struct tar_block){.name = "d/suid", .mode = 06755, .uid = 3, .gid = 4, .mtime = 9});
    tar_blocks_header(&tar, (struct tar_block){
                                .name = "null", .mode = 0666, .major = 1, .minor = 3, .type = '3'});
    tar_blocks_header(&tar, (struct tar_block){.name = "fifo", .mode = 0600, .type = '6'});
    add_link(&tar, "hard", '1', "d/suid");
    add_link(&tar, "dangling", '2', "/nowhere");
    expect_unpacked(&tar, UNPACK_LOWEST_LAYER);
    run("test \"$(stat -c '%n %f %u:%g %t,%T %h' tree/* tree/d/suid | sed 's,^tree/,,')\" = "
        "'d 45ed 0:0 0,0 2\n"
        "dangling a1ff 0:0 0,0 1\n"
        "fifo 1180 0:0 0,0 1\n"
        "hard 8ded 3:4 0,0 2\n"
        "null 21b6 0:0 1,3 1\n"
        "d/suid 8ded 3:4 0,0 2'");
    run("test \"$(stat -c %Y tree/d/suid tree/d | tr '\\n' ' ')\" = '9 5 '");
}

/* Whatever it is that finds no room, a directory without an entry, a file or its data: the cause is
 * the disk's, not the tar's. */
static void test_full_disk(void **state)
{
    static const struct {
        const char *options, *path;
        size_t size;
    } disks[] = {
        {"nr_inodes=4", "a/b/c/d/f", 0},
        {"nr_inodes=4", "a/b/c/f", 0},
        {"size=64k", "f", 256 << 10},
    };

    (void)state;
    need_root();
    for (size_t i = 0; i < sizeof disks / sizeof *disks; i++) {
        struct buffer tar = {0};
        struct fault *fault = shared_fault();
        CLEANUP(freep) char *text = xcalloc(disks[i].size + 1, 1);
        CLEANUP(freep)
        char *mount = xasprintf("mount -t tmpfs -o %s none %s/tree", disks[i].options, folder);

        if (system(mount) != 0) {
            fprintf(stderr, "# skipped: this system lets nobody mount\n");
            skip();
        }
        memset(text, 'x', disks[i].size);
        add_file(&tar, disks[i].path, text);
        bool done = unpack_tar(&tar, UNPACK_LAYER, fault);

        run("umount tree");
        assert_false(done);
        assert_true(unpack_is_disks_fault(fault->code));
        assert_non_null(strstr(fault->text, ": No space left on device"));
        assert_non_null(strstr(fault->text, disks[i].path));
    }
}

static void test_damaged_tar(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    tar_blocks_header(&tar, (struct tar_block){.name = "short", .mode = 0644, .size = 1 << 20});
    expect_refused(&tar, "'short'");
    buffer_append(&tar, "no tar at all, but more than a block of text", 44);
    while (tar.length < 2048)
        buffer_append(&tar, "and more of it ", 15);
    expect_refused(&tar, "read the tar");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_links_stay_inside),
        TEST(test_dotdot_is_refused),
        TEST(test_metadata),
        TEST(test_kinds_replace_one_another),
        TEST(test_hard_links_through_symlinks),
        TEST(test_directories_without_entries_replace_files),
        TEST(test_entries_below_a_file_are_refused),
        TEST(test_times_through_symlinks),
        TEST(test_times_below_replaced_symlinks),
        TEST(test_nothing_is_inherited),
        TEST(test_old_times_and_acls),
        TEST(test_impossible_metadata),
        TEST(test_zeros_become_holes),
        TEST(test_full_disk),
        TEST(test_damaged_tar),
        TEST(test_links_on_the_way_to_what_replaces_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
