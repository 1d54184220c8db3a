/* A Dockerfile's lines: directives, comments, continuation, here-documents, and the instructions'
 * forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/dockerfile/dockerfile.h"
#include "host/lib/buffer.h"
#include "host/lib/error.h"

static struct dockerfile *parse(const char *text)
{
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("Dockerfile", text, strlen(text), &file);

    if (err != NULL)
        fail_msg("%s", err->message);
    return file;
}

static void refuses_bytes(const char *bytes, size_t length, const char *message)
{
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("Dockerfile", bytes, length, &file);

    assert_non_null(err);
    assert_int_equal(err->code, EXIT_INPUT);
    assert_string_equal(err->message, message);
    error_free(err);
}

static void refuses(const char *text, const char *message)
{
    refuses_bytes(text, strlen(text), message);
}

/* Appends INSTRUCTION as "KEYWORD FIRST-LAST {FLAG} [ARGUMENT] (NAME=VALUE) <HEREDOC:TEXT>". */
static void describe(const struct instruction *instruction, struct buffer *out)
{
    buffer_printf(out, "%s", keyword_name(instruction->keyword));
    if (instruction->first_line > 0)
        buffer_printf(out, " %u-%u", instruction->first_line, instruction->last_line);
    for (size_t i = 0; i < instruction->flags.count; i++)
        buffer_printf(out, " {%s}", instruction->flags.items[i]);
    if (instruction->is_json)
        buffer_printf(out, " json");
    for (size_t i = 0; i < instruction->arguments.count; i++)
        buffer_printf(out, " [%s]", instruction->arguments.items[i]);
    for (size_t i = 0; i < instruction->assignments.count; i++) {
        const struct assignment *assignment = &instruction->assignments.items[i];

        buffer_printf(out, " (%s%s%s)", assignment->name,
                      assignment->value == NULL ? ""
                      : assignment->has_equals  ? "="
                                                : " ",
                      assignment->value != NULL ? assignment->value : "");
    }
    for (size_t i = 0; i < instruction->heredocs.count; i++) {
        const struct heredoc *heredoc = &instruction->heredocs.items[i];

        buffer_printf(out, " <%s%s%s:%s>", heredoc->strips_tabs ? "-" : "",
                      heredoc->is_quoted ? "'" : "", heredoc->name, heredoc->text);
    }
    if (instruction->trigger != NULL) {
        buffer_printf(out, " ");
        describe(instruction->trigger, out);
    }
}

/* TEXT is read as EXPECTED, an instruction a line. */
static void reads(const char *text, const char *expected)
{
    struct dockerfile *file = parse(text);
    struct buffer out = {0};

    for (size_t i = 0; i < file->count; i++) {
        buffer_printf(&out, "%s", i > 0 ? "\n" : "");
        describe(&file->instructions[i], &out);
    }
    assert_string_equal(out.data, expected);
    buffer_free(&out);
    dockerfile_free(file);
}

static void test_lines_and_comments(void **state)
{
    (void)state;
    reads("# comment\n\nFROM a\n  # comment\n\t run  x  \n", "FROM 3-3 [a]\nRUN 5-5 [x]");
    reads("FROM a\r\nRUN x \\\r\n  y\r\n", "FROM 1-1 [a]\nRUN 2-3 [x   y]");
    reads("FROM a # no comment", "FROM 1-1 [a] [#] [no] [comment]");
    reads("\xef\xbb\xbf"
          "FROM a",
          "FROM 1-1 [a]");
    reads("\xc2\xa0"
          "FROM a\xc2\xa0",
          "FROM 1-1 [a]");
}

static void test_continuation(void **state)
{
    (void)state;
    reads("RUN a \\\n b\\\nc\\ \t\n  d", "RUN 1-4 [a  bc  d]");
    reads("RUN a \\\n# comment \\\n  # comment\n b\nRUN c", "RUN 1-4 [a  b]\nRUN 5-5 [c]");
    reads("RUN a \\\\\nRUN b", "RUN 1-1 [a \\\\]\nRUN 2-2 [b]");
    reads("RUN a \\", "RUN 1-1 [a]");
    reads("\\\nRUN \\\na", "RUN 1-3 [a]");
    reads("FR\\\nOM \\\n\\\na", "FROM 1-4 [a]");
}

static void test_empty_lines_in_a_continuation(void **state)
{
    struct dockerfile *file = parse("RUN a \\\n\n  \n b\nRUN c \\\n d");

    (void)state;
    assert_int_equal(file->count, 2);
    assert_string_equal(file->instructions[0].arguments.items[0], "a  b");
    assert_int_equal(file->instructions[0].last_line, 4);
    assert_true(file->instructions[0].has_gap);
    assert_false(file->instructions[1].has_gap);
    dockerfile_free(file);
}

static void test_directives(void **state)
{
    struct dockerfile *file = parse("#Syntax = docker/dockerfile:1 \n# escape=`\n#check=skip=all\n"
                                    "FROM a\nRUN a `\n b\\\nRUN c");

    (void)state;
    assert_string_equal(file->directives.syntax, "docker/dockerfile:1");
    assert_string_equal(file->directives.check, "skip=all");
    assert_int_equal(directives_escape(&file->directives), '`');
    assert_int_equal(file->count, 3);
    assert_string_equal(file->instructions[1].arguments.items[0], "a  b\\");
    dockerfile_free(file);
}

static void test_directives_end(void **state)
{
    static const char *const texts[] = {"# comment\n# escape=`\nFROM a", "\n# escape=`\nFROM a",
                                        "# unknown=x\n# escape=`\nFROM a", "FROM a\n# escape=`",
                                        "# escape\n# escape=`\nFROM a"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct dockerfile *file = parse(texts[i]);

        assert_int_equal(directives_escape(&file->directives), '\\');
        dockerfile_free(file);
    }
    refuses("# escape=x\nFROM a",
            "read 'Dockerfile': line 1: the directive 'escape' must be \\ or `, not 'x'");
    refuses("# escape=`\n# Escape=`\nFROM a",
            "read 'Dockerfile': line 2: the directive 'Escape' is repeated");
}

static void test_json_and_text(void **state)
{
    (void)state;
    reads("CMD [\"a\", \"b c\",\"\\u00e9\"]", "CMD 1-1 json [a] [b c] [\xc3\xa9]");
    reads("CMD []", "CMD 1-1 json");
    reads("CMD", "CMD 1-1");
    reads("RUN [ -f x ] && y", "RUN 1-1 [[ -f x ] && y]");
    reads("RUN ['a']", "RUN 1-1 [['a']]");
    reads("RUN [\"a\"] b", "RUN 1-1 [[\"a\"] b]");
    reads("ENTRYPOINT a  b", "ENTRYPOINT 1-1 [a  b]");
    reads("VOLUME /a  /b", "VOLUME 1-1 [/a] [/b]");
    reads("COPY [\"a b\", \"/c\"]", "COPY 1-1 json [a b] [/c]");
    reads("EXPOSE 80 \t 443/tcp", "EXPOSE 1-1 [80] [443/tcp]");
    reads("WORKDIR /a b", "WORKDIR 1-1 [/a b]");
    refuses("FROM a\nCMD [\"a\", [\"b\"]]", "read 'Dockerfile': line 2: CMD: the JSON array has "
                                            "elements that are not strings");
    refuses("CMD [\"a\\u0000\"]",
            "read 'Dockerfile': line 1: CMD: the JSON array has a NUL character");
    refuses("SHELL [1]", "read 'Dockerfile': line 1: SHELL: the JSON array has elements that are "
                         "not strings");
}

static void test_assignments(void **state)
{
    (void)state;
    reads("ENV A=1 B=\"x y\" C='$z' D=a\\ b E=",
          "ENV 1-1 (A=1) (B=\"x y\") (C='$z') (D=a\\ b) (E=)");
    reads("ENV A  b = \"c\"", "ENV 1-1 (A b = \"c\")");
    reads("LABEL \"a b\"=c d=e=f", "LABEL 1-1 (\"a b\"=c) (d=e=f)");
    reads("ARG A B=1 C=\"d e\" D=", "ARG 1-1 (A) (B=1) (C=\"d e\") (D=)");
    reads("ENV A=\"b\\\"c\" D=e", "ENV 1-1 (A=\"b\\\"c\") (D=e)");
    refuses("ENV A", "read 'Dockerfile': line 1: ENV: 'A' has no value");
    refuses("ENV A=b c", "read 'Dockerfile': line 1: ENV: 'c' has no '='");
}

static void test_flags(void **state)
{
    (void)state;
    reads("COPY --from=a --chown=\"1 2\" --link b c",
          "COPY 1-1 {--from=a} {--chown=1 2} {--link} [b] [c]");
    reads("RUN -- --x", "RUN 1-1 [--x]");
    reads("RUN --a=\\ b c", "RUN 1-1 {--a= b} [c]");
    reads("RUN --a", "RUN 1-1 {--a}");
    reads("RUN --a='--b \"' c", "RUN 1-1 {--a=--b \"} [c]");
    reads("FROM --platform=linux/amd64 a AS b", "FROM 1-1 {--platform=linux/amd64} [a] [AS] [b]");
    reads("HEALTHCHECK --interval=5s CMD [\"a\"]",
          "HEALTHCHECK 1-1 {--interval=5s} json [CMD] [a]");
    reads("HEALTHCHECK CMD a  b", "HEALTHCHECK 1-1 [CMD] [a  b]");
    reads("HEALTHCHECK NONE", "HEALTHCHECK 1-1 [NONE]");
}

static void test_heredocs(void **state)
{
    (void)state;
    reads("RUN <<EOF\n# a\n\tb \\\nEOF\nRUN c", "RUN 1-4 [<<EOF] <EOF:# a\n\tb \\\n>\nRUN 5-5 [c]");
    reads("RUN <<-EOF\n\ta\n\tEOF", "RUN 1-3 [<<-EOF] <-EOF:\ta\n>");
    reads("COPY <<a <<\"b\" /c/\n1\na\n2\nb", "COPY 1-5 [<<a] [<<\"b\"] [/c/] <a:1\n> <'b:2\n>");
    reads("RUN <<'one two' cat\nx\none two", "RUN 1-3 [<<'one two' cat] <'one two:x\n>");
    reads("RUN cat << EOF > x\r\ny\r\nEOF\r\n", "RUN 1-3 [cat << EOF > x] <EOF:y\r\n>");
    reads("RUN 3<<A cat\nA", "RUN 1-2 [3<<A cat] <A:>");
    reads("RUN <<\\EOF <<$E\nEOF\n$E", "RUN 1-3 [<<\\EOF <<$E] <EOF:> <$E:>");
    reads("ONBUILD RUN <<A\nb\nA\nRUN c", "ONBUILD 1-3 RUN [<<A] <A:b\n>\nRUN 4-4 [c]");
    reads("RUN cat \\\n <<A\nb\nA", "RUN 1-4 [cat  <<A] <A:b\n>");
    refuses("RUN a\nRUN <<EOF\nx\n EOF", "read 'Dockerfile': line 2: RUN: the here-document 'EOF' "
                                         "has no end");
}

static void test_what_is_not_a_heredoc(void **state)
{
    (void)state;
    reads("RUN \"<<EOF\" '<<EOF' \\<<EOF", "RUN 1-1 [\"<<EOF\" '<<EOF' \\<<EOF]");
    reads("RUN [\"<<EOF\"]", "RUN 1-1 json [<<EOF]");
    reads("RUN cat <<<EOF", "RUN 1-1 [cat <<<EOF]");
    reads("RUN echo $((1<<2))\nENV A=<<B", "RUN 1-1 [echo $((1<<2))]\nENV 2-2 (A=<<B)");
    reads("RUN echo 'it''s <<EOF", "RUN 1-1 [echo 'it''s <<EOF]");
}

static void test_text_of_a_heredoc(void **state)
{
    struct dockerfile *file = parse("COPY <<-A <<B /c/\n\t\tx\n\ty\tz\n\tA\n\tw\nB");
    char *first = heredoc_text(&file->instructions[0].heredocs.items[0]);
    char *second = heredoc_text(&file->instructions[0].heredocs.items[1]);

    (void)state;
    assert_string_equal(first, "x\ny\tz\n");
    assert_string_equal(second, "\tw\n");
    free(first);
    free(second);
    dockerfile_free(file);
}

static void test_triggers(void **state)
{
    (void)state;
    reads("ONBUILD COPY --from=a b c", "ONBUILD 1-1 COPY {--from=a} [b] [c]");
    reads("ONBUILD", "ONBUILD 1-1");
    refuses("ONBUILD ONBUILD RUN a", "read 'Dockerfile': line 1: ONBUILD: ONBUILD cannot be a "
                                     "trigger");
    refuses("ONBUILD from a", "read 'Dockerfile': line 1: ONBUILD: FROM cannot be a trigger");
}

static void test_unknown_instructions(void **state)
{
    struct dockerfile *file = NULL;
    struct error *err = dockerfile_parse("x/Dockerfile", "FROM a\n\nrunn b", 14, &file);

    (void)state;
    assert_non_null(err);
    assert_string_equal(err->message, "read 'x/Dockerfile': line 3: unknown instruction 'runn'");
    assert_string_equal(err->advice, "did you mean 'RUN'?");
    error_free(err);
    refuses("FROM a\nRUN\xc2\xa0x",
            "read 'Dockerfile': line 2: unknown instruction 'RUN\xc2\xa0x'");
}

static void test_what_is_no_text(void **state)
{
    (void)state;
    refuses("", "read 'Dockerfile': no instructions");
    refuses("# only\n\n# comments", "read 'Dockerfile': no instructions");
    refuses_bytes("FROM a\nRUN \0", 12, "read 'Dockerfile': line 2: not UTF-8");
    refuses_bytes("\xff\xfe"
                  "F\0",
                  4, "read 'Dockerfile': line 1: not UTF-8");
    refuses("FROM a\nRUN \xe9", "read 'Dockerfile': line 2: not UTF-8");
}

static void test_limits(void **state)
{
    size_t length = DOCKERFILE_SIZE_MAX + 1;
    char *text = malloc(length + 1);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    refuses(text, "read 'Dockerfile': more than 4 MiB");
    memcpy(text, "RUN ", 4);
    text[DOCKERFILE_LINE_MAX + 1] = '\0';
    refuses(text, "read 'Dockerfile': line 1: more than 65535 bytes");
    text[DOCKERFILE_LINE_MAX] = '\0';
    dockerfile_free(parse(text));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_and_comments),
        cmocka_unit_test(test_continuation),
        cmocka_unit_test(test_empty_lines_in_a_continuation),
        cmocka_unit_test(test_directives),
        cmocka_unit_test(test_directives_end),
        cmocka_unit_test(test_json_and_text),
        cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_heredocs),
        cmocka_unit_test(test_what_is_not_a_heredoc),
        cmocka_unit_test(test_text_of_a_heredoc),
        cmocka_unit_test(test_triggers),
        cmocka_unit_test(test_unknown_instructions),
        cmocka_unit_test(test_what_is_no_text),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
