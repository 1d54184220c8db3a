#include "host/build/kept_step.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/digest.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/secret_search.h"
#include "host/lib/stream.h"
#include "host/lib/temporary.h"
#include "host/spec/spec_command.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_mount.h"
#include "host/tar/compression.h"
#include "host/tar/pax_writer.h"
#include "host/tar/tar_reader.h"

#define VERSION 1 /* of the file; raised when an older vmbuild could not open it any more */

#define STEP_NAME "step.json"
#define LOG_NAME "log"
#define DISK_NAME "disk"
#define ARCHIVE_NAME "base.tar"

#define PIECE (256u << 10)
#define DISK_MAX (UINT64_C(1) << 44) /* bytes of a scratch disk, all told */

static struct json *describe_secrets(const struct spec_secrets *secrets)
{
    struct json *array = json_array();

    for (size_t i = 0; i < secrets->count; i++) {
        if (secrets->items[i].target == NULL) /* of `mounts` */
            continue;
        struct json *secret = json_object();

        json_set(secret, "id", json_string(secrets->items[i].id));
        json_set(secret, "target", json_string(secrets->items[i].target));
        json_append(array, secret);
    }
    return array;
}

/* The names of VARIABLES, NAME=VALUE. */
static struct json *describe_names(const struct strings *variables)
{
    struct json *array = json_array();

    for (size_t i = 0; i < variables->count; i++) {
        CLEANUP(freep) char *name = xstrdup(variables->items[i]);

        name[strcspn(name, "=")] = '\0';
        json_append(array, json_string(name));
    }
    return array;
}

/* What a bind shows is on the disk, wherever it came from. */
static struct json *describe_mounts(const struct spec_mounts *mounts)
{
    struct json *array = spec_mounts_describe_places(mounts);

    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].kind == SPEC_MOUNT_BIND)
            json_set(array->items[i], "source", json_string("/"));
    return array;
}

/* The spec as a document that gives the same one: its values with their defaults, its scripts. */
static struct json *describe_spec(const struct spec *spec)
{
    static const char *const gone[] = {"contents", "closure"};
    struct json *document = json_object();

    spec_describe(spec, SPEC_PART_IMAGE, document);
    spec_describe(spec, SPEC_PART_VM, document);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        json_set(document, gone[i], json_null());
    json_set(document, "secrets", describe_secrets(&spec->secrets));
    json_set(document, "mounts", describe_mounts(&spec->mounts));
    if (!spec->architecture.is_given)
        json_set(document, "architecture", json_null());
    if (spec->run_as_root != NULL)
        json_set(document, plan_step_name(PLAN_RUN_AS_ROOT), json_string(spec->run_as_root));
    if (spec_has_run(spec))
        json_set(document, plan_step_name(PLAN_RUN), spec_command_kind.describe(&spec->run));
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++)
        if (spec->hooks[hook] != NULL)
            json_set(document, guest_hooks[hook].name, json_string(spec->hooks[hook]));
    return document;
}

static struct json *describe(const struct kept_content *content)
{
    struct json *document = json_object();

    json_set(document, "version", json_integer(VERSION));
    json_set(document, "vmbuild", json_string(VMBUILD_VERSION));
    json_set(document, "step", json_string(plan_step_name(content->step)));
    json_set(document, "reason", json_string(content->reason));
    if (content->base != NULL) {
        struct digest chain;

        image_chain_id(content->base, content->base->layer_count, &chain);
        CLEANUP(freep) char *text = xasprintf("sha256:%s", chain.hex);

        json_set(document, "base", json_string(text));
    }
    if (content->contents != NULL)
        json_set(document, "contents", json_string(content->contents));
    json_set(document, "variables", describe_names(&content->spec->variables));
    json_set(document, "spec", describe_spec(content->spec));
    return document;
}

/* A file being written. */
struct writer {
    const char *path; /* for errors */
    int fd;
    struct compressor *compressor;
    struct pax_writer *pax;
    struct secret_search *search; /* NULL: there is nothing to look for */
};

static struct error *write_file(void *context, const void *bytes, size_t length)
{
    const struct writer *writer = context;

    return file_write(bytes, length, writer->fd, writer->path);
}

static struct error *compress(void *context, const void *bytes, size_t length)
{
    const struct writer *writer = context;

    return compressor_write(writer->compressor, bytes, length);
}

static struct archive_entry *new_entry(const char *name, uint64_t size)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, (la_int64_t)size);
    return entry;
}

static struct error *add_header(struct writer *writer, const char *name,
                                struct archive_entry *entry)
{
    int status = archive_write_header(pax_writer_archive(writer->pax), entry);

    archive_entry_free(entry);
    return status < ARCHIVE_WARN ? pax_writer_error(writer->pax, "keep", name) : NULL;
}

static struct error *add_data(struct writer *writer, const char *name, const void *bytes,
                              size_t length)
{
    return archive_write_data(pax_writer_archive(writer->pax), bytes, length) < 0
               ? pax_writer_error(writer->pax, "keep", name)
               : NULL;
}

static struct error *add_bytes(struct writer *writer, const char *name, const void *bytes,
                               size_t length)
{
    TRY(add_header(writer, name, new_entry(name, length)));
    return add_data(writer, name, bytes, length);
}

/* Notes where FD, of SIZE bytes, has data. */
static void add_map(struct archive_entry *entry, int fd, off_t size)
{
    off_t hole = 0;

    for (off_t data; (data = lseek(fd, hole, SEEK_DATA)) >= 0;) {
        hole = lseek(fd, data, SEEK_HOLE);
        if (hole < 0)
            hole = size;
        archive_entry_sparse_add_entry(entry, data, hole - data);
    }
}

/* Refuses LENGTH bytes of the disk, or as many zeros if BYTES is NULL, that complete a secret. */
static struct error *search_disk(struct writer *writer, const void *bytes, size_t length)
{
    if (writer->search == NULL)
        return NULL;
    const struct secret *found = bytes != NULL ? secret_search_take(writer->search, bytes, length)
                                               : secret_search_skip(writer->search, length);

    return found == NULL ? NULL
                         : error_new(EXIT_SCRIPT,
                                     "a script has written the secret '%s' to the disk", found->id);
}

/* Adds the data of FD, of which libarchive leaves out the holes that the entry has. */
static struct error *add_all(struct writer *writer, const char *name, const char *path, int fd,
                             uint64_t size)
{
    CLEANUP(freep) char *piece = xcalloc(PIECE, 1);
    CLEANUP(freep) char *zeros = xcalloc(PIECE, 1);

    for (uint64_t at = 0; at < size;) {
        off_t data = lseek(fd, (off_t)at, SEEK_DATA);
        uint64_t hole = (data < 0 ? size : (uint64_t)data) - at;
        uint64_t most = hole > 0 ? hole : size - at;
        ssize_t got = (ssize_t)(most < PIECE ? most : PIECE);

        if (hole == 0)
            got = pread(fd, piece, (size_t)got, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_errno(EXIT_OTHER, "read '%s'", path);
        if (strcmp(name, DISK_NAME) == 0)
            TRY(search_disk(writer, hole > 0 ? NULL : piece, (size_t)got));
        TRY(add_data(writer, name, hole > 0 ? zeros : piece, (size_t)got));
        at += (uint64_t)got;
    }
    return NULL;
}

/* Adds the file PATH, if there is one, with its holes. */
static struct error *add_file(struct writer *writer, const char *name, const char *path)
{
    CLEANUP(closep) int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;

    if (path == NULL)
        return NULL;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_errno(EXIT_OTHER, "open '%s'", path);
    struct archive_entry *entry = new_entry(name, (uint64_t)status.st_size);

    add_map(entry, fd, status.st_size);
    TRY(add_header(writer, name, entry));
    return add_all(writer, name, path, fd, (uint64_t)status.st_size);
}

static struct error *add_members(struct writer *writer, const struct kept_content *content)
{
    CLEANUP(json_freep) struct json *document = describe(content);
    CLEANUP(buffer_free) struct buffer text = {0};

    json_write(document, true, &text);
    TRY(add_bytes(writer, STEP_NAME, text.data, text.length));
    TRY(add_file(writer, LOG_NAME, content->log));
    TRY(add_file(writer, ARCHIVE_NAME, content->archive));
    TRY(add_file(writer, DISK_NAME, content->disk));
    return archive_write_close(pax_writer_archive(writer->pax)) < ARCHIVE_WARN
               ? pax_writer_error(writer->pax, "keep", writer->path)
               : NULL;
}

static struct error *write_archive(struct writer *writer, const struct kept_content *content)
{
    TRY(compressor_new(COMPRESSION_ZSTD, (struct sink){write_file, writer}, &writer->compressor));
    struct error *err = pax_writer_new(PAX_FULL, (struct sink){compress, writer}, &writer->pax);

    if (err == NULL)
        err = add_members(writer, content);
    pax_writer_free(writer->pax);
    if (err == NULL)
        return compressor_finish(writer->compressor);
    compressor_free(writer->compressor);
    return err;
}

struct error *kept_step_write(const char *path, const struct kept_content *content)
{
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(closep) int fd = -1;

    TRY(temporary_output_file(folder, &temporary, &fd));
    struct writer writer = {.path = path, .fd = fd};

    if (content->secrets != NULL)
        writer.search = secret_search_new(content->secrets);
    struct error *err = write_archive(&writer, content);

    secret_search_free(writer.search);
    TRY(err);
    if (fchmod(fd, file_mode(0666)) < 0 || close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    return temporary_rename(temporary, path);
}

static struct error *append(void *context, const void *bytes, size_t length)
{
    struct buffer *buffer = context;

    if (length > JSON_SIZE_MAX - buffer->length)
        return error_new(EXIT_INPUT, "'%s' is too large", STEP_NAME);
    buffer_append(buffer, bytes, length);
    return NULL;
}

/* Where a member goes. */
struct target {
    const char *path;
    int fd;
    uint64_t left; /* bytes that it may still have */
};

static struct error *store(void *context, const void *bytes, size_t length)
{
    struct target *target = context;

    if (length > target->left)
        return error_new(EXIT_INPUT, "a member of it is too large");
    target->left -= length;
    return file_write_sparse(bytes, length, target->fd, target->path);
}

/* Makes the current member a temporary, *RET. */
static struct error *take_file(struct tar_reader *reader, const char *name, char **ret)
{
    CLEANUP(closep) int fd = -1;
    const char *run;

    if (*ret != NULL)
        return error_new(EXIT_INPUT, "it has two of '%s'", name);
    TRY(temporary_run_folder(&run));
    TRY(temporary_file(run, "kept", ret, &fd));
    struct target target = {*ret, fd, DISK_MAX};

    return tar_reader_copy(reader, (struct sink){store, &target});
}

static struct error *find_step(const char *name, enum plan_step *ret)
{
    for (enum plan_step step = 0; name != NULL && step < PLAN_STEP_COUNT; step++)
        if (plan_step_is_script(step) && strcmp(plan_step_name(step), name) == 0) {
            *ret = step;
            return NULL;
        }
    return error_new(EXIT_INPUT, "its step is unknown");
}

static void take_names(const struct json *names, struct strings *ret)
{
    for (size_t i = 0; names != NULL && names->type == JSON_ARRAY && i < names->count; i++)
        if (names->items[i]->type == JSON_STRING)
            strings_add(ret, names->items[i]->text);
}

static struct error *take_document(const char *text, size_t length, struct kept_step *step)
{
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(buffer_free) struct buffer spec = {0};

    TRY(json_parse(STEP_NAME, text, length, &document));
    const struct json *version = json_get(document, "version");
    const struct json *described = json_get(document, "spec");
    const char *reason = json_get_string(document, "reason");
    const char *chain = json_get_string(document, "base");
    const char *contents = json_get_string(document, "contents");

    if (version == NULL || version->type != JSON_NUMBER || atoi(version->text) != VERSION)
        return error_new(EXIT_INPUT, "it was written by another version of vmbuild");
    TRY(find_step(json_get_string(document, "step"), &step->step));
    if (described == NULL || described->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "its spec is missing");
    json_write(described, false, &spec);
    step->spec = buffer_steal(&spec);
    take_names(json_get(document, "variables"), &step->variables);
    step->reason = xstrdup(reason != NULL ? reason : "unknown");
    step->chain = chain != NULL ? xstrdup(chain) : NULL;
    step->contents = contents != NULL ? xstrdup(contents) : NULL;
    return NULL;
}

static struct error *take_member(struct tar_reader *reader, struct archive_entry *entry,
                                 struct kept_step *step)
{
    const char *name = archive_entry_pathname(entry);
    CLEANUP(buffer_free) struct buffer text = {0};

    if (name == NULL || archive_entry_filetype(entry) != AE_IFREG)
        return error_new(EXIT_INPUT, "it is not one");
    if (strcmp(name, DISK_NAME) == 0)
        return take_file(reader, name, &step->disk);
    if (strcmp(name, ARCHIVE_NAME) == 0)
        return take_file(reader, name, &step->archive);
    if (strcmp(name, STEP_NAME) != 0 || step->spec != NULL)
        return NULL;
    TRY(tar_reader_copy(reader, (struct sink){append, &text}));
    return take_document(text.length > 0 ? text.data : "", text.length, step);
}

static struct error *read_members(const char *path, struct kept_step *step)
{
    CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP(tar_reader_freep) struct tar_reader *reader = NULL;
    struct archive_entry *entry = NULL;

    if (fd < 0)
        return error_errno(EXIT_INPUT, "open it");
    TRY(tar_reader_new(path, fd, 0, &reader));
    for (;;) {
        TRY(tar_reader_next(reader, &entry));
        if (entry == NULL)
            break;
        TRY(take_member(reader, entry, step));
    }
    return step->spec == NULL || step->disk == NULL ? error_new(EXIT_INPUT, "it is not one") : NULL;
}

struct error *kept_step_read(const char *path, struct kept_step *ret)
{
    *ret = (struct kept_step){0};
    return error_context(read_members(path, ret), "read the kept step '%s'", path);
}

void kept_step_free(struct kept_step *step)
{
    temporary_remove(step->disk);
    temporary_remove(step->archive);
    free(step->disk);
    free(step->archive);
    free(step->spec);
    free(step->reason);
    free(step->contents);
    free(step->chain);
    strings_free(&step->variables);
    *step = (struct kept_step){0};
}
