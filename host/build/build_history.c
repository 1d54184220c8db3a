#include "host/build/build_history.h"

#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/mask.h"
#include "host/lib/memory.h"
#include "host/lib/printable.h"

#define SHOWN_MAX 160 /* bytes of a script's line or a path */
#define SOURCES_MAX 8
#define MORE " ..."
#define BLANK " \t\r\n"

/* Appends LENGTH bytes of TEXT to LINE, whatever they are; of many only the first. */
static void append_text(struct buffer *line, const char *text, size_t length)
{
    size_t kept = length;

    if (kept > SHOWN_MAX)
        for (kept = SHOWN_MAX; kept > 0 && ((unsigned char)text[kept] & 0xC0) == 0x80;)
            kept--; /* to the start of a character */
    printable_append(line, text, kept, PRINTABLE_UTF8, PRINTABLE_MARK);
    if (kept < length)
        buffer_printf(line, MORE);
}

/* Begins another part of LINE, on NAME. */
static void begin_part(struct buffer *line, const char *name)
{
    buffer_printf(line, "%s%s", line->length > 0 ? "; " : "", name);
}

/* Appends the first line of SCRIPT that is not blank and does not name its interpreter. */
static void append_script(struct buffer *line, const struct secrets *secrets, const char *script)
{
    CLEANUP(freep) char *masked = mask_text(secrets, script);
    const char *first = masked;

    if (strncmp(first, "#!", 2) == 0)
        first += strcspn(first, "\n");
    first += strspn(first, BLANK);
    size_t length = strcspn(first, "\n");
    bool is_all = first[length + strspn(first + length, BLANK)] == '\0';

    while (length > 0 && strchr(BLANK, first[length - 1]) != NULL)
        length--;
    append_text(line, first, length);
    if (!is_all && length <= SHOWN_MAX)
        buffer_printf(line, MORE);
}

/* Appends what CONTENT is, without what depends on the host. */
static void append_source(struct buffer *line, const struct spec_content *content)
{
    if (content->kind == SPEC_CONTENT_DIRECTORY)
        buffer_printf(line, "a directory");
    else if (content->kind == SPEC_CONTENT_TEXT)
        buffer_printf(line, "a text");
    else if (content->url != NULL)
        append_text(line, content->url, strcspn(content->url, "?#")); /* which may be signed */
    else if (content->path != NULL)
        append_text(line, content->path, strlen(content->path));
    else if (content->written != NULL)
        append_text(line, content->written, strlen(content->written));
    else
        buffer_printf(line, "files");
    if (content->image.name != NULL)
        buffer_printf(line, " of an image");
}

static void append_content(struct buffer *line, const struct spec_content *content)
{
    append_source(line, content);
    buffer_printf(line, " in ");
    append_text(line, content->target, strlen(content->target));
}

static void append_contents(struct buffer *line, const struct spec *spec)
{
    const struct spec_contents *contents = &spec->contents;

    if (contents->count > 0)
        begin_part(line, "contents: ");
    for (size_t i = 0; i < contents->count && i < SOURCES_MAX; i++) {
        buffer_printf(line, "%s", i > 0 ? ", " : "");
        append_content(line, &contents->items[i]);
    }
    if (contents->count > SOURCES_MAX)
        buffer_printf(line, ", and %zu more", contents->count - SOURCES_MAX);
    if (spec->closure.count > 0)
        begin_part(line, "closure: ");
    if (spec->closure.count > 0)
        buffer_printf(line, "%zu %s", spec->closure.count,
                      spec->closure.count == 1 ? "path" : "paths");
}

char *build_history_contents(const struct spec *spec)
{
    struct buffer line = {0};

    append_contents(&line, spec);
    return line.length > 0 ? buffer_steal(&line) : NULL;
}

/* Returns WORDS with blanks between them, the caller's. */
static char *join(const struct strings *words)
{
    struct buffer text = {0};

    for (size_t i = 0; i < words->count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? " " : "", words->items[i]);
    return buffer_steal(&text);
}

/* Returns what STEP runs, the caller's; or NULL. */
static char *script_of(const struct spec *spec, enum plan_step step)
{
    const char *text = plan_step_text(spec, step);

    if (step == PLAN_RUN && spec->run.words.count > 0)
        return join(&spec->run.words);
    return text != NULL ? xstrdup(text) : NULL;
}

/* Appends what STEP puts into the layer, if anything. */
static void append_step(struct buffer *line, const struct build *build, enum plan_step step)
{
    const struct spec *spec = build->spec;
    CLEANUP(freep) char *script = script_of(spec, step);

    if (step == PLAN_CONTENTS)
        append_contents(line, spec);
    if (plan_step_is_in_image(step) && spec->shadow_setup)
        begin_part(line, "shadowSetup");
    if (script == NULL)
        return;
    begin_part(line, plan_step_name(step));
    buffer_printf(line, ": ");
    append_script(line, build->secrets, script);
}

/* Appends the user's command, or that there was a shell. */
static void append_session(struct buffer *line, const struct build *build)
{
    const struct strings *command = &build->session->vm.command;

    begin_part(line, command->count > 0 ? "run: " : "shell");
    if (command->count == 0)
        return;
    CLEANUP(freep) char *words = join(command);

    append_script(line, build->secrets, words);
}

static void append_steps(struct buffer *line, const struct build *build, const struct plan *plan)
{
    const struct build_session *session = build->session;

    for (size_t i = 0; i < plan->step_count; i++) {
        enum plan_step step = plan->steps[i];
        bool is_last = session != NULL && step == session->step;

        if (!is_last || session->is_after)
            append_step(line, build, step);
        if (!is_last)
            continue;
        append_session(line, build);
        return;
    }
}

/* Appends what an image without a new layer has changed. */
static void append_config(struct buffer *line, const struct spec *spec)
{
    CLEANUP(json_freep)
    struct json *config = spec->config != NULL ? json_copy(spec->config) : json_object();

    json_sort(config);
    begin_part(line, config->count > 0 ? "config: " : "config");
    for (size_t i = 0; i < config->count && line->length < SHOWN_MAX; i++)
        buffer_printf(line, "%s%s", i > 0 ? ", " : "", config->keys[i]);
}

char *build_history_line(const struct build *build, const struct plan *plan, bool is_empty)
{
    struct buffer line = {0};

    if (build->spec->created_by != NULL && build->session == NULL)
        return mask_text(build->secrets, build->spec->created_by);
    if (build->resumed != NULL && build->resumed->contents != NULL)
        begin_part(&line, build->resumed->contents);
    append_steps(&line, build, plan);
    if (is_empty)
        append_config(&line, build->spec);
    else if (line.length == 0)
        begin_part(&line, "an empty layer");
    return buffer_steal(&line);
}
