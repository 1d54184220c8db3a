/* Graphs of images: what is read, which images are chosen, and what is refused, with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/cleanup.h"
#include "host/lib/memory.h"
#include "host/spec/spec_graph.h"
#include "tests/unit/folder.h"

static void write_file(const char *name, const char *text)
{
    CLEANUP(freep) char *path = xasprintf("%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static struct strings platforms; /* that graphs are read for */

static struct error *read_with(const char *text, const struct spec_override *overrides,
                               size_t count, struct spec_graph **ret)
{
    CLEANUP(freep) char *path = xasprintf("%s/spec.json", folder);

    write_file("spec.json", text);
    const struct spec_graph_request request = {
        .overrides = overrides, .override_count = count, .platforms = &platforms, .now = 5000};

    return spec_graph_read(path, &request, ret);
}

static struct spec_graph *read_graph(const char *text)
{
    struct spec_graph *graph = NULL;
    struct error *err = read_with(text, NULL, 0, &graph);

    if (err != NULL)
        fail_msg("%s", err->message);
    return graph;
}

static void expect(struct error *err, int code, const char *part, const char *advice)
{
    assert_non_null(err);
    assert_int_equal(err->code, code);
    if (strstr(err->message, part) == NULL)
        fail_msg("'%s' does not contain '%s'", err->message, part);
    if (advice != NULL)
        assert_string_equal(err->advice, advice);
    error_free(err);
}

static void refuse(const char *text, const char *part, const char *advice)
{
    struct spec_graph *graph = NULL;

    expect(read_with(text, NULL, 0, &graph), EXIT_INPUT, part, advice);
    assert_null(graph);
}

/* Returns the node called NAME. */
static const struct spec_node *find(const struct spec_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->count; i++)
        if (strcmp(graph->nodes[i]->name, name) == 0)
            return graph->nodes[i];
    fail_msg("there is no node '%s'", name);
    return NULL;
}

/* Asserts that NODE needs what is called NAME, as the INDEXth of COUNT. */
static void assert_needs(const struct spec_graph *graph, const char *node, size_t index,
                         size_t count, const char *name)
{
    const struct spec_node *found = find(graph, node);

    assert_int_equal(found->need_count, count);
    assert_string_equal(graph->nodes[found->needs[index]]->name, name);
}

#define DIAMOND                                                                                    \
    "{\"images\":{\"app\":{\"contents\":[{\"image\":{\"use\":\"left\"},\"path\":\"/a\"},"          \
    "{\"image\":{\"use\":\"right\"},\"path\":\"/b\"},"                                             \
    "{\"image\":{\"use\":\"left\"},\"path\":\"/c\"}]},"                                            \
    "\"left\":{\"fromImage\":{\"use\":\"base\"}},\"right\":{\"fromImage\":{\"use\":\"base\"}},"    \
    "\"base\":{\"name\":\"host/base\"},\"other\":{}}}"

static void test_a_spec_is_a_graph_of_one(void **state)
{
    struct spec_graph *graph = read_graph("{\"name\":\"a/b\"}");
    const struct strings none = {0};

    (void)state;
    assert_int_equal(graph->count, 1);
    assert_false(graph->has_images);
    assert_string_equal(graph->nodes[0]->name, "a/b");
    assert_null(spec_graph_choose(graph, &none));
    assert_true(graph->nodes[0]->is_chosen);
    spec_graph_free(graph);
}

static void test_several_images(void **state)
{
    struct spec_graph *graph = read_graph(DIAMOND);

    (void)state;
    assert_int_equal(graph->count, 5);
    assert_needs(graph, "app", 0, 2, "left");
    assert_needs(graph, "app", 1, 2, "right");
    assert_needs(graph, "left", 0, 1, "base");
    assert_needs(graph, "right", 0, 1, "base");
    assert_string_equal(find(graph, "app")->spec->name, "app");
    assert_string_equal(find(graph, "base")->spec->name, "host/base");
    assert_true(find(graph, "app")->spec->contents.items[0].keep_owner);
    spec_graph_free(graph);
}

/* Reads TEXT for FIRST and, unless it is NULL, SECOND. */
static struct spec_graph *read_for(const char *first, const char *second, const char *text)
{
    strings_add(&platforms, first);
    if (second != NULL)
        strings_add(&platforms, second);
    struct spec_graph *graph = read_graph(text);

    strings_free(&platforms);
    return graph;
}

static void assert_architecture(const struct spec_graph *graph, const char *name,
                                const char *architecture)
{
    assert_string_equal(find(graph, name)->spec->architecture.name, architecture);
    assert_true(find(graph, name)->spec->architecture.is_given);
}

static void test_a_platform_is_the_architecture_of_all(void **state)
{
    struct spec_graph *graph = read_for("arm/v7", NULL, DIAMOND);

    (void)state;
    assert_int_equal(graph->count, 5);
    assert_architecture(graph, "app", "arm/v7");
    assert_architecture(graph, "base", "arm/v7");
    spec_graph_free(graph);
}

static void test_several_platforms(void **state)
{
    struct spec_graph *graph = read_for("amd64", "arm64", DIAMOND);
    struct strings names = {0};

    (void)state;
    assert_int_equal(graph->count, 10);
    assert_needs(graph, "app@amd64", 1, 2, "right@amd64");
    assert_needs(graph, "app@arm64", 1, 2, "right@arm64");
    assert_architecture(graph, "base@amd64", "amd64");
    assert_architecture(graph, "base@arm64", "arm64");
    assert_string_equal(find(graph, "app@arm64")->spec->name, "app");
    strings_add(&names, "left");
    strings_add(&names, "right@arm64");
    assert_null(spec_graph_choose(graph, &names));
    assert_true(find(graph, "left@amd64")->is_chosen);
    assert_true(find(graph, "left@arm64")->is_chosen);
    assert_true(find(graph, "right@arm64")->is_chosen);
    assert_false(find(graph, "right@amd64")->is_needed);
    strings_free(&names);
    spec_graph_free(graph);
}

static void test_platforms_and_what_is_set(void **state)
{
    const struct spec_override overrides[] = {{"set", "app.tag", "1"},
                                              {"set", "app@arm64.tag", "2"}};
    struct spec_graph *graph = NULL;

    (void)state;
    strings_add(&platforms, "amd64");
    strings_add(&platforms, "arm64");
    assert_null(read_with(DIAMOND, overrides, 2, &graph));
    assert_string_equal(find(graph, "app@amd64")->spec->tag, "1");
    assert_string_equal(find(graph, "app@arm64")->spec->tag, "2");
    spec_graph_free(graph);
    graph = NULL;
    assert_null(read_with("{\"name\":\"x\"}", (const struct spec_override[]){{"set", "tag", "3"}},
                          1, &graph));
    assert_string_equal(find(graph, "x@amd64")->spec->tag, "3");
    assert_string_equal(find(graph, "x@arm64")->spec->tag, "3");
    spec_graph_free(graph);
    strings_free(&platforms);
}

static void test_an_architecture_that_is_stated_stays(void **state)
{
    static const char text[] =
        "{\"images\":{\"app\":{\"contents\":[{\"image\":{\"use\":\"tool\"},\"path\":\"/\"}]},"
        "\"tool\":{\"architecture\":\"amd64\"}}}";
    struct spec_graph *graph = read_for("arm64", NULL, text);
    struct strings names = {0};

    (void)state;
    assert_architecture(graph, "app", "arm64");
    assert_architecture(graph, "tool", "amd64");
    assert_null(spec_graph_choose(graph, &names));
    spec_graph_free(graph);
    graph = read_for("arm64", NULL, text);
    strings_add(&names, "tool");
    expect(spec_graph_choose(graph, &names), EXIT_USAGE,
           "the spec says that image 'tool' is for 'amd64'",
           "remove \"architecture\" from the spec");
    strings_free(&names);
    spec_graph_free(graph);
}

static void test_what_nothing_uses_is_chosen(void **state)
{
    struct spec_graph *graph = read_graph(DIAMOND);
    const struct strings none = {0};

    (void)state;
    assert_null(spec_graph_choose(graph, &none));
    assert_true(find(graph, "app")->is_chosen);
    assert_true(find(graph, "other")->is_chosen);
    assert_false(find(graph, "left")->is_chosen);
    assert_true(find(graph, "base")->is_needed);
    spec_graph_free(graph);
}

static void test_what_is_named_is_chosen(void **state)
{
    struct spec_graph *graph = read_graph(DIAMOND);
    struct strings names = {0};

    (void)state;
    strings_add(&names, "left");
    assert_null(spec_graph_choose(graph, &names));
    assert_true(find(graph, "left")->is_chosen);
    assert_true(find(graph, "base")->is_needed);
    assert_false(find(graph, "base")->is_chosen);
    assert_false(find(graph, "app")->is_needed);
    assert_false(find(graph, "other")->is_needed);
    strings_add(&names, "lft");
    expect(spec_graph_choose(graph, &names), EXIT_USAGE, "no image 'lft'", "did you mean 'left'?");
    strings_free(&names);
    spec_graph_free(graph);
}

static void test_what_is_named_may_be_in_place(void **state)
{
    struct spec_graph *graph = read_graph("{\"name\":\"a\",\"fromImage\":{\"memory\":300}}");
    struct strings names = {0};

    (void)state;
    strings_add(&names, "a.fromImage");
    assert_null(spec_graph_choose(graph, &names));
    assert_true(find(graph, "a.fromImage")->is_chosen);
    assert_false(find(graph, "a")->is_needed);
    strings_free(&names);
    spec_graph_free(graph);
}

static void test_in_place(void **state)
{
    struct spec_graph *graph =
        read_graph("{\"name\":\"a\",\"fromImage\":{\"memory\":300},\"contents\":["
                   "{\"image\":{},\"path\":\"/\"},{\"image\":{},\"path\":\"/x//\"}]}");

    (void)state;
    assert_int_equal(graph->count, 4);
    assert_needs(graph, "a", 0, 3, "a.fromImage");
    assert_needs(graph, "a", 1, 3, "a.contents");
    assert_needs(graph, "a", 2, 3, "a.contents-2");
    assert_int_equal(find(graph, "a.fromImage")->spec->memory, 300);
    assert_string_equal(find(graph, "a")->spec->contents.items[1].path, "/x");
    assert_false(find(graph, "a.fromImage")->is_own);
    spec_graph_free(graph);
}

static void test_files_are_read_once(void **state)
{
    struct spec_graph *graph = NULL;

    (void)state;
    write_file("base.json", "{\"name\":\"low\",\"runAsRoot\":\":\"}");
    write_file("lib.json",
               "{\"images\":{\"x\":{\"fromImage\":{\"spec\":\"base.json\"}},\"y\":{}}}");
    graph = read_graph("{\"images\":{\"a\":{\"fromImage\":{\"spec\":\"base.json\"}},"
                       "\"b\":{\"fromImage\":{\"spec\":\"lib.json\",\"use\":\"x\"}}}}");
    assert_int_equal(graph->count, 5); /* y is known, but not read */
    assert_needs(graph, "a", 0, 1, "base.json");
    assert_needs(graph, "b", 0, 1, "lib.json:x");
    assert_needs(graph, "lib.json:x", 0, 1, "base.json");
    spec_graph_free(graph);
    refuse("{\"name\":\"a\",\"fromImage\":{\"spec\":\"lib.json\"}}", "the file has several images",
           "add \"use\": \"x\"");
    write_file("wrong.json", "{\"name\":\"a\",\n \"nam\":1}");
    refuse("{\"name\":\"a\",\n\"fromImage\":{\"spec\":\"wrong.json\"}}",
           "line 2, column 13: key 'fromImage': read spec '", NULL);
    refuse("{\"name\":\"a\",\"fromImage\":{\"spec\":\"wrong.json\"}}",
           "wrong.json': line 2, column 8: unknown key 'nam'", "did you mean 'name'?");
    refuse("{\"name\":\"a\",\"fromImage\":{\"spec\":\"missing.json\"}}", "No such file", NULL);
}

static void test_cycles(void **state)
{
    (void)state;
    refuse("{\"images\":{\"a\":{\"fromImage\":{\"use\":\"b\"}},\n"
           "\"b\":{\"fromImage\":{\"use\":\"c\"}},\n\"c\":{\"fromImage\":{\"use\":\"b\"}}}}",
           "line 3, column 18: key 'fromImage': an image must not need itself: 'b' needs 'c' needs "
           "'b'",
           NULL);
    refuse("{\"name\":\"a\",\"fromImage\":{\"spec\":\"spec.json\"}}",
           "an image must not need itself: 'a' needs 'a'", NULL);
    write_file("other.json", "{\"name\":\"o\",\"fromImage\":{\"spec\":\"spec.json\"}}");
    refuse("{\"name\":\"a\",\"fromImage\":{\"spec\":\"other.json\"}}",
           "an image must not need itself: 'a' needs 'other.json' needs 'a'", NULL);
}

static void test_depth(void **state)
{
    struct buffer text = {0};
    struct spec_graph *graph = NULL;
    const size_t most = SPEC_GRAPH_DEPTH_MAX;

    (void)state;
    buffer_printf(&text, "{\"images\":{\"i0\":{}");
    for (size_t i = 1; i <= most; i++)
        buffer_printf(&text, ",\"i%zu\":{\"fromImage\":{\"use\":\"i%zu\"}}", i, i - 1);
    buffer_printf(&text, "}}");
    assert_null(read_with(text.data, NULL, 0, &graph)); /* each is read after its base */
    spec_graph_free(graph);
    text.length = 0;
    buffer_printf(&text, "{\"images\":{\"i%zu\":{\"fromImage\":{\"use\":\"i%zu\"}}", most,
                  most - 1);
    for (size_t i = most; i-- > 1;)
        buffer_printf(&text, ",\"i%zu\":{\"fromImage\":{\"use\":\"i%zu\"}}", i, i - 1);
    buffer_printf(&text, ",\"i0\":{}}}");
    refuse(text.data, "more than 255 images are made of one another", NULL);
    buffer_free(&text);
}

static void test_wrong_references(void **state)
{
    (void)state;
    refuse("{\"images\":{\"a\":{\"fromImage\":{\"use\":\"bsae\"}},\"base\":{}}}",
           "line 1, column 36: key 'fromImage': unknown image 'bsae'", "did you mean 'base'?");
    refuse("{\"name\":\"a\",\"fromImage\":{\"use\":\"a\"}}", "unknown image 'a'", NULL);
    refuse("{\"name\":\"a\",\"fromImage\":{\"use\":1}}", "'use' must be the name of an image",
           NULL);
    refuse("{\"images\":{\"a\":{},\"b\":{\"fromImage\":{\"use\":\"a\",\"memory\":1}}}}",
           "'memory' must not stand beside 'use' or 'spec'", NULL);
    refuse("{\"name\":\"a\",\"fromImage\":{\"tag\":\"b\"}}",
           "key 'tag': an image in place has none", NULL);
    refuse("{\"name\":\"a\",\"fromImage\":[]}", "expected an image reference, found array", NULL);
    refuse("{\"name\":\"a\",\"fromImage\":{},\"fromImageName\":\"x\"}",
           "key 'fromImageName': 'fromImage' is built", NULL);
    refuse("{\"name\":\"a\",\"contents\":[{\"image\":{}}]}", "'path' is missing", NULL);
    refuse("{\"name\":\"a\",\"contents\":[{\"image\":{},\"path\":\"x\"}]}",
           "'x' must be an absolute path", NULL);
    refuse("{\"name\":\"a\",\"contents\":[{\"path\":\"/x\"}]}", "'source' is missing", NULL);
    refuse(
        "{\"name\":\"a\",\"contents\":[{\"image\":{},\"path\":\"/x\",\"excludeFile\":\"/etc\"}]}",
        "'excludeFile' is not for an element with 'image'", NULL);
    refuse("{\"name\":\"a\",\"contents\":[{\"image\":\"-\",\"path\":\"/x\"}]}",
           "must not be standard input", NULL);
}

static void test_wrong_images(void **state)
{
    (void)state;
    refuse("{\"images\":{}}", "line 1, column 11: key 'images': must not be empty", NULL);
    refuse("{\"images\":[]}", "key 'images': expected an object of specs, found array", NULL);
    refuse("{\"images\":{\"a\":1}}", "expected an object, found number", NULL);
    refuse("{\"images\":{\"a\":{}},\"name\":\"b\"}", "key 'name': must not stand beside 'images'",
           NULL);
    refuse("{\"images\":{\"A B\":{}}}", "key 'name': ", NULL);
    refuse("{\"images\":{\"a\":{\"fromImage\":\"-\"},\"b\":{\"fromImage\":\"-\"}}}",
           "'fromImage' of several images is standard input", NULL);
}

static void test_overrides(void **state)
{
    const struct spec_override overrides[] = {
        {"set", "a.tag", "1"}, {"memory", "memory", "300"}, {"set", "a.b.tag", "2"}};
    const struct spec_override none[] = {{"set", "c.tag", "1"}};
    const struct spec_override plain[] = {{"set", "tag", "1"}};
    const struct spec_override wrong[] = {{"set", "a.tga", "1"}};
    static const char text[] = "{\"images\":{\"a\":{},\"a.b\":{\"name\":\"x\"}}}";
    struct spec_graph *graph = NULL;

    (void)state;
    assert_null(read_with(text, overrides, 3, &graph));
    assert_string_equal(graph->nodes[0]->spec->tag, "1");
    assert_string_equal(graph->nodes[1]->spec->tag, "2");
    assert_int_equal(graph->nodes[0]->spec->memory, 300);
    assert_int_equal(graph->nodes[1]->spec->memory, 300);
    spec_graph_free(STEAL(graph));
    expect(read_with(text, none, 1, &graph), EXIT_USAGE, "unknown image 'c'", NULL);
    expect(read_with(text, plain, 1, &graph), EXIT_USAGE, "the spec has several images",
           "name one of them, as in --set a.tag=...");
    expect(read_with(text, wrong, 1, &graph), EXIT_USAGE, "unknown key 'a.tga'", NULL);
    assert_null(read_with("{\"name\":\"a\"}", plain, 1, &graph));
    assert_string_equal(graph->nodes[0]->spec->tag, "1");
    spec_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_spec_is_a_graph_of_one),
        cmocka_unit_test(test_several_images),
        cmocka_unit_test(test_a_platform_is_the_architecture_of_all),
        cmocka_unit_test(test_several_platforms),
        cmocka_unit_test(test_platforms_and_what_is_set),
        cmocka_unit_test(test_an_architecture_that_is_stated_stays),
        cmocka_unit_test(test_what_nothing_uses_is_chosen),
        cmocka_unit_test(test_what_is_named_is_chosen),
        cmocka_unit_test(test_what_is_named_may_be_in_place),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_files_are_read_once),
        cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_wrong_references),
        cmocka_unit_test(test_wrong_images),
        cmocka_unit_test(test_overrides),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
