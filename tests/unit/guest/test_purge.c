/* Whiteouts of layers, and what they delete of lower ones. */
#include "tests/unit/unpacked_tree.h"

/* A whiteout hides what lower layers brought, also if the layer's own entries come before it. */
static void test_whiteouts(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir -p tree/a/b tree/opaque/old && touch tree/a/b/c tree/a/kept tree/opaque/x");
    add_file(&tar, "opaque/new", "n");
    add_file(&tar, "opaque/.wh..wh..opq", "");
    add_file(&tar, "a/.wh.b", "");
    add_file(&tar, "a/.wh.missing", "");
    add_file(&tar, "missing/.wh.name", "");
    add_file(&tar, "a/.wh..wh.plnk", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(cd tree && echo $(find * | LC_ALL=C sort))\" = 'a a/kept opaque opaque/new'");
    add_file(&tar, "a/.wh...", "");
    expect_refused(&tar, "not a whiteout");
    run("test -f tree/a/kept");
}

/* A directory of a lower layer that holds something of this layer stays, but its metadata was the
 * lower layer's. With an entry in this layer it keeps what that says. */
static void test_directories_under_whiteouts_become_plain(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && mkdir -p o/in/deep o/gone/deep o/own w/in t real/in && ln -s real link && "
        "ln -s / o/up && touch o/in/old o/gone/deep/old o/own/old w/in/old t/old real/old && "
        "chmod -R 2700 o w t real && chown -hR 7:8 o w t real && setfattr -n user.a -v 1 o/in && "
        "touch -d @1000 o o/in o/own w w/in t real real/in");
    add_file(&tar, "o/in/deep/new", "n");
    add_file(&tar, "o/new", "n");
    tar_blocks_header(&tar, (struct tar_block){
                                .name = "o/own/", .mode = 0711, .uid = 5, .mtime = 9, .type = '5'});
    add_file(&tar, "o/own/new", "n");
    add_file(&tar, "o/.wh..wh..opq", "");
    add_file(&tar, "w/in/new", "n");
    add_file(&tar, ".wh.w", "");
    add_file(&tar, "t/new", "n");
    add_file(&tar, "link/in/new", "n");
    add_file(&tar, "link/.wh.in", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test \"$(cd tree && find * ! -type l ! -name old -printf '%p %m %U:%G %T@\\n' | "
        "sed 's/[.]0*$//' | LC_ALL=C sort)\" = 'o 2700 7:8 1000\n"
        "o/in 755 0:0 0\no/in/deep 755 0:0 0\no/in/deep/new 644 0:0 0\no/new 644 0:0 0\n"
        "o/own 711 5:0 9\no/own/new 644 0:0 0\n"
        "real 2700 7:8 1000\nreal/in 755 0:0 0\nreal/in/new 644 0:0 0\n"
        "t 2700 7:8 1000\nt/new 644 0:0 0\n"
        "w 755 0:0 0\nw/in 755 0:0 0\nw/in/new 644 0:0 0'");
    run("test \"$(cd tree && find * -name old -o -type l | LC_ALL=C sort)\" = "
        "'link\nreal/old\nt/old'");
    run("! getfattr -d tree/o/in | grep .");
}

/* What a layer has put below a symlink is its target's: the symlink itself is a lower layer's. */
static void test_whiteouts_of_links_that_were_followed(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && mkdir real real/deep && chmod 700 real && ln -s real a && ln -s real b && "
        "ln -s made/here c && touch real/old");
    add_file(&tar, "a/new", "n");
    add_file(&tar, "b/new2", "n");
    add_file(&tar, "c/new", "n");
    add_file(&tar, "b/.wh..wh..opq", "");
    add_file(&tar, ".wh..wh..opq", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("b/\nmade/\nmade/here/\nmade/here/new 1\nreal/\nreal/new 1\nreal/new2 1");
    run("test \"$(stat -c %a tree/real)\" = 755");
}

/* A directory opened through a link is not what the link's name means once the link is hidden. */
static void test_whiteout_of_a_link_on_the_way(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir tree/folder && touch tree/folder/old && ln -s folder tree/link");
    add_file(&tar, "link/.wh.old", "");
    add_file(&tar, ".wh.link", "");
    add_file(&tar, "link/new", "n");
    expect_unpacked(&tar, UNPACK_LAYER);
    run("test -d tree/link && ! test -L tree/link && test -f tree/link/new && "
        "test -z \"$(ls -A tree/folder)\"");
}

static void test_opaque_does_not_follow_symlinks(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("cd tree && mkdir real && touch real/x file && ln -s real d && ln -s real e");
    add_file(&tar, "d/.wh..wh..opq", "");
    tar_blocks_header(&tar, (struct tar_block){.name = "d/", .mode = 0700, .type = '5'});
    add_file(&tar, "d/y", "y");
    add_file(&tar, "e/.wh..wh..opq", "");
    add_file(&tar, "e/z", "z");
    add_file(&tar, "file/.wh..wh..opq", "");
    add_file(&tar, "nowhere/.wh..wh..opq", "");
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("d/\nd/y 1\ne/\ne/z 1\nfile/\nreal/\nreal/x 1");
}

static void test_files_of_aufs(void **state)
{
    static const enum unpack_kind kinds[] = {UNPACK_LOWEST_LAYER, UNPACK_LAYER};

    (void)state;
    need_root();
    for (size_t i = 0; i < 2; i++) {
        struct buffer tar = {0};

        add_file(&tar, ".wh..wh.aufs", "");
        add_file(&tar, ".wh..wh.plnk/77.1", "data");
        add_link(&tar, "b", '1', "./.wh..wh.plnk/77.1");
        add_link(&tar, "a", '1', "b");
        add_file(&tar, "d/.wh..wh.x", "");
        add_file(&tar, "d/.wh..wh.folder/x", "x");
        expect_unpacked(&tar, kinds[i]);
        expect_tree("a 2\nb 2\nd/\nd/.wh..wh.folder/\nd/.wh..wh.folder/x 1");
    }
}

static void test_devices_of_overlayfs(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("mkdir -p tree/d tree/y && touch tree/d/x tree/y/z");
    tar_blocks_header(&tar, (struct tar_block){.name = "d/x", .type = '3'});
    tar_blocks_header(&tar, (struct tar_block){.name = "y", .type = '3'});
    tar_blocks_header(&tar, (struct tar_block){.name = "new", .type = '3'});
    tar_blocks_header(&tar, (struct tar_block){.name = "null", .type = '3', .major = 1});
    tar_blocks_header(&tar, (struct tar_block){.name = "block", .type = '4'});
    expect_unpacked(&tar, UNPACK_LAYER);
    expect_tree("block 1\nd/\nnull 1");
}

static void test_whiteouts_of_nothing(void **state)
{
    static const char *const names[] = {".wh.", "d/.wh.", "d/.wh..", "d/.wh..."};

    (void)state;
    need_root();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct buffer tar = {0};

        add_file(&tar, names[i], "");
        expect_refused(&tar, "not a whiteout of a name");
    }
}

/* To the spec's contents such names are nothing special, and the lowest layer has none below it. */
static void test_no_whiteouts(void **state)
{
    struct buffer tar = {0};

    (void)state;
    need_root();
    run("touch tree/x");
    add_file(&tar, ".wh.x", "");
    expect_unpacked(&tar, UNPACK_CONTENTS);
    run("test -f tree/x && test -f tree/.wh.x && rm tree/.wh.x");
    add_file(&tar, ".wh.x", "");
    expect_unpacked(&tar, UNPACK_LOWEST_LAYER);
    run("test -f tree/x && ! test -e tree/.wh.x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whiteouts),
        TEST(test_no_whiteouts),
        TEST(test_opaque_does_not_follow_symlinks),
        TEST(test_files_of_aufs),
        TEST(test_devices_of_overlayfs),
        TEST(test_whiteouts_of_nothing),
        TEST(test_whiteout_of_a_link_on_the_way),
        TEST(test_directories_under_whiteouts_become_plain),
        TEST(test_whiteouts_of_links_that_were_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
