#include "host/spec/spec_misnomer.h"

#include <stddef.h>
#include <strings.h>

#include "host/lib/nearest.h"
#include "host/spec/spec_config.h"
#include "host/spec/spec_key.h"

/* What newer versions of dockerTools, Dockerfiles and other builders' files have. */
static const struct {
    const char *name;
    const char *advice;
} misnomers[] = {
    {"from", "did you mean 'fromImage'?"},
    {"base", "did you mean 'fromImage'?"},
    {"image", "did you mean 'fromImage', or 'name'?"},
    {"script", "did you mean 'run', or 'runAsRoot'?"},
    {"commands", "did you mean 'run', 'runAsRoot' or 'extraCommands'?"},
    {"command", "did you mean 'run', or 'Cmd' in 'config'?"},
    {"maintainer", "did you mean 'author'?"},
    {"copy", "did you mean 'contents'?"},
    {"add", "did you mean 'contents'?"},
    {"files", "did you mean 'contents'?"},
    {"copyToRoot", "did you mean 'contents'?"},
    {"mount", "did you mean 'mounts', or 'shares'?"},
    {"buildVMMemorySize", "did you mean 'memory'?"},
    {"arch", "did you mean 'architecture'?"},
    {"platform", "did you mean 'architecture'?"},
    {"environment", "did you mean 'env' (for scripts), or 'Env' in 'config' (for containers)?"},
    {"Env", "did you mean 'env' (for scripts), or 'Env' in 'config' (for containers)?"},
    {"Ports", "did you mean 'ExposedPorts' in 'config'?"},
    {"Expose", "did you mean 'ExposedPorts' in 'config'?"},
    {"Label", "did you mean 'Labels' in 'config'?"},
    {"Volume", "did you mean 'Volumes' in 'config'?"},
    {"ImageName", "did you mean 'name'?"},
    {"fromImageReference", "did you mean 'fromImage'?"},
    {"Vars", "did you mean 'env'?"},
};

struct error *spec_misnomer_advise(struct error *err, const char *name)
{
    const char *member = spec_config_member(name);
    const char *nearest = nearest_word(name, &spec_keys->name, sizeof *spec_keys, spec_key_count);

    for (size_t i = 0; i < sizeof misnomers / sizeof *misnomers; i++)
        if (strcasecmp(misnomers[i].name, name) == 0)
            return error_advise(err, "%s", misnomers[i].advice);
    if (member != NULL)
        return error_advise(err, "did you mean '%s' in 'config'?", member);
    if (nearest != NULL)
        return error_advise(err, "did you mean '%s'?", nearest);
    return error_advise(err, "'vmbuild schema' lists the keys");
}
