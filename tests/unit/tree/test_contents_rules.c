/* A source's rules: where it goes, who owns it, which modes it has, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/tar/archive_cleanup.h"
#include "host/tree/contents.h"
#include "tests/unit/contents.h"
#include "tests/unit/folder.h"

/* Appends ENTRY as "MODE UID:GID PATH[ > LINK][ = DATA] ". */
static void describe(struct archive *archive, struct archive_entry *entry, struct buffer *out)
{
    char data[64] = "";
    const char *hardlink = archive_entry_hardlink(entry);
    const char *symlink = archive_entry_symlink(entry);

    buffer_printf(out, "%o %d:%d %s", (unsigned)archive_entry_perm(entry),
                  (int)archive_entry_uid(entry), (int)archive_entry_gid(entry),
                  archive_entry_pathname(entry));
    if (hardlink != NULL || symlink != NULL)
        buffer_printf(out, " > %s", hardlink != NULL ? hardlink : symlink);
    if (archive_read_data(archive, data, sizeof data - 1) > 0)
        buffer_printf(out, " = %s", data);
    buffer_append(out, " ", 1);
}

/* Packs SOURCE, whose path is a name in the directory. *RET, the caller's, has its entries. */
static struct error *pack(struct contents_source source, char **ret)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, source.path);
    struct contents contents = {.sources = &source, .source_count = 1, .clamp = 1};

    source.path = path;
    TRY(contents_write(&contents, (struct sink){append, &tar}));
    *ret = list_entries(&tar, describe);
    return NULL;
}

static void expect(struct contents_source source, const char *expected)
{
    CLEANUP(freep) char *listing = NULL;
    struct error *err = pack(source, &listing);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_string_equal(listing, expected);
}

/* The default: `chmod ug+w`, but g+w for nothing that would become unsafe. */
static void test_add_write(void **state)
{
    (void)state;
    run("mkdir a && cd a && touch b c d e f g h && mkdir s t && chmod 644 b && chmod 600 c && "
        "chmod 440 d && chmod 4755 e && chmod 2755 f && chmod 4555 g && chmod 0 h && chmod 1755 s "
        "&& "
        "chmod 555 t");
    expect((struct contents_source){.path = "a"},
           "664 0:0 b 620 0:0 c 640 0:0 d 4755 0:0 e 2755 0:0 f 4755 0:0 g 200 0:0 h "
           "1755 0:0 s/ 755 0:0 t/ ");
}

static void test_mode_is_kept(void **state)
{
    (void)state;
    run("mkdir a && cd a && touch b c && mkdir d && ln -s x l && chmod 440 b && chmod 6711 c && "
        "chmod 1777 d && tar -cf ../a.tar b c d l");
    expect((struct contents_source){.path = "a", .mode_rule = CONTENTS_MODE_KEEP},
           "440 0:0 b 6711 0:0 c 1777 0:0 d/ 777 0:0 l > x ");
    expect((struct contents_source){.path = "a.tar", .mode_rule = CONTENTS_MODE_KEEP},
           "440 0:0 b 6711 0:0 c 1777 0:0 d/ 777 0:0 l > x ");
}

static void test_mode_is_set(void **state)
{
    (void)state;
    run("mkdir a && cd a && touch b && chmod 6711 b && mkdir d && ln -s x l && ln b h");
    expect(
        (struct contents_source){
            .path = "a", .mode_rule = CONTENTS_MODE_SET, .mode = 0750, .uid = 7, .gid = 8},
        "750 7:8 b 750 7:8 d/ 750 7:8 h > b 777 7:8 l > x ");
}

static void test_owner_is_kept(void **state)
{
    CLEANUP(freep) char *host = xasprintf("640 %d:%d b ", (int)geteuid(), (int)getegid());

    (void)state;
    run("mkdir a && touch a/b && chmod 640 a/b && chgrp $(id -g) a/b && "
        "tar -C a --owner=name:12 --group=other:3000000 -cf a.tar b");
    expect((struct contents_source){.path = "a.tar",
                                    .keep_owner = true,
                                    .mode_rule = CONTENTS_MODE_KEEP},
           "640 12:3000000 b ");
    expect(
        (struct contents_source){.path = "a", .keep_owner = true, .mode_rule = CONTENTS_MODE_KEEP},
        host);
}

static void test_owner_out_of_range(void **state)
{
    CLEANUP(freep) char *listing = NULL;

    (void)state;
    run("python3 - <<'END'\n"
        "import tarfile\n"
        "info = tarfile.TarInfo('b')\n"
        "info.uid = 4294967295\n"
        "tarfile.open('a.tar', 'w', format=tarfile.PAX_FORMAT).addfile(info)\n"
        "END");
    CLEANUP(error_freep)
    struct error *err =
        pack((struct contents_source){.path = "a.tar", .keep_owner = true}, &listing);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, "4294967295:"));
}

/* A hard link's own header need not have the file's numbers; they are the data's. */
static void test_owner_of_hard_links_is_kept(void **state)
{
    (void)state;
    run("mkdir a && touch a/b && chmod 6640 a/b && ln a/b a/c && "
        "tar -C a --owner=x:7 --group=y:8 -cf a.tar b && "
        "tar -C a --owner=x:7 --group=y:8 -cf both.tar b c");
    /* The links' headers, changed: 0000 in place of the mode, user 9. */
    run("python3 - <<'END'\n"
        "import tarfile\n"
        "old = tarfile.open('both.tar')\n"
        "new = tarfile.open('changed.tar', 'w', format=tarfile.GNU_FORMAT)\n"
        "for info in old:\n"
        "    if info.islnk():\n"
        "        info.mode, info.uid, info.gid = 0, 9, 9\n"
        "    new.addfile(info, old.extractfile(info) if info.isreg() else None)\n"
        "new.close()\n"
        "END");
    expect((struct contents_source){.path = "changed.tar",
                                    .keep_owner = true,
                                    .mode_rule = CONTENTS_MODE_KEEP},
           "6640 7:8 b 6640 7:8 c > b ");
}

static void test_target(void **state)
{
    (void)state;
    run("mkdir -p a/d && touch a/d/f && chmod 644 a/d/f && ln a/d/f a/d/g && chmod 755 a/d && "
        "tar -C a --sort=name -cf a.tar d");
    expect((struct contents_source){.path = "a", .target = "srv/x", .uid = 7, .gid = 7},
           "755 0:0 srv/ 755 0:0 srv/x/ 775 7:7 srv/x/d/ 664 7:7 srv/x/d/f "
           "664 7:7 srv/x/d/g > srv/x/d/f ");
    expect((struct contents_source){.path = "a.tar", .target = "srv"},
           "755 0:0 srv/ 775 0:0 srv/d/ 664 0:0 srv/d/f 664 0:0 srv/d/g > srv/d/f ");
    expect(
        (struct contents_source){.path = "a/d/f", .target = "srv", .mode_rule = CONTENTS_MODE_KEEP},
        "755 0:0 srv/ 644 0:0 srv/f ");
}

static void test_exclude(void **state)
{
    char *items[] = {(char[]){"*.pyc"}, (char[]){"/d/e"}, NULL};
    const struct strings exclude = {items, 2, 2};

    (void)state;
    run("mkdir -p a/d/e a/e && touch a/x.pyc a/d/y.pyc a/d/e/z a/e/z a/d/w && chmod -R u=rwX,go= a "
        "&& "
        "tar -C a --sort=name -cf a.tar d e x.pyc");
    expect((struct contents_source){.path = "a",
                                    .filter = {.exclude = &exclude},
                                    .mode_rule = CONTENTS_MODE_KEEP},
           "700 0:0 d/ 600 0:0 d/w 700 0:0 e/ 600 0:0 e/z ");
    expect((struct contents_source){.path = "a.tar",
                                    .filter = {.exclude = &exclude},
                                    .mode_rule = CONTENTS_MODE_KEEP},
           "700 0:0 d/ 600 0:0 d/w 700 0:0 e/ 600 0:0 e/z ");
    expect((struct contents_source){.path = "a/x.pyc", .filter = {.exclude = &exclude}}, "");
}

/* What is left out is not in the layer, but other names of the file have its data. */
static void test_hard_links_to_what_is_excluded(void **state)
{
    char *items[] = {(char[]){"a"}, (char[]){"c"}, NULL};
    const struct strings exclude = {items, 2, 2};
    const struct contents_source source = {.path = "t.tar",
                                           .target = "t",
                                           .filter = {.exclude = &exclude},
                                           .mode_rule = CONTENTS_MODE_KEEP};

    (void)state;
    run("mkdir t && cd t && printf data > a && chmod 644 a && ln a b && ln a c && ln a d && "
        "tar --sort=name -cf ../t.tar a b c d");
    expect(source, "755 0:0 t/ 644 0:0 t/b = data 644 0:0 t/d > t/b ");
    run("cd t && tar -cf ../t.tar a c");
    expect(source, "");
    /* A link to a link that is left out. */
    run("cd t && rm c && ln -s x y && ln y c && ln y d2 && tar -cf ../t.tar y c d2");
    expect(source, "755 0:0 t/ 777 0:0 t/y > x 777 0:0 t/d2 > t/y ");
}

static int set_up(void **state)
{
    umask(022);
    return make_folder(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_add_write),
        TEST(test_mode_is_kept),
        TEST(test_mode_is_set),
        TEST(test_owner_is_kept),
        TEST(test_owner_out_of_range),
        TEST(test_owner_of_hard_links_is_kept),
        TEST(test_target),
        TEST(test_exclude),
        TEST(test_hard_links_to_what_is_excluded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
