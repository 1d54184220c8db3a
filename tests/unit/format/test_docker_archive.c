/* Archives as `docker save` writes them, current ones and those of 2016: complete, damaged and
 * hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "tests/unit/input_image.h"

static void test_docker_archive(void **state)
{
    (void)state;
    write_archive("a.tar");
    expect_image("%s/a.tar", LAYER_TAR);
    expect_image("docker-archive:%s/a.tar", LAYER_TAR | LAYER_BLOB);
    expect_image("docker-archive:%s/a.tar:some/name:1", LAYER_TAR);
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
                   "it contains some/name:1");
    expect_refusal("docker-archive:%s/n.tar:other", NULL, "find image 'other");
}

/* `docker save` of 2020 writes symlinks for layers that it has already written. */
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

static void test_one_file_as_two_layers(void **state)
{
    static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP};
    CLEANUP(freep) char *config = make_config(1, 0);
    CLEANUP(freep) char *name = config_name(config);
    CLEANUP(freep)
    char *manifest = xasprintf(
        "[{\"Config\":\"%s\",\"Layers\":[\"" ID_2 "/layer.tar\",\"" ID_2 "/layer.tar\"]}]", name);

    (void)state;
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct buffer tar = {0};

        add_file(&tar, ID_2 "/layer.tar", layers[1].data, layers[1].length);
        add_text(&tar, name, config);
        add_text(&tar, "manifest.json", manifest);
        tar_blocks_end(&tar);
        struct buffer file = compress(&tar, filters[i]);

        write_file("two.tar", &file);
        /* What is not seekable is read once. */
        expect_refusal("%s/two.tar", NULL,
                       filters[i] == ARCHIVE_FILTER_NONE ? "damaged"
                                                         : "is listed as two different layers");
    }
}

static void test_documents_that_are_too_large(void **state)
{
    static char text[JSON_SIZE_MAX + 2];
    struct buffer tar = {0};

    (void)state;
    memset(text, ' ', sizeof text - 1);
    add_text(&tar, "manifest.json", text);
    tar_blocks_end(&tar);
    write_file("large.tar", &tar);
    expect_refusal("%s/large.tar", NULL, "'manifest.json' is larger than");
}

static void test_hostile_chains(void **state)
{
    static const struct {
        const char *repositories, *document, *words;
    } chains[] = {
        {"{}", "{}", "it lists no images"},
        {"[]", "{}", "it lists no images"},
        {"{\"old\":{}}", "{}", "it lists no images"},
        {"{\"old\":{\"latest\":1}}", "{}", "it contains old:latest"},
        {"{\"old\":{\"latest\":\"../../etc\"}}", "{}", "'../../etc' is not a layer ID"},
        {"{\"old\":{\"latest\":\"" ID_2 "\"}}", "{}", "'" ID_2 "/json' is missing"},
        {"{\"old\":{\"latest\":\"" ID_1 "\"}}", "[]", ID_1 "/json': not a JSON object"},
        {"{\"old\":{\"latest\":\"" ID_1 "\"}}", "{\"parent\":\"x\"}", "'x' is not a layer ID"},
        {"{\"old\":{\"latest\":\"" ID_1 "\"}}", "{}", "'" ID_1 "/layer.tar' is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct buffer tar = {0};

        add_text(&tar, ID_1 "/json", chains[i].document);
        add_text(&tar, "repositories", chains[i].repositories);
        tar_blocks_end(&tar);
        write_file("hc.tar", &tar);
        expect_refusal("%s/hc.tar", NULL, chains[i].words);
    }
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

static void test_hostile_manifests(void **state)
{
    static const char *const layers_lists[][2] = {
        {"[\"../../etc/passwd\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[\"/etc/passwd\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[\"a//b\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[\"a\\nb\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[\".\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[\"\",\"" ID_2 "/layer.tar\"]", "not a plain relative path"},
        {"[1,2]", "missing or not a string"},
        {"[\"" ID_1 "/layer.tar\"]", "lists 1 layers"},
        {"[\"missing\",\"" ID_2 "/layer.tar\"]", "'missing' is missing"},
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
        {"[1]", "an image is not an object"},
        {"[{\"Layers\":[]}]", "the name of the config is missing"},
        {"[{\"Config\":\"..\"}]", "not a plain"},
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

static void expect_architecture(const char *reference, const char *required, const char *expected)
{
    struct image *image = NULL;
    struct error *err =
        open_choice(reference, &(struct image_choice){.architecture = required}, LAYER_TAR, &image);

    if (err != NULL)
        fail_msg("%s", err->message);
    assert_string_equal(json_get_string(image->config, "architecture"), expected);
    image_free(image);
}

static void test_a_required_platform(void **state)
{
    struct buffer chain = make_chain(NULL);

    (void)state;
    write_archive("p.tar");
    expect_architecture("%s/p.tar", "amd64", "amd64");
    expect_architecture("docker-archive:%s/p.tar", "linux/x86_64", "amd64");
    expect_refusal("%s/p.tar", &(struct image_choice){.architecture = "arm64"},
                   "none for linux/arm64, only for linux/amd64");
    write_file("p2.tar", &chain);
    expect_architecture("%s/p2.tar", "aarch64", "arm64");
    expect_architecture("%s/p2.tar", NULL, "arm64");
    expect_refusal("%s/p2.tar", &(struct image_choice){.architecture = "amd64"},
                   "none for linux/amd64, only for linux/arm64");
}

static void test_a_position_chooses(void **state)
{
    struct image *image = NULL;

    (void)state;
    write_archive("i.tar");
    assert_null(open_choice("docker-archive:%s/i.tar:@0", NULL, LAYER_TAR, &image));
    assert_string_equal(image->name, "some/name");
    image_free(image);
    expect_refusal("docker-archive:%s/i.tar:@1", NULL, "it contains 1 image");
    struct buffer chain = make_chain(NULL);

    write_file("c.tar", &chain);
    assert_null(open_choice("docker-archive:%s/c.tar:@0", NULL, LAYER_TAR, &image));
    assert_string_equal(image->name, "old");
    image_free(image);
    expect_refusal("docker-archive:%s/c.tar:@1", NULL, "find image '@1'");
}

/* As many configs as manifest.json lists would be read to find one for a platform. */
static void test_countless_images(void **state)
{
    struct buffer manifest = {0};
    char *config = make_config(0, 1);
    char *name = config_name(config);

    (void)state;
    for (int i = 0; i < 1001; i++)
        buffer_printf(&manifest, "%s{\"Config\":\"%s\",\"RepoTags\":[\"a:b\"]}", i > 0 ? "," : "[",
                      name);
    buffer_printf(&manifest, "]");
    struct buffer tar = make_archive(manifest.data);

    write_file("m.tar", &tar);
    expect_refusal("%s/m.tar", &(struct image_choice){.architecture = "arm64"},
                   "more than 1000 images to choose from");
    buffer_free(&manifest);
    free(name);
    free(config);
}

/* A chain of parents in a circle, of documents as large as one may be. */
static void test_large_documents_of_layers(void **state)
{
    static char comment[3 << 20];
    struct buffer tar = {0};

    (void)state;
    memset(comment, 'x', sizeof comment - 1);
    char *document = xasprintf("{\"parent\":\"" ID_1 "\",\"comment\":\"%s\"}", comment);

    add_text(&tar, ID_1 "/json", document);
    add_text(&tar, "repositories", "{\"old\":{\"latest\":\"" ID_1 "\"}}");
    tar_blocks_end(&tar);
    write_file("g.tar", &tar);
    expect_refusal("%s/g.tar", NULL, "the layers' documents are larger than 4194304 bytes");
    free(document);
}

/* Of names in manifest.json, "." parts mean nothing. */
static void test_dots_in_names(void **state)
{
    char *config = make_config(0, 1);
    char *name = config_name(config);
    char *manifest = xasprintf("[{\"config\":\"./%s\",\"layers\":[\"./" ID_1
                               "/./layer.tar\",\"" ID_2 "/layer.tar\"]}]",
                               name);
    struct buffer tar = make_archive(manifest);

    (void)state;
    write_file("dots.tar", &tar);
    expect_image("%s/dots.tar", LAYER_TAR);
    free(manifest);
    free(name);
    free(config);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_archive),
        cmocka_unit_test(test_names_choose),
        cmocka_unit_test(test_linked_layers),
        cmocka_unit_test(test_repositories_and_parents),
        cmocka_unit_test(test_hostile_chains),
        cmocka_unit_test(test_one_file_as_two_layers),
        cmocka_unit_test(test_documents_that_are_too_large),
        cmocka_unit_test(test_damage_is_found),
        cmocka_unit_test(test_truncation_is_found),
        cmocka_unit_test(test_hostile_manifests),
        cmocka_unit_test(test_foreign_layer_is_refused),
        cmocka_unit_test(test_a_required_platform),
        cmocka_unit_test(test_a_position_chooses),
        cmocka_unit_test(test_dots_in_names),
        cmocka_unit_test(test_countless_images),
        cmocka_unit_test(test_large_documents_of_layers),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
