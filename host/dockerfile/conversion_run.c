/* RUN. */
#include "host/dockerfile/conversion_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/dockerfile/instruction_flags.h"
#include "host/dockerfile/run_mount.h"
#include "host/lib/clean_path.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

static struct error *read_network(const struct instruction *instruction, bool *ret)
{
    const char *network = instruction_flag(instruction, "network");

    *ret = network == NULL || strcasecmp(network, "default") == 0;
    if (*ret || strcasecmp(network, "none") == 0)
        return NULL;
    if (strcasecmp(network, "host") == 0)
        return error_advise(error_new(EXIT_INPUT, "'--network=host': the host's network is not "
                                                  "shared with a build"),
                            "leave the flag out; build --allow-network lets it reach the host");
    return error_new(EXIT_INPUT, "'--network' must be one of default, none");
}

static struct error *check_flags(const struct instruction *instruction)
{
    const char *security = instruction_flag(instruction, "security");

    if (security != NULL && strcasecmp(security, "sandbox") != 0)
        return error_advise(error_new(EXIT_INPUT, "'--security=%.40s' is not supported", security),
                            "leave the flag out: a command is root in a virtual machine");
    if (instruction_flag(instruction, "device") != NULL)
        return error_advise(error_new(EXIT_INPUT, "'--device' is not supported"),
                            "the virtual machine has none of the host's devices");
    return NULL;
}

/* Returns the text of the shell form, with its here-documents. *RET_IS_SCRIPT: it begins with "#!"
 * and names its interpreter. The caller's. */
static char *text_of(const struct instruction *instruction, bool *ret_is_script)
{
    const struct heredocs *heredocs = &instruction->heredocs;
    const char *line = instruction->arguments.items[0];
    struct heredoc only = {0};
    bool is_only = false;

    *ret_is_script = false;
    if (heredocs->count == 0)
        return xstrdup(line);
    error_free(heredoc_read(line, &is_only, &only));
    heredoc_free(&only);
    if (is_only) {
        char *text = heredoc_text(&heredocs->items[0]);

        *ret_is_script = strncmp(text, "#!", 2) == 0;
        return text;
    }
    struct buffer text = {0};

    buffer_printf(&text, "%s", line);
    for (size_t i = 0; i < heredocs->count; i++)
        buffer_printf(&text, "\n%s%s", heredocs->items[i].text, heredocs->items[i].name);
    return buffer_steal(&text);
}

static bool is_default_shell(const struct json *shell)
{
    return shell->count == 2 && strcmp(shell->items[0]->text, "/bin/sh") == 0 &&
           strcmp(shell->items[1]->text, "-c") == 0;
}

/* Returns the command as `run` has it: text for /bin/sh, or a list; the caller's. */
static struct json *command_of(const struct conversion_stage *stage,
                               const struct instruction *instruction)
{
    bool is_script = false;

    if (instruction->is_json) {
        struct json *list = json_array();

        for (size_t i = 0; i < instruction->arguments.count; i++)
            json_append(list, json_string(instruction->arguments.items[i]));
        return list;
    }
    CLEANUP(freep) char *text = text_of(instruction, &is_script);
    CLEANUP(json_freep) struct json *shell = conversion_shell(stage);

    if (is_script || is_default_shell(shell))
        return json_string(text);
    json_append(shell, json_string(text));
    return STEAL(shell);
}

/* Adds the words of the command, with those of the shell, to RET. */
static void list_words(const struct conversion_stage *stage, const struct instruction *instruction,
                       struct strings *ret)
{
    CLEANUP(json_freep) struct json *command = command_of(stage, instruction);

    if (command->type == JSON_STRING && strncmp(command->text, "#!", 2) != 0) {
        strings_add(ret, "/bin/sh");
        strings_add(ret, "-c");
    }
    if (command->type == JSON_STRING)
        strings_add(ret, command->text);
    for (size_t i = 0; i < command->count; i++)
        strings_add(ret, command->items[i]->text);
}

/* Adds the proxies of the command line to ENV: a command finds them without an ARG. */
static void add_proxies(const struct conversion *conversion, struct json *env)
{
    static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy",
                                        "FTP_PROXY",  "ftp_proxy",  "NO_PROXY",    "no_proxy",
                                        "ALL_PROXY",  "all_proxy"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = conversion_given(conversion, names[i]);

        if (value != NULL)
            json_set(env, names[i], json_string(value));
    }
}

/* Sets `env` of NODE to the ARGs that a command finds: those that no ENV has set. */
static void set_arguments(const struct conversion *conversion, const struct conversion_stage *stage,
                          struct json *node)
{
    struct json *env = json_object();

    add_proxies(conversion, env);

    for (size_t i = 0; i < stage->arguments.count; i++) {
        const char *name = stage->arguments.items[i].name;
        const char *value = variables_get(&stage->variables, name);
        const char *kept = variables_get(&stage->environment, name);

        if (value != NULL && (kept == NULL || strcmp(kept, value) != 0))
            json_set(env, name, json_string(value));
    }
    if (env->count > 0)
        json_set(node, "env", env);
    else
        json_free(env);
}

static void set_text(struct json *object, const char *name, const char *text)
{
    if (text != NULL)
        json_set(object, name, json_string(text));
}

/* Sets what OBJECT has of MOUNT's target, which starts from the working directory of STAGE. */
static void set_target(const struct conversion_stage *stage, const struct run_mount *mount,
                       struct json *object)
{
    if (mount->target == NULL)
        return;
    CLEANUP(freep) char *whole = clean_path_in(conversion_folder(stage), mount->target);
    CLEANUP(freep) char *target = clean_path(whole);

    if (mount->kind == MOUNT_SECRET && mount->id == NULL && mount->source == NULL)
        json_set(object, "id", json_string(strrchr(target, '/') + 1));
    json_set(object, "target", json_string(target));
}

/* Sets what OBJECT, of a bind mount, has of its source: PATH in the image FROM, or else in FOLDER,
 * or in the context. */
static void set_source(const struct conversion *conversion, struct json *from, const char *folder,
                       const char *path, struct json *object)
{
    const struct conversion_options *options = conversion->options;

    if (from != NULL)
        json_set(object, "image", from);
    else
        json_set(object, "source", json_string(folder != NULL ? folder : options->folder));
    if (from == NULL && folder == NULL && options->ignore_file != NULL)
        json_set(object, "excludeFile", json_string(options->ignore_file));
    if (path == NULL)
        return;
    CLEANUP(freep) char *cleaned = clean_path_in("/", path);
    CLEANUP(freep) char *inner = clean_path(cleaned);

    if (strcmp(inner, "/") != 0)
        json_set(object, "path", json_string(inner));
}

/* Returns what `mounts` has for MOUNT of a RUN in STAGE, of the image FROM or of FOLDER if they are
 * not NULL; the caller's. */
static struct json *describe_mount(const struct conversion *conversion,
                                   const struct conversion_stage *stage,
                                   const struct run_mount *mount, struct json *from,
                                   const char *folder)
{
    static const char *const kinds[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
    struct json *object = json_object();

    json_set(object, "type", json_string(kinds[mount->kind]));
    set_text(object, "id", mount->id);
    set_target(stage, mount, object);
    if (mount->kind == MOUNT_BIND)
        set_source(conversion, from, folder, mount->source, object);
    else
        set_text(object, "id", mount->source);
    set_text(object, "sharing", mount->sharing);
    set_text(object, "env", mount->variable);
    set_text(object, "size", mount->size);
    set_text(object, "mode", mount->mode);
    set_text(object, "uid", mount->uid);
    set_text(object, "gid", mount->gid);
    if (mount->is_writable && mount->kind == MOUNT_BIND)
        json_set(object, "writable", json_boolean(true));
    if (mount->is_required)
        json_set(object, "required", json_boolean(true));
    return object;
}

/* Returns the place of MOUNT, an element of `mounts`; the caller's, or NULL: it has none. */
static char *place_of(const struct json *mount)
{
    const char *target = json_get_string(mount, "target");
    const char *id = json_get_string(mount, "id");

    if (target != NULL)
        return xstrdup(target);
    return id != NULL && json_get(mount, "env") == NULL ? xasprintf("/run/secrets/%s", id) : NULL;
}

/* Whether the path INNER is in the directory OUTER. */
static bool is_in(const char *inner, const char *outer)
{
    size_t length = strlen(outer);

    return strncmp(inner, outer, length) == 0 && inner[length] == '/';
}

static bool is_secret(const struct json *mount)
{
    return strcmp(json_get_string(mount, "type"), "secret") == 0;
}

/* Returns the index of the first of MOUNTS that is at PLACE or, if IS_INSIDE, in it; their number
 * if there is none. */
static size_t find_place(const struct json *mounts, const char *place, bool is_inside)
{
    size_t i = 0;

    for (; i < mounts->count; i++) {
        CLEANUP(freep) char *other = place_of(mounts->items[i]);

        if (other != NULL && (is_inside ? is_in(other, place) : strcmp(other, place) == 0))
            break;
    }
    return i;
}

/* Adds MOUNT to MOUNTS as BuildKit mounts them: before those that are in it, and over one at the
 * same place, of which nothing is seen then. A secret is over all others. */
static void add_mount(struct json *mounts, struct json *mount)
{
    CLEANUP(freep) char *place = place_of(mount);
    size_t index = place != NULL ? find_place(mounts, place, false) : mounts->count;

    if (index < mounts->count && is_secret(mounts->items[index]) && !is_secret(mount)) {
        json_free(mount);
        return;
    }
    if (index < mounts->count) {
        json_free(mounts->items[index]);
        mounts->count--;
        memmove(&mounts->items[index], &mounts->items[index + 1],
                (mounts->count - index) * sizeof(struct json *));
    }
    index = place != NULL ? find_place(mounts, place, true) : mounts->count;
    json_append(mounts, mount);
    memmove(&mounts->items[index + 1], &mounts->items[index],
            (mounts->count - 1 - index) * sizeof(struct json *));
    mounts->items[index] = mount;
}

static struct error *check_mount(const struct run_mount *mount)
{
    if (mount->kind == MOUNT_SSH)
        return error_advise(error_new(EXIT_INPUT, "the type ssh is not supported"),
                            "use a key as a secret: type=secret,id=NAME,target=FILE");
    if (mount->kind == MOUNT_CACHE && (mount->from != NULL || mount->source != NULL))
        return error_advise(error_new(EXIT_INPUT, "a cache with '%s' is not supported",
                                      mount->from != NULL ? "from" : "source"),
                            "let the command copy what it starts with, from a mount type=bind");
    if ((mount->kind == MOUNT_CACHE || mount->kind == MOUNT_TMPFS) && !mount->is_writable)
        return error_advise(error_new(EXIT_INPUT, "only a mount type=bind can be read-only"),
                            "leave 'readonly' out");
    return NULL;
}

static struct error *read_mount(struct conversion *conversion, size_t index, const char *text,
                                struct json *mounts)
{
    const struct conversion_stage *stage = &conversion->states[index];
    CLEANUP(strings_free) struct strings fields = {0}, expanded = {0};
    CLEANUP(run_mount_free) struct run_mount mount = {0};
    const char *folder = NULL;
    struct json *from = NULL;

    TRY(run_mount_split(text, &fields));
    for (size_t i = 0; i < fields.count; i++) {
        char *field = NULL;

        if (strncasecmp(fields.items[i], "from=", 5) == 0 && strchr(fields.items[i], '$') != NULL)
            return error_advise(error_new(EXIT_INPUT, "'%.100s' has a variable", fields.items[i]),
                                "write FROM %s AS NAME before this stage, and from=NAME",
                                fields.items[i] + 5);
        TRY(conversion_expand(conversion, stage, fields.items[i], &field));
        strings_take(&expanded, field);
    }
    TRY(run_mount_read(&expanded, &mount));
    TRY(check_mount(&mount));
    if (mount.from != NULL)
        TRY(conversion_find_source(conversion, mount.from, index, &from, &folder));
    add_mount(mounts, describe_mount(conversion, stage, &mount, from, folder));
    return NULL;
}

static struct error *read_mounts(struct conversion *conversion, size_t index,
                                 const struct instruction *instruction, struct json *mounts)
{
    CLEANUP(strings_free) struct strings values = {0};

    instruction_flag_values(instruction, "mount", &values);
    for (size_t i = 0; i < values.count; i++)
        TRY(conversion_context(conversion, read_mount(conversion, index, values.items[i], mounts),
                               "'--mount=%.100s'", values.items[i]));
    return NULL;
}

/* Refuses to run what is for another machine. */
static struct error *check_architecture(const struct conversion *conversion,
                                        const struct conversion_stage *stage)
{
    const char *machine = conversion->options->build_machine;
    const char *own =
        stage->architecture != NULL ? stage->architecture : conversion->options->architecture;

    if (strcmp(own, machine) == 0 ||
        (conversion->options->runs != NULL && conversion->options->runs(own)))
        return NULL;
    return error_advise(
        error_new(EXIT_INPUT, "commands run on %s, and the image is for %s", machine, own),
        "do what has to be run in a stage FROM --platform=$BUILDPLATFORM, and COPY the result");
}

struct error *conversion_run(struct conversion *conversion, size_t index,
                             const struct instruction *instruction)
{
    struct conversion_stage *stage = &conversion->states[index];
    CLEANUP(json_freep) struct json *mounts = json_array();
    CLEANUP(strings_free) struct strings words = {0};
    bool has_network = false;

    TRY(check_architecture(conversion, stage));
    TRY(check_flags(instruction));
    TRY(read_network(instruction, &has_network));
    TRY(read_mounts(conversion, index, instruction, mounts));
    list_words(stage, instruction, &words);
    CLEANUP(freep) char *history = conversion_history(stage, instruction, &words);

    TRY(conversion_count(conversion, strlen(history))); /* with the values of ARGs */
    struct json *node = conversion_begin_node(conversion, stage);

    json_set(node, "run", command_of(stage, instruction));
    if (has_network)
        json_set(node, "network", json_boolean(true));
    if (mounts->count > 0)
        json_set(node, "mounts", STEAL(mounts));
    set_arguments(conversion, stage, node);
    json_set(node, "createdBy", json_string(history));
    return NULL;
}
