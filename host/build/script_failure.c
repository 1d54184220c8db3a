#include "host/build/script_failure.h"

#include <stdlib.h>
#include <string.h>

#include "host/build/script_text.h"
#include "host/lib/buffer.h"
#include "host/lib/cleanup.h"
#include "host/lib/memory.h"

#define SIGNALED 128 /* what a shell adds to the number of the signal that ended a command */
#define SIGNAL_MAX 64
#define NOT_FOUND 127

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* What the last lines may hold, and what that says to whoever wrote the script. */
static const struct {
    const char *words;
    const char *advice;
} symptoms[] = {
    {"is not valid yet",
     "the guest's clock is earlier than the package archive: set \"created\" to "
     "a later time, or \"network\": true"},
    {"Do you want to continue? [Y/n]", "scripts have no standard input: use apt-get -y"},
    {"Is this ok [y/N]", "scripts have no standard input: use dnf -y"},
    {"Exec format error", "the program is for another architecture, or not a program"},
    {"Read-only file system", "shares, /proc and /sys are read-only"},
    {"Invalid cross-device link",
     "a directory of the base image cannot be renamed, only copied and removed, as mv does"},
    {"dubious ownership", "set \"env\": {\"GIT_CONFIG_COUNT\": \"1\", \"GIT_CONFIG_KEY_0\": "
                          "\"safe.directory\", \"GIT_CONFIG_VALUE_0\": \"*\"}"},
    {"Fatal error: can't create /", "the directory does not exist, or is read-only"},
};

/* How shells report what they do not know. */
static const char *const shell_complaints[] = {
    "Syntax error",        "syntax error",         "Bad substitution",      "bad substitution",
    "Illegal option",      "illegal option",       "unexpected operator",   "[[: not found",
    "source: not found",   "declare: not found",   "typeset: not found",    "shopt: not found",
    "pushd: not found",    "popd: not found",      "let: not found",        "mapfile: not found",
    "function: not found", "readarray: not found", "arithmetic expression", "ambiguous redirect",
};

/* The number of the line that the shell itself has named in the last line of TAIL, "NAME: 3: ..."
 * or "NAME: line 3: ..."; 0 if it has not. */
static uint64_t reported_line(const struct script_run *run)
{
    const char *last = strrchr(run->tail, '\n');
    CLEANUP(freep) char *start = xasprintf("/%s: ", run->name);
    const char *found = strstr(last != NULL ? last : run->tail, start);
    char *end;

    if (found == NULL)
        return 0;
    found += strlen(start);
    if (strncmp(found, "line ", 5) == 0)
        found += 5;
    uint64_t number = strtoull(found, &end, 10);

    return end > found && *end == ':' ? number : 0;
}

/* A shell names the line of a command within a compound one, which it has read to its end. */
static uint64_t find_line(const struct script_run *run, const struct outcome *outcome)
{
    uint64_t reported = reported_line(run);

    if (outcome->line == 0 || (reported > 0 && reported <= outcome->line))
        return reported;
    return outcome->line;
}

/* "SIGKILL", or "" if the signal has no name; the caller's. */
static char *signal_name(int number)
{
    const char *name = number > 0 && number <= SIGNAL_MAX ? sigabbrev_np(number) : NULL;

    return name != NULL ? xasprintf("SIG%s", name) : xstrdup("");
}

/* How the script ended, as the cause in a message; the caller's. */
static char *describe_end(const struct script_run *run, const struct outcome *outcome)
{
    CLEANUP(freep) char *direct = signal_name(outcome->number);
    CLEANUP(freep) char *passed_on = signal_name(outcome->number - SIGNALED);

    if (outcome->end == OUTCOME_TIMEOUT)
        return xasprintf("it ran longer than its limit of %llu seconds",
                         (unsigned long long)run->timeout);
    if (outcome->end == OUTCOME_KILLED)
        return xasprintf("it was killed by signal %d%s%s%s", outcome->number,
                         *direct != '\0' ? " (" : "", direct, *direct != '\0' ? ")" : "");
    return xasprintf("it exited with status %d%s%s%s", outcome->number,
                     *passed_on != '\0' ? " (as after " : "", passed_on,
                     *passed_on != '\0' ? ")" : "");
}

/* Whether TAIL has one of the COUNT texts in WORDS. */
static bool has_any(const char *tail, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strstr(tail, words[i]) != NULL)
            return true;
    return false;
}

/* What is wrong with the script's text, if its output shows that; the caller's, or NULL. */
static char *judge_text(const struct script_run *run)
{
    enum script_shell shell = script_text_shell(run->text, run->in_image);
    const char *bashism = shell == SCRIPT_SHELL_SH ? script_text_bashism(run->text) : NULL;

    if (strncmp(run->text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        return xstrdup("the script begins with a byte order mark, which no shell understands: save "
                       "it without");
    if (shell != SCRIPT_SHELL_NONE && script_text_has_returns(run->text))
        return xstrdup(
            "the script's lines end in CR and LF: 'sed -i s/\\\\r$// FILE' makes them end "
            "in LF alone");
    if (bashism == NULL ||
        !has_any(run->tail, shell_complaints, sizeof shell_complaints / sizeof *shell_complaints))
        return NULL;
    return run->in_image
               ? xasprintf("the script uses what bash has and sh need not, %s: let it begin with "
                           "\"#!/bin/bash\", in an image that has bash",
                           bashism)
               : xasprintf("the script uses what bash has, %s, but runs under busybox's sh",
                           bashism);
}

/* The likely cause of the failure, or NULL; the caller's. */
static char *find_cause(const struct script_run *run, const struct outcome *outcome)
{
    char *cause = run->text != NULL ? judge_text(run) : NULL;

    if (cause != NULL)
        return cause;
    if (!run->network && outcome->unreachable > 0)
        return xstrdup(run->in_image
                           ? "the script looked for something in a network, but has none: set "
                             "\"network\": true in the spec"
                           : "the script looked for something in a network, but only runAsRoot can "
                             "have one (\"network\": true)");
    for (size_t i = 0; i < sizeof symptoms / sizeof *symptoms; i++)
        if (strstr(run->tail, symptoms[i].words) != NULL)
            return xstrdup(symptoms[i].advice);
    if (outcome->end == OUTCOME_EXITED && outcome->number == NOT_FOUND &&
        strstr(run->tail, "not found") != NULL)
        return xstrdup(run->in_image ? "the image lacks a program that the script calls"
                                     : "the script runs outside of the image, with busybox alone");
    return NULL;
}

/* What the guest ran out of: returns the code and sets *RET_WHY and *RET_ADVICE. If the memory and
 * the disk were short, a script that was killed lacked memory: a full disk does not kill. */
static enum exit_code judge_resources(const struct outcome *outcome, const char **ret_why,
                                      const char **ret_advice)
{
    *ret_why = "";
    *ret_advice = NULL;
    if (outcome->end == OUTCOME_TIMEOUT) {
        *ret_advice = "raise \"timeout\" in the spec or --timeout";
        return EXIT_TIMEOUT;
    }
    if (outcome->oom > 0 && (outcome->end == OUTCOME_KILLED || !outcome->full)) {
        *ret_why = " after the guest ran out of memory";
        *ret_advice = "raise \"memory\" in the spec or --memory";
        return EXIT_MEMORY;
    }
    if (outcome->full) {
        *ret_why = " after the scratch disk was full";
        *ret_advice = "raise \"diskSize\" in the spec";
        return EXIT_DISK_FULL;
    }
    return EXIT_SCRIPT;
}

/* The line of the script, and from *RET_OUTPUT on the end of its output. The caller's. */
static char *describe_place(const struct script_run *run, uint64_t number, size_t *ret_output)
{
    CLEANUP(freep) char *line = run->text != NULL ? script_text_line(run->text, number) : NULL;
    struct buffer out = {0};

    if (line != NULL)
        buffer_printf(&out, "line %llu: %s\n", (unsigned long long)number, line);
    *ret_output = out.length;
    if (*run->tail != '\0')
        buffer_printf(&out, "the end of its output:\n");
    for (const char *text = run->tail; *text != '\0';) {
        size_t length = strcspn(text, "\n");

        buffer_printf(&out, "  %.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
    buffer_append(&out, "", 0);
    return buffer_steal(&out);
}

struct error *script_failure(const struct script_run *run, const struct outcome *outcome)
{
    const char *why, *advice;
    enum exit_code code = judge_resources(outcome, &why, &advice);

    if (outcome->end == OUTCOME_EXITED && outcome->number == 0)
        return NULL;
    uint64_t line = find_line(run, outcome);
    size_t output_at;
    CLEANUP(freep) char *end = describe_end(run, outcome);
    CLEANUP(freep) char *cause = advice == NULL ? find_cause(run, outcome) : xstrdup(advice);
    CLEANUP(freep) char *place = describe_place(run, line, &output_at);
    CLEANUP(freep) char *at = line > 0 ? xasprintf("line %llu: ", (unsigned long long)line) : NULL;
    CLEANUP(freep)
    char *after = run->seconds > 0 && outcome->end != OUTCOME_TIMEOUT
                      ? xasprintf(" after %.1f seconds", run->seconds)
                      : NULL;
    struct error *err = error_new(code, "run script '%s': %s%s%s%s", run->name,
                                  at != NULL ? at : "", end, why, after != NULL ? after : "");

    err = error_detail(err, place);
    err->output_at = output_at;
    if (outcome->end != OUTCOME_TIMEOUT)
        err = error_of_script(err, outcome->end == OUTCOME_EXITED ? ERROR_EXITED : ERROR_KILLED,
                              outcome->number);
    return cause != NULL ? error_advise(err, "%s", cause) : err;
}
