#include "host/spec/spec_secret.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "guest/contract.h"
#include "host/lib/cleanup.h"
#include "host/lib/file.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"
#include "host/spec/json_schema.h"
#include "host/spec/spec.h"
#include "host/spec/spec_error.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_path.h"

#define ID_MAX 64

static const char id_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

bool spec_secret_is_id(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= ID_MAX && *text != '.' && *text != '-' &&
           strspn(text, id_bytes) == length;
}

static void free_secret(struct spec_secret *secret)
{
    free(secret->id);
    free(secret->target);
    free(secret->file);
    free(secret->variable);
    *secret = (struct spec_secret){0};
}

static struct spec_secret *find(const struct spec_secrets *secrets, const char *id)
{
    for (size_t i = 0; i < secrets->count; i++)
        if (strcmp(secrets->items[i].id, id) == 0)
            return &secrets->items[i];
    return NULL;
}

/* Completes SECRET, which VALUE describes, and checks it against those in SECRETS but itself. */
static struct error *complete(const struct spec_key *key, const struct json *value,
                              const struct spec_secrets *secrets, struct spec_secret *secret)
{
    if (secret->target == NULL)
        secret->target = xasprintf("%s/%s", SPEC_SECRET_FOLDER, secret->id);
    for (size_t i = 0; i < secrets->count; i++) {
        const struct spec_secret *other = &secrets->items[i];

        if (other->target != NULL && strcmp(other->id, secret->id) != 0 &&
            (spec_path_is_below(other->target, secret->target) ||
             spec_path_is_below(secret->target, other->target)))
            return spec_error(key->name, value, "target '%s' and target '%s' overlap",
                              secret->target, other->target);
    }
    return NULL;
}

static void add(struct spec_secrets *secrets, struct spec_secret *secret)
{
    secrets->items = xreallocarray(secrets->items, secrets->count + 1, sizeof *secrets->items);
    secrets->items[secrets->count++] = *secret;
    *secret = (struct spec_secret){0};
}

bool spec_secret_is_given(const struct spec_secret *secret)
{
    return secret->file != NULL || secret->variable != NULL;
}

bool spec_secrets_need(struct spec_secrets *secrets, const char *id, bool is_required, size_t *ret)
{
    struct spec_secret *found = find(secrets, id);

    if (found != NULL) {
        found->is_optional = found->is_optional && !is_required;
    } else if (secrets->count < GUEST_SECRETS_MAX) {
        struct spec_secret secret = {.id = xstrdup(id), .is_optional = !is_required};

        add(secrets, &secret);
        found = &secrets->items[secrets->count - 1];
    } else {
        return false;
    }
    *ret = (size_t)(found - secrets->items);
    return true;
}

/* The members of an element, each with the pattern that its value has to match, or NULL. */
static const struct {
    const char *name;
    const char *pattern;
} members[] = {
    {"id", SPEC_SECRET_ID_PATTERN},
    {"file", NULL},
    {"env", "^[^=]+$"},
    {"target", "^/(?!(.*/)?\\.\\.(/|$))"},
};

#define MEMBER_COUNT (sizeof members / sizeof *members)

static struct error *refuse_member(const struct spec_key *key, const char *name,
                                   const struct json *value)
{
    const char *nearest = nearest_word(name, &members->name, sizeof *members, MEMBER_COUNT);
    struct error *err = spec_error(key->name, value, "unknown member '%.100s'", name);

    return nearest != NULL ? error_advise(err, "did you mean '%s'?", nearest) : err;
}

static struct error *read_member(const struct spec_key *key, const struct spec_source *source,
                                 const char *name, const struct json *value,
                                 struct spec_secret *secret)
{
    if (value->type != JSON_STRING)
        return spec_error(key->name, value, "'%.100s' must be a string", name);
    if (strcmp(name, "id") == 0 && !spec_secret_is_id(value->text))
        return spec_error(key->name, value,
                          "'%.100s' must be up to %d letters, digits, '_', '-' and '.'",
                          value->text, ID_MAX);
    if (*value->text == '\0' || (strcmp(name, "env") == 0 && strchr(value->text, '=') != NULL))
        return spec_error(key->name, value, "'%s' must be %s", name,
                          strcmp(name, "env") == 0 ? "the name of a variable" : "a path");
    if (strcmp(name, "id") == 0)
        secret->id = xstrdup(value->text);
    else if (strcmp(name, "file") == 0)
        secret->file = spec_path_absolute(source, value->text);
    else if (strcmp(name, "env") == 0)
        secret->variable = xstrdup(value->text);
    else if (strcmp(name, "target") == 0)
        return spec_path_read_mount(key, value, &secret->target);
    return NULL;
}

static bool is_member(const char *name)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (strcmp(members[i].name, name) == 0)
            return true;
    return false;
}

/* Reads VALUE into SECRET, which is zeroed; it is the caller's also on error. */
static struct error *read_secret(const struct spec_key *key, const struct spec_source *source,
                                 const struct json *value, const struct spec_secrets *before,
                                 struct spec_secret *secret)
{
    if (value->type != JSON_OBJECT)
        return spec_error_type(key->name, value, "an object with \"id\"");
    for (size_t i = 0; i < value->count; i++) {
        if (!is_member(value->keys[i]))
            return refuse_member(key, value->keys[i], value->items[i]);
        if (value->items[i]->type != JSON_NULL)
            TRY(read_member(key, source, value->keys[i], value->items[i], secret));
    }
    if (secret->id == NULL)
        return spec_error(key->name, value, "'id' is missing");
    if (secret->file != NULL && secret->variable != NULL)
        return spec_error(key->name, value, "'file' and 'env' exclude each other");
    if (find(before, secret->id) != NULL)
        return spec_error(key->name, value, "the ID '%s' is there twice", secret->id);
    return complete(key, value, before, secret);
}

static struct error *read_secrets(const struct spec_key *key, const struct spec_source *source,
                                  struct json *value, void *member)
{
    struct spec_secrets *secrets = member;

    if (value->type != JSON_ARRAY)
        return spec_error_type(key->name, value, "a list");
    for (size_t i = 0; i < value->count; i++) {
        CLEANUP(free_secret) struct spec_secret secret = {0};

        TRY(read_secret(key, source, value->items[i], secrets, &secret));
        add(secrets, &secret);
    }
    return NULL;
}

static void free_secrets(void *member)
{
    struct spec_secrets *secrets = member;

    for (size_t i = 0; i < secrets->count; i++)
        free_secret(&secrets->items[i]);
    free(secrets->items);
    *secrets = (struct spec_secrets){0};
}

static struct json *describe_secrets(const void *member)
{
    const struct spec_secrets *secrets = member;
    struct json *array = json_array();

    for (size_t i = 0; i < secrets->count; i++) {
        const struct spec_secret *secret = &secrets->items[i];

        if (secret->target == NULL)
            continue;
        struct json *object = json_object();

        json_set(object, "id", json_string(secret->id));
        if (secret->file != NULL)
            json_set(object, "file", json_string(secret->file));
        if (secret->variable != NULL)
            json_set(object, "env", json_string(secret->variable));
        json_set(object, "target", json_string(secret->target));
        json_append(array, object);
    }
    return array;
}

static struct json *secrets_schema(const struct spec_key *key)
{
    struct json *schema = json_schema_type("object");
    struct json *properties = json_object();
    struct json *required = json_array();

    (void)key;
    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        struct json *property = json_schema_type("string");

        if (members[i].pattern != NULL)
            json_set(property, "pattern", json_string(members[i].pattern));
        if (i > 0)
            property = json_schema_either(property, json_schema_type("null"));
        json_set(properties, members[i].name, property);
    }
    json_append(required, json_string("id"));
    json_set(schema, "properties", properties);
    json_set(schema, "required", required);
    json_set(schema, "additionalProperties", json_boolean(false));
    return json_schema_list(schema);
}

/* FILE:TARGET, with the files of the job that vm_launch is given them for. */
static void secrets_values(const void *member, struct strings *out)
{
    const struct spec_secrets *secrets = member;

    for (size_t i = 0; i < secrets->count; i++)
        if (secrets->items[i].target != NULL)
            strings_take(out, xasprintf("%s%zu:%s", GUEST_JOB_SECRET, i, secrets->items[i].target));
}

const struct spec_kind spec_secret_list = {
    .type = "list of {\"id\", \"file\" or \"env\", \"target\"}",
    .json_start = "",
    .read = read_secrets,
    .free = free_secrets,
    .describe = describe_secrets,
    .schema = secrets_schema,
    .word_kind = GUEST_LIST,
    .word_values = secrets_values,
};

/* --secret */

static struct error *refuse(const char *text, const char *cause)
{
    return error_advise(error_new(EXIT_USAGE, "read option '--secret': '%.200s': %s", text, cause),
                        "write id=ID,src=FILE or id=ID,env=NAME");
}

/* Cuts the next field off *REST, in place: what is up to a comma, or between double quotes, of
 * which two stand for one. Sets *REST to NULL after the last one. Returns the field, or NULL if a
 * quote is not closed. */
static char *cut_field(char **rest)
{
    char *field = *rest, *to = field, *from = field + 1;

    if (*field != '"') {
        char *comma = strchr(field, ',');

        *rest = comma != NULL ? comma + 1 : NULL;
        if (comma != NULL)
            *comma = '\0';
        return field;
    }
    for (; *from != '\0' && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (*from == '\0' || (from[1] != '\0' && from[1] != ','))
        return NULL;
    *rest = from[1] == ',' ? from + 2 : NULL;
    *to = '\0';
    return field;
}

/* The fields of --secret; they point into its text. */
struct fields {
    const char *id, *type, *source, *variable, *target;
};

static struct error *split(const char *text, char *copy, struct fields *ret)
{
    const struct {
        const char *name;
        const char **field;
    } known[] = {{"id", &ret->id},         {"type", &ret->type},    {"src", &ret->source},
                 {"source", &ret->source}, {"env", &ret->variable}, {"target", &ret->target}};

    for (char *rest = copy; rest != NULL;) {
        char *name = cut_field(&rest);
        char *equals = name != NULL ? strchr(name, '=') : NULL;
        size_t i = 0;

        if (equals == NULL || equals[1] == '\0')
            return refuse(text, "each field must be KEY=VALUE");
        *equals = '\0';
        while (i < sizeof known / sizeof *known && strcasecmp(known[i].name, name) != 0)
            i++;
        if (i == sizeof known / sizeof *known)
            return refuse(text, "its keys must be among id, src, env, type and target");
        *known[i].field = equals + 1;
    }
    return NULL;
}

/* Settles which source FIELDS name, as BuildKit does. */
static struct error *choose_source(const char *text, struct fields *fields)
{
    bool is_variable = fields->type != NULL && strcmp(fields->type, "env") == 0;

    if (fields->id == NULL || !spec_secret_is_id(fields->id))
        return refuse(text, fields->id == NULL ? "the ID is missing"
                                               : "an ID has up to 64 letters, digits, '_', '-' "
                                                 "and '.'");
    if (fields->type != NULL && !is_variable && strcmp(fields->type, "file") != 0)
        return refuse(text, "the type must be file or env");
    if (is_variable && fields->variable == NULL) {
        fields->variable = fields->source;
        fields->source = NULL;
    }
    if (fields->source != NULL && fields->variable != NULL)
        return refuse(text, "it has two sources");
    if (fields->source == NULL && fields->variable == NULL) {
        if (is_variable || (fields->type == NULL && getenv(fields->id) != NULL))
            fields->variable = fields->id;
        else
            fields->source = fields->id;
    }
    return NULL;
}

/* Makes SECRET, which is the caller's also on error, of FIELDS. */
static struct error *make(const struct fields *fields, const struct spec_secrets *secrets,
                          struct spec_secret *secret)
{
    const struct spec_key *key = spec_key_find("secrets");
    const struct spec_secret *other = find(secrets, fields->id);
    const char *target = fields->target;
    CLEANUP(json_freep) struct json *value = NULL;

    if (target == NULL && other != NULL)
        target = other->target;
    value = json_string(target != NULL ? target : "");
    secret->id = xstrdup(fields->id);
    secret->file = fields->source != NULL ? xstrdup(fields->source) : NULL;
    secret->variable = fields->variable != NULL ? xstrdup(fields->variable) : NULL;
    if (target != NULL)
        TRY(spec_path_read_mount(key, value, &secret->target));
    if (target == NULL && other != NULL) /* for mounts alone */
        return NULL;
    return complete(key, value, secrets, secret);
}

struct error *spec_secrets_give(struct spec_secrets *secrets, const char *text,
                                const struct strings *apart)
{
    CLEANUP(freep) char *copy = xstrdup(text);
    CLEANUP(free_secret) struct spec_secret secret = {0};
    struct fields fields = {0};

    TRY(split(text, copy, &fields));
    TRY(choose_source(text, &fields));
    struct error *err = make(&fields, secrets, &secret);

    if (err != NULL) {
        err->code = EXIT_USAGE;
        return error_context(err, "read option '--secret'");
    }
    struct spec_secret *other = find(secrets, secret.id);

    if (other == NULL && apart != NULL && strings_contain(apart, secret.id))
        return NULL;
    if (other == NULL && secrets->count == GUEST_SECRETS_MAX)
        return error_new(EXIT_USAGE, "read option '--secret': there are more than %d secrets",
                         GUEST_SECRETS_MAX);
    if (other == NULL) {
        add(secrets, &secret);
        return NULL;
    }
    free_secret(other);
    *other = secret;
    secret = (struct spec_secret){0};
    return NULL;
}

/* Their bytes. */

static struct error *read_file(const struct spec_secret *secret, struct buffer *out)
{
    CLEANUP(closep) int fd = open(secret->file, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(EXIT_INPUT, "read secret '%s': '%s'", secret->id, secret->file);
    return error_context(file_read_open(fd, GUEST_SECRET_MAX, EXIT_INPUT, out),
                         "read secret '%s': '%s'", secret->id, secret->file);
}

static struct error *read_variable(const struct spec_secret *secret, struct buffer *out)
{
    const char *value = getenv(secret->variable);

    if (value == NULL)
        return error_new(EXIT_INPUT, "read secret '%s': the variable '%s' is not set", secret->id,
                         secret->variable);
    if (strlen(value) > GUEST_SECRET_MAX)
        return error_new(EXIT_INPUT, "read secret '%s': larger than %u bytes", secret->id,
                         GUEST_SECRET_MAX);
    buffer_append(out, value, strlen(value));
    return NULL;
}

static struct error *load(const struct spec_secret *secret, struct buffer *out)
{
    if (secret->file != NULL)
        return read_file(secret, out);
    if (secret->variable != NULL)
        return read_variable(secret, out);
    if (secret->is_optional)
        return NULL;
    return error_advise(error_new(EXIT_INPUT,
                                  "read secret '%s': neither a file nor a variable is "
                                  "given for it",
                                  secret->id),
                        "--secret id=%s,src=FILE or --secret id=%s,env=NAME gives it", secret->id,
                        secret->id);
}

/* Appends to OUT what was loaded for another secret with the same file: one of the first COUNT of
 * LISTS, whose bytes are in LOADED. Returns whether there is one. */
static bool copy_loaded(const struct spec_secret *secret, const struct spec_secrets *const *lists,
                        size_t count, const struct secrets *loaded, struct buffer *out)
{
    for (size_t i = 0; secret->file != NULL && i < count; i++)
        for (size_t j = 0; j < loaded[i].count; j++) {
            const char *file = lists[i]->items[j].file;

            if (file == NULL || strcmp(file, secret->file) != 0)
                continue;
            buffer_append(out, loaded[i].items[j].bytes, loaded[i].items[j].length);
            return true;
        }
    return false;
}

struct error *spec_secrets_load_all(const struct spec_secrets *const *lists, size_t count,
                                    struct secrets *rets)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < lists[i]->count; j++) {
            const struct spec_secret *secret = &lists[i]->items[j];
            CLEANUP(buffer_free) struct buffer bytes = {0};

            if (!copy_loaded(secret, lists, i + 1, rets, &bytes))
                TRY(load(secret, &bytes));
            buffer_reserve(&bytes, 1); /* never NULL */
            size_t length = bytes.length;

            secrets_take(&rets[i], secret->id, buffer_steal(&bytes), length);
        }
    return NULL;
}

struct error *spec_secrets_load(const struct spec_secrets *secrets, struct secrets *ret)
{
    return spec_secrets_load_all(&secrets, 1, ret);
}
