/* Outputs of every format, written from a base layer in the store and a new layer, and read back
 * with libarchive. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "host/format/image_source.h"
#include "host/format/output.h"
#include "host/image/image_config.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/temporary.h"
#include "tests/unit/tar_blocks.h"

#define FILES_MAX 32

/* A file of an output. */
struct part {
    char *name;
    struct buffer bytes;
};

struct parts {
    struct part items[FILES_MAX];
    size_t count;
};

struct fixture {
    char folder[32];
    struct store *store;
};

static int setup_group(void **state)
{
    (void)state;
    assert_null(temporary_setup());
    return 0;
}

static int teardown_group(void **state)
{
    (void)state;
    temporary_remove_all();
    return 0;
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    strcpy(fixture->folder, "/tmp/vmbuild-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    assert_null(store_open(NULL, true, &fixture->store));
    *state = fixture;
    return 0;
}

static void remove_all(const char *path)
{
    CLEANUP(freep) char *command = xasprintf("rm -rf '%s'", path);

    assert_int_equal(system(command), 0);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    store_free(fixture->store);
    remove_all(fixture->folder);
    free(fixture);
    return 0;
}

static char *in_folder(const struct fixture *fixture, const char *name)
{
    return xasprintf("%s/%s", fixture->folder, name);
}

static void make_tar(const char *text, struct buffer *tar)
{
    tar_blocks_header(tar, (struct tar_block){.name = "f", .mode = 0644, .size = strlen(text)});
    tar_blocks_data(tar, text, strlen(text));
    tar_blocks_end(tar);
}

/* A layer as it comes from a base image: its tar is in the store. */
static struct layer base_layer(struct fixture *fixture, const char *text)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    CLEANUP(freep) char *path = NULL;
    CLEANUP(closep) int fd = -1;
    struct layer layer = {0};

    make_tar(text, &tar);
    digest_of(tar.data, tar.length, &layer.diff_id);
    layer.size = tar.length;
    assert_null(store_temporary(fixture->store, &path, &fd));
    assert_int_equal(write(fd, tar.data, tar.length), tar.length);
    assert_null(
        store_publish(fixture->store, STORE_BLOB, layer.diff_id.hex, path, &layer.tar_path));
    return layer;
}

static struct layer new_layer(struct fixture *fixture, const struct output *output,
                              const char *text)
{
    CLEANUP(buffer_free) struct buffer tar = {0};
    struct layer_writer *writer = NULL;
    struct layer layer = {0};

    make_tar(text, &tar);
    assert_null(layer_writer_new(fixture->folder, "layer", output_wants_new(output), &writer));
    assert_null(layer_writer_write(writer, tar.data, tar.length));
    assert_null(layer_writer_finish(writer, &layer));
    return layer;
}

/* Writes an image called NAME, of BASE_COUNT times the same base layer and a new one, to OUTPUT. */
static struct error *write_named(struct fixture *fixture, const struct output *output,
                                 size_t base_count, const char *name)
{
    CLEANUP(image_freep) struct image *image = xcalloc(1, sizeof *image);

    image->name = xstrdup(name);
    image->tag = xstrdup("v1");
    for (size_t i = 0; i < base_count; i++)
        image_add_layer(image, base_layer(fixture, "base"));
    image_add_layer(image, new_layer(fixture, output, "new"));
    const struct image_config_parts parts = {
        .created = 86400, .created_by = "test", .architecture = "amd64", .has_new_layer = true};

    assert_null(image_config_make(&parts, image));
    struct error *err = output_write(image, output, fixture->store);
    struct layer *last = &image->layers[image->layer_count - 1];

    temporary_remove(last->tar_path);
    temporary_remove(last->blob.path);
    return err;
}

static struct error *write_image(struct fixture *fixture, const struct output *output,
                                 size_t base_count)
{
    return write_named(fixture, output, base_count, "example/app");
}

static void read_parts(const char *path, struct parts *parts)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    char piece[4096];
    la_ssize_t got;
    int status;

    archive_read_support_filter_all(archive);
    archive_read_support_format_tar(archive);
    assert_int_equal(archive_read_open_filename(archive, path, 65536), ARCHIVE_OK);
    while ((status = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        struct part *part = &parts->items[parts->count++];

        assert_true(parts->count < FILES_MAX);
        assert_int_equal(archive_entry_uid(entry), 0);
        assert_int_equal(archive_entry_mtime(entry), 86400);
        part->name = xstrdup(archive_entry_pathname(entry));
        while ((got = archive_read_data(archive, piece, sizeof piece)) > 0)
            buffer_append(&part->bytes, piece, (size_t)got);
        assert_int_equal(got, 0);
    }
    assert_int_equal(status, ARCHIVE_EOF);
    archive_read_free(archive);
}

static void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->items[i].name);
        buffer_free(&parts->items[i].bytes);
    }
}

static const struct buffer *part_of(const struct parts *parts, const char *name)
{
    for (size_t i = 0; i < parts->count; i++)
        if (strcmp(parts->items[i].name, name) == 0)
            return &parts->items[i].bytes;
    fail_msg("there is no %s", name);
    return NULL;
}

static struct json *json_of(const struct buffer *bytes)
{
    struct json *value = NULL;

    assert_null(json_parse("part", bytes->data, bytes->length, &value));
    return value;
}

/* Checks that TEXT is the digest of BYTES. */
static void check_digest(const char *text, const struct buffer *bytes)
{
    struct digest digest;
    CLEANUP(freep) char *expected = NULL;

    digest_of(bytes->data, bytes->length, &digest);
    expected = xasprintf(DIGEST_PREFIX "%s", digest.hex);
    assert_string_equal(text, expected);
}

/* Checks everything that manifest.json refers to. */
static void check_docker_archive(const struct parts *parts, size_t layer_count)
{
    CLEANUP(json_freep) struct json *manifest = json_of(part_of(parts, "manifest.json"));
    const struct json *entry = manifest->items[0];
    const char *config_path = json_get_string(entry, "Config");
    const struct json *layers = json_get(entry, "Layers");
    CLEANUP(json_freep) struct json *config = json_of(part_of(parts, config_path));
    const struct json *diff_ids = json_get(json_get(config, "rootfs"), "diff_ids");
    CLEANUP(freep) char *named = xasprintf(DIGEST_PREFIX "%.64s", config_path);
    CLEANUP(freep) char *parent = NULL;

    check_digest(named, part_of(parts, config_path));
    assert_string_equal(json_get(entry, "RepoTags")->items[0]->text, "example/app:v1");
    assert_int_equal(layers->count, layer_count);
    assert_int_equal(diff_ids->count, layer_count);
    for (size_t i = 0; i < layer_count; i++) {
        CLEANUP(freep) char *id = xstrndup(layers->items[i]->text, 64);
        CLEANUP(freep) char *json_path = xasprintf("%s/json", id);
        CLEANUP(freep) char *version_path = xasprintf("%s/VERSION", id);
        CLEANUP(json_freep) struct json *json = json_of(part_of(parts, json_path));

        check_digest(diff_ids->items[i]->text, part_of(parts, layers->items[i]->text));
        assert_string_equal(part_of(parts, version_path)->data, "1.0");
        assert_string_equal(json_get_string(json, "id"), id);
        if (parent == NULL)
            assert_null(json_get(json, "parent"));
        else
            assert_string_equal(json_get_string(json, "parent"), parent);
        assert_int_equal(json_get(json, "checksum") != NULL, i + 1 == layer_count);
        free(parent);
        parent = STEAL(id);
    }
    CLEANUP(json_freep) struct json *repositories = json_of(part_of(parts, "repositories"));

    assert_string_equal(json_get_string(json_get(repositories, "example/app"), "v1"), parent);
}

static void check_docker(struct fixture *fixture, enum compression compression, size_t base_count)
{
    CLEANUP(freep) char *path = in_folder(fixture, "out.tar");
    struct output output = {
        .format = FORMAT_DOCKER_ARCHIVE, .compression = compression, .path = path};
    struct parts parts = {0};

    assert_null(write_image(fixture, &output, base_count));
    read_parts(path, &parts);
    check_docker_archive(&parts, base_count + 1);
    parts_free(&parts);
}

static void test_docker_archive(void **state)
{
    check_docker(*state, COMPRESSION_NONE, 1);
    check_docker(*state, COMPRESSION_GZIP, 1);
    check_docker(*state, COMPRESSION_ZSTD, 1);
    check_docker(*state, COMPRESSION_GZIP, 0);
}

/* IDs depend on the place in the chain, so one layer may occur in it twice. */
static void test_repeated_layer(void **state)
{
    check_docker(*state, COMPRESSION_NONE, 3);
    check_docker(*state, COMPRESSION_GZIP, 3);
}

/* Reads a blob that the index refers to, and checks it against its name. */
static const struct buffer *blob_of(const struct parts *parts, const struct json *descriptor)
{
    const char *digest = json_get_string(descriptor, "digest");
    CLEANUP(freep) char *path = xasprintf("blobs/sha256/%s", digest + strlen(DIGEST_PREFIX));
    const struct buffer *bytes = part_of(parts, path);
    uint64_t size = 0;

    check_digest(digest, bytes);
    assert_true(json_to_unsigned(json_get(descriptor, "size"), UINT64_MAX, &size));
    assert_int_equal(size, bytes->length);
    return bytes;
}

static void check_oci(const struct parts *parts, const char *layer_type)
{
    CLEANUP(json_freep) struct json *layout = json_of(part_of(parts, "oci-layout"));
    CLEANUP(json_freep) struct json *index = json_of(part_of(parts, "index.json"));
    const struct json *entry = json_get(index, "manifests")->items[0];
    const struct json *annotations = json_get(entry, "annotations");
    CLEANUP(json_freep) struct json *manifest = json_of(blob_of(parts, entry));
    const struct json *layers = json_get(manifest, "layers");

    assert_string_equal(json_get_string(layout, "imageLayoutVersion"), "1.0.0");
    assert_string_equal(json_get_string(annotations, "org.opencontainers.image.ref.name"), "v1");
    assert_string_equal(json_get_string(annotations, "io.containerd.image.name"),
                        "docker.io/example/app:v1");
    blob_of(parts, json_get(manifest, "config"));
    assert_int_equal(layers->count, 3);
    for (size_t i = 0; i < layers->count; i++) {
        assert_string_equal(json_get_string(layers->items[i], "mediaType"), layer_type);
        blob_of(parts, layers->items[i]);
    }
}

static void test_oci_archive(void **state)
{
    static const struct {
        enum compression compression;
        const char *layer_type;
    } cases[] = {
        {COMPRESSION_NONE, "application/vnd.oci.image.layer.v1.tar"},
        {COMPRESSION_GZIP, "application/vnd.oci.image.layer.v1.tar+gzip"},
        {COMPRESSION_ZSTD, "application/vnd.oci.image.layer.v1.tar+zstd"},
    };
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "out.oci");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output output = {
            .format = FORMAT_OCI_ARCHIVE, .compression = cases[i].compression, .path = path};
        struct parts parts = {0};

        assert_null(write_image(fixture, &output, 2));
        read_parts(path, &parts);
        check_oci(&parts, cases[i].layer_type);
        for (size_t j = 1; j < parts.count; j++)
            assert_true(strcmp(parts.items[j - 1].name, parts.items[j].name) < 0);
        parts_free(&parts);
    }
}

static void check_mode(const char *path, mode_t mode)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, mode);
}

/* Returns how many entries FOLDER has, hidden ones included. */
static size_t count_entries(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count - 2;
}

static void test_folders_are_replaced_whole(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "out");
    CLEANUP(freep) char *slashed = xasprintf("%s/", path);
    CLEANUP(freep) char *index = xasprintf("%s/index.json", path);
    CLEANUP(freep) char *blobs = xasprintf("%s/blobs/sha256", path);
    CLEANUP(freep) char *stale = xasprintf("%s/stale", blobs);
    struct output output = {.format = FORMAT_OCI, .compression = COMPRESSION_GZIP, .path = slashed};
    mode_t mask = umask(027);

    assert_null(write_image(fixture, &output, 1));
    check_mode(path, 0750);
    check_mode(index, 0640);
    assert_int_equal(count_entries(blobs), 4);
    assert_int_equal(mkdir(stale, 0777), 0);
    assert_null(write_image(fixture, &output, 1));
    assert_int_equal(count_entries(blobs), 4);
    assert_int_equal(count_entries(fixture->folder), 1); /* no temporary */
    umask(mask);
}

/* Images of different names do not replace one another, though their tag is the same. */
static void test_images_are_added_to_a_layout(void **state)
{
    static const char *const names[] = {"example/app", "example/other", "app", "example/app"};
    static const size_t counts[] = {1, 2, 3, 3};
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "layout");
    CLEANUP(freep) char *index_path = xasprintf("%s/index.json", path);
    struct output output = {
        .format = FORMAT_OCI, .compression = COMPRESSION_NONE, .path = path, .is_added = true};

    assert_int_equal(mkdir(path, 0777), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CLEANUP(buffer_free) struct buffer bytes = {0};

        assert_null(write_named(fixture, &output, 1, names[i]));
        assert_null(file_read(index_path, "index", JSON_SIZE_MAX, EXIT_INPUT, &bytes));
        CLEANUP(json_freep) struct json *index = json_of(&bytes);

        assert_int_equal(json_get(index, "manifests")->count, counts[i]);
    }
}

static void test_other_folders_are_kept(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "precious");
    CLEANUP(freep) char *file = xasprintf("%s/file", path);
    static const enum output_format formats[] = {FORMAT_OCI, FORMAT_LAYER, FORMAT_DOCKER_ARCHIVE};

    assert_int_equal(mkdir(path, 0777), 0);
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    for (size_t i = 0; i < 3; i++) {
        struct output output = {
            .format = formats[i], .compression = COMPRESSION_NONE, .path = path};
        struct error *err = write_image(fixture, &output, 1);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_OTHER);
        error_free(err);
        assert_int_equal(access(file, F_OK), 0);
        assert_int_equal(count_entries(fixture->folder), 1);
    }
}

/* What a user has put into an output directory must not be removed. */
static void test_output_with_more_in_it_is_kept(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "out");
    CLEANUP(freep) char *file = xasprintf("%s/notes", path);
    struct output output = {.format = FORMAT_OCI, .compression = COMPRESSION_NONE, .path = path};

    assert_null(write_image(fixture, &output, 1));
    assert_null(output_check(&output));
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    CLEANUP(error_freep) struct error *early = output_check(&output);
    CLEANUP(error_freep) struct error *late = write_image(fixture, &output, 1);

    assert_non_null(early);
    assert_non_null(late);
    assert_int_equal(access(file, F_OK), 0);
}

/* The name of a directory is refused before any work, whether it exists or not. */
static void test_archive_named_as_folder(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "archive.tar/");
    const char *const paths[] = {path, fixture->folder};

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct output output = {
            .format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_NONE, .path = paths[i]};
        CLEANUP(error_freep) struct error *err = output_check(&output);

        assert_non_null(err);
        assert_int_equal(err->code, EXIT_OTHER);
        assert_non_null(strstr(err->message, "must be a file, not a directory"));
    }
}

static void test_layer_folder(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(freep) char *path = in_folder(fixture, "layer");
    CLEANUP(freep) char *tar_path = xasprintf("%s/layer.tar", path);
    CLEANUP(freep) char *json_path = xasprintf("%s/json", path);
    CLEANUP(freep) char *version_path = xasprintf("%s/VERSION", path);
    struct output output = {.format = FORMAT_LAYER, .compression = COMPRESSION_GZIP, .path = path};
    CLEANUP(buffer_free) struct buffer tar = {0}, json = {0}, version = {0}, expected = {0};

    assert_null(write_image(fixture, &output, 1));
    assert_null(file_read(tar_path, "tar", 1 << 20, EXIT_OTHER, &tar));
    assert_null(file_read(json_path, "json", 1 << 20, EXIT_OTHER, &json));
    assert_null(file_read(version_path, "version", 1 << 20, EXIT_OTHER, &version));
    make_tar("new", &expected);
    assert_int_equal(tar.length, expected.length);
    assert_memory_equal(tar.data, expected.data, tar.length);
    assert_string_equal(version.data, "1.0");
    CLEANUP(json_freep) struct json *document = json_of(&json);

    assert_string_equal(json_get_string(document, "created"), "1970-01-02T00:00:00Z");
    assert_non_null(json_get(document, "parent"));
    assert_non_null(json_get(document, "checksum"));
}

/* The same bytes are written from a store with the compressed base layer and from one without. */
static void test_warm_and_cold_store(void **state)
{
    struct fixture *fixture = *state;
    struct buffer outputs[3] = {0};
    CLEANUP(freep) char *path = in_folder(fixture, "out.tar.gz");
    struct output output = {
        .format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_GZIP, .path = path};

    for (size_t i = 0; i < 3; i++) {
        if (i == 2) {
            store_free(fixture->store);
            assert_null(store_open(NULL, true, &fixture->store));
        }
        assert_null(write_image(fixture, &output, 2));
        assert_null(file_read(path, "output", 1 << 20, EXIT_OTHER, &outputs[i]));
        assert_int_equal(outputs[i].length, outputs[0].length);
        assert_memory_equal(outputs[i].data, outputs[0].data, outputs[0].length);
    }
    for (size_t i = 0; i < 3; i++)
        buffer_free(&outputs[i]);
}

static void test_devices_are_written_to(void **state)
{
    struct output output = {
        .format = FORMAT_DOCKER_ARCHIVE, .compression = COMPRESSION_NONE, .path = "/dev/null"};
    struct stat status;

    assert_null(write_image(*state, &output, 1));
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    output.path = "/dev/full";
    struct error *err = write_image(*state, &output, 1);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_DISK_FULL);
    assert_string_equal(err->message, "write '/dev/full': No space left on device");
    error_free(err);
}

static void test_missing_folder(void **state)
{
    struct output output = {
        .format = FORMAT_OCI_ARCHIVE, .compression = COMPRESSION_NONE, .path = "/nonexistent/out"};
    struct error *err = write_image(*state, &output, 1);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_OTHER);
    assert_non_null(strstr(err->message, "write '/nonexistent/out': "));
    error_free(err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_docker_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_repeated_layer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_oci_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folders_are_replaced_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images_are_added_to_a_layout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_with_more_in_it_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_archive_named_as_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_folders_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_layer_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_warm_and_cold_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_devices_are_written_to, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_folder, setup, teardown),
    };

    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
