#include "host/spec/spec_image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_graph_reader.h"
#include "host/spec/spec_path.h"
#include "host/spec/spec_value.h"

/* Makes the path of REFERENCE absolute, and checks that something is there. */
static struct error *find_image(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct reference *reference)
{
    struct stat status;
    CLEANUP(freep) char *written = reference->path;
    char *path = spec_path_absolute(source, written);

    reference->path = path;
    if (reference->transport != TRANSPORT_PATH && reference->transport != TRANSPORT_DIR &&
        strchr(path, ':') != NULL)
        return error_advise(spec_error(key->name, value, "'%s': the path contains a ':'", path),
                            "name the file without a transport such as 'docker-archive:'");
    if (stat(path, &status) < 0) {
        struct error *err = spec_error(key->name, value, "'%s': %s", path, strerror(errno));
        CLEANUP(freep) char *advice = reference_advice(written);

        return error_advise(err, "%s", advice);
    }
    return NULL;
}

static struct error *read_built(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_image *ret)
{
    if (source->graph == NULL)
        return spec_error(key->name, value, "this command builds no other image for it");
    TRY(spec_graph_reader_refer(source->graph, key, source, value, &ret->node, &ret->name));
    ret->is_built = true;
    return NULL;
}

struct error *spec_image_read(const struct spec_key *key, const struct spec_source *source,
                              const struct json *value, struct spec_image *ret)
{
    CLEANUP(reference_free) struct reference reference = {0};

    if (value->type == JSON_OBJECT)
        return read_built(key, source, value, ret);
    if (value->type != JSON_STRING)
        return spec_error_type(key->name, value, "an image reference");
    CLEANUP(error_freep) struct error *err = reference_parse(value->text, &reference);

    if (err != NULL)
        return spec_error_because(key->name, value, err);
    if (reference.transport != TRANSPORT_DOCKER && !reference_is_stdin(&reference))
        TRY(find_image(key, source, value, &reference));
    ret->name = reference_format(&reference);
    return NULL;
}

struct json *spec_image_describe(const struct spec_image *image)
{
    if (image->name == NULL)
        return json_null();
    if (!image->is_built)
        return json_string(image->name);
    struct json *use = json_object();

    json_set(use, "use", json_string(image->name));
    return use;
}

struct json *spec_image_schema(void)
{
    struct json *built = json_object();

    json_set(built, "$ref", json_string("#/$defs/built"));
    return json_schema_either(json_schema_type("string"), built);
}

static struct error *read_base(const struct spec_key *key, const struct spec_source *source,
                               struct json *value, void *member)
{
    return spec_image_read(key, source, value, member);
}

static void free_base(void *member)
{
    struct spec_image *image = member;

    free(image->name);
    *image = (struct spec_image){0};
}

static struct json *describe_base(const void *member)
{
    return spec_image_describe(member);
}

static struct json *base_schema(const struct spec_key *key)
{
    (void)key;
    return spec_image_schema();
}

const struct spec_kind spec_image_base = {
    .type = "string or object",
    .json_start = "{",
    .read = read_base,
    .free = free_base,
    .describe = describe_base,
    .schema = base_schema,
};
