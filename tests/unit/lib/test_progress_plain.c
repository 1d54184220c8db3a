#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host/lib/buffer.h"
#include "host/lib/progress_renderer.h"

static struct progress_event state_now = {.stage = "runAsRoot", .now = 100};
static struct progress_renderer *renderer;
static struct buffer out;

static const char *shown(enum progress_kind kind, double seconds, const char *text)
{
    state_now.kind = kind;
    state_now.now += seconds;
    state_now.seconds += seconds;
    state_now.text = text;
    state_now.length = text != NULL ? strlen(text) : 0;
    out.length = 0;
    buffer_append(&out, "", 0);
    renderer->show(renderer, &state_now, &out);
    return out.data;
}

/* A line a minute, and only while nothing else is written. */
static void test_a_silent_stage(void **state)
{
    (void)state;
    renderer = progress_plain_new();
    assert_string_equal(shown(PROGRESS_STAGE_START, 0, NULL), "");
    assert_string_equal(shown(PROGRESS_TICK, 59, NULL), "");
    assert_string_equal(shown(PROGRESS_TICK, 1, NULL), "runAsRoot: goes on after 1 min 00 s\n");
    assert_string_equal(shown(PROGRESS_TICK, 1, NULL), "");
    assert_string_equal(shown(PROGRESS_OUTPUT_BEGIN, 30, NULL), "runAsRoot:\n");
    assert_string_equal(shown(PROGRESS_OUTPUT, 0, "line"), "line\n");
    assert_string_equal(shown(PROGRESS_TICK, 59, NULL), "");
    state_now.bytes = 2500000;
    state_now.total = 10000000;
    assert_string_equal(shown(PROGRESS_TICK, 1, NULL),
                        "runAsRoot: goes on after 2 min 31 s, 2.5 of 10.0 MB\n");
    assert_string_equal(shown(PROGRESS_STAGE_DONE, 1, NULL), "runAsRoot: 2 min 32 s, 2.5 MB\n");
    state_now.bytes = 0;
    state_now.seconds = 1.25;
    assert_string_equal(shown(PROGRESS_STAGE_FAILED, 0, NULL), "runAsRoot: failed after 1.2 s\n");
    renderer->free(renderer);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_silent_stage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
