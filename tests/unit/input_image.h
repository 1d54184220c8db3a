/* Input images made for the tests, and what is expected of them once they are opened. */
#ifndef VMBUILD_TESTS_INPUT_IMAGE_H
#define VMBUILD_TESTS_INPUT_IMAGE_H

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/format/image_source.h"
#include "host/image/layer_tar.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/tar_blocks.h"

#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define LAYERS 2

static char folder[] = "/tmp/test_image.XXXXXX";
static struct store *store;

/* Two layers; the second is too large to be kept in memory. */
static struct buffer layers[LAYERS];
static struct digest diff_ids[LAYERS];

static inline void add_file(struct buffer *tar, const char *name, const char *bytes, size_t length)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .size = length, .mode = 0644});
    tar_blocks_data(tar, bytes, length);
}

static inline void add_text(struct buffer *tar, const char *name, const char *text)
{
    add_file(tar, name, text, strlen(text));
}

static inline void add_symlink(struct buffer *tar, const char *name, const char *target)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .link = target, .type = '2'});
}

static inline void make_layers(void)
{
    char *large = xcalloc(600000, 1);

    memset(large, 'x', 600000);
    add_text(&layers[0], "small", "a small file");
    add_file(&layers[1], "large", large, 600000);
    for (int i = 0; i < LAYERS; i++) {
        tar_blocks_end(&layers[i]);
        digest_of(layers[i].data, layers[i].length, &diff_ids[i]);
    }
    free(large);
}

/* Returns the config of an image of the layers FIRST and SECOND; the caller's. */
static inline char *make_config(int first, int second)
{
    return xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\"]},"
                     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\",\"sha256:%s\"]}}",
                     diff_ids[first].hex, diff_ids[second].hex);
}

static inline char *config_name(const char *config)
{
    struct digest digest;

    digest_of(config, strlen(config), &digest);
    return xasprintf("%s.json", digest.hex);
}

/* Returns an archive as `docker save` writes it, manifest.json last, with MANIFEST (or NULL for the
 * usual one). */
static inline struct buffer make_archive(const char *manifest)
{
    struct buffer tar = {0};
    char *config = make_config(0, 1);
    char *name = config_name(config);
    char *usual = xasprintf("[{\"Config\":\"%s\",\"RepoTags\":[\"some/name:1\"],"
                            "\"Layers\":[\"" ID_1 "/layer.tar\",\"" ID_2 "/layer.tar\"]}]",
                            name);

    add_file(&tar, ID_1 "/layer.tar", layers[0].data, layers[0].length);
    add_file(&tar, ID_2 "/layer.tar", layers[1].data, layers[1].length);
    add_text(&tar, name, config);
    add_text(&tar, "manifest.json", manifest != NULL ? manifest : usual);
    tar_blocks_end(&tar);
    free(usual);
    free(name);
    free(config);
    return tar;
}

/* Writes the file NAME in the test's directory; frees BYTES. */
static inline void write_file(const char *name, struct buffer *bytes)
{
    char *path = xasprintf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes->data, bytes->length), bytes->length);
    close(fd);
    free(path);
    buffer_free(bytes);
}

/* Returns BYTES compressed by libarchive's FILTER; frees them. */
static inline struct buffer compress(struct buffer *bytes, int filter)
{
    struct buffer out = {0};
    size_t capacity = bytes->length * 2 + (64 << 10);
    size_t used = 0;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();

    archive_write_add_filter(archive, filter);
    archive_write_set_format_raw(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(
        archive_write_open_memory(archive, buffer_reserve(&out, capacity), capacity, &used), 0);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), 0);
    assert_int_equal(archive_write_data(archive, bytes->data, bytes->length), bytes->length);
    assert_int_equal(archive_write_close(archive), 0);
    archive_write_free(archive);
    archive_entry_free(entry);
    out.length = used;
    buffer_free(bytes);
    return out;
}

/* Opens the image that REFERENCE_TEXT refers to; %s stands for the test's directory. */
static inline struct error *open_choice(const char *reference_text,
                                        const struct image_choice *choice, unsigned int forms,
                                        struct image **ret)
{
    struct reference reference;
    struct image_request request = {.choice = choice != NULL ? *choice : (struct image_choice){0},
                                    .forms = forms,
                                    .store = store};
    CLEANUP(buffer_free) struct buffer text = {0};
    const char *place = strstr(reference_text, "%s");

    buffer_append(&text, reference_text, (size_t)(place - reference_text));
    buffer_printf(&text, "%s%s", folder, place + 2);

    assert_null(reference_parse(text.data, &reference));
    struct error *err = image_open(&reference, &request, ret);

    reference_free(&reference);
    return err;
}

/* Checks that REFERENCE is the test image, complete. */
static inline void expect_image(const char *reference, unsigned int forms)
{
    struct image *image = NULL;
    struct error *err = open_choice(reference, NULL, forms, &image);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_int_equal(image->layer_count, LAYERS);
    for (int i = 0; i < LAYERS; i++) {
        struct buffer tar = {0};

        assert_string_equal(image->layers[i].diff_id.hex, diff_ids[i].hex);
        assert_int_equal(image->layers[i].size, layers[i].length);
        assert_null(layer_tar_need(&image->layers[i], store));
        assert_null(file_read(image->layers[i].tar_path, "layer", 1 << 20, EXIT_OTHER, &tar));
        assert_int_equal(tar.length, layers[i].length);
        assert_memory_equal(tar.data, layers[i].data, tar.length);
        buffer_free(&tar);
    }
    assert_string_equal(json_get_string(image->config, "os"), "linux");
    image_free(image);
}

/* Checks that opening fails with EXIT_INPUT and a message that contains WORDS. */
static inline void expect_refusal(const char *reference, const struct image_choice *choice,
                                  const char *words)
{
    struct image *image = NULL;
    struct error *err = open_choice(reference, choice, LAYER_TAR, &image);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' does not contain '%s'", err->message, words);
    error_free(err);
    assert_null(image);
}

static inline void write_archive(const char *name)
{
    struct buffer tar = make_archive(NULL);

    write_file(name, &tar);
}

static inline int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || temporary_setup() != NULL)
        return 1;
    char *cache = xasprintf("%s/cache", folder);
    struct error *err = store_open(cache, false, &store);

    free(cache);
    make_layers();
    return err != NULL;
}

static inline int tear_down(void **state)
{
    char *command = xasprintf("rm -rf '%s'", folder);

    (void)state;
    store_free(store);
    for (int i = 0; i < LAYERS; i++)
        buffer_free(&layers[i]);
    int status = system(command);

    free(command);
    return status;
}

#endif
