#include "host/spec/spec_document.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_misnomer.h"
#include "host/spec/spec_mount.h"

#define STDIN_NAME "standard input" /* in messages */

#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* which some editors put before UTF-8 */

static void *member(struct spec *spec, const struct spec_key *key)
{
    return (char *)spec + key->offset;
}

/* Refuses VALUE, which was stored as SPEC's KEY, if it is more than the key's word can hold. */
static struct error *check_word(const struct spec_key *key, const struct json *value,
                                struct spec *spec)
{
    const struct guest_word_row *word = &guest_words[key->word];
    CLEANUP(strings_free) struct strings values = {0};

    if (key->word == GUEST_WORD_NONE)
        return NULL;
    key->kind->word_values(member(spec, key), &values);
    if (word->kind == GUEST_LIST && values.count > (size_t)word->most)
        return spec_error(key->name, value, "must have at most %jd items", (intmax_t)word->most);
    if (word->kind == GUEST_TEXT && values.count > 0 &&
        strlen(values.items[0]) > (size_t)word->most)
        return spec_error(key->name, value, "must have at most %jd bytes", (intmax_t)word->most);
    return NULL;
}

/* Stores VALUE as SPEC's KEY, in place of what is there. */
static struct error *read_value(const struct spec_source *source, const struct spec_key *key,
                                struct json *value, struct spec *spec)
{
    if (key->kind->free != NULL)
        key->kind->free(member(spec, key));
    TRY(key->kind->read(key, source, value, member(spec, key)));
    return check_word(key, value, spec);
}

static struct error *fill_default(const struct spec_source *source, const struct spec_key *key,
                                  struct spec *spec)
{
    CLEANUP(json_freep) struct json *value = NULL;

    if (key->kind->fill != NULL)
        return key->kind->fill(source, member(spec, key));
    if (key->initial == NULL)
        return NULL;
    TRY(spec_key_value(key, key->initial, &value));
    return read_value(source, key, value, spec);
}

static struct error *refuse_key(const char *name, const struct json *value)
{
    return spec_misnomer_advise(error_new(EXIT_INPUT, "line %u, column %u: unknown key '%.100s'",
                                          value->line, value->column, name),
                                name);
}

static struct error *read_keys(const struct spec_source *source, const struct json *root,
                               struct spec *spec)
{
    for (size_t i = 0; i < root->count; i++) {
        const struct spec_key *key = spec_key_find(root->keys[i]);

        if (key == NULL)
            return refuse_key(root->keys[i], root->items[i]);
        if (root->items[i]->type != JSON_NULL || key->required)
            TRY(read_value(source, key, root->items[i], spec));
    }
    return NULL;
}

/* A spec runs one of the two in its image. */
static struct error *check_scripts(const struct json *root, const struct spec *spec)
{
    if (spec->run_as_root == NULL || !spec_has_run(spec))
        return NULL;
    return spec_error("run", json_get(root, "run"), "'run' and 'runAsRoot' exclude each other");
}

struct error *spec_document_read(const struct spec_source *source, const struct json *root,
                                 struct spec *spec)
{
    if (root->type != JSON_OBJECT)
        return error_new(EXIT_INPUT, "line %u, column %u: expected an object, found %s", root->line,
                         root->column, json_type_name(root->type));
    for (size_t i = 0; i < spec_key_count; i++)
        TRY(fill_default(source, &spec_keys[i], spec));
    TRY(read_keys(source, root, spec));
    TRY(check_scripts(root, spec));
    TRY(spec_mounts_settle(json_get(root, "mounts"), spec));
    for (size_t i = 0; i < spec_key_count && !source->is_nameless; i++)
        if (spec_keys[i].required && json_get(root, spec_keys[i].name) == NULL)
            return error_advise(error_new(EXIT_INPUT, "the key '%s' is missing", spec_keys[i].name),
                                "add \"%s\": \"...\"", spec_keys[i].name);
    return NULL;
}

void spec_document_override(struct json *root, const struct json *overrides)
{
    if (root->type != JSON_OBJECT)
        return;
    for (size_t i = 0; i < overrides->count; i++)
        json_set(root, overrides->keys[i], json_copy(overrides->items[i]));
}

static struct error *read_bytes(const char *path, struct buffer *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    CLEANUP(closep)
    int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (!is_stdin && opened < 0)
        return error_errno(EXIT_INPUT, "open spec '%s'", path);
    return error_context(
        file_read_open(is_stdin ? STDIN_FILENO : opened, JSON_SIZE_MAX, EXIT_INPUT, out),
        "read spec '%s'", is_stdin ? STDIN_NAME : path);
}

/* Removes a byte order mark, which readers of JSON may ignore (RFC 8259, section 8.1). */
static void drop_mark(struct buffer *text)
{
    size_t length = strlen(BYTE_ORDER_MARK);

    if (text->length < length || memcmp(text->data, BYTE_ORDER_MARK, length) != 0)
        return;
    text->length -= length;
    memmove(text->data, text->data + length, text->length);
}

struct error *spec_document_folder(const char *path, char **ret)
{
    CLEANUP(freep) char *copy = xstrdup(path);
    const char *folder = strcmp(path, "-") == 0 ? "." : dirname(copy);

    *ret = realpath(folder, NULL);
    if (*ret == NULL)
        return error_errno(EXIT_INPUT, "open the directory of spec '%s'", path);
    return NULL;
}

char *spec_document_name(const char *path)
{
    return xasprintf("spec '%s'", strcmp(path, "-") == 0 ? STDIN_NAME : path);
}

struct error *spec_document_open(const char *path, struct json **ret, char **ret_folder)
{
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(freep) char *name = spec_document_name(path);

    TRY(read_bytes(path, &text));
    TRY(spec_document_folder(path, &folder));
    drop_mark(&text);
    TRY(json_parse(name, text.data, text.length, ret));
    *ret_folder = STEAL(folder);
    return NULL;
}
