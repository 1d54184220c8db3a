#include "host/build/build_base.h"

#include <string.h>

#include "host/build/built_image.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/progress.h"

/* Whether programs of the image run, and not only those that the guest brings along. */
static bool runs_programs(const struct build *build)
{
    const struct spec *spec = build->spec;

    return spec->run_as_root != NULL || spec_has_run(spec) || build->session != NULL;
}

struct error *build_base_machine(const struct build *build, const struct image *base,
                                 const struct machine_type **ret)
{
    const struct spec_architecture *wanted = &build->spec->architecture;
    const char *name = base != NULL ? json_get_string(base->config, "architecture") : NULL;

    if (name == NULL)
        name = wanted->name;
    *ret =
        runs_programs(build) || wanted->is_given ? machine_type_find(name) : machine_type_native();
    if (*ret != NULL)
        return NULL;
    return error_new(EXIT_INPUT, "plan image '%s': no guest runs programs for '%.40s'",
                     build->spec->name, name);
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
    if (!spec->from_image.is_built)
        base->found_count = base->layer_count;
    TRY(check_chain(build, base));
    *ret = STEAL(base);
    return NULL;
}
