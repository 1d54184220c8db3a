#include "host/spec/spec_mount.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec_content.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_image.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_path.h"
#include "host/spec/spec_secret.h"

#define BIT(kind) (1u << SPEC_MOUNT_##kind)
#define OWNED (BIT(TMPFS) | BIT(SECRET) | BIT(CACHE))
#define ANY (OWNED | BIT(BIND))

#define ID_MAX UINT32_C(4294967294) /* 2^32-1 means "no change" to chown */
#define MODE_MAX 07777
#define MODE_DIGITS_MAX 5
#define SECRET_MODE 0400

const char *const spec_mount_kinds[] = {[SPEC_MOUNT_TMPFS] = "tmpfs",
                                        [SPEC_MOUNT_SECRET] = "secret",
                                        [SPEC_MOUNT_CACHE] = "cache",
                                        [SPEC_MOUNT_BIND] = "bind"};

#define KIND_COUNT (sizeof spec_mount_kinds / sizeof *spec_mount_kinds)

/* Reads one member of an element into MOUNT. Returns what it must be, if it is not. */
typedef const char *(*member_read)(const char *text, struct spec_mount *mount);

static const char *read_type(const char *text, struct spec_mount *mount)
{
    (void)text, (void)mount; /* read before all others */
    return NULL;
}

static const char *read_target(const char *text, struct spec_mount *mount)
{
    mount->target = xstrdup(text);
    return NULL;
}

static const char *read_id(const char *text, struct spec_mount *mount)
{
    mount->id = xstrdup(text);
    if (mount->kind == SPEC_MOUNT_CACHE)
        return *text != '\0' ? NULL : "a name";
    return spec_secret_is_id(text) ? NULL : "up to 64 letters, digits, '_', '-' and '.'";
}

/* The guest's words have no room for other characters, and no shell for other names. */
static const char *read_variable(const char *text, struct spec_mount *mount)
{
    mount->variable = xstrdup(text);
    for (const char *at = text; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && *at != '_')
            return "the name of a variable";
    return *text != '\0' && !isdigit((unsigned char)*text) ? NULL : "the name of a variable";
}

static const char *read_mode(const char *text, struct spec_mount *mount)
{
    size_t length = strlen(text);
    unsigned long mode = strtoul(text, NULL, 8);

    mount->mode = (uint32_t)mode;
    mount->has_mode = true;
    return length > 0 && length <= MODE_DIGITS_MAX && strspn(text, "01234567") == length &&
                   mode <= MODE_MAX
               ? NULL
               : "an octal number such as \"0700\"";
}

static const char *read_sharing(const char *text, struct spec_mount *mount)
{
    mount->is_locked = strcmp(text, "locked") == 0;
    return mount->is_locked || strcmp(text, "shared") == 0 || strcmp(text, "private") == 0
               ? NULL
               : "one of shared, private, locked";
}

static const char *read_number(const char *text, uint32_t *ret)
{
    unsigned long long id = strtoull(text, NULL, 10); /* beyond the range: its largest value */

    *ret = (uint32_t)id;
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0' && id <= ID_MAX
               ? NULL
               : "a number such as \"1000\"";
}

static const char *read_uid(const char *text, struct spec_mount *mount)
{
    return read_number(text, &mount->uid);
}

static const char *read_gid(const char *text, struct spec_mount *mount)
{
    return read_number(text, &mount->gid);
}

/* As Docker's command line has it: bytes, or with a unit that is a power of 1024. */
static const char *read_size(const char *text, struct spec_mount *mount)
{
    static const char units[] = "kmgt";
    static const char must_be[] = "a size such as \"64m\", up to \"1024t\"";
    size_t digits = strspn(text, "0123456789");
    uint64_t size = strtoull(text, NULL, 10);
    const char *unit = text + digits;
    const char *found = *unit != '\0' ? strchr(units, tolower((unsigned char)*unit)) : NULL;
    unsigned int shift = found != NULL ? 10 * (unsigned int)(found - units + 1) : 0;

    if (found != NULL)
        unit++;
    if (found != NULL && tolower((unsigned char)*unit) == 'i')
        unit++;
    if (tolower((unsigned char)*unit) == 'b')
        unit++;
    if (digits == 0 || digits > 18 || *unit != '\0' || size == 0 ||
        size > UINT64_C(1) << 50 >> shift)
        return must_be;
    mount->size = size << shift;
    return NULL;
}

static const struct {
    const char *name;
    member_read read; /* NULL: true or false */
    const char *pattern;
    unsigned int kinds; /* of mounts that have it */
} members[] = {
    {"type", read_type, "^(tmpfs|secret|cache|bind)$", ANY},
    {"target", read_target, "^/(?!(.*/)?\\.\\.(/|$))", ANY},
    {"id", read_id, NULL, BIT(SECRET) | BIT(CACHE)},
    {"sharing", read_sharing, "^(shared|private|locked)$", BIT(CACHE)},
    {"env", read_variable, "^[A-Za-z_][A-Za-z0-9_]*$", BIT(SECRET)},
    {"required", NULL, NULL, BIT(SECRET)},
    {"size", read_size, "^[0-9]+([kKmMgGtT][iI]?)?[bB]?$", BIT(TMPFS)},
    {"mode", read_mode, "^0?[0-7]{1,4}$", OWNED},
    {"uid", read_uid, "^[0-9]+$", OWNED},
    {"gid", read_gid, "^[0-9]+$", OWNED},
    {"writable", NULL, NULL, BIT(BIND)},
    {"source", NULL, NULL, BIT(BIND)},
    {"image", NULL, NULL, BIT(BIND)},
    {"path", NULL, NULL, BIT(BIND)},
    {"exclude", NULL, NULL, BIT(BIND)},
    {"excludeFile", NULL, NULL, BIT(BIND)},
    {"ignore", NULL, NULL, BIT(BIND)},
};

#define MEMBER_COUNT (sizeof members / sizeof *members)

static struct error *read_kind(const struct spec_key *key, const struct json *value,
                               enum spec_mount_kind *ret)
{
    const char *type = json_get_string(value, "type");

    for (size_t i = 0; type != NULL && i < KIND_COUNT; i++)
        if (strcmp(spec_mount_kinds[i], type) == 0) {
            *ret = (enum spec_mount_kind)i;
            return NULL;
        }
    return spec_error(key->name, value, "'type' must be one of bind, cache, tmpfs, secret");
}

static struct error *refuse_member(const struct spec_key *key, const char *name,
                                   const struct json *value)
{
    const char *nearest = nearest_word(name, &members->name, sizeof *members, MEMBER_COUNT);
    struct error *err = spec_error(key->name, value, "unknown member '%.100s'", name);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

/* Whether NAME is of what a bind shows, as of an element of `contents`. */
static bool is_of_content(const char *name)
{
    static const char *const names[] = {"source",  "image",       "path",
                                        "exclude", "excludeFile", "ignore"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static struct error *read_flag(const struct spec_key *key, const char *name,
                               const struct json *value, struct spec_mount *mount)
{
    if (value->type != JSON_BOOLEAN)
        return spec_error(key->name, value, "'%s' must be true or false", name);
    *(strcmp(name, "required") == 0 ? &mount->is_required : &mount->is_writable) = value->boolean;
    return NULL;
}

static struct error *read_member(const struct spec_key *key, const char *name,
                                 const struct json *value, struct spec_mount *mount)
{
    size_t i = 0;

    while (i < MEMBER_COUNT && strcmp(members[i].name, name) != 0)
        i++;
    if (i == MEMBER_COUNT)
        return refuse_member(key, name, value);
    if (value->type == JSON_NULL)
        return NULL;
    if ((members[i].kinds & 1u << mount->kind) == 0)
        return spec_error(key->name, value, "'%s' is not for the type %s", name,
                          spec_mount_kinds[mount->kind]);
    if (is_of_content(name)) /* read together */
        return NULL;
    if (members[i].read == NULL)
        return read_flag(key, name, value, mount);
    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'%s' must be a string", name);
    const char *must_be = members[i].read(value->text, mount);

    return must_be != NULL ? spec_error(key->name, value, "'%s' must be %s, not '%.40s'", name,
                                        must_be, value->text)
                           : NULL;
}

/* Sets what was not given of a secret. As with BuildKit, the last name of the target is its ID, and
 * one with a variable needs no target. */
static struct error *complete_secret(const struct spec_key *key, const struct json *value,
                                     struct spec_mount *mount)
{
    if (mount->id == NULL && mount->target != NULL)
        mount->id = xstrdup(strrchr(mount->target, '/') + 1);
    if (mount->id == NULL || !spec_secret_is_id(mount->id))
        return spec_error(key->name, value, "'id' is missing");
    if (mount->target == NULL && mount->variable == NULL)
        mount->target = xasprintf("%s/%s", SPEC_SECRET_FOLDER, mount->id);
    if (!mount->has_mode)
        mount->mode = SECRET_MODE;
    mount->has_mode = true;
    return NULL;
}

/* Returns PATH as a pattern for itself alone, from the root; the caller's. */
static char *escape_path(const char *path)
{
    struct buffer escaped = {0};

    buffer_printf(&escaped, "/");
    for (const char *at = path + strspn(path, "/"); *at != '\0'; at++)
        buffer_printf(&escaped, "%s%c", strchr("*?[\\", *at) != NULL ? "\\" : "", *at);
    return buffer_steal(&escaped);
}

/* Sets `source` and `path` of ELEMENT, which VALUE describes: a source that is a file is one in its
 * directory. */
static void set_source(const struct spec_source *source, const struct json *value,
                       struct json *element)
{
    const char *path = json_get_string(value, "path"), *from = json_get_string(value, "source");
    CLEANUP(freep) char *whole = from != NULL ? spec_path_absolute(source, from) : NULL;
    CLEANUP(freep) char *folder = whole != NULL ? file_folder(whole) : NULL;
    CLEANUP(freep) char *inner = escape_path(path != NULL ? path : "");
    struct stat status;

    if (whole != NULL && path == NULL && stat(whole, &status) == 0 && !S_ISDIR(status.st_mode)) {
        CLEANUP(freep) char *name = escape_path(strrchr(whole, '/') + 1);

        json_set(element, "source", json_string(folder));
        json_set(element, "path", json_string(name));
        return;
    }
    json_set(element, "path", json_string(inner));
}

/* Reads what a bind shows as an element of `contents`, which is a directory or a file. */
static struct error *read_content(const struct spec_key *key, const struct spec_source *source,
                                  const struct json *value, struct spec_mount *mount)
{
    CLEANUP(json_freep) struct json *element = json_object();

    element->line = value->line;
    element->column = value->column;
    for (size_t i = 0; i < value->count; i++)
        if (is_of_content(value->keys[i]))
            json_set(element, value->keys[i], json_copy(value->items[i]));
    set_source(source, value, element);
    json_set(element, "target", json_string("/" GUEST_MOUNT_TREE));
    json_set(element, "mode", json_string("keep"));
    return spec_content_read(key, source, element, &mount->content);
}

static bool is_same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* Refuses the last of MOUNTS, which is VALUE, if an earlier one has its target, or is the same
 * cache. One target may lie in another. */
static struct error *check_twice(const struct spec_key *key, const struct json *value,
                                 const struct spec_mounts *mounts)
{
    const struct spec_mount *last = &mounts->items[mounts->count - 1];

    for (size_t i = 0; i + 1 < mounts->count; i++) {
        const struct spec_mount *mount = &mounts->items[i];
        bool are_caches = mount->kind == SPEC_MOUNT_CACHE && last->kind == SPEC_MOUNT_CACHE;

        if (is_same(mount->target, last->target))
            return spec_error(key->name, value, "target '%s' is there twice", last->target);
        if (are_caches && is_same(mount->id, last->id))
            return spec_error(key->name, value, "the cache '%s' is there twice", last->id);
    }
    return NULL;
}

/* Reads VALUE into MOUNT, which is zeroed; it is freed with the list. */
static struct error *read_mount(const struct spec_key *key, const struct spec_source *source,
                                const struct json *value, struct spec_mount *mount)
{
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "an object with \"type\"");
    TRY(read_kind(key, value, &mount->kind));
    for (size_t i = 0; i < value->count; i++)
        TRY(read_member(key, value->keys[i], value->items[i], mount));
    if (mount->target != NULL) {
        free(STEAL(mount->target));
        TRY(spec_path_read_mount(key, json_get(value, "target"), &mount->target));
    }
    if (mount->kind == SPEC_MOUNT_SECRET)
        return complete_secret(key, value, mount);
    if (mount->target == NULL)
        return spec_error(key->name, value, "'target' is missing");
    if (mount->kind == SPEC_MOUNT_CACHE && mount->id == NULL)
        mount->id = xstrdup(mount->target);
    return mount->kind == SPEC_MOUNT_BIND ? read_content(key, source, value, mount) : NULL;
}

static struct error *read_mounts(const struct spec_key *key, const struct spec_source *source,
                                 struct json *value, void *member)
{
    struct spec_mounts *mounts = member;

    if (value->type != JSON_ARRAY)
        return spec_error_type(key->name, value, "a list");
    mounts->items = xcalloc(value->count, sizeof *mounts->items);
    for (size_t i = 0; i < value->count; i++) {
        TRY(read_mount(key, source, value->items[i], &mounts->items[mounts->count++]));
        TRY(check_twice(key, value->items[i], mounts));
    }
    return mounts->count <= GUEST_MOUNTS_MAX
               ? NULL
               : spec_error(key->name, value, "must have at most %d items", GUEST_MOUNTS_MAX);
}

static void free_mounts(void *member)
{
    struct spec_mounts *mounts = member;

    for (size_t i = 0; i < mounts->count; i++) {
        free(mounts->items[i].target);
        free(mounts->items[i].id);
        free(mounts->items[i].variable);
        spec_content_free(&mounts->items[i].content);
    }
    free(mounts->items);
    *mounts = (struct spec_mounts){0};
}

static void set_text(struct json *object, const char *name, const char *text)
{
    if (text != NULL)
        json_set(object, name, json_string(text));
}

static void take_text(struct json *object, const char *name, char *text)
{
    json_set(object, name, json_string(text));
    free(text);
}

/* Sets what MOUNT, a bind, shows. */
static void describe_content(const struct spec_mount *mount, struct json *object)
{
    CLEANUP(json_freep) struct json *element = spec_content_describe(&mount->content);

    for (size_t i = 0; i < element->count; i++)
        if (is_of_content(element->keys[i]) &&
            (element->items[i]->type != JSON_ARRAY || element->items[i]->count > 0))
            json_set(object, element->keys[i], json_copy(element->items[i]));
}

static struct json *describe_mount(const struct spec_mount *mount, bool with_content)
{
    struct json *object = json_object();

    json_set(object, "type", json_string(spec_mount_kinds[mount->kind]));
    set_text(object, "id", mount->id);
    set_text(object, "target", mount->target);
    set_text(object, "env", mount->variable);
    if (mount->is_required)
        json_set(object, "required", json_boolean(true));
    if (mount->kind == SPEC_MOUNT_BIND && with_content)
        describe_content(mount, object);
    if (mount->is_writable)
        json_set(object, "writable", json_boolean(true));
    if (mount->is_locked)
        json_set(object, "sharing", json_string("locked"));
    if (mount->size > 0)
        take_text(object, "size", xasprintf("%" PRIu64, mount->size));
    if (mount->has_mode)
        take_text(object, "mode", xasprintf("%04" PRIo32, mount->mode));
    if (mount->uid > 0)
        take_text(object, "uid", xasprintf("%" PRIu32, mount->uid));
    if (mount->gid > 0)
        take_text(object, "gid", xasprintf("%" PRIu32, mount->gid));
    return object;
}

static struct json *describe_all(const struct spec_mounts *mounts, bool with_content)
{
    struct json *array = json_array();

    for (size_t i = 0; i < mounts->count; i++)
        json_append(array, describe_mount(&mounts->items[i], with_content));
    return array;
}

static struct json *describe_mounts(const void *member)
{
    return describe_all(member, true);
}

struct json *spec_mounts_describe_places(const struct spec_mounts *mounts)
{
    return describe_all(mounts, false);
}

static struct json *member_schema(size_t member)
{
    const char *name = members[member].name;

    if (strcmp(name, "image") == 0)
        return spec_image_schema();
    if (strcmp(name, "exclude") == 0 || strcmp(name, "ignore") == 0)
        return json_schema_list(json_schema_type("string"));
    return json_schema_type(members[member].read != NULL || is_of_content(name) ? "string"
                                                                                : "boolean");
}

static struct json *mounts_schema(const struct spec_key *key)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    (void)key;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        struct json *property = member_schema(i);

        if (members[i].pattern != NULL)
            json_set(property, "pattern", json_string(members[i].pattern));
        if (i > 0)
            property = json_schema_either(property, json_schema_type("null"));
        json_set(properties, members[i].name, property);
    }
    json_append(required, json_string(members[0].name));
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return json_schema_list(schema);
}

const struct spec_kind spec_mount_list = {
    .type = "list of {\"type\", \"target\", ...}",
    .json_start = "",
    .read = read_mounts,
    .free = free_mounts,
    .describe = describe_mounts,
    .schema = mounts_schema,
};

struct error *spec_mounts_settle(const struct json *value, struct spec *spec)
{
    for (size_t i = 0; i < spec->mounts.count; i++) {
        struct spec_mount *mount = &spec->mounts.items[i];

        if (mount->kind != SPEC_MOUNT_SECRET)
            continue;
        if (!spec_secrets_need(&spec->secrets, mount->id, mount->is_required, &mount->secret))
            return spec_error("mounts", value, "there are more than %d secrets", GUEST_SECRETS_MAX);
    }
    return NULL;
}

void spec_mounts_name_secrets(const struct spec_mounts *mounts, struct strings *out)
{
    for (size_t i = 0; i < mounts->count; i++)
        if (mounts->items[i].kind == SPEC_MOUNT_SECRET)
            strings_add(out, mounts->items[i].id);
}
