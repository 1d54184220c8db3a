/* Contents whose paths meet symlinks and files: the base image's, earlier sources', their own. */
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

/* An image below, and how often it was asked for. */
struct base {
    struct merged_tree *tree;
    unsigned int asked;
};

/* Applies to TREE an entry "d PATH", "f PATH" or "l PATH TARGET". */
static void apply(struct merged_tree *tree, const char *line)
{
    CLEANUP(archive_entry_freep) struct archive_entry *entry = xallocated(archive_entry_new());
    CLEANUP(freep) char *path = xstrdup(line + 2);
    char *space = strchr(path, ' ');

    if (space != NULL)
        *space = '\0';
    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, (*line == 'd'   ? AE_IFDIR
                                   : *line == 'l' ? AE_IFLNK
                                                  : AE_IFREG) |
                                      0755);
    if (*line == 'l')
        archive_entry_set_symlink(entry, space + 1);
    assert_null(merged_tree_apply(tree, 0, 0, entry));
}

/* Makes an image of LINES, which NULL ends. */
static void make_base(const char *const *lines, struct base *ret)
{
    *ret = (struct base){.tree = merged_tree_new()};
    for (; *lines != NULL; lines++)
        apply(ret->tree, *lines);
}

/* contents_base */
static struct error *get_base(void *context, const struct merged_tree **ret)
{
    struct base *base = context;

    base->asked++;
    *ret = base->tree;
    return NULL;
}

/* Appends ENTRY as "TYPE PATH[ > LINK] ". */
static void describe(struct archive *archive, struct archive_entry *entry, struct buffer *out)
{
    const char *hardlink = archive_entry_hardlink(entry);
    const char *symlink = archive_entry_symlink(entry);

    (void)archive;
    buffer_printf(out, "%c %s", type_letter(entry), archive_entry_pathname(entry));
    if (hardlink != NULL || symlink != NULL)
        buffer_printf(out, " > %s", hardlink != NULL ? hardlink : symlink);
    buffer_append(out, " ", 1);
}

/* Packs the sources SOURCES, names in the directory which NULL ends, over BASE (or NULL). *RET, the
 * caller's, has its entries. */
static struct error *pack(const char *const *sources, struct base *base, char **ret)
{
    CLEANUP(strings_free) struct strings paths = {0};
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct contents contents = {
        .base = base != NULL ? get_base : NULL, .base_context = base, .clamp = 1};

    for (; *sources != NULL; sources++)
        strings_take(&paths, xasprintf("%s/%s", folder, *sources));
    CLEANUP(freep)
    struct contents_source *items = make_sources(&paths, CONTENTS_MODE_ADD_WRITE);

    contents.sources = items;
    contents.source_count = paths.count;
    struct error *err = contents_write(&contents, (struct sink){append, &tar});

    *ret = err == NULL ? list_entries(&tar, describe) : NULL;
    return err;
}

#define SOURCES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* The paths over an image of the lines BASE are EXPECTED. */
static void expect(const char *const *base_lines, const char *const *sources, const char *expected)
{
    struct base base;
    CLEANUP(freep) char *listing = NULL;

    make_base(base_lines, &base);
    struct error *err = pack(sources, &base, &listing);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_string_equal(listing, expected);
    merged_tree_free(base.tree);
}

/* They are refused, and the message contains each of WORDS, which NULL ends. */
static void refused(const char *const *base_lines, const char *const *sources,
                    const char *const *words)
{
    struct base base;
    CLEANUP(freep) char *listing = NULL;

    make_base(base_lines, &base);
    CLEANUP(error_freep) struct error *err = pack(sources, &base, &listing);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    for (; *words != NULL; words++)
        if (strstr(err->message, *words) == NULL)
            fail_msg("'%s' does not contain '%s'", err->message, *words);
    merged_tree_free(base.tree);
}

/* A base with /usr merged. */
#define MERGED "d usr", "d usr/bin", "d usr/lib", "l bin usr/bin", "l lib usr/lib", "f usr/bin/sh"

static void test_merged_usr(void **state)
{
    (void)state;
    run("mkdir -p a/bin a/lib/x && touch a/bin/foo a/lib/x/y && tar -C a -cf a.tar bin/foo lib/x/y "
        "&& "
        "tar -C a -cf b.tar .");
    expect(SOURCES(MERGED), SOURCES("a"),
           "d usr/bin/ f usr/bin/foo d usr/lib/ d usr/lib/x/ "
           "f usr/lib/x/y ");
    expect(SOURCES(MERGED), SOURCES("a.tar"), "f usr/bin/foo d usr/lib/x/ f usr/lib/x/y ");
    run("tar -C a --sort=name -cf a.tar ./bin ./lib");
    expect(SOURCES(MERGED), SOURCES("a.tar"),
           "d usr/bin/ f usr/bin/foo d usr/lib/ d usr/lib/x/ "
           "f usr/lib/x/y ");
}

static void test_symlinks_of_all_forms(void **state)
{
    (void)state;
    run("mkdir -p a/s && touch a/s/f");
    expect(SOURCES("d t", "l s t"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s /t"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s //./t/."), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s t/../t/"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s ../../../t"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s /../t"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d t", "l s u", "l u /v", "l v t"), SOURCES("a"), "d t/ f t/f ");
    expect(SOURCES("d d", "d d/t", "l d/u ../d/t", "l s d/u"), SOURCES("a"), "d d/t/ f d/t/f ");
    expect(SOURCES("l s ."), SOURCES("a"), "f f ");
    expect(SOURCES("l s /"), SOURCES("a"), "f f ");
    expect(SOURCES("l s ../.."), SOURCES("a"), "f f ");
}

/* One symlink after another, in the middle of a path. */
static void test_path_through_several_symlinks(void **state)
{
    (void)state;
    run("mkdir -p a/x/y/z && touch a/x/y/z/f && tar -C a -cf a.tar x/y/z/f");
    expect(SOURCES("d r", "l x r", "d q", "l r/y ../q"), SOURCES("a"), "d r/ d q/ d q/z/ f q/z/f ");
    expect(SOURCES("d r", "l x r", "d q", "l r/y ../q"), SOURCES("a.tar"), "d q/z/ f q/z/f ");
}

/* What is not a directory takes the place of a symlink. */
static void test_others_replace_symlinks(void **state)
{
    (void)state;
    run("mkdir a && touch a/lib && ln -s other a/bin");
    expect(SOURCES(MERGED), SOURCES("a"), "l bin > other f lib ");
    expect(SOURCES("l lib nowhere"), SOURCES("a"), "l bin > other f lib ");
}

static void test_symlinks_of_earlier_sources(void **state)
{
    (void)state;
    run("mkdir -p a/t b/s && ln -s t a/s && touch b/s/f && mkdir -p c/u && ln -s u c/s");
    expect(SOURCES("d usr"), SOURCES("a", "b"), "l s > t d t/ f t/f ");
    /* The last one counts. */
    expect(SOURCES("d usr"), SOURCES("a", "c", "b"), "d t/ l s > u d u/ f u/f ");
    /* It leads to what only the base has. */
    run("mkdir d && ln -s usr/bin d/s");
    expect(SOURCES(MERGED), SOURCES("d", "b"), "l s > usr/bin d usr/bin/ f usr/bin/f ");
    /* A directory of an earlier source hides no symlink in it of the base. */
    run("mkdir -p e/d g/d/s && touch e/d/x g/d/s/f");
    expect(SOURCES("d d", "d t", "l d/s /t"), SOURCES("e", "g"), "f d/x d d/ d t/ f t/f ");
    /* A symlink in place of a directory hides what the base has in that. */
    run("mkdir h && ln -s t h/d");
    expect(SOURCES("d d", "d t", "l d/s /u"), SOURCES("h", "g"), "l d > t d t/ d t/s/ f t/s/f ");
}

/* A tarball goes through its own symlinks, as tar does, hard links to them included. */
static void test_symlinks_of_the_tarball_itself(void **state)
{
    (void)state;
    run("mkdir -p a/t b/s && ln -s t a/s && ln a/s a/h && touch b/s/f && ln b/s/f b/s/g && "
        "tar -C a --sort=name -cf a.tar t h s && tar -C b --sort=name -rf a.tar s/f s/g");
    expect(SOURCES("d usr"), SOURCES("a.tar"), "d t/ l h > t h s > h f t/f h t/g > t/f ");
    run("tar -C a --sort=name -cf a.tar t h s && tar -C b --transform 's,^s,h,' -rf a.tar s/f");
    expect(SOURCES("d usr"), SOURCES("a.tar"), "d t/ l h > t h s > h f t/f ");
    run("mv b/s b/h && tar -C a --sort=name -cf a.tar t h s && tar -C b --sort=name -rf a.tar h/f "
        "h/g");
    expect(SOURCES("d usr"), SOURCES("a.tar"), "d t/ l h > t h s > h f t/f h t/g > t/f ");
    /* What is appended replaces what came before. */
    run("mkdir -p c d/x && touch c/x d/x/y && tar -C c -cf c.tar x && tar -C d -rf c.tar x");
    expect(SOURCES("d usr"), SOURCES("c.tar"), "d x/ f x/y ");
}

static void test_hard_links_through_symlinks(void **state)
{
    (void)state;
    run("mkdir -p a/bin a/usr/bin && touch a/bin/f && ln a/bin/f a/usr/bin/g && "
        "tar -C a --sort=name -cf a.tar bin/f usr/bin/g && "
        "tar -C a --sort=name -cf b.tar bin usr");
    expect(SOURCES(MERGED), SOURCES("a.tar"), "f usr/bin/f h usr/bin/g > usr/bin/f ");
    expect(SOURCES(MERGED), SOURCES("a"), "f usr/bin/f d usr/ d usr/bin/ h usr/bin/g > usr/bin/f ");
    /* Two names for one path: the later one wins. */
    run("touch a/usr/bin/f");
    expect(SOURCES(MERGED), SOURCES("a"), "d usr/ d usr/bin/ f usr/bin/f f usr/bin/g ");
}

static void test_directory_over_something_else(void **state)
{
    (void)state;
    run("mkdir -p a/etc/x a/b && touch a/etc/x/y && tar -C a -cf a.tar etc/x/y && mkdir -p c/etc "
        "&& "
        "touch c/etc/x");
    refused(SOURCES("d etc", "f etc/x"), SOURCES("a"),
            SOURCES("'etc/x' of '", "/a'", "'/etc/x' of the base image is not a directory"));
    refused(SOURCES("d etc", "f etc/x"), SOURCES("a.tar"),
            SOURCES("'etc/x/y' of '", "'/etc/x' of"));
    refused(SOURCES("d etc"), SOURCES("c", "a"),
            SOURCES("'etc/x' of '", "'/etc/x' is not a directory"));
    refused(SOURCES("f etc"), SOURCES("a"), SOURCES("'etc' of '", "'/etc' of the base image"));
    /* Through symlinks. */
    refused(SOURCES("d r", "f r/x", "l etc r"), SOURCES("a"),
            SOURCES("'etc/x' of '", "'/r/x' of the"));
    refused(SOURCES("f r", "l etc s", "l s r"), SOURCES("a"),
            SOURCES("'etc' of '", "'/etc' of the base image is a symlink to 's', which is not a"));
    /* One source may have the same path twice, but not as two kinds. */
    run("mkdir -p d/lib d/usr/lib/x && touch d/lib/x");
    refused(SOURCES(MERGED), SOURCES("d"),
            SOURCES("'usr/lib/x' of '", "'/usr/lib/x' is not a directory"));
}

static void test_dangling_symlinks(void **state)
{
    (void)state;
    run("mkdir -p a/s && touch a/s/f && tar -C a -cf a.tar s/f && mkdir b && ln -s t b/s && "
        "mkdir c && ln -s ../s/x c/s");
    refused(
        SOURCES("l s t"), SOURCES("a"),
        SOURCES("'s' of '", "'/s' of the base image is a symlink to 't', which does not exist"));
    refused(SOURCES("l s t"), SOURCES("a.tar"), SOURCES("'s/f' of '", "'/s' of the base image"));
    refused(SOURCES("l s t", "l t u"), SOURCES("a"),
            SOURCES("'/s' of the base image is a symlink to 't'"));
    refused(SOURCES("l s t/.."), SOURCES("a"), SOURCES("to 't/..', which does not exist"));
    refused(SOURCES("d usr"), SOURCES("b", "a"), SOURCES("'s' of '", "'/s' is a symlink to 't'"));
    /* Loops. */
    refused(SOURCES("l s s"), SOURCES("a"),
            SOURCES("'s' of '", "'/s' of the base image", "40 symlinks"));
    refused(SOURCES("l s t", "l t s"), SOURCES("a"),
            SOURCES("'/s' of the base image", "40 symlinks"));
    refused(SOURCES("d usr"), SOURCES("c", "a"), SOURCES("'/s' leads", "40 symlinks"));
}

/* Packs the closure of the path NAME over an image of the lines BASE. The caller's. */
static char *pack_closure(const char *const *base_lines, const char *name)
{
    CLEANUP(strings_free) struct strings paths = {0};
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct base base;
    struct contents contents = {
        .closure = &paths, .base = get_base, .base_context = &base, .clamp = 1};

    strings_take(&paths, xasprintf("%s/%s", folder, name));
    make_base(base_lines, &base);
    assert_null(contents_write(&contents, (struct sink){append, &tar}));
    merged_tree_free(base.tree);
    return list_entries(&tar, describe);
}

/* What the base has where a symlink leads is left out, too. */
static void test_closure(void **state)
{
    CLEANUP(freep) char *has = xasprintf("f var/tmp/%s/a/f", folder + strlen("/tmp/"));
    CLEANUP(freep) char *top = xasprintf("d var/tmp/%s/", folder + strlen("/tmp/"));
    CLEANUP(freep)
    char *expected = xasprintf("%s f var/tmp/%s/a/g ", top, folder + strlen("/tmp/"));

    (void)state;
    run("mkdir a && touch a/f a/g");
    CLEANUP(freep)
    char *listing = pack_closure(SOURCES("d var", "d var/tmp", "l tmp var/tmp", has), "a");

    assert_string_equal(listing, expected + strlen(top) + 1);
    CLEANUP(freep) char *all = pack_closure(SOURCES("d var", "d var/tmp", "l tmp /var/tmp"), "a");

    assert_memory_equal(all, top, strlen(top));
}

/* A closure's paths lead through the symlinks of `contents`, which has precedence. */
static void test_closure_and_contents(void **state)
{
    CLEANUP(strings_free) struct strings closure = {0};
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *sources_path = xasprintf("%s/contents", folder);
    CLEANUP(freep) char *listing = NULL;
    struct contents_source source = {.path = sources_path};
    struct contents contents = {
        .sources = &source, .source_count = 1, .closure = &closure, .bare = true};

    (void)state;
    /* In contents /tmp/.../opt is a symlink to the root's srv, which has f and sub/h. */
    run("mkdir -p contents/srv/sub opt/sub && touch opt/f opt/g opt/sub/h && "
        "touch contents/srv/f contents/srv/sub/h && mkdir -p contents/$PWD && "
        "ln -s /srv contents/$PWD/opt");
    strings_take(&closure, xasprintf("%s/opt", folder));
    assert_null(contents_write(&contents, (struct sink){append, &tar}));
    listing = list_entries(&tar, describe);
    assert_memory_equal(listing, "f srv/g ", 8);
    assert_non_null(strstr(listing, " d srv/ f srv/f d srv/sub/ f srv/sub/h "));
    assert_non_null(strstr(listing, "/opt > /srv "));
    assert_null(strstr(listing, "/opt/"));
}

/* Merges the sources SOURCES, names in the directory which NULL ends, to "out". */
static struct error *extract(const char *const *sources)
{
    CLEANUP(strings_free) struct strings paths = {0};
    CLEANUP(freep) char *out = xasprintf("%s/out", folder);

    for (; *sources != NULL; sources++)
        strings_take(&paths, xasprintf("%s/%s", folder, *sources));
    CLEANUP(freep) struct contents_source *items = make_sources(&paths, CONTENTS_MODE_KEEP);
    struct contents contents = {.sources = items, .source_count = paths.count, .clamp = INT64_MAX};

    return contents_extract(&contents, out);
}

/* `merge` lays files through the symlinks of earlier sources, and never out of its directory. */
static void test_extract(void **state)
{
    (void)state;
    run("mkdir -p a/usr/bin b/bin b/up/in out in && ln -s usr/bin a/bin && ln -s ../../.. a/up && "
        "mkdir a/in && touch b/bin/f b/up/in/g");
    assert_null(extract(SOURCES("a", "b")));
    run("test -L out/bin && test -f out/usr/bin/f && test -L out/up && test -f out/in/g && "
        "! test -e in/g");
    run("mkdir -p c/usr/bin/f && rm -r out && mkdir out");
    CLEANUP(error_freep) struct error *err = extract(SOURCES("a", "b", "c"));

    assert_non_null(err);
    assert_non_null(strstr(err->message, "'usr/bin/f' of '"));
    assert_non_null(strstr(err->message, "'/usr/bin/f' is not a directory"));
}

/* The base is not read for what cannot meet a symlink. */
static void test_base_is_not_needed(void **state)
{
    struct base base;
    CLEANUP(freep) char *listing = NULL;

    (void)state;
    run("mkdir a && touch a/f && ln -s f a/g && touch h");
    make_base(SOURCES(MERGED), &base);
    assert_null(pack(SOURCES("a", "h"), &base, &listing));
    assert_string_equal(listing, "f f l g > f f h ");
    assert_int_equal(base.asked, 0);
    merged_tree_free(base.tree);
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
        TEST(test_merged_usr),
        TEST(test_symlinks_of_all_forms),
        TEST(test_path_through_several_symlinks),
        TEST(test_others_replace_symlinks),
        TEST(test_symlinks_of_earlier_sources),
        TEST(test_symlinks_of_the_tarball_itself),
        TEST(test_hard_links_through_symlinks),
        TEST(test_directory_over_something_else),
        TEST(test_dangling_symlinks),
        TEST(test_closure),
        TEST(test_closure_and_contents),
        TEST(test_extract),
        TEST(test_base_is_not_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
