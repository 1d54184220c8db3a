#include "guest/call/verb.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "guest/contract.h"
#include "guest/disk/base.h"
#include "guest/disk/layer.h"
#include "guest/disk/overlay.h"
#include "guest/disk/scratch.h"
#include "guest/lib/job.h"
#include "guest/lib/words.h"
#include "guest/script/clock.h"
#include "guest/script/leftovers.h"
#include "guest/script/modules.h"
#include "guest/script/network.h"
#include "guest/script/points.h"
#include "guest/script/script.h"

/* Starts the clock for a script, at a time that does not depend on how long the stages before it
 * took. */
static int start_clock(struct guest *guest, const struct words *words)
{
    int64_t seconds = words_number(words, GUEST_WORD_CLOCK);

    return words_flag(words, GUEST_WORD_STILL) ? clock_hold(seconds, &guest->fault)
                                               : clock_run(seconds, &guest->fault);
}

static int start(struct guest *guest, const struct words *words)
{
    int64_t clock = words_number(words, GUEST_WORD_CLOCK);

    if (guest->started)
        return fault_set(&guest->fault, EALREADY, "start");
    if (guest->scratch_ended && scratch_mount(&guest->fault))
        return -1;
    guest->scratch_ended = false;
    guest->networked = words_flag(words, GUEST_WORD_NETWORK);
    if (guest->networked && network_prepare(&guest->fault))
        return -1;
    if (clock_hold(clock, &guest->fault) || scratch_touch_layer(guest->mounted, &guest->fault))
        return -1;
    guest->clock = clock;
    guest->clamp = words_number(words, GUEST_WORD_CLAMP);
    guest->output.tells_streams = words_flag(words, GUEST_WORD_STREAMS);
    guest->started = true;
    return 0;
}

/* base_progress: tells the host. If it cannot be told, it will not get the reply either. */
static void report_progress(void *context, uint64_t bytes)
{
    struct guest *guest = context;

    (void)wire_progress(guest->wire, bytes);
}

static int unpack_base(struct guest *guest, const struct words *words)
{
    size_t count;
    char *const *layers = words_list(words, GUEST_WORD_LAYER, &count);

    /* Scripts see the ctimes on this disk, which must not depend on the spec that it was first made
     * for. */
    if (clock_hold(GUEST_CLOCK_LEAST, &guest->fault))
        return -1;
    const struct base_source source = {.layers = layers,
                                       .count = count,
                                       .first = (size_t)words_number(words, GUEST_WORD_FIRST),
                                       .progress = report_progress,
                                       .context = guest};
    int status = base_unpack(words_text(words, GUEST_WORD_BASE), &source, &guest->fault);
    struct fault later;

    if (clock_hold(guest->clock, &later) && status == 0) {
        guest->fault = later;
        return -1;
    }
    return status;
}

static int mount_base(struct guest *guest, const struct words *words)
{
    if (!guest->base_mounted && base_mount(words_text(words, GUEST_WORD_BASE), &guest->fault))
        return -1;
    guest->base_mounted = true;
    return 0;
}

/* Writes the reply that the contract prescribes. */
static void describe(struct guest *guest, const struct outcome *outcome)
{
    char ending[32] = "timeout";

    if (!outcome->timed_out && WIFSIGNALED(outcome->end.status))
        snprintf(ending, sizeof ending, "killed %d", WTERMSIG(outcome->end.status));
    else if (!outcome->timed_out)
        snprintf(ending, sizeof ending, "exited %d", WEXITSTATUS(outcome->end.status));
    snprintf(guest->reply, GUEST_REPLY_MAX,
             "%s oom=%llu full=%d unreachable=%llu line=%lu output=%llu", ending,
             (unsigned long long)outcome->oom_kills, outcome->disk_full,
             (unsigned long long)outcome->unreachable, outcome->end.line,
             (unsigned long long)(guest->output.written - guest->output_reported));
    guest->output_reported = guest->output.written;
}

static void free_list(char **list)
{
    free(list[0]);
    free(list);
}

/* Runs PLAN, the environment of which is set. */
static int run_in_environment(struct guest *guest, struct sandbox_plan *plan)
{
    struct outcome outcome;
    char **command = NULL;

    plan->is_session = words_flag(plan->words, GUEST_WORD_SESSION);
    plan->separate = guest->output.tells_streams && !plan->is_session;
    if ((plan->is_session || plan->view != NULL) &&
        job_list(plan->is_session ? GUEST_JOB_COMMAND : GUEST_JOB_RUN_WORDS, &command,
                 &guest->fault))
        return -1;
    if (command != NULL && command[0] != NULL)
        plan->command = command;
    int status = script_run(plan, &guest->output, &outcome, &guest->fault);

    if (command != NULL)
        free_list(command);
    if (status == 0)
        describe(guest, &outcome);
    return status;
}

/* Runs PLAN with the environment file ENVIRONMENT. */
static int run_plan(struct guest *guest, struct sandbox_plan *plan, const char *environment)
{
    if (job_list(environment, &plan->environment, &guest->fault))
        return -1;
    int status = run_in_environment(guest, plan);

    free_list(plan->environment);
    return status;
}

/* Returns the job's script for the image, or NULL. */
static const char *find_script(void)
{
    if (job_has(GUEST_JOB_RUN_AS_ROOT))
        return GUEST_JOB_RUN_AS_ROOT;
    return job_has(GUEST_JOB_RUN) ? GUEST_JOB_RUN : NULL;
}

/* Replaces the job's SCRIPT by what a session in the view has made of it. Returns 0, or -1 with
 * FAULT. */
static int take_back(const char *script, struct fault *fault)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", GUEST_JOB_VIEW_DIR, script);
    return job_take_back(script, path, fault);
}

/* Runs the script or command for the image in VIEW, for which it makes room. Whoever needs the
 * plain one afterwards mounts it afresh. */
static int run_in_view(struct guest *guest, struct view *view, const struct words *words)
{
    const char *directory = words_text(words, GUEST_WORD_DIRECTORY);
    struct sandbox_plan plan = {
        .script = find_script(),
        .view = view,
        .directory = directory != NULL ? directory : "/",
        .user = words_text(words, GUEST_WORD_USER),
        .words = words,
        .own_network = !words_flag(words, GUEST_WORD_NETWORK),
    };

    if (overlay_show(&guest->mounted, false, &guest->fault))
        return -1;
    int status = view_put(view, &guest->fault);
    struct fault later = {0};

    if (status == 0)
        status = run_plan(guest, &plan, GUEST_JOB_ENVIRONMENT);
    /* A session may have changed its script, which may be run again. /dev is the same for all. */
    if (status == 0 && plan.is_session && plan.script != NULL)
        status = take_back(plan.script, &guest->fault);
    if (view_finish(view, &later)) {
        if (status == 0)
            guest->fault = later;
        return -1;
    }
    return status;
}

static int run_root(struct guest *guest, const struct words *words)
{
    struct view view;

    if (!guest->mounted)
        return fault_set(&guest->fault, 0, "run a script: the overlay is not mounted");
    int status = view_prepare(words, &view, &guest->fault);

    if (status == 0)
        status = start_clock(guest, words);
    if (status == 0)
        status = run_in_view(guest, &view, words);
    view_free(&view);
    return status;
}

static int run(struct guest *guest, const struct words *words)
{
    int status = run_root(guest, words);

    for (unsigned i = 0; i < GUEST_SECRETS_MAX; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s%u", GUEST_JOB_SECRET, i);
        job_remove(name);
    }
    return status;
}

static const struct guest_hook_row *find_hook(const char *name)
{
    for (enum guest_hook hook = 0; hook < GUEST_HOOK_COUNT; hook++)
        if (strcmp(guest_hooks[hook].name, name) == 0)
            return &guest_hooks[hook];
    return NULL;
}

static int run_hook(struct guest *guest, const struct words *words)
{
    const char *name = words_text(words, GUEST_WORD_NAME);
    const struct guest_hook_row *hook = find_hook(name);

    if (hook == NULL)
        return fault_set(&guest->fault, EINVAL, "run the hook '%s'", name);
    /* The network is for the root script. Without one to keep from the hook, a namespace would only
     * cost time. */
    struct sandbox_plan plan = {
        .script = hook->name,
        .directory = hook->directory,
        .words = words,
        .own_network = guest->networked,
    };

    if (overlay_show(&guest->mounted, hook->merged, &guest->fault) || start_clock(guest, words))
        return -1;
    return run_plan(guest, &plan, GUEST_JOB_BUILDER_ENVIRONMENT);
}

static int pack_layer(struct guest *guest)
{
    uint64_t sent = 0;

    if (overlay_show(&guest->mounted, false, &guest->fault) ||
        layer_send(guest->layer_port, &guest->output, guest->clamp, &sent, &guest->fault))
        return -1;
    snprintf(guest->reply, GUEST_REPLY_MAX, "layer=%llu", (unsigned long long)sent);
    return 0;
}

/* Leaves nothing of a build: what its scripts had of their own went with their namespaces. */
static int end(struct guest *guest)
{
    struct fault *fault = &guest->fault;

    if (overlay_show(&guest->mounted, false, fault) || (guest->base_mounted && base_unmount(fault)))
        return -1;
    guest->base_mounted = false;
    if (scratch_unmount(fault))
        return -1;
    guest->scratch_ended = true;
    guest->started = false;
    return network_forget(fault) || job_clear(fault) || points_clear(fault) ||
                   modules_renew(fault) || leftovers_refuse(fault)
               ? -1
               : 0;
}

static int act(struct guest *guest, enum guest_verb verb, const struct words *words)
{
    switch (verb) {
    case GUEST_VERB_START:
        return start(guest, words);
    case GUEST_VERB_UNPACK:
        return unpack_base(guest, words);
    case GUEST_VERB_BASE:
        return mount_base(guest, words);
    case GUEST_VERB_MOUNT:
        return overlay_show(&guest->mounted, true, &guest->fault);
    case GUEST_VERB_RUN:
        return run(guest, words);
    case GUEST_VERB_HOOK:
        return run_hook(guest, words);
    case GUEST_VERB_UNMOUNT:
        return overlay_show(&guest->mounted, false, &guest->fault);
    case GUEST_VERB_PACK:
        return pack_layer(guest);
    case GUEST_VERB_END:
        return end(guest);
    case GUEST_VERB_COUNT:
        break;
    }
    return fault_set(&guest->fault, ENOSYS, "serve verb %d", (int)verb);
}

static enum guest_verb find_verb(const char *name)
{
    enum guest_verb verb = 0;

    while (verb < GUEST_VERB_COUNT && strcmp(guest_verbs[verb].name, name) != 0)
        verb++;
    return verb;
}

int verb_run(struct guest *guest, char **texts, size_t count)
{
    struct words words;

    guest->reply[0] = '\0';
    if (count == 0)
        return fault_set(&guest->fault, EINVAL, "find the verb of a call without words");
    enum guest_verb verb = find_verb(texts[0]);

    if (verb == GUEST_VERB_COUNT)
        return fault_set(&guest->fault, ENOSYS, "find the verb '%s'", texts[0]);
    if (words_parse(verb, texts + 1, count - 1, &words, &guest->fault))
        return -1;
    if (!guest->started && verb != GUEST_VERB_START)
        return fault_set(&guest->fault, 0, "%s: 'start' must come first", texts[0]);
    return act(guest, verb, &words);
}
