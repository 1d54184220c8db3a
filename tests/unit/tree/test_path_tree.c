#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/tree/path_tree.h"

static void test_later_owner_wins(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "etc/passwd", false, 1);
    path_tree_put(tree, "etc/passwd", false, 2);
    assert_int_equal(path_tree_find(tree, "etc/passwd")->owner, 2);
    path_tree_free(tree);
}

static void test_parents_are_implied(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "a/b/c", false, 7);
    assert_true(path_tree_find(tree, "a/b")->is_folder);
    assert_int_equal(path_tree_find(tree, "a")->owner, PATH_TREE_IMPLIED);
    path_tree_free(tree);
}

static void test_file_replaces_folder_with_all_below(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "lib/x/y", false, 1);
    path_tree_put(tree, "lib", false, 2);
    assert_null(path_tree_find(tree, "lib/x/y"));
    assert_false(path_tree_find(tree, "lib")->is_folder);
    path_tree_free(tree);
}

static void test_child_turns_file_into_folder(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "lib", false, 1);
    path_tree_put(tree, "lib/x", false, 2);
    assert_true(path_tree_find(tree, "lib")->is_folder);
    assert_int_equal(path_tree_find(tree, "lib")->owner, PATH_TREE_IMPLIED);
    path_tree_free(tree);
}

static void test_folders_merge(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);

    (void)state;
    path_tree_put(tree, "d", true, 1);
    path_tree_put(tree, "d/one", false, 2);
    path_tree_put(tree, "d", true, 3);
    assert_int_equal(path_tree_find(tree, "d")->owner, 3);
    assert_int_equal(path_tree_find(tree, "d/one")->owner, 2);
    path_tree_free(tree);
}

static void test_path_of_node(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    char *path = path_tree_path(path_tree_put(tree, "/a//b/c/", false, 1));

    (void)state;
    assert_string_equal(path, "a/b/c");
    free(path);
    path_tree_free(tree);
}

static int freed;

static void count_free(void *data)
{
    (void)data;
    freed++;
}

static void test_data_goes_with_its_entry(void **state)
{
    struct path_tree *tree = path_tree_new(count_free);
    int data;

    (void)state;
    freed = 0;
    path_tree_put(tree, "a", false, 1)->data = &data;
    path_tree_put(tree, "a", false, 2)->data = &data;
    assert_int_equal(freed, 1);
    path_tree_free(tree);
    assert_int_equal(freed, 2);
}

#define DEEP 200000

/* Nothing of a tree's depth is on the stack. */
static void *use_deep_tree(void *unused)
{
    struct path_tree *tree = path_tree_new(NULL);
    struct path_node *node = path_tree_root(tree);
    struct path_walk walk;
    size_t entered = 0, left = 0;
    bool leaves;

    for (int i = 0; i < DEEP; i++)
        node = path_tree_add(node, "a", 1, 1);
    char *path = path_tree_path(node);

    assert_int_equal(strlen(path), 2 * DEEP - 1);
    free(path);
    path_walk_start(path_tree_root(tree), &walk);
    while (path_walk_next(&walk, &leaves) != NULL)
        (*(leaves ? &left : &entered))++;
    path_walk_free(&walk);
    assert_int_equal(entered, DEEP);
    assert_int_equal(left, DEEP);
    path_tree_remove(tree, path_tree_find(tree, "a/a"));
    path_tree_free(tree);
    return unused;
}

static void test_deep_tree(void **state)
{
    pthread_attr_t small;
    pthread_t thread;

    (void)state;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 << 10);
    assert_int_equal(pthread_create(&thread, &small, use_deep_tree, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&small);
}

/* Each node before and after what is below it; then it may be removed. */
static void test_walk(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    struct path_walk walk;
    struct path_node *node;
    char visits[64] = "";
    bool leaves;

    (void)state;
    path_tree_put(tree, "b/x", false, 1);
    path_tree_put(tree, "a", false, 1);
    path_tree_put(tree, "b/y/z", false, 1);
    path_walk_start(path_tree_root(tree), &walk);
    while ((node = path_walk_next(&walk, &leaves)) != NULL) {
        strcat(strcat(visits, leaves ? ">" : "<"), node->name);
        if (leaves)
            path_tree_remove(tree, node);
    }
    path_walk_free(&walk);
    assert_string_equal(visits, "<a>a<b<x>x<y<z>z>y>b");
    assert_null(path_tree_find(tree, "b"));
    path_walk_start(path_tree_root(tree), &walk);
    assert_null(path_walk_next(&walk, &leaves));
    path_walk_free(&walk);
    path_tree_free(tree);
}

static void test_children_are_sorted(void **state)
{
    struct path_tree *tree = path_tree_new(NULL);
    struct path_nodes children = {0};

    (void)state;
    path_tree_put(tree, "b", false, 1);
    path_tree_put(tree, "c/d", false, 1);
    path_tree_put(tree, "a", true, 1);
    path_tree_children(path_tree_root(tree), &children);
    assert_int_equal(children.count, 3);
    assert_string_equal(children.items[0]->name, "a");
    assert_string_equal(children.items[1]->name, "b");
    assert_string_equal(children.items[2]->name, "c");
    path_nodes_free(&children);
    path_tree_free(tree);
}

static void test_remove(void **state)
{
    struct path_tree *tree = path_tree_new(count_free);
    int data;

    (void)state;
    freed = 0;
    path_tree_put(tree, "a/b", false, 1)->data = &data;
    path_tree_put(tree, "a/c", false, 1)->data = &data;
    path_tree_remove(tree, path_tree_find(tree, "a"));
    assert_int_equal(freed, 2);
    assert_null(path_tree_find(tree, "a"));
    path_tree_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_owner_wins),
        cmocka_unit_test(test_parents_are_implied),
        cmocka_unit_test(test_file_replaces_folder_with_all_below),
        cmocka_unit_test(test_child_turns_file_into_folder),
        cmocka_unit_test(test_folders_merge),
        cmocka_unit_test(test_path_of_node),
        cmocka_unit_test(test_data_goes_with_its_entry),
        cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_children_are_sorted),
        cmocka_unit_test(test_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
