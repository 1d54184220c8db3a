#include "guest/call/verb.h"

#include <errno.h>
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
#include "guest/script/clock.h"
#include "guest/script/network.h"
#include "guest/script/script.h"

#define TIMEOUT_MAX (365u * 24 * 3600) /* seconds */

struct words {
    char **items;
    size_t count;
};

/* The value of the first word with this key, or NULL. */
static const char *value_of(const struct words *words, const char *key)
{
    size_t length = strlen(key);

    for (size_t i = 0; i < words->count; i++)
        if (strncmp(words->items[i], key, length) == 0 && words->items[i][length] == '=')
            return words->items[i] + length + 1;
    return NULL;
}

/* Moves the values of all words with this key to RET, which has room for all words. */
static size_t values_of(const struct words *words, const char *key, char **ret)
{
    size_t length = strlen(key);
    size_t count = 0;

    for (size_t i = 0; i < words->count; i++)
        if (strncmp(words->items[i], key, length) == 0 && words->items[i][length] == '=')
            ret[count++] = words->items[i] + length + 1;
    return count;
}

/* Reads the number of word KEY, from MIN to MAX. */
static int number_of(struct guest *guest, const struct words *words, const char *key, int64_t min,
                     int64_t max, int64_t *ret)
{
    const char *text = value_of(words, key);
    char *end;

    errno = 0;
    long long number = text ? strtoll(text, &end, 10) : 0;

    if (!text || *text == '\0' || *end != '\0' || errno || number < min || number > max)
        return fault_set(&guest->fault, EINVAL, "read the number '%s=%s'", key, text ? text : "");
    *ret = number;
    return 0;
}

static int require(struct guest *guest, const struct words *words, const char *key,
                   const char **ret)
{
    *ret = value_of(words, key);
    return *ret ? 0 : fault_set(&guest->fault, EINVAL, "find the word '%s'", key);
}

/* For a script: what date(1) tells it must not hang on how long the stages before it took. */
static int start_clock(struct guest *guest, const struct words *words)
{
    int64_t seconds = 0;

    return number_of(guest, words, "clock", 0, INT64_MAX, &seconds)
               ? -1
               : (value_of(words, "still") ? clock_hold : clock_run)(seconds, &guest->fault);
}

static int start(struct guest *guest, const struct words *words)
{
    int64_t clamp = 0;
    int64_t clock = 0;

    if (number_of(guest, words, "clock", 0, INT64_MAX, &clock) ||
        number_of(guest, words, "clamp", INT64_MIN, INT64_MAX, &clamp))
        return -1;
    if (guest->started)
        return fault_set(&guest->fault, EALREADY, "start");
    if (clock_hold(clock, &guest->fault) || scratch_touch_layer(guest->mounted, &guest->fault))
        return -1;
    guest->clock = clock;
    guest->clamp = clamp;
    guest->started = true;
    return 0;
}

static int unpack_base(struct guest *guest, const struct words *words)
{
    const char *base;
    char *layers[VERB_WORDS_MAX];
    size_t count = values_of(words, "layer", layers);

    if (require(guest, words, "base", &base))
        return -1;
    if (count > GUEST_LAYERS_MAX)
        return fault_set(&guest->fault, E2BIG, "unpack %zu layers", count);
    /* Scripts see the times of change on this disk, which must not tell what spec it was first made
     * for. */
    if (clock_hold(GUEST_CLOCK_LEAST, &guest->fault))
        return -1;
    int status = base_unpack(base, (const char *const *)layers, count, &guest->fault);
    struct fault later;

    if (clock_hold(guest->clock, &later) && status == 0) {
        guest->fault = later;
        return -1;
    }
    return status;
}

static int mount_base(struct guest *guest, const struct words *words)
{
    const char *base;

    if (require(guest, words, "base", &base))
        return -1;
    if (!guest->base_mounted && base_mount(base, &guest->fault))
        return -1;
    guest->base_mounted = true;
    return 0;
}

static int mount_view(struct guest *guest, const struct words *words)
{
    (void)words;
    return overlay_show(&guest->mounted, true, &guest->fault);
}

static int unmount_view(struct guest *guest, const struct words *words)
{
    (void)words;
    return overlay_show(&guest->mounted, false, &guest->fault);
}

/* The line of the contract. */
static void describe(struct guest *guest, const struct outcome *outcome)
{
    char ending[32] = "timeout";

    if (!outcome->timed_out && WIFSIGNALED(outcome->status))
        snprintf(ending, sizeof ending, "killed %d", WTERMSIG(outcome->status));
    else if (!outcome->timed_out)
        snprintf(ending, sizeof ending, "exited %d", WEXITSTATUS(outcome->status));
    snprintf(guest->reply, GUEST_REPLY_MAX, "%s oom=%llu full=%d output=%llu", ending,
             (unsigned long long)outcome->oom_kills, outcome->disk_full,
             (unsigned long long)(guest->output.written - guest->output_reported));
    guest->output_reported = guest->output.written;
}

/* Runs PLAN with the environment file ENVIRONMENT. */
static int run_plan(struct guest *guest, struct sandbox_plan *plan, const char *environment,
                    int64_t timeout)
{
    struct outcome outcome;

    if (output_open(&guest->output, &guest->fault) ||
        job_environment(environment, &plan->environment, &guest->fault))
        return -1;
    int status = script_run(plan, (uint64_t)timeout, &guest->output, &outcome, &guest->fault);

    free(plan->environment[0]);
    free(plan->environment);
    if (status == 0)
        describe(guest, &outcome);
    return status;
}

/* Runs the root script in VIEW: the plain merged view, or where that lacks mount points, one that
 * has them, for which it makes room. Afterwards the plain one is mounted afresh: the script may
 * have changed how it is mounted. */
static int run_in_view(struct guest *guest, const struct view *view, bool shadow, int64_t timeout)
{
    struct sandbox_plan plan = {
        .script = job_has(GUEST_JOB_RUN) ? GUEST_JOB_RUN : NULL,
        .view = view,
        .folder = "/",
        .shadow = shadow,
    };

    if (view->has_points && overlay_show(&guest->mounted, false, &guest->fault))
        return -1;
    int status = run_plan(guest, &plan, GUEST_JOB_ENVIRONMENT, timeout);
    struct fault later = {0};

    if (overlay_show(&guest->mounted, false, &later) || view_finish(view, &later) ||
        overlay_show(&guest->mounted, true, &later)) {
        if (status == 0)
            guest->fault = later;
        return -1;
    }
    return status;
}

static int run(struct guest *guest, const struct words *words)
{
    int64_t timeout = 0;
    char *shares[VERB_WORDS_MAX];
    size_t count = values_of(words, "share", shares);
    const char *network = value_of(words, "network");
    const char *shadow = value_of(words, "shadow");

    if (number_of(guest, words, "timeout", 1, TIMEOUT_MAX, &timeout))
        return -1;
    if (!guest->mounted)
        return fault_set(&guest->fault, 0, "run '%s': the overlay is not mounted", GUEST_JOB_RUN);
    if (network && network_start(network, &guest->fault))
        return -1;
    guest->networked |= network != NULL;
    struct view view;
    int status = view_prepare(shares, count, &view, &guest->fault);

    if (status == 0)
        status = start_clock(guest, words);
    if (status == 0)
        status = run_in_view(guest, &view, shadow && strcmp(shadow, "1") == 0, timeout);
    view_free(&view);
    return status;
}

static const struct {
    const char *name;
    const char *folder;
    bool merged; /* with the plain view at mnt/ */
} hooks[] = {
    {"preMount", GUEST_SCRATCH, false},
    {"postMount", GUEST_SCRATCH, true},
    {"postUmount", GUEST_SCRATCH, false},
    {"extraCommands", GUEST_SCRATCH_LAYER, false},
};

static int hook(struct guest *guest, const struct words *words)
{
    const char *name;
    int64_t timeout = 0;
    char *shares[VERB_WORDS_MAX];
    size_t share_count = values_of(words, "share", shares);

    if (require(guest, words, "name", &name) ||
        number_of(guest, words, "timeout", 1, TIMEOUT_MAX, &timeout))
        return -1;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        if (strcmp(hooks[i].name, name) == 0) {
            /* The network is for the root script. Where there is none to keep from a hook, a
             * namespace would only cost time. */
            struct sandbox_plan plan = {
                .script = hooks[i].name,
                .folder = hooks[i].folder,
                .shares = shares,
                .share_count = share_count,
                .own_network = guest->networked,
            };

            return overlay_show(&guest->mounted, hooks[i].merged, &guest->fault) ||
                           start_clock(guest, words)
                       ? -1
                       : run_plan(guest, &plan, GUEST_JOB_BUILDER_ENVIRONMENT, timeout);
        }
    }
    return fault_set(&guest->fault, EINVAL, "run the hook '%s'", name);
}

static int pack_layer(struct guest *guest, const struct words *words)
{
    uint64_t sent = 0;

    (void)words;
    if (overlay_show(&guest->mounted, false, &guest->fault) ||
        layer_send(&guest->output, guest->clamp, &sent, &guest->fault))
        return -1;
    snprintf(guest->reply, GUEST_REPLY_MAX, "layer=%llu", (unsigned long long)sent);
    return 0;
}

static const struct {
    const char *name;
    const char *keys[7];
    int (*act)(struct guest *guest, const struct words *words);
} verbs[] = {
    {"start", {"clock", "clamp"}, start},
    {"unpack", {"base", "layer"}, unpack_base},
    {"base", {"base"}, mount_base},
    {"mount", {NULL}, mount_view},
    {"run", {"timeout", "clock", "still", "network", "share", "shadow"}, run},
    {"hook", {"name", "timeout", "clock", "still", "share"}, hook},
    {"unmount", {NULL}, unmount_view},
    {"pack", {NULL}, pack_layer},
};

/* Whether WORD is KEY=VALUE with one of KEYS, which NULL ends. */
static bool is_known(const char *word, const char *const *keys)
{
    size_t length = strcspn(word, "=");

    for (; *keys && word[length] == '='; keys++)
        if (strlen(*keys) == length && strncmp(word, *keys, length) == 0)
            return true;
    return false;
}

int verb_run(struct guest *guest, char **words, size_t count)
{
    guest->reply[0] = '\0';
    if (count == 0)
        return fault_set(&guest->fault, EINVAL, "find the verb");
    const struct words arguments = {.items = words + 1, .count = count - 1};

    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(verbs[i].name, words[0]) != 0)
            continue;
        for (size_t j = 0; j < arguments.count; j++) {
            if (!is_known(arguments.items[j], verbs[i].keys)) {
                return fault_set(&guest->fault, EINVAL, "%s: the word '%s'", words[0],
                                 arguments.items[j]);
            }
        }
        if (!guest->started && verbs[i].act != start)
            return fault_set(&guest->fault, 0, "%s: 'start' has to come first", words[0]);
        return verbs[i].act(guest, &arguments);
    }
    return fault_set(&guest->fault, ENOSYS, "the verb '%s'", words[0]);
}
