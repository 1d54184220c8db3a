#include "host/build/job.h"

#include <string.h>

#include "guest/contract.h"
#include "host/build/host_network.h"
#include "host/build/plan.h"
#include "host/image/image_config.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/spec/spec_key.h"
#include "host/spec/spec_mount.h"

/* Checks the text NAME of CONTAINER, which WORD carries. */
static struct error *check_text(const struct json *container, const char *name,
                                enum guest_word word)
{
    const char *text = json_get_string(container, name);

    return text == NULL || strlen(text) <= (size_t)guest_words[word].most
               ? NULL
               : error_new(EXIT_INPUT, "run a command in the image: %s of its config is too long",
                           name);
}

struct error *job_container(const struct spec *spec, const struct json *base_config,
                            struct json **ret)
{
    CLEANUP(json_freep) struct json *container = NULL;

    if (!spec_has_run(spec))
        return NULL;
    TRY(image_config_merge(base_config, spec->config, &container));
    TRY(check_text(container, "User", GUEST_WORD_USER));
    TRY(check_text(container, "WorkingDir", GUEST_WORD_DIRECTORY));
    const char *folder = json_get_string(container, "WorkingDir");

    if (folder != NULL && *folder != '\0' && *folder != '/')
        return error_new(EXIT_INPUT,
                         "run a command in the image: WorkingDir '%s' of its config must be an "
                         "absolute path",
                         folder);
    *ret = STEAL(container);
    return NULL;
}

/* Sets WORD to the text NAME of CONTAINER, if there is one, else to OTHERWISE. */
static void set_text(const struct json *container, const char *name, enum guest_word word,
                     const char *otherwise, struct call_words *ret)
{
    const char *text = json_get_string(container, name);

    call_words_set_text(ret, word, text != NULL && *text != '\0' ? text : otherwise);
}

void job_words(const struct spec *spec, const struct json *container, int64_t clamp,
               struct call_words *ret)
{
    struct strings mounts = {0};

    call_words_set_number(ret, GUEST_WORD_CLAMP, clamp);
    spec_mounts_write(spec, &mounts);
    call_words_take(ret, GUEST_WORD_MOUNT, GUEST_LIST, &mounts);
    if (container != NULL) {
        set_text(container, "User", GUEST_WORD_USER, "0", ret);
        set_text(container, "WorkingDir", GUEST_WORD_DIRECTORY, "/", ret);
    }
    for (size_t i = 0; i < spec_key_count; i++) {
        const struct spec_key *key = &spec_keys[i];
        struct strings values = {0};

        if (key->word == GUEST_WORD_NONE)
            continue;
        key->kind->word_values((const char *)spec + key->offset, &values);
        call_words_take(ret, key->word, key->kind->word_kind, &values);
    }
}

/* Uploads SCRIPT, if it is not NULL, as NAME. */
static struct error *put_script(struct vm *vm, const char *name, const char *script)
{
    if (script == NULL)
        return NULL;
    return vm_put(vm, name, script, strlen(script));
}

static struct error *put_words(struct vm *vm, const char *const *words, size_t count)
{
    CLEANUP(buffer_free) struct buffer list = {0};

    for (size_t i = 0; i < count; i++)
        buffer_append(&list, words[i], strlen(words[i]) + 1);
    return vm_put(vm, GUEST_JOB_RUN_WORDS, list.data, list.length);
}

/* Uploads COMMAND, if it is given: a script, or words. */
static struct error *put_command(struct vm *vm, const struct spec_command *command)
{
    const char *const shell[] = {"/bin/sh", "-c", command->text};

    if (command->text != NULL && strncmp(command->text, "#!", 2) == 0)
        return put_script(vm, GUEST_JOB_RUN, command->text);
    if (command->text != NULL)
        return put_words(vm, shell, sizeof shell / sizeof *shell);
    if (command->words.count > 0)
        return put_words(vm, (const char *const *)command->words.items, command->words.count);
    return NULL;
}

static struct error *put_scripts(struct vm *vm, const struct spec *spec)
{
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++)
        TRY(put_script(vm, guest_hooks[hook].name, spec->hooks[hook]));
    TRY(put_script(vm, GUEST_JOB_RUN_AS_ROOT, spec->run_as_root));
    return put_command(vm, &spec->run);
}

/* Adds what the network needs to ENVIRONMENT and gives the guest its files. */
static struct error *put_network(struct vm *vm, struct buffer *environment)
{
    CLEANUP(buffer_free) struct buffer bundle = {0}, resolv_conf = {0}, hosts = {0};
    bool found;

    TRY(host_network_ca_bundle(&bundle, &found));
    host_network_environment(found, GUEST_NETWORK_GATEWAY, environment);
    host_network_resolv_conf(GUEST_NETWORK_NAMESERVER, &resolv_conf);
    host_network_hosts(&hosts);
    TRY(vm_put(vm, GUEST_JOB_RESOLV_CONF, resolv_conf.data, resolv_conf.length));
    TRY(vm_put(vm, GUEST_JOB_HOSTS, hosts.data, hosts.length));
    if (found)
        TRY(vm_put(vm, GUEST_JOB_CA_BUNDLE, bundle.data, bundle.length));
    return NULL;
}

struct error *job_put(const struct spec *spec, const struct json *base_config,
                      const struct json *container, struct vm *vm)
{
    CLEANUP(buffer_free) struct buffer environment = {0}, builder = {0};

    if (container != NULL)
        plan_container_environment(spec, container, &environment);
    else
        plan_environment(spec, base_config, &environment);
    plan_builder_environment(spec, &builder);
    if (spec->network)
        TRY(put_network(vm, &environment));
    TRY(vm_put(vm, GUEST_JOB_ENVIRONMENT, environment.data, environment.length));
    TRY(vm_put(vm, GUEST_JOB_BUILDER_ENVIRONMENT, builder.data, builder.length));
    return put_scripts(vm, spec);
}
