#include "host/build/reproducibility.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/format/image_source.h"
#include "host/image/image.h"
#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"
#include "host/tar/tar_reader.h"

#define PIECE (256u << 10) /* bytes compared at a time */

/* A member of a tar with a digest of its data: all that is compared. */
struct member {
    struct archive_entry *entry; /* borrowed from the reader */
    struct digest data;
};

/* A field of a member as text. The caller's. */
typedef char *(*member_field)(const struct member *member);

static char *or_none(const char *text)
{
    return xstrdup(text != NULL ? text : "(none)");
}

static char *get_path(const struct member *member)
{
    return or_none(archive_entry_pathname(member->entry));
}

static char *get_type(const struct member *member)
{
    return xasprintf("%o", (unsigned)archive_entry_filetype(member->entry));
}

static char *get_mode(const struct member *member)
{
    return xasprintf("%04o", (unsigned)archive_entry_perm(member->entry));
}

static char *get_owner(const struct member *member)
{
    return xasprintf("%" PRId64 ":%" PRId64, (int64_t)archive_entry_uid(member->entry),
                     (int64_t)archive_entry_gid(member->entry));
}

static char *get_mtime(const struct member *member)
{
    return xasprintf("%" PRId64 ".%09ld", (int64_t)archive_entry_mtime(member->entry),
                     archive_entry_mtime_nsec(member->entry));
}

static char *get_size(const struct member *member)
{
    return xasprintf("%" PRId64, (int64_t)archive_entry_size(member->entry));
}

static char *get_link(const struct member *member)
{
    const char *hardlink = archive_entry_hardlink(member->entry);

    return or_none(hardlink != NULL ? hardlink : archive_entry_symlink(member->entry));
}

static char *get_device(const struct member *member)
{
    return xasprintf("%" PRIu64 ":%" PRIu64, (uint64_t)archive_entry_rdevmajor(member->entry),
                     (uint64_t)archive_entry_rdevminor(member->entry));
}

static char *get_xattrs(const struct member *member)
{
    struct buffer text = {0};
    const char *name;
    const void *value;
    size_t size;

    buffer_append(&text, "", 0);
    archive_entry_xattr_reset(member->entry);
    while (archive_entry_xattr_next(member->entry, &name, &value, &size) == ARCHIVE_OK) {
        struct digest digest;

        digest_of(value, size, &digest);
        buffer_printf(&text, "%s=%.12s ", name, digest.hex);
    }
    return buffer_steal(&text);
}

static char *get_data(const struct member *member)
{
    return xasprintf(DIGEST_PREFIX "%s", member->data.hex);
}

static const struct {
    const char *name;
    member_field get;
} fields[] = {
    {"path", get_path},    {"type", get_type},     {"mode", get_mode},     {"owner", get_owner},
    {"link", get_link},    {"device", get_device}, {"xattrs", get_xattrs}, {"size", get_size},
    {"content", get_data}, {"mtime", get_mtime},
};

static struct error *compare_members(const struct member *first, const struct member *second)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        CLEANUP(freep) char *one = fields[i].get(first);
        CLEANUP(freep) char *other = fields[i].get(second);

        if (strcmp(one, other) != 0)
            return error_new(EXIT_OTHER, "'%s': %s: %s in one build, %s in the other",
                             archive_entry_pathname(first->entry), fields[i].name, one, other);
    }
    return NULL;
}

/* sink_write: adds to the hash CONTEXT. */
static struct error *add_to_hash(void *context, const void *bytes, size_t length)
{
    sha256_update(context, bytes, length);
    return NULL;
}

/* The next member of READER; its entry is NULL at the end. */
static struct error *next_member(struct tar_reader *reader, struct member *ret)
{
    CLEANUP(sha256_freep) struct sha256 *hash = sha256_new();

    TRY(tar_reader_next(reader, &ret->entry));
    if (ret->entry != NULL)
        TRY(tar_reader_copy(reader, (struct sink){add_to_hash, hash}));
    sha256_finish(STEAL(hash), &ret->data);
    return NULL;
}

static struct error *compare_readers(struct tar_reader *first, struct tar_reader *second)
{
    for (;;) {
        struct member one = {0}, other = {0};

        TRY(next_member(first, &one));
        TRY(next_member(second, &other));
        if (one.entry == NULL && other.entry == NULL)
            return NULL;
        if (one.entry == NULL || other.entry == NULL)
            return error_new(EXIT_OTHER, "'%s': in one of the two builds only",
                             archive_entry_pathname(one.entry != NULL ? one.entry : other.entry));
        TRY(compare_members(&one, &other));
    }
}

static struct error *open_tar(const char *path, int *ret_fd, struct tar_reader **ret)
{
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    return tar_reader_new(path, *ret_fd, 0, ret);
}

static struct error *compare_tars(const char *first, const char *second)
{
    CLEANUP(closep) int first_fd = -1;
    CLEANUP(closep) int second_fd = -1;
    CLEANUP(tar_reader_freep) struct tar_reader *one = NULL;
    CLEANUP(tar_reader_freep) struct tar_reader *other = NULL;

    TRY(open_tar(first, &first_fd, &one));
    TRY(open_tar(second, &second_fd, &other));
    TRY(compare_readers(one, other));
    return error_new(EXIT_OTHER, "the same entries, encoded differently");
}

/* The path of the first difference between two JSON values below PATH, or NULL. The caller's. */
static char *find_difference(const char *path, const struct json *first, const struct json *second)
{
    if (first == NULL || second == NULL || first->type != second->type ||
        first->count != second->count || first->boolean != second->boolean)
        return xstrdup(path);
    if (first->text != NULL && strcmp(first->text, second->text) != 0)
        return xstrdup(path);
    for (size_t i = 0; i < first->count; i++) {
        bool is_object = first->type == JSON_OBJECT;
        CLEANUP(freep)
        char *below =
            is_object ? xasprintf("%s.%s", path, first->keys[i]) : xasprintf("%s[%zu]", path, i);

        if (is_object && strcmp(first->keys[i], second->keys[i]) != 0)
            return STEAL(below);
        char *found = find_difference(below, first->items[i], second->items[i]);

        if (found != NULL)
            return found;
    }
    return NULL;
}

/* The first difference between two images whose layers all have their tar_path, or NULL. */
static struct error *compare_images(const struct image *first, const struct image *second)
{
    if (first->layer_count != second->layer_count)
        return error_new(EXIT_OTHER, "%zu layers in one build, %zu in the other",
                         first->layer_count, second->layer_count);
    for (size_t i = 0; i < first->layer_count; i++) {
        const struct layer *one = &first->layers[i], *other = &second->layers[i];

        if (!digest_equal(&one->diff_id, &other->diff_id))
            return error_context(compare_tars(one->tar_path, other->tar_path), "layer %zu", i + 1);
    }
    CLEANUP(freep) char *key = find_difference("config", first->config, second->config);

    return key != NULL ? error_new(EXIT_OTHER, "the image's %s", key) : NULL;
}

static struct error *open_output(const struct output *output, struct store *store,
                                 struct image **ret)
{
    CLEANUP(reference_free) struct reference reference = {.path = xstrdup(output->path)};
    struct image_request request = {.forms = LAYER_TAR, .store = store};

    return image_open(&reference, &request, ret);
}

/* Whether the bytes of two files are the same. */
static struct error *are_identical(const char *one, const char *other, bool *ret)
{
    CLEANUP(fclosep) FILE *one_file = fopen(one, "re");
    CLEANUP(fclosep) FILE *other_file = fopen(other, "re");
    static char one_piece[PIECE], other_piece[PIECE];
    size_t length;

    if (one_file == NULL || other_file == NULL)
        return error_errno(EXIT_OTHER, "open '%s'", one_file == NULL ? one : other);
    do {
        length = fread(one_piece, 1, PIECE, one_file);
        *ret = fread(other_piece, 1, PIECE, other_file) == length &&
               memcmp(one_piece, other_piece, length) == 0;
    } while (*ret && length > 0);
    if (ferror(one_file) || ferror(other_file))
        return error_new(EXIT_OTHER, "read '%s' or '%s'", one, other);
    return NULL;
}

/* The first difference between the images that two builds wrote. */
static struct error *find_first_difference(const struct output *first, const struct output *second)
{
    CLEANUP(store_freep) struct store *store = NULL;
    CLEANUP(image_freep) struct image *one = NULL;
    CLEANUP(image_freep) struct image *other = NULL;

    TRY(store_open(NULL, true, &store));
    TRY(open_output(first, store, &one));
    TRY(open_output(second, store, &other));
    TRY(compare_images(one, other));
    return error_new(EXIT_OTHER, "the same image, encoded differently");
}

/* Compares two outputs by the bytes of the archives, or of the directories' files: of a layout
 * its index, which names all others by their digests. */
static struct error *compare_outputs(const struct output *first, const struct output *second)
{
    const struct output_format_row *format = output_format_row(first->format);

    for (const char *const *file = format->compared; *file != NULL; file++) {
        CLEANUP(freep) char *one = xasprintf("%s%s", first->path, *file);
        CLEANUP(freep) char *other = xasprintf("%s%s", second->path, *file);
        bool identical = false;

        TRY(are_identical(one, other, &identical));
        if (identical)
            continue;
        if (!format->is_layer)
            return find_first_difference(first, second);
        return strcmp(*file, "/json") == 0 ? error_new(EXIT_OTHER, "the layer's json")
                                           : compare_tars(one, other);
    }
    return NULL;
}

/* The first build: an empty cache, another number of processors. */
static struct error *build_varied(const struct build *build, const char *path)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct spec spec = *build->spec;
    struct build varied = *build;

    spec.cpus = spec.cpus == 1 ? 2 : 1;
    TRY(store_open(NULL, true, &store));
    varied.spec = &spec;
    varied.store = store;
    varied.output.path = path;
    varied.is_followed = true;
    return build_run(&varied);
}

struct error *reproducibility_check(const struct build *build)
{
    const char *folder;
    struct output varied = build->output;
    struct stat status;

    if (strcmp(varied.path, "-") == 0 ||
        (stat(varied.path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)))
        return error_new(EXIT_USAGE, "check '%s': --check compares only files and directories",
                         varied.path);
    TRY(temporary_run_folder(&folder));
    CLEANUP(freep) char *path = xasprintf("%s/varied", folder);
    struct build again = *build;

    varied.path = path;
    TRY(error_context(build_varied(build, path), "build the first time"));
    if (again.rebuild == BUILD_REBUILD_NOTHING) /* or there was nothing to compare */
        again.rebuild = BUILD_REBUILD_IMAGES;
    TRY(build_run(&again));
    progress_start("compare");
    TRY(error_advise(error_context(compare_outputs(&varied, &build->output),
                                   "check '%s': the two builds differ", build->output.path),
                     "README's section on reproducible contents lists the usual causes"));
    progress_done();
    return NULL;
}
