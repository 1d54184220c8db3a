/* Words of a Dockerfile: quotes, escapes and the values of variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/shell_word.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

static const struct shell_rules plain = {.escape = '\\'};

/* NAME=VALUE each. */
static const char *const values[] = {
    "HOME=/srv",    "EMPTY=",         "NAME=app.tar.gz", "PATH=/usr/bin:/bin",
    "SPACES= a  b", "STAR=a*b?c",     "SLASHES=/a/b/a",  "WORD=\xed\x95\x9c\xea\xb5\xad",
    "LINES=a\nb",   "REGEX=x.[y]{z}", "BACKSLASH=a\\b",
};

static const char *get(void *context, const char *name)
{
    size_t length = strlen(name);

    (void)context;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (strncmp(values[i], name, length) == 0 && values[i][length] == '=')
            return values[i] + length + 1;
    return NULL;
}

static const struct shell_variables variables = {.get = get};

static void expands_by(const struct shell_rules *rules, const char *text, const char *expected)
{
    char *result = NULL;
    struct error *err = shell_word_expand(text, rules, &variables, NULL, &result);

    if (err != NULL)
        fail_msg("'%s': %s", text, err->message);
    if (strcmp(result, expected) != 0)
        fail_msg("'%s': expected '%s', got '%s'", text, expected, result);
    free(result);
}

static void expands(const char *text, const char *expected)
{
    expands_by(&plain, text, expected);
}

static void refuses(const char *text, const char *cause)
{
    char *result = NULL;
    struct error *err = shell_word_expand(text, &plain, &variables, NULL, &result);
    const char *message = err != NULL ? err->message : "no error";

    if (strstr(message, cause) == NULL)
        fail_msg("'%s': expected '%s', got '%s'", text, cause, message);
    assert_int_equal(err != NULL ? err->code : 0, EXIT_INPUT);
    error_free(err);
}

static void test_quotes(void **state)
{
    (void)state;
    expands("one", "one");
    expands("", "");
    expands("a'b c'd", "ab cd");
    expands("a\"b 'c'\"d", "ab 'c'd");
    expands("'$HOME \\n'", "$HOME \\n");
    expands("\"$HOME \\n \\\\ \\\" \\$HOME\"", "/srv \\n \\ \" $HOME");
    expands("a\\ b\\'c\\nd", "a b'cnd");
    expands("end\\", "end");
    expands("'it'\\''s'", "it's");
    refuses("it's", "single quote");
    refuses("\"a", "double quote");
    refuses("\"a\\", "double quote");
    refuses("\"a\\\"", "double quote");
}

static void test_another_escape_character(void **state)
{
    static const struct shell_rules backquote = {.escape = '`'};

    (void)state;
    expands_by(&backquote, "C:\\dir\\$HOME`$HOME", "C:\\dir\\/srv$HOME");
    expands_by(&backquote, "\"`\" \\\"", "\" \\");
}

static void test_plain_variables(void **state)
{
    (void)state;
    expands("$HOME/$NAME", "/srv/app.tar.gz");
    expands("${HOME}x$HOMEx", "/srvx");
    expands("$HOME.x", "/srv.x");
    expands("$UNSET$EMPTY.", ".");
    expands("\\$HOME \\${HOME}", "$HOME ${HOME}");
    expands("$ $. a$", "$ $. a$");
    expands("$WORD", "\xed\x95\x9c\xea\xb5\xad");
    /* Letters beyond ASCII belong to the name, other characters do not. */
    expands("$HOME\xc3\xa9", "");
    expands("$HOME\xe2\x80\x94", "/srv\xe2\x80\x94");
    expands("$1a $12b $@c $#", "a b c ");
    refuses("${HOME", "'}'");
    refuses("${", "'}'");
    refuses("${}", "${}");
    refuses("${{x}", "${{");
    refuses("${:-x}", "${:");
    refuses("${.}", "modifier");
    refuses("${HOME!}", "'!'");
    refuses("${HOME=x}", "'='");
    refuses("${HOME:=x}", "':='");
    refuses("${HOME:", "'}'");
}

static void test_defaults(void **state)
{
    (void)state;
    expands("${HOME:-x}${HOME-x}", "/srv/srv");
    expands("${UNSET:-x}${UNSET-x}", "xx");
    expands("${EMPTY:-x}${EMPTY-y}", "x");
    expands("${HOME:+x}${EMPTY:+x}${UNSET:+x}", "x");
    expands("${HOME+x}${EMPTY+y}${UNSET+z}", "xy");
    expands("${UNSET:-${EMPTY:-${HOME}/x}}}", "/srv/x}");
    expands("${UNSET:-a b 'c}' \"d}\" \\}}", "a b c} d} }");
    expands("${UNSET:-\\$HOME}", "$HOME");
    expands("${HOME:?x}${EMPTY?x}", "/srv");
    refuses("${UNSET:?must be $HOME}", "UNSET: must be /srv");
    refuses("${UNSET?}", "UNSET: must be set");
    refuses("${EMPTY:?}", "EMPTY: must not be empty");
    refuses("${UNSET:-a", "'}'");
    refuses("${UNSET:-'a}", "single quote");
}

static void test_pieces_are_removed(void **state)
{
    (void)state;
    expands("${NAME#*.} ${NAME##*.} ${NAME%.*} ${NAME%%.*}", "tar.gz gz app.tar app");
    expands("${NAME#app} ${NAME#pp} ${NAME%gz} ${NAME%z}", ".tar.gz app.tar.gz app.tar. app.tar.g");
    expands("${NAME#???} ${NAME%%?}", ".tar.gz app.tar.g");
    expands("${PATH##*:} ${PATH%%:*}", "/bin /usr/bin");
    expands("${STAR#a\\*} ${STAR#a?} ${STAR%\\?c}", "b?c b?c a*b");
    expands("${REGEX#x.[y]} ${REGEX%.*}", "{z} x");
    expands("${BACKSLASH#a\\\\}", "b");
    expands("${NAME#} ${NAME##} ${NAME%}", "app.tar.gz app.tar.gz app.tar.gz");
    expands("${NAME##*}${NAME%%*}${NAME#*}x", "app.tar.gzx");
    expands("${NAME#$UNSET} ${NAME%.${UNSET:-gz}}", "app.tar.gz app.tar");
    expands("${LINES#*}${LINES##*}", "a\nb\nb");
    expands("${WORD#?}", "\xea\xb5\xad");
    expands("${UNSET#*}${UNSET%x}", "");
    expands("${#}${#:-x}", "x");
    refuses("${NAME:#x}", "':#'");
    refuses("${NAME:%%x}", "':%'");
    refuses("${NAME#\\x}", "\\x");
    refuses("${NAME%a\\", "'}'");
}

static void test_pieces_are_replaced(void **state)
{
    (void)state;
    expands("${SLASHES/\\/a/x} ${SLASHES//\\/a/x}", "x/b/a x/bx");
    expands("${SLASHES//\\//.}", ".a.b.a");
    expands("${NAME/./} ${NAME//./}", "apptar.gz apptargz");
    expands("${NAME//[.]/x} ${NAME//a?/-}", "app.tar.gz -p.t-.gz");
    expands("${NAME/.*/}", "app");
    expands("${NAME//*/x} ${NAME/*p/x}", "x x.tar.gz");
    expands("${EMPTY//x/y}${EMPTY//*/y}${EMPTY/*/y}", "yy");
    expands("${HOME///}", "/srv");
    expands("${HOME//\\//\\/}", "\\/srv");
    expands("${UNSET/x/y}${UNSET//x/y}", "");
    expands("${LINES//?/x}", "x\nx");
    expands("${NAME/p/$EMPTY${HOME}}", "a/srvp.tar.gz");
    refuses("${NAME/x}", "'/'");
    refuses("${NAME//x}", "'/'");
    refuses("${NAME/x/y", "'}'");
    refuses("${NAME/\\x/y}", "\\x");
}

static void test_an_empty_pattern_is_found_everywhere(void **state)
{
    (void)state;
    expands("${HOME/$EMPTY/-} ${HOME//$EMPTY/-}", "-/srv -/-s-r-v-");
}

static void test_unset_variables_can_stay(void **state)
{
    static const struct shell_rules keeping = {
        .escape = '\\', .keep_unset = true, .keep_quotes = true, .keep_escapes = true};

    (void)state;
    expands_by(&keeping, "$UNSET ${UNSET} ${UNSET:-a b} ${UNSET#x} ${UNSET//a/b} $HOME",
               "$UNSET ${UNSET} ${UNSET:-a b} ${UNSET#x} ${UNSET//a/b} /srv");
    expands_by(&keeping, "'a' \"b\\\"\" \\c", "'a' \"b\\\"\" \\c");
}

static void test_quotes_can_be_ordinary(void **state)
{
    static const struct shell_rules document = {.escape = '\\', .ignore_quotes = true};

    (void)state;
    expands_by(&document, "it's \"$HOME\" \\$HOME", "it's \"/srv\" $HOME");
}

static void test_unset_names_are_told_once(void **state)
{
    struct strings unset = {0};
    char *result = NULL;

    (void)state;
    assert_null(shell_word_expand("$A ${B:-x} $A ${HOME} ${C//x/y} ${EMPTY}", &plain, &variables,
                                  &unset, &result));
    assert_int_equal(unset.count, 3);
    assert_string_equal(unset.items[0], "A");
    assert_string_equal(unset.items[1], "B");
    assert_string_equal(unset.items[2], "C");
    strings_free(&unset);
    free(result);
}

/* EXPECTED: the words, with a bar between them. */
static void splits(const char *text, const char *expected)
{
    struct strings words = {0};
    struct buffer joined = {0};

    assert_null(shell_word_split(text, &plain, &variables, &words));
    for (size_t i = 0; i < words.count; i++)
        buffer_printf(&joined, "%s%s", i > 0 ? "|" : "", words.items[i]);
    assert_string_equal(joined.data != NULL ? joined.data : "", expected);
    buffer_free(&joined);
    strings_free(&words);
}

static void test_words(void **state)
{
    (void)state;
    splits("a b\t c", "a|b|c");
    splits("", "");
    splits("  ", "");
    splits("a$SPACES", "a|a|b");
    splits("a\"$SPACES\"", "a a  b");
    splits("x${SPACES}y", "x|a|by");
    splits("a${UNSET:-b c}d", "ab|cd");
    splits("a $UNSET b$EMPTY", "a|b");
    splits("'a b' c\\ d", "a b|c d");
    splits("'' \"\" a", "a");
    splits("a\xc2\xa0"
           "b",
           "a|b");
    splits("<< EOF <<-X a < b", "<< EOF|<<-X|a|<|b");
}

static void test_limits(void **state)
{
    struct buffer text = {0};
    char *result = NULL;

    (void)state;
    for (int i = 0; i <= SHELL_WORD_DEPTH_MAX; i++)
        buffer_printf(&text, "${A:-");
    struct error *err = shell_word_expand(text.data, &plain, &variables, NULL, &result);

    assert_non_null(err);
    assert_non_null(strstr(err->message, "substitutions in one another"));
    error_free(err);
    buffer_free(&text);
}

static const char *get_long(void *context, const char *name)
{
    (void)name;
    return context;
}

static void test_the_result_is_limited(void **state)
{
    char *value = malloc((1u << 20) + 1);
    const struct shell_variables huge = {get_long, value};
    char *result = NULL;

    (void)state;
    assert_non_null(value);
    memset(value, 'x', 1u << 20);
    value[1u << 20] = '\0';
    struct error *err = shell_word_expand("$A$A$A$A", &plain, &huge, NULL, &result);

    assert_null(err);
    free(result);
    err = shell_word_expand("$A$A$A$A.", &plain, &huge, NULL, &result);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "more than 4 MiB"));
    error_free(err);
    /* What would be a terabyte, and a pattern that would take minutes. */
    err = shell_word_expand("${A//x/$A}", &plain, &huge, NULL, &result);
    assert_non_null(err);
    assert_non_null(strstr(err->message, "with what is replaced it has more than 4 MiB"));
    error_free(err);
    err = shell_word_expand("${A#*$A}", &plain, &huge, NULL, &result);
    assert_non_null(err);
    assert_non_null(
        strstr(err->message, "a pattern of 1048577 characters is too long for a value of 1048576"));
    error_free(err);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_another_escape_character),
        cmocka_unit_test(test_plain_variables),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_pieces_are_removed),
        cmocka_unit_test(test_pieces_are_replaced),
        cmocka_unit_test(test_an_empty_pattern_is_found_everywhere),
        cmocka_unit_test(test_unset_variables_can_stay),
        cmocka_unit_test(test_quotes_can_be_ordinary),
        cmocka_unit_test(test_unset_names_are_told_once),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_the_result_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
