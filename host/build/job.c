#include "host/build/job.h"

#include <string.h>

#include "guest/contract.h"
#include "host/build/host_network.h"
#include "host/build/plan.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/spec/spec_key.h"

void job_words(const struct spec *spec, int64_t clamp, struct call_words *ret)
{
    call_words_set_number(ret, GUEST_WORD_CLAMP, clamp);
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

static struct error *put_scripts(struct vm *vm, const struct spec *spec)
{
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++)
        TRY(put_script(vm, guest_hooks[hook].name, spec->hooks[hook]));
    return put_script(vm, GUEST_JOB_RUN, spec->run_as_root);
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

struct error *job_put(const struct spec *spec, const struct json *base_config, struct vm *vm)
{
    CLEANUP(buffer_free) struct buffer environment = {0}, builder = {0};

    plan_environment(spec, base_config, &environment);
    plan_builder_environment(spec, &builder);
    if (spec->network)
        TRY(put_network(vm, &environment));
    TRY(vm_put(vm, GUEST_JOB_ENVIRONMENT, environment.data, environment.length));
    TRY(vm_put(vm, GUEST_JOB_BUILDER_ENVIRONMENT, builder.data, builder.length));
    return put_scripts(vm, spec);
}
