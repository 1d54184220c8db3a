#include "host/spec/spec_reader.h"

#include <string.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/spec/spec_document.h"

/* Refuses a base image on standard input, which the spec was read from. */
static struct error *check_stdin(const struct spec *spec)
{
    CLEANUP(reference_free) struct reference reference = {0};

    if (spec->from_image.name == NULL)
        return NULL;
    TRY(reference_parse(spec->from_image.name, &reference));
    return reference_is_stdin(&reference)
               ? error_new(EXIT_INPUT, "'fromImage' and the spec must not both be standard input")
               : NULL;
}

struct error *spec_read(const char *path, const struct spec_override *overrides, size_t count,
                        int64_t now, const char *source_date_epoch, struct spec **ret)
{
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(freep) char *name = spec_document_name(path);
    CLEANUP(json_freep) struct json *root = NULL;
    CLEANUP(json_freep) struct json *over = NULL;
    CLEANUP(spec_freep) struct spec *spec = xcalloc(1, sizeof *spec);

    TRY(spec_overrides_read(overrides, count, &over));
    TRY(spec_document_open(path, &root, &folder));
    spec_document_override(root, over);
    const struct spec_source source = {
        .folder = folder, .now = now, .source_date_epoch = source_date_epoch};

    TRY(error_context(spec_document_read(&source, root, spec), "read %s", name));
    if (strcmp(path, "-") == 0)
        TRY(error_context(check_stdin(spec), "read %s", name));
    *ret = STEAL(spec);
    return NULL;
}

struct error *spec_of_image(const char *image, const struct spec_override *overrides, size_t count,
                            int64_t now, const char *source_date_epoch, struct spec **ret)
{
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(json_freep) struct json *root = json_object();
    CLEANUP(json_freep) struct json *over = NULL;
    CLEANUP(spec_freep) struct spec *spec = xcalloc(1, sizeof *spec);

    TRY(spec_overrides_read(overrides, count, &over));
    TRY(spec_document_folder("-", &folder));
    json_set(root, "name", json_string("image"));
    json_set(root, "fromImage", json_string(image));
    spec_document_override(root, over);
    const struct spec_source source = {
        .folder = folder, .now = now, .source_date_epoch = source_date_epoch};

    TRY(error_context(spec_document_read(&source, root, spec), "read the command line"));
    *ret = STEAL(spec);
    return NULL;
}

struct error *spec_read_text(const char *text, const char *name, const char *base,
                             const struct spec_override *overrides, size_t count, struct spec **ret)
{
    CLEANUP(json_freep) struct json *root = NULL;
    CLEANUP(json_freep) struct json *over = NULL;
    CLEANUP(spec_freep) struct spec *spec = xcalloc(1, sizeof *spec);
    const struct spec_source source = {.folder = "/"};

    TRY(spec_overrides_read(overrides, count, &over));
    TRY(json_parse(name, text, strlen(text), &root));
    if (base != NULL)
        json_set(root, "fromImage", json_string(base));
    spec_document_override(root, over);
    TRY(error_context(spec_document_read(&source, root, spec), "read %s", name));
    *ret = STEAL(spec);
    return NULL;
}
