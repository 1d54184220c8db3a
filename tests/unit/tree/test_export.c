/* Layers made block by block, merged by export, and read back as a list of lines. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/lib/memory.h"
#include "host/tar/charset.h"
#include "host/tree/export.h"
#include "tests/unit/folder.h"
#include "tests/unit/tar_blocks.h"

/* Writes LAYER, ended here, as layer NUMBER of IMAGE; frees it. */
static void add_layer(struct image *image, struct buffer *layer)
{
    char *path = xasprintf("%s/%zu", folder, image->layer_count);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    tar_blocks_end(layer);
    assert_int_equal(write(fd, layer->data, layer->length), layer->length);
    close(fd);
    image_add_layer(image, (struct layer){.tar_path = path, .size = layer->length});
    buffer_free(layer);
}

static void add_folder(struct buffer *layer, const char *name)
{
    tar_blocks_header(layer, (struct tar_block){.name = name, .type = '5', .mode = 0700});
}

static void add_file(struct buffer *layer, const char *name, const char *text)
{
    tar_blocks_header(layer, (struct tar_block){.name = name, .size = strlen(text), .mode = 0644});
    tar_blocks_data(layer, text, strlen(text));
}

static void add_link(struct buffer *layer, char type, const char *name, const char *target)
{
    tar_blocks_header(layer, (struct tar_block){.name = name, .link = target, .type = type});
}

static struct error *append(void *context, const void *bytes, size_t length)
{
    buffer_append(context, bytes, length);
    return NULL;
}

/* A line for an entry: "NAME", "NAME/ MODE", "NAME=TEXT", "NAME->TARGET", "NAME==FIRST". */
static void describe(struct archive *archive, struct archive_entry *entry, struct buffer *out)
{
    char text[64] = "";

    buffer_printf(out, "%s", archive_entry_pathname(entry));
    if (archive_entry_hardlink(entry) != NULL)
        buffer_printf(out, "==%s", archive_entry_hardlink(entry));
    else if (archive_entry_symlink(entry) != NULL)
        buffer_printf(out, "->%s", archive_entry_symlink(entry));
    else if (archive_entry_filetype(entry) == AE_IFDIR)
        buffer_printf(out, " %o", archive_entry_perm(entry));
    else if (archive_read_data(archive, text, sizeof text - 1) >= 0)
        buffer_printf(out, "=%s", text);
    buffer_printf(out, "\n");
}

/* Exports IMAGE, twice, and frees it. Returns the lines; the caller's. */
static char *export(struct image *image)
{
    struct buffer tar = {0};
    struct buffer again = {0};
    struct buffer lines = {0};
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;

    assert_null(export_write(image, (struct sink){append, &tar}));
    assert_null(export_write(image, (struct sink){append, &again}));
    assert_int_equal(tar.length, again.length);
    assert_memory_equal(tar.data, again.data, tar.length);
    charset_for_reading();
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_memory(archive, tar.data, tar.length), 0);
    while (archive_read_next_header(archive, &entry) != ARCHIVE_EOF)
        describe(archive, entry, &lines);
    archive_read_free(archive);
    charset_for_writing();
    buffer_free(&tar);
    buffer_free(&again);
    image_free(image);
    return buffer_steal(&lines);
}

static void expect(struct image *image, const char *lines)
{
    char *actual = export(image);

    assert_string_equal(actual, lines);
    free(actual);
}

static void expect_refusal(struct image *image, const char *words)
{
    struct buffer tar = {0};
    struct error *err = export_write(image, (struct sink){append, &tar});

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_non_null(strstr(err->message, words));
    error_free(err);
    buffer_free(&tar);
    image_free(image);
}

/* A sink that fails. */
static struct error *refuse(void *context, const void *bytes, size_t length)
{
    (void)context;
    (void)bytes;
    return error_new(EXIT_DISK_FULL, "no room for %zu bytes", length);
}

static struct image *new_image(void)
{
    return xcalloc(1, sizeof(struct image));
}

static void test_sorted_with_parents_first(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "b/late", "2");
    add_folder(&layer, "a-b/");
    add_file(&layer, "./a/x", "1");
    add_folder(&layer, "b/");
    add_layer(image, &layer);
    expect(image, "a/ 755\na/x=1\na-b/ 700\nb/ 700\nb/late=2\n");
}

static void test_whiteouts_remove_lower_layers_only(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_folder(&layer, "d");
    add_file(&layer, "d/gone", "");
    add_file(&layer, "d/stays", "1");
    add_file(&layer, "folder/in", "");
    add_layer(image, &layer);
    add_file(&layer, "d/new", "n");
    add_file(&layer, "d/.wh.new", "");
    add_file(&layer, "d/.wh.gone", "");
    add_file(&layer, "d/.wh.never", "");
    add_file(&layer, "nowhere/.wh.x", "");
    add_file(&layer, ".wh.folder", "");
    add_layer(image, &layer);
    expect(image, "d/ 700\nd/new=n\nd/stays=1\n");
}

static void test_opaque_wherever_it_stands(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "o/lower", "");
    add_file(&layer, "o/sub/lower", "");
    add_file(&layer, "o/old/lower", "");
    add_layer(image, &layer);
    add_file(&layer, "o/sub/upper", "u");
    add_file(&layer, "o/.wh..wh..opq", "");
    add_file(&layer, "o/last", "l");
    add_layer(image, &layer);
    expect(image, "o/ 755\no/last=l\no/sub/ 755\no/sub/upper=u\n");
}

/* What a layer has put below a symlink is its target's: the symlink itself is a lower layer's. And
 * a directory that stays for it has the metadata of none of the layers. */
static void test_whiteouts_of_links_that_were_followed(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_folder(&layer, "real");
    add_file(&layer, "real/old", "");
    add_folder(&layer, "real/deep");
    add_link(&layer, '2', "a", "real");
    add_link(&layer, '2', "b", "real");
    add_link(&layer, '2', "c", "made/here");
    add_layer(image, &layer);
    add_file(&layer, "a/new", "n");
    add_file(&layer, "b/new2", "n");
    add_file(&layer, "c/new", "n");
    add_file(&layer, "b/.wh..wh..opq", "");
    add_file(&layer, ".wh..wh..opq", "");
    add_layer(image, &layer);
    expect(image, "b/ 755\nmade/ 755\nmade/here/ 755\nmade/here/new=n\nreal/ 755\nreal/new=n\n"
                  "real/new2=n\n");
}

static void test_kinds_replace_one_another(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "was-folder/x", "");
    add_file(&layer, "was-file", "");
    add_link(&layer, '2', "was-link", "elsewhere");
    add_layer(image, &layer);
    add_file(&layer, "was-folder", "f");
    add_folder(&layer, "was-file");
    add_folder(&layer, "was-link");
    add_layer(image, &layer);
    expect(image, "was-file/ 700\nwas-folder=f\nwas-link/ 700\n");
}

static void test_hard_links(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "m", "data");
    add_link(&layer, '1', "z", "m");
    add_layer(image, &layer);
    add_link(&layer, '1', "a", "z"); /* to a lower layer's file */
    add_file(&layer, ".wh.m", "");
    add_layer(image, &layer);
    expect(image, "a=data\nz==a\n");
}

static void test_hard_link_outlives_its_target(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "target", "old");
    add_link(&layer, '1', "link", "target");
    add_layer(image, &layer);
    add_file(&layer, "target", "new");
    add_layer(image, &layer);
    expect(image, "link=old\ntarget=new\n");
}

static void test_paths_through_symlinks_stay_in_the_root(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_folder(&layer, "usr");
    add_link(&layer, '2', "lib", "../../usr");
    add_link(&layer, '2', "abs", "/usr");
    add_layer(image, &layer);
    add_file(&layer, "lib/one", "1");
    add_file(&layer, "abs/two", "2");
    add_file(&layer, "abs/.wh.one", "");
    add_layer(image, &layer);
    add_file(&layer, "lib/.wh.one", "");
    add_layer(image, &layer);
    expect(image, "abs->/usr\nlib->../../usr\nusr/ 700\nusr/two=2\n");
}

static void test_names_are_bytes(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    tar_blocks_extension(&layer, 'x', "10 path=\xff\n");
    add_file(&layer, "x", "pax");
    /* The same letter in Unicode's two forms. */
    tar_blocks_extension(&layer, 'x', "12 path=e\xcc\x81\n");
    add_file(&layer, "x", "decomposed");
    tar_blocks_extension(&layer, 'x', "11 path=\xc3\xa9\n");
    add_file(&layer, "x", "composed");
    tar_blocks_extension(&layer, 'x', "16 linkpath=e\xcc\x81\n");
    add_link(&layer, '2', "link", "x");
    add_file(&layer, "\xfe\n", "ustar");
    add_file(&layer, "\xc3\xa8", "utf-8");
    add_layer(image, &layer);
    expect(image, "e\xcc\x81=decomposed\nlink->e\xcc\x81\n\xc3\xa8=utf-8\n\xc3\xa9=composed\n"
                  "\xfe\n=ustar\n\xff=pax\n");
}

static void test_hostile_layers(void **state)
{
    static const struct {
        char type;
        const char *name, *link, *words;
    } entries[] = {
        {'0', "a/../../etc/passwd", NULL, "contains '..'"},
        {'0', "..", NULL, "contains '..'"},
        {'0', ".", NULL, "the root is not a directory"},
        {'0', ".wh.", NULL, "'.wh.' is not a whiteout of a name"},
        {'0', "d/.wh..", NULL, "'d/.wh..' is not a whiteout of a name"},
        {'0', "d/.wh...", NULL, "'d/.wh...' is not a whiteout of a name"},
        {'1', "x", "missing", "not a file"},
        {'1', "x", "../x", "contains '..'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct image *image = new_image();
        struct buffer layer = {0};

        add_link(&layer, entries[i].type, entries[i].name, entries[i].link);
        add_layer(image, &layer);
        expect_refusal(image, entries[i].words);
    }
}

/* Links of a layer that has no entries for its directories, as in .deb files on a merged /usr. */
static void test_hard_links_through_symlinks(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "usr/lib/old", "o");
    add_link(&layer, '2', "lib", "usr/lib");
    add_layer(image, &layer);
    add_file(&layer, "lib/f", "f");
    add_link(&layer, '1', "lib/h", "lib/f");
    add_link(&layer, '1', "usr/lib/g", "./lib/f");
    add_layer(image, &layer);
    expect(image, "lib->usr/lib\nusr/ 755\nusr/lib/ 755\nusr/lib/f=f\nusr/lib/g==usr/lib/f\n"
                  "usr/lib/h==usr/lib/f\nusr/lib/old=o\n");
}

/* What a layer names only through what is below it takes the place of a lower file. */
static void test_directories_without_entries_replace_files(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "a", "");
    add_file(&layer, "f", "f");
    add_link(&layer, '2', "link", "f");
    add_link(&layer, '2', "far", "link");
    add_link(&layer, '2', "dangling", "made/here");
    add_layer(image, &layer);
    add_file(&layer, "a/b", "b");
    add_file(&layer, "far/d", "d");
    add_file(&layer, "link/c", "c");
    add_file(&layer, "dangling/e", "e");
    add_file(&layer, "f/.wh.x", "");
    add_layer(image, &layer);
    expect(image, "a/ 755\na/b=b\ndangling->made/here\nf=f\nfar/ 755\nfar/d=d\nlink/ 755\n"
                  "link/c=c\nmade/ 755\nmade/here/ 755\nmade/here/e=e\n");
}

/* But not of one of the same layer. */
static void test_entries_below_a_file_are_refused(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "a", "");
    add_file(&layer, "a/b", "");
    add_layer(image, &layer);
    expect_refusal(image, "'a' is not a directory, but the layer has entries below it");
}

/* The symlink is what the layer replaces; what it leads to stays. */
static void test_opaque_does_not_follow_symlinks(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "real/x", "x");
    add_link(&layer, '2', "d", "real");
    add_link(&layer, '2', "e", "real");
    add_file(&layer, "file", "");
    add_layer(image, &layer);
    add_file(&layer, "d/.wh..wh..opq", "");
    add_folder(&layer, "d");
    add_file(&layer, "d/y", "y");
    add_file(&layer, "e/.wh..wh..opq", "");
    add_file(&layer, "e/z", "z");
    add_file(&layer, "file/.wh..wh..opq", "");
    add_file(&layer, "nowhere/.wh..wh..opq", "");
    add_layer(image, &layer);
    expect(image, "d/ 700\nd/y=y\ne/ 755\ne/z=z\nfile/ 755\nreal/ 755\nreal/x=x\n");
}

static void test_files_of_aufs(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, ".wh..wh.aufs", "");
    add_folder(&layer, "./.wh..wh.orph/");
    add_folder(&layer, ".wh..wh.plnk");
    add_file(&layer, ".wh..wh.plnk/77.1", "data");
    add_link(&layer, '1', "b", "./.wh..wh.plnk/77.1");
    add_link(&layer, '1', "a", "b");
    add_file(&layer, "d/.wh..wh.x", "");
    add_file(&layer, "d/.wh..wh.folder/x", "x");
    add_layer(image, &layer);
    add_file(&layer, "c", "c");
    add_layer(image, &layer);
    expect(image, "a=data\nb==a\nc=c\nd/ 755\nd/.wh..wh.folder/ 755\nd/.wh..wh.folder/x=x\n");
}

static void test_devices_of_overlayfs(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "d/x", "");
    add_file(&layer, "y/z", "");
    add_layer(image, &layer);
    tar_blocks_header(&layer, (struct tar_block){.name = "d/x", .type = '3'});
    tar_blocks_header(&layer, (struct tar_block){.name = "y", .type = '3'});
    tar_blocks_header(&layer, (struct tar_block){.name = "new", .type = '3'});
    tar_blocks_header(&layer, (struct tar_block){.name = "null", .type = '3', .major = 1});
    tar_blocks_header(&layer, (struct tar_block){.name = "block", .type = '4'});
    add_layer(image, &layer);
    expect(image, "block=\nd/ 755\nnull=\n");
}

static void test_symlink_loop_is_refused(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_link(&layer, '2', "a", "b");
    add_link(&layer, '2', "b", "a");
    add_file(&layer, "a/x", "");
    add_layer(image, &layer);
    expect_refusal(image, "symlinks");
}

static void test_absolute_names_lose_their_slash(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    add_file(&layer, "/etc/x", "1");
    add_layer(image, &layer);
    expect(image, "etc/ 755\netc/x=1\n");
}

/* The content is longer than what the archive keeps back. */
static void *export_deep_path(void *image)
{
    char *lines = export(image);

    assert_non_null(strstr(lines, "/a/a/a/f=deep\n"));
    free(lines);
    return NULL;
}

static void *refuse_deep_path(void *image)
{
    expect_refusal(image, "directories are nested more than 8192 deep");
    return NULL;
}

/* Applies a path of DEPTH directories, removes it, applies it again, and lets RUN do the rest. */
static void run_on_a_small_stack(int depth, void *(*run)(void *image))
{
    struct image *image = xcalloc(1, sizeof *image);
    struct buffer layer = {0}, records = {0}, path = {0};
    pthread_attr_t small;
    pthread_t thread;

    for (int i = 0; i < depth; i++)
        buffer_append(&path, "a/", 2);
    buffer_append(&path, "f", 1);
    buffer_printf(&records, "%zu path=%s\n", path.length + (depth < 5000 ? 11 : 12), path.data);
    tar_blocks_extension(&layer, 'x', records.data);
    add_file(&layer, "f", "deep");
    add_layer(image, &layer);
    add_file(&layer, "a/.wh..wh..opq", "");
    add_layer(image, &layer);
    tar_blocks_extension(&layer, 'x', records.data);
    add_file(&layer, "f", "deep");
    add_layer(image, &layer);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    assert_int_equal(pthread_create(&thread, &small, run, image), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
    buffer_free(&records);
    buffer_free(&path);
}

static void test_deep_paths_on_a_small_stack(void **state)
{
    (void)state;
    run_on_a_small_stack(4000, export_deep_path);
    run_on_a_small_stack(30000, refuse_deep_path);
}

/* The data of a file whose header is damaged is never taken for headers. */
static void test_damaged_header_is_refused(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0}, inner = {0};

    (void)state;
    add_file(&inner, "hidden", "x");
    add_file(&layer, "first", "x");
    tar_blocks_header(&layer, (struct tar_block){.name = "second", .size = inner.length});
    layer.data[layer.length - 512]++;
    buffer_append(&layer, inner.data, inner.length);
    add_layer(image, &layer);
    expect_refusal(image, "Damaged tar archive");
    buffer_free(&inner);
}

/* Without its extended header the file would have another name. */
static void test_malformed_extension_is_refused(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};

    (void)state;
    tar_blocks_extension(&layer, 'x', "99 path=name\n");
    add_file(&layer, "short", "x");
    add_layer(image, &layer);
    expect_refusal(image, "malformed pax");
}

static void test_sink_that_fails(void **state)
{
    struct image *image = new_image();
    struct buffer layer = {0};
    char *content = xcalloc((3u << 20) + 1, 1);

    (void)state;
    memset(content, 'c', 3u << 20);
    add_file(&layer, "f", content);
    add_layer(image, &layer);
    struct error *err = export_write(image, (struct sink){.write = refuse});

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    error_free(err);
    image_free(image);
    free(content);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_with_parents_first),
        cmocka_unit_test(test_whiteouts_remove_lower_layers_only),
        cmocka_unit_test(test_opaque_wherever_it_stands),
        cmocka_unit_test(test_whiteouts_of_links_that_were_followed),
        cmocka_unit_test(test_kinds_replace_one_another),
        cmocka_unit_test(test_hard_links),
        cmocka_unit_test(test_hard_link_outlives_its_target),
        cmocka_unit_test(test_paths_through_symlinks_stay_in_the_root),
        cmocka_unit_test(test_hard_links_through_symlinks),
        cmocka_unit_test(test_directories_without_entries_replace_files),
        cmocka_unit_test(test_entries_below_a_file_are_refused),
        cmocka_unit_test(test_opaque_does_not_follow_symlinks),
        cmocka_unit_test(test_files_of_aufs),
        cmocka_unit_test(test_devices_of_overlayfs),
        cmocka_unit_test(test_names_are_bytes),
        cmocka_unit_test(test_hostile_layers),
        cmocka_unit_test(test_symlink_loop_is_refused),
        cmocka_unit_test(test_absolute_names_lose_their_slash),
        cmocka_unit_test(test_deep_paths_on_a_small_stack),
        cmocka_unit_test(test_damaged_header_is_refused),
        cmocka_unit_test(test_malformed_extension_is_refused),
        cmocka_unit_test(test_sink_that_fails),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
