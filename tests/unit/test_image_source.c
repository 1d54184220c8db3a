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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/cleanup.h"
#include "host/file.h"
#include "host/image_source.h"
#include "host/memory.h"
#include "host/temporary.h"
#include "tests/unit/tar_blocks.h"

#define ID_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_2 "2222222222222222222222222222222222222222222222222222222222222222"
#define LAYERS 2

static char folder[] = "/tmp/test_image_source.XXXXXX";
static struct store *store;

/* Two layers; the second is too large to be kept in memory. */
static struct buffer layers[LAYERS];
static struct digest diff_ids[LAYERS];

static void add_file(struct buffer *tar, const char *name, const char *bytes, size_t length)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .size = length, .mode = 0644});
    tar_blocks_data(tar, bytes, length);
}

static void add_text(struct buffer *tar, const char *name, const char *text)
{
    add_file(tar, name, text, strlen(text));
}

static void add_symlink(struct buffer *tar, const char *name, const char *target)
{
    tar_blocks_header(tar, (struct tar_block){.name = name, .link = target, .type = '2'});
}

static void make_layers(void)
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

/* The config of an image of layers FIRST and SECOND; the caller's. */
static char *make_config(int first, int second)
{
    return xasprintf("{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"A=b\"]},"
                     "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\",\"sha256:%s\"]}}",
                     diff_ids[first].hex, diff_ids[second].hex);
}

static char *config_name(const char *config)
{
    struct digest digest;

    digest_of(config, strlen(config), &digest);
    return xasprintf("%s.json", digest.hex);
}

/* An archive as `docker save` writes it, manifest.json last, with MANIFEST (or NULL for the usual
 * one). */
static struct buffer make_archive(const char *manifest)
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

/* Writes the file NAME in the test's folder; frees BYTES. */
static void write_file(const char *name, struct buffer *bytes)
{
    char *path = xasprintf("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes->data, bytes->length), bytes->length);
    close(fd);
    free(path);
    buffer_free(bytes);
}

/* BYTES compressed by libarchive's FILTER; frees them. */
static struct buffer compress(struct buffer *bytes, int filter)
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

/* Opens what REFERENCE_TEXT, in which %s stands for the test's folder, refers to. */
static struct error *open_choice(const char *reference_text, const struct image_choice *choice,
                                 unsigned int forms, struct image **ret)
{
    struct reference reference;
    CLEANUP(buffer_free) struct buffer text = {0};
    const char *place = strstr(reference_text, "%s");

    buffer_append(&text, reference_text, (size_t)(place - reference_text));
    buffer_printf(&text, "%s%s", folder, place + 2);

    assert_null(reference_parse(text.data, &reference));
    struct error *err = image_open(&reference, choice, forms, store, ret);

    reference_free(&reference);
    return err;
}

/* The test archive is as it should be. */
static void expect_image(const char *reference, unsigned int forms)
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
        assert_null(image_need_tar(&image->layers[i], store));
        assert_null(file_read(image->layers[i].tar_path, "layer", 1 << 20, EXIT_OTHER, &tar));
        assert_int_equal(tar.length, layers[i].length);
        assert_memory_equal(tar.data, layers[i].data, tar.length);
        buffer_free(&tar);
    }
    assert_string_equal(json_get_string(image->config, "os"), "linux");
    image_free(image);
}

/* Opening fails with EXIT_INPUT and a message that has WORDS. */
static void expect_refusal(const char *reference, const struct image_choice *choice,
                           const char *words)
{
    struct image *image = NULL;
    struct error *err = open_choice(reference, choice, LAYER_TAR, &image);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    if (strstr(err->message, words) == NULL)
        fail_msg("'%s' has no '%s'", err->message, words);
    error_free(err);
    assert_null(image);
}

static void write_archive(const char *name)
{
    struct buffer tar = make_archive(NULL);

    write_file(name, &tar);
}

static void test_docker_archive(void **state)
{
    (void)state;
    write_archive("a.tar");
    expect_image("%s/a.tar", LAYER_TAR);
    expect_image("docker-archive:%s/a.tar", LAYER_TAR | LAYER_BLOB);
    expect_image("docker-archive:%s/a.tar:some/name:1", LAYER_TAR);
}

static void test_compressed_as_a_whole(void **state)
{
    static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD,
                                  ARCHIVE_FILTER_BZIP2};

    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct buffer tar = make_archive(NULL);
        struct buffer compressed = compress(&tar, filters[i]);

        write_file("c.tar", &compressed);
        expect_image("%s/c.tar", LAYER_TAR);
        store_drop(store, STORE_BLOB, diff_ids[0].hex);
        store_drop(store, STORE_BLOB, diff_ids[1].hex);
    }
}

/* A compressed archive is read once: a document that is too large for memory is kept elsewhere,
 * also where nothing is wanted of the layers. */
static void test_large_document_in_a_compressed_archive(void **state)
{
    char *config = make_config(0, 1);
    char *name = config_name(config);
    char *manifest = xasprintf("%1000000s[{\"Config\":\"%s\",\"RepoTags\":null,"
                               "\"Layers\":[\"" ID_1 "/layer.tar\",\"" ID_2 "/layer.tar\"]}]",
                               "", name);
    struct buffer tar = make_archive(manifest);
    struct buffer packed = compress(&tar, ARCHIVE_FILTER_GZIP);
    struct image *image = NULL;

    (void)state;
    write_file("large-document.tar.gz", &packed);
    struct error *err = open_choice("%s/large-document.tar.gz", NULL, 0, &image);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_int_equal(image->layer_count, LAYERS);
    for (int i = 0; i < LAYERS; i++)
        assert_null(image->layers[i].tar_path);
    image_free(image);
    free(manifest);
    free(name);
    free(config);
}

static void test_names_choose(void **state)
{
    struct image *image = NULL;

    (void)state;
    write_archive("n.tar");
    assert_null(open_choice("%s/n.tar",
                            &(struct image_choice){.name = "docker.io/some/name", .tag = "1"},
                            LAYER_TAR, &image));
    assert_string_equal(image->name, "some/name");
    assert_string_equal(image->tag, "1");
    image_free(image);
    expect_refusal("%s/n.tar", &(struct image_choice){.name = "some/name", .tag = "2"},
                   "it holds some/name:1");
    expect_refusal("docker-archive:%s/n.tar:other", NULL, "find image 'other");
}

/* `docker save` of 2020 has symlinks for layers that it has already written. */
static void test_linked_layers(void **state)
{
    struct buffer tar = {0};
    char *config = make_config(0, 0);
    char *name = config_name(config);
    char *manifest = xasprintf("[{\"Config\":\"%s\",\"RepoTags\":null,\"Layers\":[\"" ID_1
                               "/layer.tar\",\"" ID_2 "/layer.tar\"]}]",
                               name);
    struct image *image = NULL;

    (void)state;
    add_symlink(&tar, ID_1 "/layer.tar", "../" ID_2 "/layer.tar");
    add_file(&tar, "./" ID_2 "/layer.tar", layers[0].data, layers[0].length);
    add_text(&tar, name, config);
    add_text(&tar, "manifest.json", manifest);
    tar_blocks_end(&tar);
    write_file("l.tar", &tar);
    assert_null(open_choice("%s/l.tar", NULL, LAYER_TAR, &image));
    assert_int_equal(image->layer_count, 2);
    assert_string_equal(image->layers[1].tar_path, image->layers[0].tar_path);
    image_free(image);
    free(manifest);
    free(name);
    free(config);
}

static struct buffer make_chain(const char *parent_of_1)
{
    struct buffer tar = {0};
    char *base =
        xasprintf("{\"id\":\"" ID_1 "\"%s%s%s}", parent_of_1 != NULL ? ",\"parent\":\"" : "",
                  parent_of_1 != NULL ? parent_of_1 : "", parent_of_1 != NULL ? "\"" : "");

    add_text(&tar, ID_2 "/json",
             "{\"id\":\"" ID_2 "\",\"parent\":\"" ID_1 "\",\"os\":\"linux\","
             "\"architecture\":\"arm64\",\"created\":\"2016-04-01T00:00:00Z\","
             "\"config\":{\"Cmd\":[\"/top\"]},\"container_config\":{\"Cmd\":[\"a\",\"b\"]}}");
    add_file(&tar, ID_2 "/layer.tar", layers[1].data, layers[1].length);
    add_text(&tar, ID_1 "/json", base);
    add_file(&tar, ID_1 "/layer.tar", layers[0].data, layers[0].length);
    add_text(&tar, "repositories", "{\"old\":{\"latest\":\"" ID_2 "\"}}");
    tar_blocks_end(&tar);
    free(base);
    return tar;
}

static void test_repositories_and_parents(void **state)
{
    struct buffer tar = make_chain(NULL);
    struct image *image = NULL;

    (void)state;
    write_file("r.tar", &tar);
    expect_image("%s/r.tar", LAYER_TAR);
    assert_null(open_choice("%s/r.tar", NULL, LAYER_TAR, &image));
    assert_string_equal(image->name, "old");
    assert_string_equal(json_get_string(image->config, "architecture"), "arm64");
    const struct json *history = json_get(image->config, "history");

    assert_int_equal(history->count, 2);
    assert_string_equal(json_get_string(history->items[1], "created_by"), "a b");
    image_free(image);
    tar = make_chain(ID_2);
    write_file("r2.tar", &tar);
    expect_refusal("%s/r2.tar", NULL, "the chain of parents");
}

static void test_damage_is_found(void **state)
{
    struct buffer tar = make_archive(NULL);

    (void)state;
    tar.data[tar.length - 100000] ^= 1; /* in the second layer */
    write_file("d.tar", &tar);
    expect_refusal("%s/d.tar", NULL, "damaged");
    tar = make_archive(NULL);
    struct buffer zipped;

    tar.data[tar.length - 100000] ^= 1;
    zipped = compress(&tar, ARCHIVE_FILTER_GZIP);
    write_file("d.tar", &zipped);
    expect_refusal("%s/d.tar", NULL, "damaged");
    tar = make_archive(NULL);
    char *config = memmem(tar.data, tar.length, "A=b", 3);

    config[0] = 'B';
    write_file("d.tar", &tar);
    expect_refusal("%s/d.tar", NULL, "damaged");
}

static void test_truncation_is_found(void **state)
{
    struct buffer tar = make_archive(NULL);
    struct buffer zipped;

    (void)state;
    tar.length -= 300000;
    write_file("t.tar", &tar);
    expect_refusal("%s/t.tar", NULL, "runcated");
    tar = make_archive(NULL);
    zipped = compress(&tar, ARCHIVE_FILTER_GZIP);
    zipped.length -= 20;
    write_file("t.tar", &zipped);
    expect_refusal("%s/t.tar", NULL, "truncated");
}

static void test_what_is_no_image(void **state)
{
    struct buffer bytes = {0};

    (void)state;
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "not recognised as a tar");
    buffer_printf(&bytes, "%2000s", "text");
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "not recognised as a tar");
    add_text(&bytes, "etc/passwd", "root");
    tar_blocks_end(&bytes);
    write_file("e.tar", &bytes);
    expect_refusal("%s/e.tar", NULL, "no manifest.json");
    expect_refusal("%s/none.tar", NULL, "No such file");
    expect_refusal("%s", NULL, "no index.json");
    write_archive("e.tar");
    expect_refusal("oci-archive:%s/e.tar", NULL, "asked for");
    expect_refusal("oci:%s/e.tar", NULL, "no folder");
}

static void test_hostile_manifests(void **state)
{
    static const char *const layers_lists[][2] = {
        {"[\"../../etc/passwd\",\"" ID_2 "/layer.tar\"]", "no plain relative path"},
        {"[\"/etc/passwd\",\"" ID_2 "/layer.tar\"]", "no plain relative path"},
        {"[\"a//b\",\"" ID_2 "/layer.tar\"]", "no plain relative path"},
        {"[\"a\\nb\",\"" ID_2 "/layer.tar\"]", "no plain relative path"},
        {"[\"\",\"" ID_2 "/layer.tar\"]", "no plain relative path"},
        {"[1,2]", "names no file"},
        {"[\"" ID_1 "/layer.tar\"]", "lists 1 layers"},
        {"[\"missing\",\"" ID_2 "/layer.tar\"]", "'missing' is not in it"},
        {"{}", "lists 0 layers"},
        {"[\"" ID_2 "/layer.tar\",\"" ID_1 "/layer.tar\"]", "damaged"},
    };
    char *config = make_config(0, 1);
    char *name = config_name(config);

    (void)state;
    for (size_t i = 0; i < sizeof layers_lists / sizeof *layers_lists; i++) {
        char *manifest = xasprintf("[{\"Config\":\"%s\",\"Layers\":%s}]", name, layers_lists[i][0]);
        struct buffer tar = make_archive(manifest);

        write_file("h.tar", &tar);
        expect_refusal("%s/h.tar", NULL, layers_lists[i][1]);
        free(manifest);
    }
    static const char *const manifests[][2] = {
        {"[]", "lists no images"},
        {"{}", "lists no images"},
        {"[1]", "no object"},
        {"[{\"Layers\":[]}]", "names no file as a config"},
        {"[{\"Config\":\"..\"}]", "no plain"},
        {"[", "line 1"},
    };

    for (size_t i = 0; i < sizeof manifests / sizeof *manifests; i++) {
        struct buffer tar = make_archive(manifests[i][0]);

        write_file("h.tar", &tar);
        expect_refusal("%s/h.tar", NULL, manifests[i][1]);
    }
    free(name);
    free(config);
}

static void test_links_that_lead_nowhere(void **state)
{
    struct buffer tar = {0};

    (void)state;
    add_symlink(&tar, "manifest.json", "manifest.json");
    add_symlink(&tar, "index.json", "/etc/passwd");
    add_symlink(&tar, "repositories", "../../etc/passwd");
    tar_blocks_end(&tar);
    write_file("w.tar", &tar);
    expect_refusal("%s/w.tar", NULL, "no manifest.json");
}

static void test_foreign_layer_is_refused(void **state)
{
    char *config = make_config(0, 1);
    char *name = config_name(config);
    char *manifest = xasprintf(
        "[{\"Config\":\"%s\",\"Layers\":[\"x\",\"y\"],\"LayerSources\":{\"sha256:%s\":"
        "{\"mediaType\":\"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip\"}}}]",
        name, diff_ids[0].hex);
    struct buffer tar = make_archive(manifest);

    (void)state;
    write_file("f.tar", &tar);
    expect_refusal("%s/f.tar", NULL, "foreign");
    free(manifest);
    free(name);
    free(config);
}

/* A blob in the OCI folder; returns its descriptor, the caller's. */
static char *write_blob(struct buffer *bytes, const char *type)
{
    struct digest digest;
    size_t length = bytes->length;

    digest_of(bytes->data, length, &digest);
    char *path = xasprintf("oci/blobs/sha256/%s", digest.hex);

    write_file(path, bytes);
    free(path);
    return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu}", type,
                     digest.hex, length);
}

/* Writes an OCI folder, its second layer compressed, of TYPE. */
static void write_oci(const char *type)
{
    struct buffer copies[LAYERS] = {{0}};
    struct buffer text = {0};
    char *command = xasprintf("mkdir -p '%s/oci/blobs/sha256'", folder);
    char *config = make_config(0, 1);

    assert_int_equal(system(command), 0);
    for (int i = 0; i < LAYERS; i++)
        buffer_append(&copies[i], layers[i].data, layers[i].length);
    struct buffer zipped = compress(&copies[1], ARCHIVE_FILTER_GZIP);
    char *plain = write_blob(&copies[0], "application/vnd.oci.image.layer.v1.tar");
    char *second = write_blob(&zipped, type);

    buffer_append(&text, config, strlen(config));
    char *config_blob = write_blob(&text, "application/vnd.oci.image.config.v1+json");

    buffer_printf(&text, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[%s,%s]}", config_blob,
                  plain, second);
    char *manifest = write_blob(&text, "application/vnd.oci.image.manifest.v1+json");

    manifest[strlen(manifest) - 1] = '\0';
    buffer_printf(&text,
                  "{\"schemaVersion\":2,\"manifests\":[%s,\"annotations\":"
                  "{\"org.opencontainers.image.ref.name\":\"v1\"}}]}",
                  manifest);
    write_file("oci/index.json", &text);
    free(manifest);
    free(config_blob);
    free(second);
    free(plain);
    free(config);
    free(command);
}

static void test_oci_folder(void **state)
{
    struct image *image = NULL;

    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip");
    expect_image("%s/oci", LAYER_TAR);
    expect_image("oci:%s/oci:v1", LAYER_BLOB);
    assert_null(open_choice("oci:%s/oci", NULL, LAYER_BLOB, &image));
    assert_string_equal(image->tag, "v1");
    assert_int_equal(image->layers[0].blob.compression, COMPRESSION_NONE);
    assert_non_null(image->layers[0].blob.path);
    assert_int_equal(image->layers[1].blob.compression, COMPRESSION_GZIP);
    assert_non_null(image->layers[1].blob.path);
    assert_true(image->manifest.length > 0);
    image_free(image);
    expect_refusal("oci:%s/oci:v2", NULL, "it holds v1");
}

static void test_oci_encrypted_layer_is_refused(void **state)
{
    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
    expect_refusal("%s/oci", NULL, "encrypted");
}

static void test_oci_damage_is_found(void **state)
{
    (void)state;
    write_oci("application/vnd.oci.image.layer.v1.tar+gzip");
    char *command =
        xasprintf("cd '%s/oci/blobs/sha256' && for f in *; do printf '\\n' >> $f; done", folder);

    assert_int_equal(system(command), 0);
    expect_refusal("%s/oci", NULL, "damaged");
    free(command);
}

static int set_up(void **state)
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

static int tear_down(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_archive),
        cmocka_unit_test(test_compressed_as_a_whole),
        cmocka_unit_test(test_large_document_in_a_compressed_archive),
        cmocka_unit_test(test_names_choose),
        cmocka_unit_test(test_linked_layers),
        cmocka_unit_test(test_repositories_and_parents),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_truncation_is_found),
        cmocka_unit_test(test_what_is_no_image),
        cmocka_unit_test(test_hostile_manifests),
        cmocka_unit_test(test_links_that_lead_nowhere),
        cmocka_unit_test(test_foreign_layer_is_refused),
        cmocka_unit_test(test_oci_folder),
        cmocka_unit_test(test_oci_encrypted_layer_is_refused),
        cmocka_unit_test(test_oci_damage_is_found),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
