#include "host/build/build_key.h"

#include <archive_entry.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/build/file_memo.h"
#include "host/image/image_config.h"
#include "host/lib/cleanup.h"
#include "host/lib/file_identity.h"
#include "host/lib/json_text.h"
#include "host/lib/memory.h"
#include "host/machine/appliance.h"
#include "host/spec/spec_mount.h"
#include "host/tree/contents_manifest.h"

/* Raised when the same parts make another layer than before, by a change of this program. */
#define LAYER_FORMAT "3"

static void set_part(struct build_key *key, const char *name, const void *bytes, size_t length)
{
    struct digest digest;

    digest_of(bytes, length, &digest);
    json_set(key->parts, name, json_string(digest.hex));
}

static void set_text(struct build_key *key, const char *name, const char *text)
{
    set_part(key, name, text, strlen(text));
}

/* The keys of the spec that scripts can tell the difference of. */
static void add_spec(const struct spec *spec, struct build_key *key)
{
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *row = &spec_keys[i];
        CLEANUP(buffer_free) struct buffer text = {0};

        if (row->is_apart)
            continue;
        CLEANUP(json_freep)
        struct json *value = row->kind->describe((const char *)spec + row->offset);

        if (value->type == JSON_OBJECT)
            json_sort(value);
        if (row->kind->is_script && value->type != JSON_ARRAY) /* may not be text */
            buffer_printf(&text, "%d%s", value->text != NULL,
                          value->text != NULL ? value->text : "");
        else
            json_write(value, false, &text);
        set_part(key, row->name, text.data, text.length);
    }
}

/* Where secrets are, not what they are: a token that is renewed builds nothing again. */
static void add_secrets(const struct spec *spec, struct build_key *key)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    for (size_t i = 0; i < spec->secrets.count; i++)
        if (spec->secrets.items[i].target != NULL)
            buffer_printf(&text, "%s %s\n", spec->secrets.items[i].id,
                          spec->secrets.items[i].target);
    if (text.length > 0)
        set_text(key, "secrets", text.data);
}

/* The variables of --env, which are known by the digest of all of them alone. */
static void add_variables(const struct spec *spec, struct build_key *key)
{
    CLEANUP(strings_free) struct strings list = {0};
    CLEANUP(buffer_free) struct buffer text = {0};

    for (size_t i = 0; i < spec->variables.count; i++)
        strings_add(&list, spec->variables.items[i]);
    strings_sort(&list);
    for (size_t i = 0; i < list.count; i++)
        buffer_append(&text, list.items[i], strlen(list.items[i]) + 1);
    if (text.length > 0)
        set_part(key, "--env", text.data, text.length);
}

static void add_base(const struct build_key_source *source, struct build_key *key)
{
    const struct image *base = source->base;
    const struct json *environment =
        base != NULL ? json_get(json_get(base->config, "config"), "Env") : NULL;
    /* Without scripts, nothing sees the variables, nor the time that is not the limit. */
    int64_t created = source->needs_vm ? source->spec->created : source->clamp;
    CLEANUP(freep) char *times = xasprintf("%" PRId64 " %" PRId64, source->clamp, created);
    CLEANUP(buffer_free) struct buffer text = {0};
    struct digest chain = {0};

    if (base != NULL)
        image_chain_id(base, base->layer_count, &chain);
    buffer_printf(&text, "%d %s ", base != NULL, chain.hex);
    if (source->needs_vm && environment != NULL)
        json_write(environment, false, &text);
    set_text(key, "fromImage", text.data);
    set_text(key, "created", times);
}

/* What of the image's config `run` depends on. */
static struct error *add_container(const struct build_key_source *source, struct build_key *key)
{
    static const char *const names[] = {"Env", "User", "WorkingDir"};
    const struct json *base = source->base != NULL ? source->base->config : NULL;
    CLEANUP(json_freep) struct json *container = NULL;
    CLEANUP(json_freep) struct json *part = json_object();
    CLEANUP(buffer_free) struct buffer text = {0};

    if (!spec_has_run(source->spec))
        return NULL;
    TRY(image_config_merge(base, source->spec->config, &container));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_get(container, names[i]) != NULL)
            json_set(part, names[i], json_copy(json_get(container, names[i])));
    json_write(part, false, &text);
    set_text(key, "config", text.data);
    return NULL;
}

/* Returns what distinguishes the sources of CONTENTS from those of others: their paths. The
 * caller's. */
static char *name_sources(const struct contents *contents)
{
    struct buffer name = {0};

    buffer_printf(&name, "contents");
    for (size_t i = 0; contents->closure != NULL && i < contents->closure->count; i++)
        buffer_printf(&name, "\n%s", contents->closure->items[i]);
    for (size_t i = 0; i < contents->source_count; i++) {
        const struct contents_source *source = &contents->sources[i];

        /* A file that comes or goes leaves the memory of the others. */
        if (source->context == NULL)
            buffer_printf(&name, "\n%s", source->path);
        else if (i == 0 || source->context != source[-1].context)
            buffer_printf(&name, "\n%s", source->context);
    }
    return buffer_steal(&name);
}

/* Makes the manifest of CONTENTS, and its digest. *RET, zeroed, is the caller's also on error. */
static struct error *read_manifest(struct store *store, const struct contents *contents,
                                   struct contents_manifest *ret, struct digest *ret_digest)
{
    CLEANUP(freep) char *name = name_sources(contents);
    CLEANUP(file_memo_closep) struct file_memo *memo = file_memo_open(store, name);
    const struct contents_digests digests = file_memo_digests(memo);

    TRY(contents_manifest_make(contents, &digests, ret));
    contents_manifest_digest(ret, ret_digest);
    return NULL;
}

static struct error *add_contents(const struct build_key_source *source, struct build_key *key)
{
    CLEANUP(contents_manifest_free) struct contents_manifest manifest = {0};
    struct buffer text = {0};
    struct digest digest;

    TRY(read_manifest(source->store, source->contents, &manifest, &digest));
    set_text(key, "contents", digest.hex);
    contents_manifest_write(&manifest, &text);
    buffer_append(&text, "", 0);
    key->contents = buffer_steal(&text);
    return NULL;
}

/* The mounts: of a bind what it shows, wherever that is; of a secret and a cache the ID alone. */
static struct error *add_mounts(const struct build_key_source *source, struct build_key *key)
{
    CLEANUP(json_freep) struct json *mounts = spec_mounts_describe_places(&source->spec->mounts);
    CLEANUP(buffer_free) struct buffer text = {0};

    if (mounts->count == 0)
        return NULL;
    json_write(mounts, false, &text);
    for (size_t i = 0; i < source->trees->count; i++) {
        CLEANUP(contents_manifest_free) struct contents_manifest manifest = {0};
        struct digest digest;

        TRY(read_manifest(source->store, &source->trees->items[i].contents, &manifest, &digest));
        buffer_printf(&text, "\n%s", digest.hex);
    }
    set_text(key, "mounts", text.data);
    return NULL;
}

/* A walk through what is shared. */
struct walk {
    struct sha256 *hash;
    bool is_young; /* a file has no identity yet */
};

/* Adds the identity of what STATUS describes, which scripts see at PATH. */
static void add_identity(struct walk *walk, const struct stat *status, const char *path)
{
    struct digest identity;

    if (!file_identity_of(status, "share", &identity))
        walk->is_young = true;
    else
        sha256_update(walk->hash, identity.hex, DIGEST_HEX_LENGTH);
    sha256_update(walk->hash, path, strlen(path) + 1);
}

/* contents_visit: adds a shared file. */
static struct error *add_shared(void *context, struct contents_entry *entry)
{
    add_identity(context, archive_entry_stat(entry->entry), archive_entry_pathname(entry->entry));
    return NULL;
}

static struct error *add_share(const struct spec_share *share, struct walk *walk)
{
    struct contents_source source = {.path = share->source};
    struct stat status;

    if (stat(share->source, &status) < 0)
        return error_errno(EXIT_INPUT, "open '%s'", share->source);
    add_identity(walk, &status, share->target); /* the directory itself */
    return contents_source_visit(&source, false, add_shared, walk);
}

/* Files that cannot be listed now are no error: scripts need not read them. */
static void add_shares(const struct spec *spec, struct build_key *key)
{
    struct walk walk = {.hash = sha256_new()};
    CLEANUP(error_freep) struct error *err = NULL;
    struct digest digest;

    for (size_t i = 0; err == NULL && i < spec->shares.count; i++)
        err = add_share(&spec->shares.items[i], &walk);
    sha256_finish(walk.hash, &digest);
    set_text(key, "shares", digest.hex);
    if (err != NULL)
        key->obstacle = xasprintf("shares: %s", err->message);
    else if (walk.is_young)
        key->obstacle = xstrdup("shares have changed just now");
}

static struct error *add_guest(const struct build_key_source *source, struct build_key *key)
{
    static const char *const files[] = {APPLIANCE_KERNEL, APPLIANCE_INITRAMFS};
    const struct json *known =
        source->earlier != NULL ? json_get(source->earlier->parts, "guest") : NULL;

    if (known != NULL) {
        json_set(key->parts, "guest", json_copy(known));
        return NULL;
    }
    CLEANUP(freep) char *folder = NULL;
    CLEANUP(buffer_free) struct buffer text = {0};
    CLEANUP(file_memo_closep) struct file_memo *memo = file_memo_open(source->store, "appliance");

    TRY(appliance_find(source->type, &folder));
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        CLEANUP(freep) char *path = xasprintf("%s/%s", folder, files[i]);
        struct digest digest;

        TRY(file_memo_digest(memo, path, &digest));
        buffer_printf(&text, "%s\n", digest.hex);
    }
    set_text(key, "guest", text.data);
    return NULL;
}

struct error *build_key_make(const struct build_key_source *source, struct build_key *ret)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    ret->parts = json_object();
    set_text(ret, "format", LAYER_FORMAT);
    add_base(source, ret);
    TRY(add_contents(source, ret));
    if (source->needs_vm) {
        add_spec(source->spec, ret);
        TRY(add_container(source, ret));
        TRY(add_mounts(source, ret));
        add_secrets(source->spec, ret);
        add_variables(source->spec, ret);
        if (source->trace)
            set_text(ret, "trace", "-x");
        add_shares(source->spec, ret);
        TRY(add_guest(source, ret));
    }
    json_write(ret->parts, false, &text);
    digest_of(text.data, text.length, &ret->digest);
    return NULL;
}

void build_key_free(struct build_key *key)
{
    json_free(key->parts);
    free(key->contents);
    free(key->obstacle);
    *key = (struct build_key){0};
}
