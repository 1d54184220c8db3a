#include "host/spec/spec_graph_reader.h"

#include <stdlib.h>
#include <string.h>

#include "host/image/reference.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/spec_document.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_files.h"
#include "host/spec/spec_graph.h"
#include "host/spec/spec_graph_overrides.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_path.h"

#define IMAGES "images"
#define ARCHITECTURE "architecture"

enum state { NODE_NEW, NODE_BEING_READ, NODE_READ };

/* A node while the graph is read. */
struct reading {
    const struct spec_file *file;
    const struct json *definition;
    const char *key; /* in its file's `images`, or NULL */
    bool is_in_place;
    enum state state;
};

struct spec_graph_reader {
    struct spec_graph *graph;
    struct reading *readings; /* of each node; never NULL */
    struct spec_files files;
    size_t way[SPEC_GRAPH_DEPTH_MAX]; /* the nodes that are being read, each used by the last */
    size_t depth;
    const struct spec_graph_request *request;
    const char *platform; /* that is being read for; NULL: none */
    struct spec_graph_overrides overrides;
    size_t streams; /* images on standard input */
};

static bool has_name(const struct spec_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->count; i++)
        if (strcmp(graph->nodes[i]->name, name) == 0)
            return true;
    return false;
}

/* Sets the name of NODE to PLAIN, which is taken over, with its platform if there are several. */
static void name_node(const struct spec_graph_reader *reader, struct spec_node *node, char *plain)
{
    free(node->name);
    node->plain_length = strlen(plain);
    if (reader->request->platforms == NULL || reader->request->platforms->count < 2) {
        node->name = plain;
        return;
    }
    node->name = xasprintf("%s@%s", plain, node->platform);
    free(plain);
}

/* Adds a node called NAME, which is taken over, or so with a number. Returns its own. */
static size_t add_node(struct spec_graph_reader *reader, char *name, struct reading reading)
{
    struct spec_graph *graph = reader->graph;
    struct spec_node *node = xcalloc(1, sizeof *node);

    if (reading.file->platform != NULL)
        node->platform = xstrdup(reading.file->platform);
    name_node(reader, node, xstrdup(name));
    for (unsigned int i = 2; has_name(graph, node->name); i++)
        name_node(reader, node, xasprintf("%s-%u", name, i));
    free(name);
    graph->nodes = xreallocarray(graph->nodes, graph->count + 1, sizeof(struct spec_node *));
    reader->readings = xreallocarray(reader->readings, graph->count + 1, sizeof reading);
    reader->readings[graph->count] = reading;
    graph->nodes[graph->count] = node;
    return graph->count++;
}

/* Files. */

/* Adds a node for each of FILE's `images`. PREFIX goes before their names. */
static struct error *add_images(struct spec_graph_reader *reader, struct spec_file *file,
                                const char *prefix)
{
    const struct json *images = json_get(file->root, IMAGES);

    for (size_t i = 0; i < file->root->count; i++)
        if (file->root->items[i] != images)
            return error_advise(spec_error(file->root->keys[i], file->root->items[i],
                                           "must not stand beside '" IMAGES "'"),
                                "it belongs into one of the images");
    if (images->type != JSON_OBJECT)
        return spec_error_type(IMAGES, images, "an object of specs");
    if (images->count == 0)
        return spec_error(IMAGES, images, "must not be empty");
    for (size_t i = 0; i < images->count; i++) {
        const char *key = images->keys[i];

        if (*key == '\0')
            return spec_error(IMAGES, images->items[i], "the name of an image must not be empty");
        add_node(reader, xasprintf("%s%s", prefix, key),
                 (struct reading){.file = file, .definition = images->items[i], .key = key});
    }
    return NULL;
}

/* Adds the nodes of FILE, which is called NAME; of the first file it is NULL. */
static struct error *add_nodes(struct spec_graph_reader *reader, struct spec_file *file,
                               const char *name)
{
    CLEANUP(freep) char *prefix = name == NULL ? xstrdup("") : xasprintf("%s:", name);
    const char *own = json_get_string(file->root, "name");

    file->first = reader->graph->count;
    if (json_get(file->root, IMAGES) != NULL)
        TRY(add_images(reader, file, prefix));
    else
        add_node(reader,
                 xstrdup(name != NULL  ? name
                         : own != NULL ? own
                                       : "image"),
                 (struct reading){.file = file, .definition = file->root});
    file->count = reader->graph->count - file->first;
    return NULL;
}

/* Opens the file PATH, which is called NAME, and adds its nodes, unless that was done. */
static struct error *open_file(struct spec_graph_reader *reader, const char *path, const char *name,
                               const struct spec_file **ret)
{
    CLEANUP(freep) char *words = spec_document_name(path);
    struct spec_file *file = NULL;
    bool is_new = false;

    TRY(spec_files_open(&reader->files, path, reader->platform, &file, &is_new));
    *ret = file;
    return is_new ? error_context(add_nodes(reader, file, name), "read %s", words) : NULL;
}

/* Nodes. */

/* Checks what a spec in place must not have. */
static struct error *check_in_place(const struct json *definition)
{
    static const char *const forbidden[] = {"name", "tag"};

    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        const struct json *value = json_get(definition, forbidden[i]);

        if (value != NULL)
            return spec_error(forbidden[i], value, "an image in place has none");
    }
    return NULL;
}

/* Checks SPEC, read from ROOT, against the others. */
static struct error *check_node(struct spec_graph_reader *reader, const struct json *root,
                                const struct spec *spec)
{
    static const char *const keys[] = {"fromImageName", "fromImageTag"};
    CLEANUP(reference_free) struct reference reference = {0};
    const struct spec_image *base = &spec->from_image;

    for (size_t i = 0; base->is_built && i < sizeof keys / sizeof *keys; i++) {
        const struct json *value = json_get(root, keys[i]);

        if (value != NULL && value->type != JSON_NULL)
            return spec_error(keys[i], value, "'fromImage' is built, and is a single image");
    }
    if (base->name == NULL || base->is_built)
        return NULL;
    TRY(reference_parse(base->name, &reference));
    if (!reference_is_stdin(&reference))
        return NULL;
    if (strcmp(reader->files.items[0]->path, "-") == 0)
        return error_new(EXIT_INPUT, "'fromImage' and the spec must not both be standard input");
    return reader->streams++ == 0
               ? NULL
               : error_new(EXIT_INPUT, "'fromImage' of several images is standard input");
}

/* Sets the platform that NODE is read for in ROOT, unless that states one. */
static void set_platform(const struct spec_graph_reader *reader, size_t node, struct json *root)
{
    const char *platform = reader->graph->nodes[node]->platform;
    const struct json *stated = json_get(root, ARCHITECTURE);

    if (platform != NULL && root->type == JSON_OBJECT &&
        (stated == NULL || stated->type == JSON_NULL))
        json_set(root, ARCHITECTURE, json_string(platform));
}

/* Reads ROOT, a copy of the definition of NODE. */
static struct error *read_definition(struct spec_graph_reader *reader, size_t node,
                                     struct json *root)
{
    const struct reading reading = reader->readings[node];
    const struct spec_source source = {.folder = reading.file->folder,
                                       .now = reader->request->now,
                                       .source_date_epoch = reader->request->source_date_epoch,
                                       .is_nameless = reading.is_in_place,
                                       .graph = reader,
                                       .node = node};
    struct spec *spec = xcalloc(1, sizeof *spec);

    reader->graph->nodes[node]->spec = spec;
    if (reading.is_in_place)
        TRY(check_in_place(root));
    if (reading.key != NULL && root->type == JSON_OBJECT && json_get(root, "name") == NULL) {
        struct json *name = json_string(reading.key);

        name->line = root->line;
        name->column = root->column;
        json_set(root, "name", name);
    }
    TRY(spec_graph_overrides_apply(&reader->overrides, reader->graph, node, root));
    set_platform(reader, node, root);
    TRY(spec_document_read(&source, root, spec));
    const struct spec_node *own = reader->graph->nodes[node];

    if (reading.is_in_place)
        spec->name = xstrndup(own->name, own->plain_length);
    return check_node(reader, root, spec);
}

/* Returns the names of the images from NODE to NODE on the way; the caller's. */
static char *describe_cycle(const struct spec_graph_reader *reader, size_t node)
{
    struct buffer text = {0};
    bool is_in = false;

    for (size_t i = 0; i < reader->depth; i++) {
        is_in = is_in || reader->way[i] == node;
        if (is_in)
            buffer_printf(&text, "'%s' needs ", reader->graph->nodes[reader->way[i]]->name);
    }
    buffer_printf(&text, "'%s'", reader->graph->nodes[node]->name);
    return buffer_steal(&text);
}

/* Reads NODE, unless that was done. */
static struct error *read_node(struct spec_graph_reader *reader, size_t node)
{
    if (reader->readings[node].state == NODE_READ)
        return NULL;
    CLEANUP(json_freep) struct json *root = json_copy(reader->readings[node].definition);

    reader->readings[node].state = NODE_BEING_READ;
    reader->way[reader->depth++] = node;
    TRY(read_definition(reader, node, root));
    reader->depth--;
    reader->readings[node].state = NODE_READ;
    return NULL;
}

/* Reads NODE, which VALUE of KEY leads to. */
static struct error *follow(struct spec_graph_reader *reader, size_t node,
                            const struct spec_key *key, const struct json *value)
{
    if (reader->readings[node].state == NODE_BEING_READ) {
        CLEANUP(freep) char *cycle = describe_cycle(reader, node);

        return spec_error(key->name, value, "an image must not need itself: %s", cycle);
    }
    if (reader->depth == SPEC_GRAPH_DEPTH_MAX)
        return spec_error(key->name, value, "more than %d images are made of one another",
                          SPEC_GRAPH_DEPTH_MAX);
    return read_node(reader, node);
}

/* References. */

/* Finds the image NAME of FILE. VALUE is where KEY names it. */
static struct error *find_image(const struct spec_graph_reader *reader,
                                const struct spec_file *file, const struct spec_key *key,
                                const struct json *value, size_t *ret)
{
    CLEANUP(freep) const char **names = xcalloc(file->count + 1, sizeof *names);

    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'use' must be the name of an image");
    for (size_t i = 0; i < file->count; i++) {
        const char *name = reader->readings[file->first + i].key;

        names[i] = name != NULL ? name : "";
        *ret = file->first + i;
        if (strcmp(names[i], value->text) == 0)
            return NULL;
    }
    struct error *err = spec_error(key->name, value, "unknown image '%.100s'", value->text);
    const char *nearest = nearest_word(value->text, names, sizeof *names, file->count);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Finds the node that VALUE names in FILE. */
static struct error *choose_image(const struct spec_graph_reader *reader,
                                  const struct spec_file *file, const struct spec_key *key,
                                  const struct json *value, size_t *ret)
{
    const struct json *use = json_get(value, "use");

    if (use != NULL)
        return find_image(reader, file, key, use, ret);
    if (file->count > 1)
        return error_advise(spec_error(key->name, value, "the file has several images"),
                            "add \"use\": \"%s\"", reader->readings[file->first].key);
    *ret = file->first;
    return NULL;
}

/* Reads {"spec": FILE}, with or without "use". */
static struct error *refer_to_file(struct spec_graph_reader *reader, const struct spec_key *key,
                                   const struct spec_source *source, const struct json *value,
                                   size_t *ret)
{
    const struct json *name = json_get(value, "spec");
    const struct spec_file *file = NULL;
    CLEANUP(freep) char *path = NULL;

    TRY(spec_path_read(key, source, name, &path));
    struct error *opened = open_file(reader, path, name->text, &file);

    if (opened == NULL) {
        TRY(choose_image(reader, file, key, value, ret));
        CLEANUP(freep) char *words = spec_document_name(path);
        bool is_other = reader->readings[source->node].file != file;

        opened = follow(reader, *ret, key, value);
        if (!is_other || reader->readings[*ret].state == NODE_READ)
            return opened;
        opened = error_context(opened, "read %s", words);
    }
    CLEANUP(error_freep) struct error *err = opened;

    return spec_error_because(key->name, value, err);
}

/* Reads a spec in place. */
static struct error *refer_in_place(struct spec_graph_reader *reader, const struct spec_key *key,
                                    const struct spec_source *source, const struct json *value,
                                    size_t *ret)
{
    const struct spec_node *user = reader->graph->nodes[source->node];
    char *name = xasprintf("%.*s.%s", (int)user->plain_length, user->name, key->name);

    *ret = add_node(reader, name,
                    (struct reading){.file = reader->readings[source->node].file,
                                     .definition = value,
                                     .is_in_place = true});
    return follow(reader, *ret, key, value);
}

static void add_need(struct spec_graph *graph, size_t node, size_t need)
{
    struct spec_node *user = graph->nodes[node];

    graph->nodes[need]->is_used = true;
    for (size_t i = 0; i < user->need_count; i++)
        if (user->needs[i] == need)
            return;
    user->needs = xreallocarray(user->needs, user->need_count + 1, sizeof *user->needs);
    user->needs[user->need_count++] = need;
}

/* Refuses members of VALUE, a reference, that it does not have. */
static struct error *check_members(const struct spec_key *key, const struct json *value)
{
    for (size_t i = 0; i < value->count; i++)
        if (strcmp(value->keys[i], "use") != 0 && strcmp(value->keys[i], "spec") != 0)
            return spec_error(key->name, value->items[i],
                              "'%.100s' must not stand beside 'use' or 'spec'", value->keys[i]);
    return NULL;
}

struct error *spec_graph_reader_refer(struct spec_graph_reader *reader, const struct spec_key *key,
                                      const struct spec_source *source, const struct json *value,
                                      size_t *ret_node, char **ret_name)
{
    size_t node = 0;

    if (json_get(value, "spec") != NULL) {
        TRY(check_members(key, value));
        TRY(refer_to_file(reader, key, source, value, &node));
    } else if (json_get(value, "use") != NULL) {
        TRY(check_members(key, value));
        TRY(choose_image(reader, reader->readings[source->node].file, key, value, &node));
        TRY(follow(reader, node, key, value));
    } else {
        TRY(refer_in_place(reader, key, source, value, &node));
    }
    add_need(reader->graph, source->node, node);
    *ret_node = node;
    *ret_name = xstrdup(reader->graph->nodes[node]->name);
    return NULL;
}

/* The graph. */

/* Takes *SPEC over in the place of a file. */
static struct error *open_converted(struct spec_graph_reader *reader, struct json **spec,
                                    const struct spec_file **ret)
{
    struct spec_file *file = NULL;

    TRY(spec_files_add(&reader->files, spec, reader->platform, &file));
    *ret = file;
    return add_nodes(reader, file, NULL);
}

/* What a graph is read from. */
struct origin {
    const char *path;    /* of a file, or */
    const char *name;    /* of the document that */
    struct json **specs; /* were made of, for each platform */
};

/* Reads ORIGIN for the platform NUMBER. */
static struct error *read_once(struct spec_graph_reader *reader, const struct origin *origin,
                               size_t number)
{
    const struct spec_file *file = NULL;
    CLEANUP(freep)
    char *words =
        origin->path == NULL ? xasprintf("'%s'", origin->name) : spec_document_name(origin->path);

    TRY(origin->path == NULL ? open_converted(reader, &origin->specs[number], &file)
                             : open_file(reader, origin->path, NULL, &file));
    reader->graph->has_images = json_get(file->root, IMAGES) != NULL;
    size_t own = reader->graph->count;

    for (size_t i = file->first; i < own; i++) {
        reader->graph->nodes[i]->is_own = true;
        TRY(error_context(read_node(reader, i), "read %s", words));
    }
    return NULL;
}

static struct error *read_graph(struct spec_graph_reader *reader, const struct origin *origin)
{
    const struct spec_graph_request *request = reader->request;
    const struct strings *platforms = request->platforms;

    TRY(spec_graph_overrides_check(&reader->overrides));
    if (platforms == NULL || platforms->count == 0)
        TRY(read_once(reader, origin, 0));
    for (size_t i = 0; platforms != NULL && i < platforms->count; i++) {
        reader->platform = platforms->items[i];
        TRY(read_once(reader, origin, i));
    }
    return spec_graph_overrides_check_applied(&reader->overrides, reader->graph);
}

static struct error *read_origin(const struct origin *origin,
                                 const struct spec_graph_request *request, struct spec_graph **ret)
{
    CLEANUP(spec_graph_freep) struct spec_graph *graph = xcalloc(1, sizeof *graph);
    CLEANUP(freep) bool *applied = xcalloc(request->override_count + 1, sizeof *applied);
    struct spec_graph_reader reader = {.graph = graph,
                                       .readings = xcalloc(1, sizeof *reader.readings),
                                       .request = request,
                                       .overrides = {.items = request->overrides,
                                                     .count = request->override_count,
                                                     .applied = applied}};
    struct error *err = read_graph(&reader, origin);

    spec_files_free(&reader.files);
    free(reader.readings);
    if (err == NULL)
        *ret = STEAL(graph);
    return err;
}

struct error *spec_graph_read(const char *path, const struct spec_graph_request *request,
                              struct spec_graph **ret)
{
    const struct origin origin = {.path = path};

    return read_origin(&origin, request, ret);
}

struct error *spec_graph_read_converted(const char *name, struct json **specs,
                                        const struct spec_graph_request *request,
                                        struct spec_graph **ret)
{
    const struct origin origin = {.name = name, .specs = specs};

    return read_origin(&origin, request, ret);
}
