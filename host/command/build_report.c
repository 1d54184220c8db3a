#include "host/command/build_report.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/image/manifest.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/lib/temporary.h"

static const struct output_format_row *row_of(const struct output *output)
{
    return output_format_row(output->format);
}

/* Sets KEY of OBJECT to a copy of SOURCE's member NAME, if there is one. */
static void copy_member(struct json *object, const char *key, const struct json *source,
                        const char *name)
{
    const struct json *value = json_get(source, name);

    if (value != NULL)
        json_set(object, key, json_copy(value));
}

/* The manifest of the output INDEX, or NULL. */
static const struct json *manifest_of(const struct json *result, size_t index)
{
    const struct json *manifest = json_get(result, "manifests")->items[index];

    return manifest->type == JSON_OBJECT ? manifest : NULL;
}

struct json *build_report_event(const struct build_targets *targets, size_t index,
                                const struct json *result)
{
    const struct output *output = &targets->outputs[index];
    struct json *event = json_object();

    json_set(event, row_of(output)->is_remote ? "reference" : "output", json_string(output->path));
    copy_member(event, "digest", manifest_of(result, index), "digest");
    copy_member(event, "config", result, "config");
    copy_member(event, "layers", result, "layers");
    return event;
}

/* What --quiet prints: the image's ID, the digest of an index, the path of a layer, or NULL. */
static const char *quiet_line(const struct build_targets *targets, const struct json *result)
{
    const char *id = json_get_string(result, "config");

    if (build_targets_have(targets, "-"))
        return NULL;
    for (size_t i = 0; i < targets->count; i++)
        if (!row_of(&targets->outputs[i])->is_layer)
            return id != NULL ? id : json_get_string(manifest_of(result, 0), "digest");
    return targets->outputs[0].path;
}

/* What is shown of the output INDEX; the caller's, or NULL. */
static char *shown_line(const struct build_targets *targets, size_t index,
                        const struct json *result)
{
    const char *path = targets->outputs[index].path;
    const char *digest = json_get_string(manifest_of(result, index), "digest");

    if (row_of(&targets->outputs[index])->is_remote && digest != NULL)
        return xasprintf("%s %s", path, digest);
    return strcmp(path, "-") != 0 ? xstrdup(path) : NULL;
}

void build_report_show(const struct build_targets *targets, const char *image,
                       const struct json *result)
{
    for (size_t i = 0; i < targets->count; i++) {
        CLEANUP(json_freep) struct json *event = build_report_event(targets, i, result);
        CLEANUP(freep) char *line = shown_line(targets, i, result);

        if (image != NULL)
            json_set(event, "image", json_string(image));
        progress_result_as(line, i == 0 ? quiet_line(targets, result) : NULL, event);
    }
}

/* Returns the names that the image has got in registries, or else its own, as BuildKit has them;
 * the caller's. */
static char *names_of(const struct build_targets *targets, const struct json *result)
{
    struct buffer names = {0};

    for (size_t i = 0; i < targets->count; i++) {
        CLEANUP(freep) char *reference = NULL;

        if (!row_of(&targets->outputs[i])->is_remote)
            continue;
        reference = reference_format(&targets->references[i]);
        buffer_printf(&names, "%s%s", names.length > 0 ? "," : "", reference + strlen("docker://"));
    }
    if (names.length > 0)
        return buffer_steal(&names);
    return reference_full_name(json_get_string(result, "name"));
}

/* The descriptor of MANIFEST, of media type TYPE. */
static struct json *describe_manifest(const struct json *manifest, const char *type)
{
    struct json *descriptor = json_object();

    json_set(descriptor, "mediaType", json_string(type));
    copy_member(descriptor, "digest", manifest, "digest");
    copy_member(descriptor, "size", manifest, "size");
    return descriptor;
}

/* The output INDEX, with the bytes of a file. */
static struct json *describe_output(const struct build_targets *targets, size_t index,
                                    const struct json *result)
{
    const struct output *output = &targets->outputs[index];
    struct json *object = json_object();
    struct stat status;

    json_set(object, row_of(output)->is_remote ? "reference" : "output", json_string(output->path));
    copy_member(object, "digest", manifest_of(result, index), "digest");
    if (!row_of(output)->is_remote && stat(output->path, &status) == 0 && S_ISREG(status.st_mode))
        json_set(object, "size", json_integer(status.st_size));
    return object;
}

/* Adds the outputs, and their manifest, of media type TYPE. */
static void add_outputs(const struct build_targets *targets, const struct json *result,
                        const char *type, struct json *metadata)
{
    const struct json *manifest = NULL;
    struct json *outputs = json_array();

    for (size_t i = 0; i < targets->count; i++) {
        if (manifest == NULL || row_of(&targets->outputs[i])->is_remote)
            manifest = manifest_of(result, i);
        json_append(outputs, describe_output(targets, i, result));
    }
    copy_member(metadata, "containerimage.digest", manifest, "digest");
    if (manifest != NULL)
        json_set(metadata, "containerimage.descriptor", describe_manifest(manifest, type));
    json_set(metadata, "vmbuild.outputs", outputs);
}

struct json *build_report_metadata(const struct build_targets *targets, const struct json *result)
{
    CLEANUP(freep) char *names = names_of(targets, result);
    struct json *metadata = json_object();

    json_set(metadata, "image.name", json_string(names));
    copy_member(metadata, "containerimage.config.digest", result, "config");
    add_outputs(targets, result, MANIFEST_OCI, metadata);
    copy_member(metadata, "vmbuild.cached", result, "cached");
    copy_member(metadata, "vmbuild.reason", result, "reason");
    copy_member(metadata, "vmbuild.seconds", result, "seconds");
    copy_member(metadata, "vmbuild.layers", result, "sizes");
    return metadata;
}

void build_report_add_index(const struct build_targets *targets, const struct json *result,
                            struct json *metadata)
{
    add_outputs(targets, result, MANIFEST_OCI_INDEX, metadata);
}

struct error *build_report_check(const char *path, const struct build_targets *targets)
{
    CLEANUP(freep) char *folder = path == NULL ? NULL : file_folder(path);

    if (path == NULL)
        return NULL;
    if (build_targets_have(targets, path))
        return error_new(EXIT_USAGE, "read option '--metadata-file': '%s' is the output", path);
    if (access(folder, W_OK | X_OK) < 0)
        return error_errno(EXIT_USAGE, "read option '--metadata-file': write to '%s'", folder);
    return NULL;
}

struct error *build_report_write(const char *path, const struct json *metadata)
{
    CLEANUP(freep) char *folder = file_folder(path);
    CLEANUP(temporary_removep) char *temporary = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(closep) int fd = -1;

    json_write(metadata, true, &text);
    TRY(error_context(temporary_output_file(folder, &temporary, &fd), "write '%s'", path));
    TRY(file_write(text.data, text.length, fd, path));
    if (fchmod(fd, file_mode(0666)) < 0 || close(steal_fd(&fd)) < 0)
        return error_errno(EXIT_OTHER, "write '%s'", path);
    return temporary_rename(temporary, path);
}
