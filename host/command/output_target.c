#include "host/command/output_target.h"

struct output output_target(const struct reference *target, const char *text,
                            enum output_format plain)
{
    static const enum output_format formats[] = {
        [TRANSPORT_DOCKER_ARCHIVE] = FORMAT_DOCKER_ARCHIVE,
        [TRANSPORT_OCI_ARCHIVE] = FORMAT_OCI_ARCHIVE,
        [TRANSPORT_OCI] = FORMAT_OCI,
        [TRANSPORT_DIR] = FORMAT_DIR,
        [TRANSPORT_DOCKER] = FORMAT_REGISTRY,
    };
    struct output output = {
        .format = target->transport == TRANSPORT_PATH ? plain : formats[target->transport],
        .compression = COMPRESSION_GZIP,
        .path = target->path != NULL ? target->path : text,
        .name = target->name,
        .tag = target->tag,
        .is_added = target->transport == TRANSPORT_OCI};

    if (output_format_row(output.format)->is_compressed)
        output_named_compression(output.path, &output.compression);
    return output;
}

struct error *output_target_compression(const struct options *options, enum output_format format,
                                        const char *path, enum compression *ret)
{
    const struct output_format_row *row = output_format_row(format);
    enum compression named;

    if (row->is_layer && options->has_compression && options->compression != COMPRESSION_NONE)
        return error_new(EXIT_USAGE,
                         "read option '--compression': format 'layer' is not compressed");
    *ret = options->compression;
    if (row->is_folder || row->is_remote || path == NULL || !output_named_compression(path, &named))
        return NULL;
    if (!row->is_compressed && named != COMPRESSION_NONE)
        return error_advise(
            error_new(EXIT_USAGE,
                      "read option '--output': '%s' is the name of a compressed file, but in "
                      "an oci-archive only the layers are compressed",
                      path),
            "choose a name that ends in '.tar'");
    if (!row->is_compressed)
        return NULL;
    if (options->has_compression && options->compression != named)
        return error_advise(
            error_new(EXIT_USAGE,
                      "read option '--compression': '%s' contradicts the name of the output '%s', "
                      "which stands for '%s'",
                      compression_name(options->compression), path, compression_name(named)),
            "leave '--compression' out, or choose another name with --output");
    *ret = named;
    return NULL;
}
