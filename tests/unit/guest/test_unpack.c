/* Layers unpacked into a tree, in a child that is chrooted into it as the guest's worker is. For
 * that the test has to be root. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/tar/unpack.h"
#include "host/lib/memory.h"
#include "tests/unit/tar_blocks.h"

static char folder[] = "/tmp/test_guest_unpack.XXXXXX"; /* holds tree/ and outside/ */

static void run(const char *command)
{
    char *line = xasprintf("cd %s && %s", folder, command);

    assert_int_equal(system(line), 0);
    free(line);
}

static int set_up_folder(void **state)
{
    (void)state;
    if (geteuid() != 0)
        return 0;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    run("mkdir tree outside");
    return 0;
}

static int tear_down_folder(void **state)
{
    (void)state;
    if (geteuid() == 0)
        run("rm -rf tree outside && rmdir $PWD");
    return 0;
}

static void need_root(void)
{
    if (geteuid() != 0) {
        fprintf(stderr, "# skipped: chroot needs root\n");
        skip();
    }
}

/* Unpacks TAR, which is freed, as a layer of KIND. Returns whether that worked; *FAULT is shared
 * with the child. */
static bool unpack_tar(struct buffer *tar, enum unpack_kind kind, struct fault *fault)
{
    int source = memfd_create("tar", MFD_CLOEXEC);
    int status;

    tar_blocks_end(tar);
    assert_int_equal(write(source, tar->data, tar->length), tar->length);
    assert_int_equal(lseek(source, 0, SEEK_SET), 0);
    buffer_free(tar);
    pid_t child = fork();

    if (child == 0) {
        umask(0);
        if (chdir(folder) || chroot("tree") || chdir("/"))
            _exit(2);
        _exit(unpack(source, kind, fault) ? 1 : 0);
    }
    close(source);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static struct fault *shared_fault(void)
{
    static struct fault *fault;

    if (fault == NULL)
        fault =
            mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fault, MAP_FAILED);
    *fault = (struct fault){0};
    return fault;
}

static void expect_unpacked(struct buffer *tar, enum unpack_kind kind)
{
    struct fault *fault = shared_fault();

    if (!unpack_tar(tar, kind, fault))
        fail_msg("%s", fault->text);
}

static void expect_refused(struct buffer *tar, const char *words)
{
    struct fault *fault = shared_fault();

    assert_false(unpack_tar(tar, UNPACK_LAYER, fault));
    if (strstr(fault->text, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, fault->text);
    assert_false(unpack_is_disks_fault(fault->code));
}

static void add_file(struct buffer *tar, const char *name, const char *text)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .mode = 0644, .size = strlen(text)});
    tar_blocks_data(tar, text, strlen(text));
}

static void add_link(struct buffer *tar, const char *name, char type, const char *target)
{
    tar_blocks_header(tar,
                      (struct tar_block){.name = name, .mode = 0777, .type = type, .link = target});
}

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

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_folder, tear_down_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_links_stay_inside), TEST(test_dotdot_is_refused),
        TEST(test_whiteouts),         TEST(test_no_whiteouts),
        TEST(test_metadata),          TEST(test_kinds_replace_one_another),
        TEST(test_damaged_tar),       TEST(test_whiteout_of_a_link_on_the_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
