#include "host/build/remarks.h"

#include <string.h>

#include "guest/contract.h"
#include "host/build/plan.h"
#include "host/build/script_text.h"
#include "host/lib/progress.h"
#include "host/spec/spec_config.h"

#define SHOWN_MAX 80 /* bytes of a value */

/* The list NAME of a container with CONFIG, in which the spec's members replace those of
 * BASE_CONFIG; NULL if it is empty. */
static const struct json *words_of(const struct json *config, const struct json *base,
                                   const char *name)
{
    const struct json *words = json_get(config, name);

    if (words == NULL && json_get(config, "Entrypoint") == NULL)
        words = json_get(base, name);
    return words != NULL && words->type == JSON_ARRAY && words->count > 0 ? words : NULL;
}

/* The program is the first word of Entrypoint, or of Cmd if there is no Entrypoint. */
static void remark_program(const struct json *config, const struct json *base)
{
    const struct json *words = words_of(config, base, "Entrypoint");
    const char *name = words != NULL ? "Entrypoint" : "Cmd";

    if (words == NULL)
        words = words_of(config, base, "Cmd");
    if (words == NULL || json_get(config, name) != words || words->items[0]->type != JSON_STRING)
        return;
    const char *program = words->items[0]->text;

    if (program[strcspn(program, " \t\n")] == '\0')
        return;
    progress_note("config.%s: a container will not start, since the program to run is "
                  "'%.*s' as a whole: write a list of words such as [\"nginx\", \"-g\", \"daemon "
                  "off;\"], or [\"/bin/sh\", \"-c\", \"...\"] for a command line of the shell",
                  name, SHOWN_MAX, program);
}

/* As Docker's engine reads it. */
static void remark_health(const struct json *config)
{
    static const char *const kinds[] = {"NONE", "CMD", "CMD-SHELL"};
    const struct json *test = json_get(json_get(config, "Healthcheck"), "Test");
    const char *first =
        test != NULL && test->type == JSON_ARRAY && test->count > 0 ? test->items[0]->text : NULL;

    for (size_t i = 0; first != NULL && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(first, kinds[i]) == 0)
            return;
    if (first != NULL)
        progress_note("config.Healthcheck: 'Test' begins with '%.*s', but Docker knows only CMD, "
                      "CMD-SHELL and NONE there: write [\"CMD\", \"curl\", \"-f\", \"...\"]",
                      SHOWN_MAX, first);
}

static void remark_names(const struct json *config)
{
    for (size_t i = 0; config != NULL && i < config->count; i++) {
        const char *name = config->keys[i];
        const char *nearest = spec_config_member(name) == NULL ? spec_config_nearest(name) : NULL;

        if (nearest != NULL)
            progress_note("config.%.*s: it is kept, but means nothing to most programs; did you "
                          "mean '%s'?",
                          SHOWN_MAX, name, nearest);
    }
}

static void remark_script(const char *name, const char *text, bool in_image)
{
    if (text != NULL && script_text_has_returns(text) &&
        script_text_shell(text, in_image) != SCRIPT_SHELL_NONE)
        progress_note("script '%s': its lines end in CR and LF, as on Windows, and a shell takes "
                      "each CR as part of the last word; 'sed -i s/\\\\r$// FILE' removes them",
                      name);
}

void remarks_show(const struct spec *spec, const struct json *base_config)
{
    if (spec->config != NULL) {
        remark_program(spec->config, json_get(base_config, "config"));
        remark_health(spec->config);
        remark_names(spec->config);
    }
    remark_script(plan_step_name(PLAN_RUN_AS_ROOT), spec->run_as_root, true);
    remark_script(plan_step_name(PLAN_RUN), spec->run.text, true);
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++)
        remark_script(guest_hooks[hook].name, spec->hooks[hook], false);
}
