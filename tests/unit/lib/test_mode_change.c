/* Changes of modes in words, as chmod(1) makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/lib/mode_change.h"

static void test_changes(void **state)
{
    static const struct {
        const char *text;
        mode_t before, after;
        bool is_folder;
    } cases[] = {
        {.text = "u=rwX,go=rX", .before = 0600, .after = 0644},
        {.text = "u=rwX,go=rX", .before = 0700, .after = 0755},
        {.text = "u=rwX,go=rX", .before = 0, .after = 0755, .is_folder = true},
        {.text = "+x", .before = 0644, .after = 0755},
        {.text = "a-w", .before = 0777, .after = 0555},
        {.text = "=", .before = 07777, .after = 0},
        {.text = "g=u", .before = 0741, .after = 0771},
        {.text = "o+g", .before = 0750, .after = 0755},
        {.text = "u+s", .before = 0755, .after = 04755},
        {.text = "g+s", .before = 0755, .after = 02755},
        {.text = "+s", .before = 0755, .after = 06755},
        {.text = "o+s", .before = 0755, .after = 0755},
        {.text = "+t", .before = 0755, .after = 01755},
        {.text = "u+t", .before = 0755, .after = 0755},
        {.text = "u+r-w+x", .before = 0200, .after = 0500},
        {.text = "u=r,g=w,o=x", .before = 0777, .after = 0421},
        {.text = "ug-x,ug+X", .before = 0770, .after = 0660},
        {.text = "ug-x,ug+X", .before = 0771, .after = 0771},
        {.text = "uo=", .before = 07777, .after = 02070},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mode_t mode = mode_change_apply(cases[i].text, cases[i].before, cases[i].is_folder);

        assert_true(mode_change_is_valid(cases[i].text));
        if (mode != cases[i].after)
            fail_msg("%s: %o becomes %o", cases[i].text, cases[i].before, mode);
    }
}

static void test_wrong_changes(void **state)
{
    static const char *const texts[] = {"",     "u",   "rwx", "u+rx,", ",u+r",
                                        "u+ug", "u+y", "u r", "755"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (mode_change_is_valid(texts[i]))
            fail_msg("'%s' is valid", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_wrong_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
