#include "host/format/output_format.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "host/image/image.h"

static const struct output_format_row rows[] = {
    [FORMAT_DOCKER_ARCHIVE] =
        {
            .is_compressed = true,
            .has_tarsum = true,
            .needed = LAYER_TAR,
            .compared = {""},
        },
    [FORMAT_OCI_ARCHIVE] =
        {
            .names_blobs = true,
            .needed = LAYER_BLOB,
            .compared = {""},
        },
    [FORMAT_OCI] =
        {
            .is_folder = true,
            .names_blobs = true,
            .needed = LAYER_BLOB,
            .members = {"oci-layout", "index.json", "blobs"},
            .compared = {"/index.json"}, /* it names all other files by their digests */
        },
    [FORMAT_LAYER] =
        {
            .is_folder = true,
            .is_layer = true,
            .has_tarsum = true,
            .needed = LAYER_TAR, /* not written, but the base disk is made from them */
            .members = {"layer.tar", "json", "VERSION"},
            .compared = {"/layer.tar", "/json"},
        },
    [FORMAT_DIR] =
        {
            .is_folder = true,
            .names_blobs = true,
            .needed = LAYER_BLOB,
            .members = {"manifest.json", "version"},
            .has_blobs = true,
            .compared = {"/manifest.json"}, /* it names all other files by their digests */
        },
    [FORMAT_REGISTRY] =
        {
            .is_remote = true,
            .names_blobs = true,
            .needed = LAYER_BLOB,
        },
};

const struct output_format_row *output_format_row(enum output_format format)
{
    return &rows[format];
}

bool output_named_compression(const char *path, enum compression *ret)
{
    static const struct {
        const char *end;
        enum compression compression;
    } ends[] = {
        {".tar", COMPRESSION_NONE},
        {".tar.gz", COMPRESSION_GZIP},
        {".tgz", COMPRESSION_GZIP},
        {".tar.zst", COMPRESSION_ZSTD},
    };
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t end = strlen(ends[i].end);

        if (length <= end || strcasecmp(name + length - end, ends[i].end) != 0)
            continue;
        *ret = ends[i].compression;
        return true;
    }
    return false;
}
