#include "host/build/build_base.h"

#include <string.h>

#include "host/build/built_image.h"
#include "host/build/plan.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"
#include "host/machine/machine.h"

bool build_base_runs(const char *architecture)
{
    size_t length = strcspn(architecture, "/"); /* a variant follows */

    return (length == strlen(MACHINE_ARCHITECTURE) &&
            strncmp(architecture, MACHINE_ARCHITECTURE, length) == 0) ||
           strcmp(architecture, "386") == 0;
}

/* Refuses a base whose own shell could not run the script. (Hooks have the builder's.) */
static struct error *check_architecture(const struct build *build, const struct image *base)
{
    const char *architecture = json_get_string(base->config, "architecture");
    const struct spec *spec = build->spec;
    bool runs = spec->run_as_root != NULL || spec_has_run(spec) || build->session != NULL;

    if (!runs || architecture == NULL || build_base_runs(architecture))
        return NULL;
    return error_new(EXIT_INPUT,
                     "open image '%s': %s needs programs for " MACHINE_ARCHITECTURE
                     ", but the image is for '%.40s'",
                     spec->from_image.name,
                     plan_step_name(spec_has_run(spec) ? PLAN_RUN : PLAN_RUN_AS_ROOT),
                     architecture);
}

/* Refuses a base that is not the one below a kept layer. */
static struct error *check_chain(const struct build *build, const struct image *base)
{
    const struct kept_step *resumed = build->resumed;
    struct digest chain;

    if (resumed == NULL || resumed->chain == NULL)
        return NULL;
    image_chain_id(base, base->layer_count, &chain);
    CLEANUP(freep) char *found = xasprintf("sha256:%s", chain.hex);

    return strcmp(found, resumed->chain) == 0
               ? NULL
               : error_new(EXIT_INPUT,
                           "open image '%s': its layers are not those that the step was kept on "
                           "(chain ID %s)",
                           build->spec->from_image.name, resumed->chain);
}

struct image_request build_base_request(const struct build *build, unsigned int forms)
{
    const struct spec_architecture *architecture = &build->spec->architecture;

    return (struct image_request){
        .choice = {.architecture = architecture->is_given ? architecture->name : NULL},
        .forms = forms,
        .store = build->store,
        .registry = build->registry};
}

struct error *build_base_open(const struct build *build, unsigned int forms, struct image **ret)
{
    const struct spec *spec = build->spec;
    struct image_request request = build_base_request(build, forms);
    CLEANUP(image_freep) struct image *base = NULL;

    if (spec->from_image.name == NULL)
        return NULL;
    request.choice.name = spec->from_image_name;
    request.choice.tag = spec->from_image_tag;
    progress_start("base");
    TRY(built_image_open(&spec->from_image, build->built, &request, &base));
    progress_done();
    TRY(check_chain(build, base));
    TRY(check_architecture(build, base));
    *ret = STEAL(base);
    return NULL;
}
