#include "host/spec/spec_override.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/nearest.h"
#include "host/spec/spec_key.h"

static struct error *refuse_key(const struct spec_override *override)
{
    const char *nearest = nearest_word(override->key, spec_key_name, spec_key_count);
    struct error *err = error_new(EXIT_USAGE, "read option '--%s': unknown key '%.100s'",
                                  override->option, override->key);

    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild schema' lists the keys");
}

static bool is_json(const struct spec_key *key, const char *text)
{
    switch (key->kind) {
    case SPEC_NAME:
    case SPEC_TAG:
    case SPEC_STRING:
    case SPEC_REFERENCE:
    case SPEC_CREATED:
    case SPEC_ARCHITECTURE:
        return false;
    case SPEC_SCRIPT: /* a group of shell commands begins with a brace, too, but never with these */
        return strncmp(text, "{\"", 2) == 0;
    case SPEC_PATHS:
        return *text == '[';
    case SPEC_CLOSURE:
    case SPEC_CONFIG:
    case SPEC_BOOLEAN:
    case SPEC_NUMBER:
    case SPEC_SHARES:
    case SPEC_ENV:
        break;
    }
    return true;
}

/* The lines of an option's text would be taken for the spec file's. */
static void clear_lines(struct json *value)
{
    value->line = 0;
    for (size_t i = 0; i < value->count; i++)
        clear_lines(value->items[i]);
}

static struct error *read_json(const struct spec_override *override, const struct spec_key *key,
                               struct json **ret)
{
    const char *text = override->value;
    CLEANUP(json_freep) struct json *value = NULL;
    CLEANUP(error_freep) struct error *err = json_parse("JSON", text, strlen(text), &value);
    uint64_t number;

    if (key->kind == SPEC_NUMBER &&
        (err != NULL || !json_to_unsigned(value, key->most, &number) || number < key->least))
        return error_new(
            EXIT_USAGE, "read option '--%s': %s '%.40s' is no whole number from %ju to %ju",
            override->option, key->name, text, (uintmax_t)key->least, (uintmax_t)key->most);
    if (key->kind == SPEC_BOOLEAN && (err != NULL || value->type != JSON_BOOLEAN))
        return error_new(EXIT_USAGE, "read option '--%s': %s '%.40s' is neither true nor false",
                         override->option, key->name, text);
    if (err != NULL)
        return error_new(EXIT_USAGE, "read option '--%s': key '%s': %s", override->option,
                         key->name, err->message);
    clear_lines(value);
    *ret = STEAL(value);
    return NULL;
}

struct error *spec_overrides_read(const struct spec_override *overrides, size_t count,
                                  struct json **ret)
{
    CLEANUP(json_freep) struct json *object = json_object();

    for (size_t i = 0; i < count; i++) {
        const struct spec_key *key = spec_key_find(overrides[i].key);
        struct json *value = NULL;

        if (key == NULL)
            return refuse_key(&overrides[i]);
        if (is_json(key, overrides[i].value))
            TRY(read_json(&overrides[i], key, &value));
        else
            value = json_string(overrides[i].value);
        json_set(object, key->name, value);
    }
    *ret = STEAL(object);
    return NULL;
}
