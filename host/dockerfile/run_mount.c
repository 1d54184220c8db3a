#include "host/dockerfile/run_mount.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

#define BIT(kind) (1u << MOUNT_##kind)
#define ANY (BIT(BIND) | BIT(CACHE) | BIT(TMPFS) | BIT(SECRET) | BIT(SSH))
#define OWNED (BIT(CACHE) | BIT(SECRET) | BIT(SSH))

enum field {
    FIELD_TYPE,
    FIELD_FROM,
    FIELD_SOURCE,
    FIELD_TARGET,
    FIELD_ID,
    FIELD_SHARING,
    FIELD_VARIABLE,
    FIELD_SIZE,
    FIELD_MODE,
    FIELD_UID,
    FIELD_GID,
    FIELD_READONLY,
    FIELD_READWRITE,
    FIELD_REQUIRED
};

static const struct {
    const char *name;
    enum field field;
    unsigned int kinds; /* of mounts that have it */
} fields[] = {
    {"type", FIELD_TYPE, ANY},
    {"from", FIELD_FROM, BIT(BIND) | BIT(CACHE)},
    {"source", FIELD_SOURCE, BIT(BIND) | BIT(CACHE) | BIT(SECRET)},
    {"src", FIELD_SOURCE, BIT(BIND) | BIT(CACHE) | BIT(SECRET)},
    {"target", FIELD_TARGET, ANY},
    {"dst", FIELD_TARGET, ANY},
    {"destination", FIELD_TARGET, ANY},
    {"id", FIELD_ID, BIT(CACHE) | BIT(SECRET) | BIT(SSH)},
    {"sharing", FIELD_SHARING, BIT(CACHE)},
    {"env", FIELD_VARIABLE, BIT(SECRET)},
    {"size", FIELD_SIZE, BIT(TMPFS)},
    {"mode", FIELD_MODE, OWNED},
    {"uid", FIELD_UID, OWNED},
    {"gid", FIELD_GID, OWNED},
    {"readonly", FIELD_READONLY, ANY},
    {"ro", FIELD_READONLY, ANY},
    {"readwrite", FIELD_READWRITE, ANY},
    {"rw", FIELD_READWRITE, ANY},
    {"required", FIELD_REQUIRED, BIT(SECRET) | BIT(SSH)},
};

#define FIELD_COUNT (sizeof fields / sizeof *fields)

static const char *const kinds[] = {"bind", "cache", "tmpfs", "secret", "ssh"};

#define KIND_COUNT (sizeof kinds / sizeof *kinds)

/* Appends the field in quotes at TEXT, in which a quote is doubled. Returns what follows it; NULL:
 * there is no second quote. */
static const char *read_quoted(const char *text, struct buffer *out)
{
    for (text++; *text != '\0'; text++) {
        if (*text == '"' && *++text != '"')
            return text;
        buffer_append(out, text, 1);
    }
    return NULL;
}

struct error *run_mount_split(const char *text, struct strings *ret)
{
    while (*text != '\0') {
        CLEANUP(buffer_free) struct buffer field = {0};
        const char *end = text + strcspn(text, ",\"");

        if (*text == '"')
            end = read_quoted(text, &field);
        else
            buffer_append(&field, text, (size_t)(end - text));
        if (end == NULL || (*end != ',' && *end != '\0'))
            return error_new(EXIT_INPUT, "a quote is not at the ends of a field");
        text = end + (*end == ',' ? 1 : 0);
        strings_take(ret, buffer_steal(&field));
    }
    return NULL;
}

static struct error *read_kind(const char *text, enum mount_kind *ret)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcasecmp(kinds[i], text) == 0) {
            *ret = (enum mount_kind)i;
            return NULL;
        }
    const char *nearest = nearest_word(text, kinds, sizeof *kinds, KIND_COUNT);
    struct error *err = error_new(EXIT_INPUT, "unknown type '%.40s'", text);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Finds the field called NAME, of LENGTH bytes. */
static struct error *find(const char *name, size_t length, size_t *ret)
{
    CLEANUP(freep) char *word = xstrndup(name, length);

    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (strcasecmp(fields[i].name, word) == 0) {
            *ret = i;
            return NULL;
        }
    const char *nearest = nearest_word(word, &fields->name, sizeof *fields, FIELD_COUNT);
    struct error *err = error_new(EXIT_INPUT, "unknown field '%.40s'", word);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* As strconv.ParseBool of Go reads it. */
static struct error *read_boolean(const char *name, const char *text, bool *ret)
{
    static const char *const words[] = {"1", "t", "T", "true",  "TRUE",  "True",
                                        "0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i < 6;
            return NULL;
        }
    return error_new(EXIT_INPUT, "'%s' must be true or false", name);
}

static struct error *check_number(const char *name, const char *text, int base)
{
    char *end = NULL;

    if (strtoull(text, &end, base) > UINT32_MAX || end == text || *end != '\0' ||
        text[strspn(text, "01234567890")] != '\0')
        return error_new(EXIT_INPUT, "'%s' must be a number, not '%.40s'", name, text);
    return NULL;
}

static struct error *check_sharing(const char *text)
{
    if (strcasecmp(text, "shared") != 0 && strcasecmp(text, "private") != 0 &&
        strcasecmp(text, "locked") != 0)
        return error_new(EXIT_INPUT, "'sharing' must be one of shared, private, locked");
    return NULL;
}

/* Returns where MOUNT keeps FIELD, a text. */
static char **place_of(struct run_mount *mount, enum field field)
{
    char **const places[] = {
        [FIELD_FROM] = &mount->from,       [FIELD_SOURCE] = &mount->source,
        [FIELD_TARGET] = &mount->target,   [FIELD_ID] = &mount->id,
        [FIELD_SHARING] = &mount->sharing, [FIELD_VARIABLE] = &mount->variable,
        [FIELD_SIZE] = &mount->size,       [FIELD_MODE] = &mount->mode,
        [FIELD_UID] = &mount->uid,         [FIELD_GID] = &mount->gid,
    };

    return places[field];
}

static struct error *read_text(size_t field, const char *value, struct run_mount *mount)
{
    enum field kind = fields[field].field;
    char **place = place_of(mount, kind);
    bool is_name = kind == FIELD_FROM || kind == FIELD_SOURCE || kind == FIELD_TARGET ||
                   kind == FIELD_ID; /* if it is empty, it is not given */

    if (kind == FIELD_MODE || kind == FIELD_UID || kind == FIELD_GID)
        TRY(check_number(fields[field].name, value, kind == FIELD_MODE ? 8 : 10));
    if (kind == FIELD_SHARING)
        TRY(check_sharing(value));
    free(*place);
    *place = is_name && *value == '\0' ? NULL : xstrdup(value);
    for (char *at = *place; kind == FIELD_SHARING && *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    return NULL;
}

/* Reads a field whose value, if it has one, is true or false. */
static struct error *read_flag(size_t field, const char *value, struct run_mount *mount)
{
    bool is_set = true;

    if (value != NULL)
        TRY(read_boolean(fields[field].name, value, &is_set));
    if (fields[field].field == FIELD_REQUIRED)
        mount->is_required = is_set;
    else
        mount->is_writable = is_set == (fields[field].field == FIELD_READWRITE);
    return NULL;
}

static struct error *read_field(const char *text, struct run_mount *mount)
{
    size_t length = strcspn(text, "="), field = 0;
    const char *value = text[length] == '=' ? text + length + 1 : NULL;

    TRY(find(text, length, &field));
    if ((fields[field].kinds & 1u << mount->kind) == 0)
        return error_new(EXIT_INPUT, "'%s' is not for the type %s", fields[field].name,
                         kinds[mount->kind]);
    if (fields[field].field >= FIELD_READONLY)
        return read_flag(field, value, mount);
    if (value == NULL)
        return error_new(EXIT_INPUT, "'%s' requires a value", fields[field].name);
    return fields[field].field != FIELD_TYPE ? read_text(field, value, mount) : NULL;
}

static struct error *check(const struct run_mount *mount)
{
    if (mount->kind == MOUNT_SECRET) {
        if (mount->source != NULL && mount->id != NULL)
            return error_new(EXIT_INPUT, "'source' and 'id' exclude each other");
        if (mount->source == NULL && mount->id == NULL && mount->target == NULL)
            return error_new(EXIT_INPUT, "a secret requires 'id' or 'target'");
        return NULL;
    }
    if (mount->kind != MOUNT_SSH && mount->target == NULL)
        return error_new(EXIT_INPUT, "'target' is missing");
    return NULL;
}

struct error *run_mount_read(const struct strings *list, struct run_mount *ret)
{
    CLEANUP(run_mount_free) struct run_mount mount = {0};

    for (size_t i = 0; i < list->count; i++)
        if (strncasecmp(list->items[i], "type=", 5) == 0)
            TRY(read_kind(list->items[i] + 5, &mount.kind));
    mount.is_writable = mount.kind == MOUNT_CACHE || mount.kind == MOUNT_TMPFS;
    for (size_t i = 0; i < list->count; i++)
        TRY(read_field(list->items[i], &mount));
    TRY(check(&mount));
    *ret = mount;
    mount = (struct run_mount){0};
    return NULL;
}

void run_mount_free(struct run_mount *mount)
{
    for (enum field field = FIELD_FROM; field <= FIELD_GID; field++)
        free(*place_of(mount, field));
    *mount = (struct run_mount){0};
}
