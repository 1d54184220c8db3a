/* A Dockerfile, a .dockerignore with a path for it, and a word that is expanded. What was read of a
 * Dockerfile has to lie within its lines, and an image that it is converted to is made of earlier
 * ones; a word without quotes, escapes and variables stays. */
#include <string.h>

#include "host/dockerfile/conversion.h"
#include "host/dockerfile/dockerfile.h"
#include "host/dockerfile/shell_word.h"
#include "host/lib/cleanup.h"
#include "host/lib/json_text.h"
#include "host/lib/utf8.h"
#include "host/tree/ignore_file.h"
#include "tests/fuzz/fuzz.h"

/* conversion_config: that of a base image whose name counts. */
static struct error *find_config(void *context, const char *reference, const char *architecture,
                                 struct json **ret, char **ret_platform)
{
    static const char *const configs[] = {
        "{}",
        "{\"Env\": [\"PATH=/bin\", \"A\", 1, null, {}], \"User\": \"u\", \"WorkingDir\": \"w\"}",
        "{\"OnBuild\": [\"COPY --from=0 a b\", \"RUN <<A\\nb\\nA\"], \"Shell\": [null, 1]}",
        "{\"Env\": {}, \"Shell\": \"x\", \"Cmd\": 1, \"OnBuild\": {\"a\": \"b\"}}"};
    const char *config = configs[strlen(reference) % (sizeof configs / sizeof *configs)];

    (void)context, (void)architecture;
    if (strlen(reference) % 5 == 0)
        *ret_platform = strdup("linux/arm64");
    return json_parse("config", config, strlen(config), ret);
}

/* Checks VALUE, what a node says of an image: one that is built is among the first COUNT of IMAGES.
 */
static void check_use(const struct json *images, size_t count, const struct json *value)
{
    const char *name = json_get_string(value, "use");
    bool is_found = name == NULL;

    for (size_t i = 0; !is_found && i < count; i++)
        is_found = strcmp(images->keys[i], name) == 0;
    fuzz_expect(is_found);
}

static void convert(const struct dockerfile *file)
{
    const struct conversion_options options = {
        .folder = ".", .architecture = "amd64", .build_machine = "amd64"};
    struct conversion_result result = {0};
    struct error *err = conversion_make(file, &options, find_config, NULL, &result);
    const struct json *images = json_get(result.spec, "images");

    for (size_t i = 0; err == NULL && i < images->count; i++) {
        const struct json *node = images->items[i];
        const struct json *contents = json_get(node, "contents");

        check_use(images, i, json_get(node, "fromImage"));
        for (size_t j = 0; contents != NULL && j < contents->count; j++)
            check_use(images, i, json_get(contents->items[j], "image"));
    }
    error_free(err);
    conversion_result_free(&result);
}

static void read_dockerfile(struct fuzz_bytes input)
{
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("Dockerfile", (const char *)input.data, input.size, &file);
    unsigned int line = 0;

    for (size_t i = 0; err == NULL && i < file->count; i++) {
        const struct instruction *instruction = &file->instructions[i];

        fuzz_expect(instruction->first_line > line);
        fuzz_expect(instruction->last_line >= instruction->first_line);
        line = instruction->last_line;
    }
    if (err == NULL)
        convert(file);
    error_free(err);
    dockerfile_free(file);
}

static void read_ignore_file(struct fuzz_bytes input, const char *path)
{
    struct ignore_file file = {0};
    struct error *err =
        ignore_file_parse(".dockerignore", (const char *)input.data, input.size, &file);

    if (err == NULL && utf8_is_valid(path, strlen(path)))
        ignore_file_matches(&file, path);
    error_free(err);
    ignore_file_free(&file);
}

/* Returns the value of a variable, for which its name counts. */
static const char *get(void *context, const char *name)
{
    static const char *const values[] = {NULL, "", "a.b.c", "x*y?\\z/\n"};

    (void)context;
    return values[strlen(name) % (sizeof values / sizeof *values)];
}

static void expand(const char *text)
{
    static const struct shell_variables variables = {.get = get};
    static const struct shell_rules rules[] = {
        {.escape = '\\'},
        {.escape = '`', .keep_unset = true, .keep_quotes = true},
        {.escape = '\\', .keep_unset = true, .keep_quotes = true, .keep_escapes = true},
        {.escape = '\\', .ignore_quotes = true},
    };

    if (!utf8_is_valid(text, strlen(text)))
        return;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        CLEANUP(freep) char *result = NULL;
        CLEANUP(strings_free) struct strings words = {0};
        CLEANUP(error_freep)
        struct error *err = shell_word_expand(text, &rules[i], &variables, NULL, &result);
        CLEANUP(error_freep)
        struct error *second = shell_word_split(text, &rules[i], &variables, &words);

        fuzz_expect((err == NULL) == (second == NULL));
        if (strpbrk(text, "$'\"\\`") == NULL)
            fuzz_expect(err == NULL && strcmp(result, text) == 0);
        if (err == NULL)
            fuzz_expect(utf8_is_valid(result, strlen(result)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes input = {data, size};
    uint8_t kind = fuzz_byte(&input);

    if (kind % 3 == 0) {
        read_dockerfile(input);
        return 0;
    }
    struct fuzz_bytes first = fuzz_piece(&input);
    CLEANUP(freep) char *text = fuzz_text(kind % 3 == 1 ? input : first);

    if (kind % 3 == 1)
        read_ignore_file(first, text);
    else
        expand(text);
    return 0;
}
