#include "host/dockerfile/conversion_state.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/lib/nearest.h"

#define TEXT_MAX (64u << 20) /* bytes */

struct error *conversion_context(const struct conversion *conversion, struct error *err,
                                 const char *format, ...)
{
    va_list args;

    if (err == NULL || conversion->has_error)
        return err;
    va_start(args, format);
    CLEANUP(freep) char *text = xvasprintf(format, args);

    va_end(args);
    return error_context(err, "%s", text);
}

struct error *conversion_locate(struct conversion *conversion, struct error *err,
                                const struct instruction *instruction)
{
    if (err == NULL || conversion->has_error)
        return err;
    conversion->has_error = true;
    return dockerfile_context(error_context(err, "%s", keyword_name(instruction->keyword)),
                              conversion->file->name, instruction->first_line);
}

static const char *get_value(void *context, const char *name)
{
    return variables_get(context, name);
}

/* Where the variables of STAGE, or the globals, come from. */
static struct shell_variables variables_of(const struct conversion *conversion,
                                           const struct conversion_stage *stage)
{
    const struct variables *variables = stage != NULL ? &stage->variables : &conversion->globals;

    return (struct shell_variables){get_value, (void *)variables};
}

/* Warns of NAME, which is set neither by an ARG nor otherwise. */
static void warn_of_unset(struct conversion *conversion, const struct conversion_stage *stage,
                          const char *name)
{
    const struct variables *known = stage != NULL ? &stage->variables : &conversion->globals;
    const char *nearest = known->count == 0
                              ? NULL
                              : nearest_word(name, (const char *const *)&known->items->name,
                                             sizeof *known->items, known->count);

    if (stage != NULL && strings_contain(&stage->declared, name))
        return;
    conversion_warn(conversion, stage != NULL ? CHECK_UNDEFINED_VAR : CHECK_UNDEFINED_ARG_IN_FROM,
                    "the variable '%s' is not set%s%s%s", name,
                    nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                    nearest != NULL ? "'?" : "");
}

struct error *conversion_count(struct conversion *conversion, size_t length)
{
    if (length > TEXT_MAX - conversion->text_length)
        return error_new(EXIT_INPUT, "what variables become has more than %u MiB in all",
                         TEXT_MAX >> 20);
    conversion->text_length += length;
    return NULL;
}

static struct error *expand(struct conversion *conversion, const struct conversion_stage *stage,
                            const struct shell_rules *rules, const char *text, char **ret)
{
    struct shell_variables variables = variables_of(conversion, stage);
    CLEANUP(strings_free) struct strings unset = {0};

    TRY(shell_word_expand(text, rules, &variables, &unset, ret));
    for (size_t i = 0; i < unset.count; i++)
        warn_of_unset(conversion, stage, unset.items[i]);
    struct error *err = conversion_count(conversion, strlen(*ret));

    if (err != NULL)
        free(STEAL(*ret));
    return err;
}

struct error *conversion_expand_global(const struct conversion *conversion,
                                       const struct variables *variables, const char *text,
                                       char **ret)
{
    struct shell_rules rules = {.escape = directives_escape(&conversion->file->directives)};
    struct shell_variables source = {get_value, (void *)variables};

    return shell_word_expand(text, &rules, &source, NULL, ret);
}

struct error *conversion_expand(struct conversion *conversion, const struct conversion_stage *stage,
                                const char *text, char **ret)
{
    struct shell_rules rules = {.escape = directives_escape(&conversion->file->directives)};

    return expand(conversion, stage, &rules, text, ret);
}

struct error *conversion_expand_text(struct conversion *conversion,
                                     const struct conversion_stage *stage, const char *text,
                                     char **ret)
{
    static const struct shell_rules rules = {.escape = '\\', .ignore_quotes = true};

    return expand(conversion, stage, &rules, text, ret);
}

struct error *conversion_split(const struct conversion *conversion,
                               const struct conversion_stage *stage, const char *text,
                               struct strings *ret)
{
    struct shell_rules rules = {.escape = directives_escape(&conversion->file->directives)};
    struct shell_variables variables = variables_of(conversion, stage);

    return shell_word_split(text, &rules, &variables, ret);
}

/* Returns the changes of STAGE's config. */
static struct json *changes(struct conversion_stage *stage)
{
    if (stage->changes == NULL)
        stage->changes = json_object();
    return stage->changes;
}

void conversion_configure(struct conversion_stage *stage, const char *name, struct json *value)
{
    json_set(stage->config, name, json_copy(value));
    json_set(changes(stage), name, value);
}

struct json *conversion_config_object(struct conversion_stage *stage, const char *name)
{
    struct json *object = json_get(changes(stage), name);

    if (object == NULL) {
        object = json_object();
        json_set(stage->changes, name, object);
    }
    return object;
}

void conversion_mark(const struct conversion *conversion, struct json *value)
{
    if (value == NULL)
        return;
    if (value->line == 0) {
        value->line = conversion->line;
        value->column = 1;
    }
    for (size_t i = 0; i < value->count; i++)
        conversion_mark(conversion, value->items[i]);
}

/* Sets NAME to VALUE in LIST, whose elements are "NAME=VALUE". */
static void assign(struct json *list, const char *name, const char *value)
{
    CLEANUP(freep) char *assignment = xasprintf("%s=%s", name, value);
    size_t length = strlen(name);

    for (size_t i = 0; i < list->count; i++)
        if (strncmp(list->items[i]->text, assignment, length + 1) == 0) {
            json_free(list->items[i]);
            list->items[i] = json_string(assignment);
            return;
        }
    json_append(list, json_string(assignment));
}

void conversion_set_variable(struct conversion_stage *stage, const char *name, const char *value)
{
    struct json *list = json_get(changes(stage), "Env");

    if (list == NULL) {
        list = json_array();
        json_set(stage->changes, "Env", list);
    }
    assign(list, name, value);
    variables_set(&stage->environment, name, value);
    variables_set(&stage->variables, name, value);
}

/* Adds what FROM, a member of a config, has to the list of variables TO. */
static void merge_variables(const struct json *from, struct json *to)
{
    for (size_t i = 0; i < from->count; i++) {
        CLEANUP(freep)
        char *name = xstrndup(from->items[i]->text, strcspn(from->items[i]->text, "="));

        assign(to, name, from->items[i]->text + strlen(name) + 1);
    }
}

/* Adds what STAGE's changes have to its config. */
static void merge_changes(struct conversion_stage *stage)
{
    const struct json *list = stage->changes;

    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct json *value = list->items[i];
        struct json *whole = json_get(stage->config, list->keys[i]);
        bool is_list = strcmp(list->keys[i], "Env") == 0;
        bool is_set = value->type == JSON_OBJECT && strcmp(list->keys[i], "Healthcheck") != 0;

        if (whole == NULL || whole->type != value->type || (!is_list && !is_set))
            json_set(stage->config, list->keys[i], json_copy(value));
        else if (is_list)
            merge_variables(value, whole);
        for (size_t j = 0; is_set && whole != NULL && j < value->count; j++)
            json_set(whole, value->keys[j], json_copy(value->items[j]));
    }
}

/* Whether an image or a stage is called NAME. */
static bool is_taken(const struct conversion *conversion, const char *name)
{
    return json_get(conversion->images, name) != NULL ||
           stages_find(&conversion->stages, name, conversion->stages.count) != STAGE_NONE;
}

/* Gives STAGE's last node NAME, and makes it what the next one is based on. */
static void name_node(struct conversion *conversion, struct conversion_stage *stage,
                      const char *name)
{
    struct json *use = json_object();

    json_set(use, "use", json_string(name));
    json_set(conversion->images, name, STEAL(stage->node));
    json_free(stage->from);
    stage->from = use;
}

/* Returns NAME, which is freed, with something behind it; the caller's. */
static char *lengthen(char *name)
{
    char *longer = xasprintf("%s-layer", name);

    free(name);
    return longer;
}

struct json *conversion_begin_node(struct conversion *conversion, struct conversion_stage *stage)
{
    if (stage->node != NULL) {
        CLEANUP(freep) char *name = xasprintf("%s-%zu", stage->name, stage->node_count);

        while (is_taken(conversion, name))
            name = lengthen(name);
        name_node(conversion, stage, name);
    }
    stage->node = json_object();
    stage->node_count++;
    if (stage->from != NULL)
        json_set(stage->node, "fromImage", json_copy(stage->from));
    if (stage->architecture != NULL)
        json_set(stage->node, "architecture", json_string(stage->architecture));
    if (conversion->created != NULL)
        json_set(stage->node, "created", json_string(conversion->created));
    merge_changes(stage);
    if (stage->changes != NULL)
        json_set(stage->node, "config", STEAL(stage->changes));
    if (stage->is_author_new)
        json_set(stage->node, "author", json_string(stage->author));
    stage->is_author_new = false;
    strings_free(&stage->configuring);
    conversion_mark(conversion, stage->node);
    return stage->node;
}

/* Makes an image of what has been configured since the last node, which adds no layer. */
static void make_last_node(struct conversion *conversion, struct conversion_stage *stage)
{
    CLEANUP(buffer_free) struct buffer text = {0};

    for (size_t i = 0; i < stage->configuring.count; i++)
        buffer_printf(&text, "%s%s", i > 0 ? "; " : "", stage->configuring.items[i]);
    struct json *node = conversion_begin_node(conversion, stage);

    if (stage->from == NULL)
        json_set(node, "emptyLayer", json_boolean(false));
    if (text.length > 0)
        json_set(node, "createdBy", json_string(text.data));
    conversion_mark(conversion, node);
}

void conversion_end_stage(struct conversion *conversion, struct conversion_stage *stage)
{
    CLEANUP(freep) char *name = xstrdup(stage->name);

    if (stage->node == NULL || stage->changes != NULL || stage->is_author_new)
        make_last_node(conversion, stage);
    while (json_get(conversion->images, name) != NULL)
        name = lengthen(name);
    name_node(conversion, stage, name);
}
